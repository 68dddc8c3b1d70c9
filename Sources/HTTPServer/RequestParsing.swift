// From NIOHTTP1's head to ours: what RFC 9112 demands of a request beyond what the decoder checks.
//
// Everything here refuses; nothing is repaired. A head whose framing is in doubt closes the
// connection, so that the rest of the bytes can never be taken for another request.

import NIOHTTP1

extension RequestHead {
    /// - Throws: the refusal to send. The connection must be closed after it, since where the
    ///   request ends is in doubt.
    init(_ head: HTTPRequestHead) throws(ConnectError) {
        let minor = min(head.version.minor, 1)
        let control = ControlFields(head.headers)
        let framing = try BodyFraming(control, minorVersion: minor)
        try Self.checkHost(count: control.hostCount, minorVersion: minor)
        let (path, query) = try Self.splitTarget(head.uri)
        method = Method(head.method)
        self.path = path
        rawQuery = query
        headers = HeaderFields(head.headers)
        contentLength = framing.length
        hasBody = framing.hasBody
        minorVersion = minor
        expectsContinue = try Self.expectsContinue(control.expectation, minorVersion: minor)
    }

    /// RFC 9112, section 3.2: exactly one `Host` in HTTP/1.1.
    private static func checkHost(count: Int, minorVersion: Int) throws(ConnectError) {
        if count > 1 || (count == 0 && minorVersion > 0) {
            throw ConnectError(
                .invalidArgument, "the request has \(count) Host fields; HTTP/1.1 needs one")
        }
    }

    /// RFC 9110, section 10.1.1: only `100-continue` has a meaning, and only in HTTP/1.1.
    private static func expectsContinue(
        _ expectation: String?, minorVersion: Int
    ) throws(ConnectError) -> Bool {
        guard minorVersion > 0, let expectation else { return false }
        guard equalsIgnoringCase(expectation, "100-continue") else {
            throw ConnectError(
                .invalidArgument,
                "the expectation \(shown(expectation)) cannot be met; send no Expect",
                status: 417)
        }
        return true
    }

    /// RFC 9112, section 3.2: origin-form, absolute-form (its scheme and authority are dropped) and
    /// `*`. A fragment does not belong into a request.
    private static func splitTarget(
        _ target: String
    ) throws(ConnectError) -> (path: String, query: String) {
        var rest = target[...]
        if !target.utf8.starts(with: "/".utf8), target != "*" {
            guard let scheme = target.range(ofScheme: "://") else {
                throw ConnectError(
                    .invalidArgument, "the request's target is not a path: \(shown(target))")
            }
            rest = target[scheme...]
            let slash = rest.utf8.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }
            rest = slash.map { rest[$0...] } ?? "/"
        }
        guard let mark = rest.utf8.firstIndex(of: UInt8(ascii: "?")) else {
            return (String(rest), "")
        }
        let path = rest[..<mark]
        let query = rest[rest.utf8.index(after: mark)...]
        return (path.isEmpty ? "/" : String(path), String(query))
    }
}

extension String {
    /// Where the authority of an absolute-form target starts, if it has an `http` scheme.
    fileprivate func range(ofScheme separator: String) -> String.Index? {
        for scheme in ["http", "https"] {
            let prefix = scheme + separator
            let start = String(decoding: utf8.prefix(prefix.utf8.count), as: UTF8.self)
            if equalsIgnoringCase(start, prefix) {
                return utf8.index(startIndex, offsetBy: prefix.utf8.count)
            }
        }
        return nil
    }
}

/// The fields that decide where the request ends and how it is answered, found in one pass.
private struct ControlFields {
    var hostCount = 0
    var expectation: String?
    var codings: [String] = []
    var lengths: [String] = []

    init(_ headers: HTTPHeaders) {
        for (name, value) in headers {
            switch name.utf8.count {
            case 4: if equalsIgnoringCase(name, "host") { hostCount += 1 }
            case 6: if equalsIgnoringCase(name, "expect") { expectation = value }
            case 14: if equalsIgnoringCase(name, "content-length") { lengths.append(value) }
            case 17: if equalsIgnoringCase(name, "transfer-encoding") { codings.append(value) }
            default: break
            }
        }
    }
}

/// Where a request's body ends (RFC 9112, section 6.3). The decoder refuses what is malformed and
/// both fields at once; this refuses the codings that we would have to undo, and checks again.
private struct BodyFraming {
    let length: Int?
    let hasBody: Bool

    init(_ control: ControlFields, minorVersion: Int) throws(ConnectError) {
        let codings = control.codings
        let lengths = control.lengths
        if codings.isEmpty {
            length = try Self.length(lengths)
            hasBody = (length ?? 0) > 0
            return
        }
        guard lengths.isEmpty, minorVersion > 0 else {
            throw ConnectError(
                .invalidArgument,
                "Transfer-Encoding beside Content-Length or in HTTP/1.0: the body's end is in doubt"
            )
        }
        guard codings.count == 1, equalsIgnoringCase(codings[0], "chunked") else {
            let coding = shown(codings.joined(separator: ", "))
            throw ConnectError(
                .unimplemented, "the transfer encoding \(coding) is not known; send chunked")
        }
        length = nil
        hasBody = true
    }

    private static func length(_ fields: [String]) throws(ConnectError) -> Int? {
        guard let first = fields.first else { return nil }
        guard fields.count == 1, let length = Int(first), length >= 0 else {
            throw ConnectError(
                .invalidArgument,
                "Content-Length is not one number: \(shown(fields.joined(separator: ", ")))")
        }
        return length
    }
}

/// True when two header names or tokens are equal but for the case of ASCII letters.
func equalsIgnoringCase(_ left: String, _ right: String) -> Bool {
    let left = left.utf8
    let right = right.utf8
    guard left.count == right.count else { return false }
    return zip(left, right).allSatisfy { $0 == $1 || ($0 ^ $1 == 0x20 && isLetter($0)) }
}

private func isLetter(_ byte: UInt8) -> Bool {
    let lower = byte | 0x20
    return lower >= UInt8(ascii: "a") && lower <= UInt8(ascii: "z")
}

extension ConnectError {
    /// What the decoder found, in words.
    init(malformed error: any Error) {
        guard let error = error as? HTTPParserError else {
            self.init(.invalidArgument, "the request cannot be read as HTTP/1.1: \(error)")
            return
        }
        switch error {
        case .headerOverflow:
            self.init(
                .resourceExhausted, "the request's head is larger than is taken", status: 431)
        case .invalidVersion:
            self.init(.invalidArgument, "only HTTP/1.1 and HTTP/1.0 are spoken here", status: 505)
        default:
            self.init(.invalidArgument, "the request is not well-formed HTTP/1.1: \(error)")
        }
    }
}
