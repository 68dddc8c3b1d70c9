// A Connect unary request before its body: what its headers say. Checked wholly before any byte of
// the body is asked for, so that a refusal costs the caller nothing.

import HTTPServer
import JobLogic

enum BodyFormat {
    case json
    case proto

    /// Parameters (charset and the like) do not change what it is.
    init?(contentType: String?) {
        let type = contentType?.split(separator: ";", maxSplits: 1).first
            .map { $0.trimmingSpaces().lowercased() }
        switch type {
        case "application/json": self = .json
        case "application/proto": self = .proto
        case _: return nil
        }
    }

    var contentType: String {
        switch self {
        case .json: "application/json"
        case .proto: "application/proto"
        }
    }
}

struct CallRequest {
    var format: BodyFormat
    var options = CallOptions()
    /// From receipt, the whole call.
    var timeoutMilliseconds: Int64?
    var isDurable = false
    var respondsAsync = false
    var asyncWaitMilliseconds: Int64?
    /// `Accept: application/x-ndjson`: messages, or pages, one a line as they come.
    var acceptsLines = false
    var wantsAllPages = false

    static let accepted = "application/json, application/proto"

    init(_ head: RequestHead, now: Int64) throws(ConnectError) {
        guard let format = BodyFormat(contentType: head.headers["Content-Type"]) else {
            throw ConnectError(
                .invalidArgument,
                "the content type must be one of \(CallRequest.accepted)", status: 415,
                headers: ["Accept-Post": CallRequest.accepted])
        }
        self.format = format
        try CallRequest.checkProtocol(head)
        try readTimeout(head)
        try readDurability(head)
        try readShape(head)
        try readOptions(head, now: now)
        try readMetadata(head)
    }

    private static func checkProtocol(_ head: RequestHead) throws(ConnectError) {
        if let version = head.headers["Connect-Protocol-Version"], version != "1" {
            throw ConnectError(.invalidArgument, "Connect-Protocol-Version: must be 1")
        }
        if let encoding = head.headers["Content-Encoding"], encoding.lowercased() != "identity" {
            throw ConnectError(
                .unimplemented, "Content-Encoding: only identity is taken, not \(encoding)",
                headers: ["Accept-Encoding": "identity"])
        }
    }

    private mutating func readTimeout(_ head: RequestHead) throws(ConnectError) {
        guard let text = head.headers["Connect-Timeout-Ms"] else { return }
        guard 1...10 ~= text.utf8.count, text.utf8.allSatisfy({ 0x30...0x39 ~= $0 }),
            let value = Int64(text), value > 0
        else {
            throw ConnectError(
                .invalidArgument, "Connect-Timeout-Ms: must be 1 to 10 digits, above zero")
        }
        timeoutMilliseconds = value
    }

    private mutating func readDurability(_ head: RequestHead) throws(ConnectError) {
        for preference in head.headers.list("Prefer") {
            let part = preference.trimmingSpaces().lowercased()
            if part == "respond-async" || part.hasPrefix("respond-async;") { respondsAsync = true }
            if part.hasPrefix("wait="), let seconds = Int64(part.dropFirst(5)), seconds >= 0 {
                asyncWaitMilliseconds = min(seconds, 86_400) * 1000
            }
        }
        if let key = head.headers["Idempotency-Key"] {
            try set("Idempotency-Key") { (options) throws(OptionFault) in
                try options.setKey(CallRequest.unquoted(key))
            }
        }
        options.awaitsOperation = try CallRequest.flag(head, "Prong-Wait-Operation")
        isDurable = respondsAsync || options.key != nil || options.awaitsOperation
        for name in ["Prong-Delay", "Prong-Expires"] where !isDurable && head.headers[name] != nil {
            throw ConnectError(
                .invalidArgument,
                "\(name): only a durable call can wait: send `Prefer: respond-async` or an"
                    + " `Idempotency-Key` with it")
        }
    }

    private mutating func readShape(_ head: RequestHead) throws(ConnectError) {
        if head.headers.contains("Accept") {
            acceptsLines = head.headers.list("Accept").contains { element in
                let type = element.split(separator: ";", maxSplits: 1).first
                return type?.trimmingSpaces().lowercased() == StreamLines.contentType
            }
        }
        guard let pages = head.headers["Prong-Pages"], !pages.isEmpty else { return }
        guard pages.lowercased() == "all" else {
            throw ConnectError(.invalidArgument, "Prong-Pages: must be `all`")
        }
        wantsAllPages = true
    }

    private static func flag(_ head: RequestHead, _ name: String) throws(ConnectError) -> Bool {
        switch head.headers[name]?.lowercased() {
        case nil, "", "false": return false
        case "true": return true
        case _: throw ConnectError(.invalidArgument, "\(name): must be `true` or `false`")
        }
    }

