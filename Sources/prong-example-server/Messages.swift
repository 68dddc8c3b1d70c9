// The example's messages between bytes and values. Echo's are never taken apart: what came goes
// back, and only the fields that the server itself needs are looked at.

import Glibc

/// What the server wants to know of an EchoRequest.
struct EchoHead {
    var text = ""
    var key = ""
    var wantsReport = false

    /// With the text only where it is needed: the hot path does without.
    init(_ message: [UInt8], withText: Bool = false) throws(WireError) {
        var reader = WireReader(message)
        while let field = try reader.next() {
            switch field.number {
            case 1 where withText: text = field.text(in: message) ?? ""
            case 3: key = field.text(in: message) ?? ""
            case 15: wantsReport = field.number64 != 0
            default: continue
            }
        }
    }
}

struct DelayRequest {
    var milliseconds: UInt64 = 0
    var text = ""
    var key = ""

    init(_ message: [UInt8]) throws(WireError) {
        var reader = WireReader(message)
        while let field = try reader.next() {
            switch field.number {
            case 1: milliseconds = min(field.number64 ?? 0, UInt64(UInt32.max))
            case 2: text = field.text(in: message) ?? ""
            case 3: key = field.text(in: message) ?? ""
            default: continue
            }
        }
    }
}

struct FailRequest {
    var code: Int32 = 0
    var message = ""
    var key = ""
    var failFirst: UInt64 = 0
    /// A serialized google.protobuf.Duration.
    var retryDelay: [UInt8]?
    var pushbackMilliseconds: Int64?
    var reason = ""
    var details: [UInt8] = []

    init(_ bytes: [UInt8]) throws(WireError) {
        var reader = WireReader(bytes)
        while let field = try reader.next() {
            switch field.number {
            case 1: code = Int32(truncatingIfNeeded: field.number64 ?? 0)
            case 2: message = field.text(in: bytes) ?? ""
            case 3: key = field.text(in: bytes) ?? ""
            case 4: failFirst = field.number64 ?? 0
            case 5: retryDelay = field.data(in: bytes)
            case 6: pushbackMilliseconds = field.number64.map { Int64(bitPattern: $0) }
            case 7: reason = field.text(in: bytes) ?? ""
            case 8: details = field.data(in: bytes) ?? []
            default: continue
            }
        }
    }

    /// A google.rpc.Status with the details that were asked for; empty if there are none.
    var statusDetails: [UInt8] {
        guard details.isEmpty else { return details }
        guard retryDelay != nil || !reason.isEmpty else { return [] }
        var writer = WireWriter()
        writer.varint(1, UInt64(bitPattern: Int64(code)))
        writer.text(2, message)
        if let retryDelay {
            writer.message(3) { any in
                any.text(1, "type.googleapis.com/google.rpc.RetryInfo")
                any.message(2) { $0.data(1, retryDelay) }
            }
        }
        if !reason.isEmpty {
            writer.message(3) { any in
                any.text(1, "type.googleapis.com/google.rpc.ErrorInfo")
                any.message(2) { info in
                    info.text(1, reason)
                    info.text(2, "prong.example")
                }
            }
        }
        return writer.bytes
    }
}

struct CutRequest {
    enum When: UInt64 {
        case afterWork = 0
        case beforeWork = 1
        case inResponse = 2
    }

    var when = When.afterWork
    var key = ""
    var cutFirst: UInt64 = 0

    init(_ message: [UInt8]) throws(WireError) {
        var reader = WireReader(message)
        while let field = try reader.next() {
            switch field.number {
            case 1: when = When(rawValue: field.number64 ?? 0) ?? .afterWork
            case 3: key = field.text(in: message) ?? ""
            case 4: cutFirst = field.number64 ?? 0
            default: continue
            }
        }
    }
}

struct ExpandRequest {
    var text = ""
    var times: UInt64 = 0
    var key = ""
    var intervalMilliseconds: UInt64 = 0
    var code: Int32 = 0
    var failFirst: UInt64 = 0
    var trailer = ""
    var header = ""
    var waitMilliseconds: UInt64 = 0

    init(_ message: [UInt8]) throws(WireError) {
        var reader = WireReader(message)
        while let field = try reader.next() {
            switch field.number {
            case 1: text = field.text(in: message) ?? ""
            case 2: times = min(field.number64 ?? 0, UInt64(UInt32.max))
            case 3: key = field.text(in: message) ?? ""
            case 4: intervalMilliseconds = min(field.number64 ?? 0, UInt64(UInt32.max))
            case 5: code = Int32(truncatingIfNeeded: field.number64 ?? 0)
            case 6: failFirst = field.number64 ?? 0
            case 7: trailer = field.text(in: message) ?? ""
            case 8: header = field.text(in: message) ?? ""
            case 9: waitMilliseconds = min(field.number64 ?? 0, UInt64(UInt32.max))
            default: continue
            }
        }
    }
}

enum Responses {
    /// An EchoResponse that says a text, its key, and the call's number.
    static func said(_ text: String, key: String, count: UInt64 = 0) -> [UInt8] {
        var writer = WireWriter()
        if !text.isEmpty { writer.text(1, text) }
        if !key.isEmpty { writer.text(3, key) }
        if count > 0 { writer.varint(14, count) }
        return writer.bytes
    }

    /// The request without its wish for a report, and the report.
    static func report(
        on request: [UInt8], peer: String, metadata: [(String, String)], count: UInt64
    ) throws(WireError) -> [UInt8] {
        var writer = WireWriter()
        var reader = WireReader(request)
        while let field = try reader.next() {
            if field.number != 15 { writer.copy(field, of: request) }
        }
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        writer.message(11) { writer in
            writer.varint(1, UInt64(time.tv_sec))
            writer.varint(2, UInt64(time.tv_nsec))
        }
        writer.text(12, peer)
        for (name, value) in metadata {
            writer.message(13) { entry in
                entry.text(1, name)
                entry.text(2, value)
            }
        }
        if count > 0 { writer.varint(14, count) }
        writer.varint(16, UInt64(getpid()))
        return writer.bytes
    }

    static func counts(_ counts: [(String, UInt64)], total: UInt64) -> [UInt8] {
        var writer = WireWriter()
        for (key, count) in counts {
            writer.message(1) { entry in
                entry.text(1, key)
                entry.varint(2, count)
            }
        }
        if total > 0 { writer.varint(2, total) }
        return writer.bytes
    }

    static func collected(messages: UInt64, bytes: UInt64, texts: [String]) -> [UInt8] {
        var writer = WireWriter()
        if messages > 0 { writer.varint(1, messages) }
        if bytes > 0 { writer.varint(2, bytes) }
        for text in texts { writer.text(3, text) }
        return writer.bytes
    }
}
