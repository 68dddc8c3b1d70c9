// What is sent and what comes back, as values, and how a request's head is written. Pure.

struct Header: Equatable {
    let name: String
    let value: String

    init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

struct Request {
    enum Method: String { case get = "GET", post = "POST", delete = "DELETE" }

    let method: Method
    /// Path and query, already percent-encoded.
    let target: String
    var headers: [Header] = []
    var body: [UInt8] = []
    /// May be sent again when the connection is cut before an answer: nothing happens twice.
    var isRepeatable = false

    static func get(_ path: String, query: [(String, String)] = []) -> Request {
        Request(method: .get, target: path + queryText(query), isRepeatable: true)
    }

    static func post(_ path: String, query: [(String, String)] = [], json: String = "{}") -> Request
    {
        Request(
            method: .post, target: path + queryText(query),
            headers: [Header("Content-Type", "application/json")], body: Array(json.utf8))
    }

    /// Head and body as they go over the wire.
    var wireBytes: [UInt8] {
        var all = headers
        if method == .post { all.append(Header("Content-Length", "\(body.count)")) }
        return headBytes(all) + body
    }

    /// The head of a request whose body follows in chunks.
    var chunkedHeadBytes: [UInt8] {
        headBytes(headers + [Header("Transfer-Encoding", "chunked")])
    }

    private func headBytes(_ headers: [Header]) -> [UInt8] {
        var text = "\(method.rawValue) \(target) HTTP/1.1\r\nHost: prong\r\n"
        for header in headers {
            text += "\(header.name): \(header.value)\r\n"
        }
        return Array((text + "\r\n").utf8)
    }
}

struct ResponseHead: Equatable {
    let status: Int
    let headers: [Header]

    /// The first header of that name, in whatever case it came.
    subscript(_ name: String) -> String? {
        let wanted = name.lowercased()
        return headers.first { $0.name.lowercased() == wanted }?.value
    }

    /// A successful answer in lines: a stream's messages.
    var hasLines: Bool {
        status == 200 && self["content-type"]?.hasPrefix("application/x-ndjson") == true
    }
}

struct Response: Equatable {
    let head: ResponseHead
    let body: [UInt8]

    var isSuccess: Bool { (200..<300).contains(head.status) }
}

/// `?a=b&c=d`, or nothing when there is nothing to say.
func queryText(_ pairs: [(String, String)]) -> String {
    guard !pairs.isEmpty else { return "" }
    return "?"
        + pairs.map { "\(percentEncoded($0.0))=\(percentEncoded($0.1))" }
        .joined(separator: "&")
}

/// Everything but RFC 3986's unreserved characters is encoded.
func percentEncoded(_ text: String) -> String {
    var encoded = ""
    for byte in text.utf8 {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "_"), UInt8(ascii: "~"):
            encoded.unicodeScalars.append(Unicode.Scalar(byte))
        default:
            let hex = String(byte, radix: 16, uppercase: true)
            encoded += "%" + (hex.count < 2 ? "0" : "") + hex
        }
    }
    return encoded
}
