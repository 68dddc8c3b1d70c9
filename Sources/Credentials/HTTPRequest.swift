// The one request that an exchange sends, as bytes of HTTP/1.1, and how a form is written. A
// connection carries one request and is closed. Header values must have been checked.

import GoogleAPI

package struct HTTPField: Equatable, Sendable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    /// RFC 9110's token.
    static func isName(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                0x30...0x39 ~= byte || 0x61...0x7A ~= byte | 0x20
                    || "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
    }
}

package struct HTTPRequest: Equatable, Sendable {
    package enum Body: Equatable, Sendable {
        case none
        case form([(name: String, value: Secret)])
        case json(Secret)

        package static func == (one: Body, other: Body) -> Bool {
            one.type == other.type && one.content == other.content
        }

        var type: String? {
            switch self {
            case .none: nil
            case .form: "application/x-www-form-urlencoded"
            case .json: "application/json"
            }
        }

        /// What is sent.
        package var content: String {
            switch self {
            case .none: ""
            case .form(let fields):
                fields.map { field in
                    let form = PercentEncoding.form
                    return "\(form.encode(field.name))=\(form.encode(field.value.text))"
                }.joined(separator: "&")
            case .json(let text): text.text
            }
        }
    }

    package enum Method: String, Equatable, Sendable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
    }

    package var url: EndpointURL
    package var method: Method
    package var body: Body
    package var headers: [HTTPField]
    /// What must not come back to light in a message, even if the other side repeats it.
    package var secrets: [Secret]
    /// Google's metadata server names itself in a header; another that answers is none.
    package var expectsMetadataFlavor = false

    package init(
        _ url: EndpointURL, _ body: Body = .none, headers: [HTTPField] = [], secrets: [Secret] = []
    ) {
        self.url = url
        method = body == .none ? .get : .post
        self.body = body
        self.headers = headers
        self.secrets = secrets
    }

    package var bytes: [UInt8] {
        let content = Array(body.content.utf8)
        var head = "\(method.rawValue) \(url.path) HTTP/1.1\r\n"
        head += "Host: \(url.authority)\r\nUser-Agent: prong\r\nAccept: application/json\r\n"
        head += "Connection: close\r\n"
        for field in headers { head += "\(field.name): \(field.value)\r\n" }
        if let type = body.type { head += "Content-Type: \(type)\r\n" }
        if method != .get { head += "Content-Length: \(content.count)\r\n" }
        return Array((head + "\r\n").utf8) + content
    }
}
