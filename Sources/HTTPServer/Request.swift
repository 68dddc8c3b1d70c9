// What a handler sees of a request: its head, its header fields and who sent it.
//
// These are the module's own types. NIOHTTP1's must not appear in package API: a later transport
// (HTTP/2) makes the same values from other frames.

import NIOHTTP1

/// The request line and header fields of one request (RFC 9112, sections 2 and 3).
package struct RequestHead {
    /// The method as sent. HTTP methods are case-sensitive.
    package let method: Method
    /// The path as sent, before any `?`, percent-encoding intact, without scheme and authority.
    package let path: String
    /// What stood after the first `?`, undecoded; empty when there was none.
    package let rawQuery: String
    package let headers: HeaderFields
    /// The body's length in bytes when the client declared one; nil for chunked bodies and for
    /// requests without a body.
    package let contentLength: Int?
    /// True when the client declared a body, of known length (above zero) or chunked.
    package let hasBody: Bool
    /// The minor version of HTTP/1: 0 or 1.
    package let minorVersion: Int
    /// True for `Expect: 100-continue`. The exchange answers it; handlers need not look.
    package let expectsContinue: Bool

    /// The first value of a query parameter, decoded as a form field (`+` is a space); nil when it
    /// is absent or when its encoding is broken (`queryItems` tells which).
    package func query(_ name: String) -> String? {
        for item in RawQueryItems(rawQuery) where item.name == name { return item.value }
        return nil
    }

    /// All query parameters in order, decoded.
    ///
    /// - Throws: `RequestFault.percentEncoding` that names the broken parameter.
    package func queryItems() throws(RequestFault) -> [(name: String, value: String)] {
        var items: [(name: String, value: String)] = []
        for item in RawQueryItems(rawQuery) {
            guard let name = item.name, let value = item.value else {
                throw .percentEncoding(text: String(item.text))
            }
            items.append((name, value))
        }
        return items
    }
}

/// What can be wrong with a request's text.
package enum RequestFault: Error, Equatable {
    /// A `%` without two hexadecimal digits, or bytes that are not UTF-8.
    case percentEncoding(text: String)
}

/// An HTTP method (RFC 9110, section 9).
package enum Method: Hashable, Sendable {
    case get, head, post, put, patch, delete, options
    case other(String)

    package var name: String {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .patch: "PATCH"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .other(let name): name
        }
    }

    init(_ method: HTTPMethod) {
        switch method {
        case .GET: self = .get
        case .HEAD: self = .head
        case .POST: self = .post
        case .PUT: self = .put
        case .PATCH: self = .patch
        case .DELETE: self = .delete
        case .OPTIONS: self = .options
        default: self = .other(method.rawValue)
        }
    }
}