    /// RFC 8941's string form: a quoted key is the same key.
    private static func unquoted(_ text: String) -> String {
        guard text.utf8.count >= 2, text.hasPrefix("\""), text.hasSuffix("\"") else { return text }
        var plain = ""
        var isEscaped = false
        for character in text.dropFirst().dropLast() {
            if character == "\\", !isEscaped {
                isEscaped = true
            } else {
                plain.append(character)
                isEscaped = false
            }
        }
        return plain
    }

    private mutating func readOptions(_ head: RequestHead, now: Int64) throws(ConnectError) {
        options.target = head.headers["Prong-Target"]
        for (name, apply) in CallRequest.optionHeaders {
            guard let text = head.headers[name] else { continue }
            try set(name) { (options) throws(OptionFault) in try apply(&options, text, now) }
        }
        for field in head.headers {
            let name = field.name.lowercased()
            guard name.hasPrefix("prong-"), !CallRequest.knownHeaders.contains(name) else {
                continue
            }
            throw ConnectError(.invalidArgument, "\(field.name): is not a header of prong's")
        }
    }

    private typealias Apply = (inout CallOptions, String, Int64) throws(OptionFault) -> Void

    private static var optionHeaders: [(String, Apply)] {
        [
            (
                "Prong-Priority",
                { (options, text, _) throws(OptionFault) in
                    try options.setPriority(try number(text))
                }
            ),
            (
                "Prong-Max-Attempts",
                { (options, text, _) throws(OptionFault) in
                    try options.setMaxAttempts(try number(text))
                }
            ),
            (
                "Prong-Delay",
                { (options, text, now) throws(OptionFault) in
                    try options.setDelay(text, now: now)
                }
            ),
            (
                "Prong-Expires",
                { (options, text, now) throws(OptionFault) in
                    try options.setExpires(text, now: now)
                }
            ),
        ]
    }

    private static let knownHeaders: Set<String> = [
        "prong-target", "prong-priority", "prong-max-attempts", "prong-delay", "prong-expires",
        "prong-wait-operation", "prong-pages", "prong-origin", "prong-job", "prong-replayed",
    ]

    private static func number(_ text: String) throws(OptionFault) -> Int64 {
        guard let value = Int64(text.trimmingSpaces()) else {
            throw OptionFault("must be a whole number")
        }
        return value
    }

    private mutating func set(
        _ name: String, _ body: (inout CallOptions) throws(OptionFault) -> Void
    ) throws(ConnectError) {
        do throws(OptionFault) {
            try body(&options)
        } catch {
            throw ConnectError(.invalidArgument, "\(name): \(error.message)")
        }
    }

    // MARK: metadata

    /// INTERFACE 2.2: every header becomes metadata but those of HTTP, Connect and prong.
    private mutating func readMetadata(_ head: RequestHead) throws(ConnectError) {
        for field in head.headers {
            let name = field.name.lowercased()
            if name.hasPrefix("grpc-") {
                throw ConnectError(.invalidArgument, "\(name): headers of gRPC's own are not taken")
            }
            guard !CallRequest.isOwn(name) else { continue }
            if isDurable, CallMetadata.isSecret(name) {
                throw ConnectError(
                    .invalidArgument,
                    "\(name): may hold a secret, and a durable call lies on disk; let the target's"
                        + " credentials send it")
            }
            guard name.hasSuffix("-bin") else {
                try set(name) { (options) throws(OptionFault) in
                    try options.addMetadata(name, Array(field.value.utf8))
                }
                continue
            }
            for part in field.value.split(separator: ",") {
                guard let bytes = Base64Text.decode(String(part).trimmingSpaces()) else {
                    throw ConnectError(.invalidArgument, "\(name): is not base64")
                }
                try set(name) { (options) throws(OptionFault) in
                    try options.addMetadata(name, bytes)
                }
            }
        }
    }

    private static let ownNames: Set<String> = [
        "host", "connection", "keep-alive", "upgrade", "transfer-encoding", "te", "expect",
        "user-agent", "via", "forwarded", "cookie", "origin", "referer", "range",
        "cache-control", "pragma", "date", "prefer", "idempotency-key",
    ]

    private static let ownPrefixes = [
        "accept", "content-", "proxy-", "trailer", "x-forwarded-", "sec-", "if-", "connect-",
        "prong-",
    ]

    static func isOwn(_ name: String) -> Bool {
        ownNames.contains(name) || ownPrefixes.contains { name.hasPrefix($0) }
    }
}

extension StringProtocol {
    func trimmingSpaces() -> String {
        let isSpace = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
        let bytes = Array(utf8)
        guard let first = bytes.firstIndex(where: { !isSpace($0) }),
            let last = bytes.lastIndex(where: { !isSpace($0) })
        else { return "" }
        return String(decoding: bytes[first...last], as: UTF8.self)
    }
}
