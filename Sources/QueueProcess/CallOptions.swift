// What a caller can say about a call beside the method and the request: the job options of
// INTERFACE 2.3, from a job's JSON or from `Prong-` headers. Values are checked here, once.

import HTTPServer
import JobLogic
import Settings

struct CallOptions {
    var target: String?
    var priority: Int32 = 0
    var notBeforeMilliseconds: Int64?
    var expiresAtMilliseconds: Int64?
    var timeoutMilliseconds: Int64?
    var maxAttempts: Int32?
    var key: String?
    var batch: String?
    /// The job ends as the long-running operation that its call begins.
    var awaitsOperation = false
    private(set) var metadata: [MetadataEntry] = []
    private var metadataBytes = 0

    static let priorities: ClosedRange<Int64> = -100...100
    static let maxAttemptsMax: Int64 = 1_000_000
    /// A key in a JSON job or an `Idempotency-Key` header: printable ASCII.
    static let keyLengthMax = 255
    static let batchLengthMax = 255
    /// A delay or an expiry further away than this is a mistake.
    static let horizonMilliseconds: Int64 = 3_650 * 86_400_000
    static let metadataBytesMax = 16 << 10
    /// What HTTP/2 counts for an entry beside its name and value (RFC 9113, 6.5.2); it bounds the
    /// number of entries too.
    static let metadataEntryBytes = 32

    mutating func setPriority(_ value: Int64) throws(OptionFault) {
        guard CallOptions.priorities ~= value else {
            throw OptionFault("must be from -100 to 100")
        }
        priority = Int32(value)
    }

    mutating func setMaxAttempts(_ value: Int64) throws(OptionFault) {
        guard 1...CallOptions.maxAttemptsMax ~= value else {
            throw OptionFault("must be from 1 to \(CallOptions.maxAttemptsMax)")
        }
        maxAttempts = Int32(value)
    }

    mutating func setDelay(_ text: String, now: Int64) throws(OptionFault) {
        guard notBeforeMilliseconds == nil else { throw OptionFault("stands beside `at`") }
        notBeforeMilliseconds = now + (try CallOptions.duration(text))
    }

    mutating func setAt(_ text: String) throws(OptionFault) {
        guard notBeforeMilliseconds == nil else { throw OptionFault("stands beside `delay`") }
        guard let instant = InstantText.milliseconds(text) else {
            throw OptionFault("is not a time such as 2026-01-31T12:00:00Z (RFC 3339)")
        }
        notBeforeMilliseconds = instant
    }

    mutating func setExpires(_ text: String, now: Int64) throws(OptionFault) {
        expiresAtMilliseconds = now + (try CallOptions.duration(text))
    }

    mutating func setTimeout(_ text: String) throws(OptionFault) {
        let value = try CallOptions.duration(text)
        guard value > 0 else { throw OptionFault("must be above zero") }
        timeoutMilliseconds = value
    }

    mutating func setKey(_ text: String) throws(OptionFault) {
        guard 1...CallOptions.keyLengthMax ~= text.utf8.count,
            text.utf8.allSatisfy({ 0x20...0x7e ~= $0 })
        else { throw OptionFault("must be 1 to 255 printable ASCII characters") }
        key = text
    }

    mutating func setBatch(_ text: String) throws(OptionFault) {
        guard 1...CallOptions.batchLengthMax ~= text.utf8.count,
            text.utf8.allSatisfy({ 0x21...0x7e ~= $0 && $0 != UInt8(ascii: "/") })
        else {
            throw OptionFault("must be 1 to 255 printable ASCII characters without space or slash")
        }
        batch = text
    }

    mutating func addMetadata(_ name: String, _ value: [UInt8]) throws(OptionFault) {
        let lowered = name.lowercased()
        guard CallMetadata.isLegalName(lowered) else {
            throw OptionFault(
                "`\(shown(name))` is not a metadata name: digits, letters, `_`, `-` and `.`, no"
                    + " `grpc-`, and none of HTTP's own"
            )
        }
        guard lowered.hasSuffix("-bin") || CallMetadata.isLegalText(value) else {
            throw OptionFault("the value of `\(shown(name))` must be printable ASCII")
        }
        metadataBytes += lowered.utf8.count + value.count + CallOptions.metadataEntryBytes
        guard metadataBytes <= CallOptions.metadataBytesMax else {
            throw OptionFault(
                "is over \(CallOptions.metadataBytesMax) bytes, each entry counted with"
                    + " \(CallOptions.metadataEntryBytes) more")
        }
        metadata.append(MetadataEntry(name: lowered, value: value))
    }

    static func duration(_ text: String) throws(OptionFault) -> Int64 {
        guard let value = DurationText.milliseconds(text) else {
            throw OptionFault("is not a duration such as 500ms, 30s, 5m, 1h, 7d")
        }
        guard value <= horizonMilliseconds else { throw OptionFault("is over ten years") }
        return value
    }
}

/// What is wrong with an option: the end of a sentence that begins with its name.
struct OptionFault: Error {
    let message: String

    init(_ message: String) {
        self.message = message
    }
}

/// What may pass as gRPC metadata (gRPC over HTTP/2, "Custom-Metadata").
enum CallMetadata {
    static func isLegalName(_ name: String) -> Bool {
        !name.isEmpty && !name.hasPrefix("grpc-") && !reservedNames.contains(name)
            && name.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
                    true
                case _: false
                }
            }
    }

    /// HTTP/2's and gRPC's own: gRPC would refuse them, or put its own in their place.
    private static let reservedNames: Set<String> = [
        "content-type", "content-length", "te", "host", "connection", "keep-alive",
        "proxy-connection", "transfer-encoding", "upgrade", "user-agent",
    ]

    static func isLegalText(_ value: [UInt8]) -> Bool {
        value.allSatisfy { 0x20...0x7e ~= $0 }
    }

    /// Metadata that hold secrets: they must not lie in a store.
    static func isSecret(_ name: String) -> Bool {
        let name = name.lowercased()
        return ["authorization", "proxy-authorization", "cookie", "x-goog-api-key"].contains(name)
            || name.hasSuffix("-token")
    }
}
