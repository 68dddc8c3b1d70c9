// Reads the answer of a token endpoint: HTTP/1.x, its body by length, in chunks, or until the
// connection ends. Bounded; whatever the other side sends, this must only ever say yes, more or no.

package struct HTTPResponse: Equatable, Sendable {
    package var status: Int
    package var headers: [HTTPField]
    package var body: [UInt8]

    /// The first header of a name, in any case.
    package func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name }?.value
    }
}

/// Takes bytes as they come.
package struct HTTPResponseReader {
    package enum Progress: Equatable {
        case more
        case done(HTTPResponse)
        /// What it is instead, after "answered with".
        case broken(String)
    }

    /// Head and body together: an answer with a token has a few kilobytes.
    package static let bytesMax = 64 << 10

    private var bytes: [UInt8] = []

    package init() {}

    /// - Parameter atEnd: the other side has ended the connection, in order.
    package mutating func take(_ more: [UInt8], atEnd: Bool) -> Progress {
        bytes += more
        guard bytes.count <= Self.bytesMax else {
            return .broken("more than \(Self.bytesMax) bytes")
        }
        guard let headEnd = Self.find([13, 10, 13, 10], in: bytes, from: 0) else {
            return atEnd ? .broken("what is not HTTP") : checkBeginning()
        }
        guard let (status, headers) = Self.head(bytes[..<headEnd]) else {
            return .broken("what is not HTTP")
        }
        let response = HTTPResponse(status: status, headers: headers, body: [])
        // An interim answer; the real one follows.
        if 100..<200 ~= status {
            bytes.removeFirst(headEnd + 4)
            return take([], atEnd: atEnd)
        }
        return body(of: response, from: headEnd + 4, atEnd)
    }

    /// Something that talks another protocol is not waited for.
    private func checkBeginning() -> Progress {
        let wanted = Array("HTTP/1.".utf8)
        return bytes.prefix(wanted.count).elementsEqual(wanted.prefix(bytes.count))
            ? .more : .broken("what is not HTTP")
    }

    private func body(of response: HTTPResponse, from start: Int, _ atEnd: Bool) -> Progress {
        var response = response
        // No content (RFC 9110): whatever follows is none of it.
        if response.status == 204 { return .done(response) }
        if response.header("transfer-encoding") != nil {
            guard response.header("transfer-encoding")?.lowercased() == "chunked" else {
                return .broken("a transfer encoding that prong does not know")
            }
            return chunks(of: response, from: start, atEnd)
        }
        if let text = response.header("content-length") {
            guard let length = Int(text), 0...Self.bytesMax ~= length else {
                return .broken("a length that is none, or more than \(Self.bytesMax) bytes")
            }
            guard bytes.count - start >= length else {
                return atEnd ? .broken("half an answer") : .more
            }
            response.body = Array(bytes[start..<start + length])
            return .done(response)
        }
        guard atEnd else { return .more }
        response.body = Array(bytes[start...])
        return .done(response)
    }

    private func chunks(of response: HTTPResponse, from start: Int, _ atEnd: Bool) -> Progress {
        var response = response
        var place = start
        while let end = Self.find([13, 10], in: bytes, from: place) {
            let digits = bytes[place..<end].prefix { $0 != UInt8(ascii: ";") }
            guard digits.count <= 8,
                let size = Int(String(decoding: digits, as: UTF8.self), radix: 16), size >= 0
            else { return .broken("chunks that are none") }
            // Trailers, if any, say nothing that is asked for.
            if size == 0 { return .done(response) }
            let next = end + 2 + size
            guard bytes.count >= next + 2 else { break }
            response.body += bytes[end + 2..<next]
            place = next + 2
        }
        return atEnd ? .broken("half an answer") : .more
    }

    static func head(_ bytes: ArraySlice<UInt8>) -> (Int, [HTTPField])? {
        guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
        var lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)
        let first = lines.removeFirst().split(separator: " ", maxSplits: 2)
        guard first.count >= 2, first[0].hasPrefix("HTTP/1."), first[1].utf8.count == 3,
            let status = Int(first[1]), status >= 100
        else { return nil }
        var headers: [HTTPField] = []
        for line in lines {
            guard let colon = line.firstIndex(of: ":") else { return nil }
            let value = trimmedLine(String(line[line.index(after: colon)...]))
            headers.append(HTTPField(String(line[..<colon]), value))
        }
        return (status, headers)
    }

    static func find(_ mark: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
        guard bytes.count >= mark.count, start <= bytes.count - mark.count else { return nil }
        return (start...bytes.count - mark.count).first { bytes[$0...].starts(with: mark) }
    }
}
