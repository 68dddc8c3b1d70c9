// Turns the words after an option into checked values; a wrong one is a usage error that says
// what would be right.
import ArgumentParser

func readDuration(_ text: String) throws -> DurationText {
    guard let duration = DurationText(text) else {
        throw ValidationError(
            "\"\(text)\" is no duration; write a number and ms, s, m, h or d, such as 30s")
    }
    return duration
}

func readPositiveDuration(_ text: String) throws -> DurationText {
    let duration = try readDuration(text)
    guard duration.milliseconds > 0 else {
        throw ValidationError("it must be longer than nothing")
    }
    return duration
}

func readTimestamp(_ text: String) throws -> Timestamp {
    guard let time = Timestamp(text) else {
        throw ValidationError(
            "\"\(text)\" is no RFC 3339 time; write one such as 2030-01-31T12:00:00Z")
    }
    return time
}

func readPriority(_ text: String) throws -> Int {
    guard let priority = Int(text), (-100...100).contains(priority) else {
        throw ValidationError("a priority is a whole number from -100 to 100")
    }
    return priority
}

func readPositive(_ text: String) throws -> Int {
    guard let number = Int(text), number > 0 else {
        throw ValidationError("it must be a whole number above 0")
    }
    return number
}

/// A key travels in a header: 1 to 255 printable ASCII characters.
func readKey(_ text: String) throws -> String {
    guard (1...255).contains(text.utf8.count), text.utf8.allSatisfy({ (0x20...0x7e).contains($0) })
    else {
        throw ValidationError("a key has 1 to 255 printable ASCII characters")
    }
    return text
}

func readTarget(_ text: String) throws -> String {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
        throw ValidationError("a target's name has only printable ASCII characters, no spaces")
    }
    return text
}

/// One `name=value` of gRPC metadata.
struct MetadataPair: Equatable {
    let name: String
    let value: String

    /// - Throws: what is wrong with it, so that it can neither break a request's head nor be
    ///   taken for one of HTTP's or prong's own headers.
    init(_ text: String) throws {
        guard let sign = text.firstIndex(of: "=") else {
            throw ValidationError("metadata is written name=value")
        }
        name = text[..<sign].lowercased()
        value = String(text[text.index(after: sign)...])
        guard !name.isEmpty, name.utf8.allSatisfy(Self.isNameByte) else {
            throw ValidationError(
                "a metadata name has only letters, digits, \"_\", \"-\" and \".\"")
        }
        guard !Self.isReserved(name) else {
            throw ValidationError("\"\(name)\" is a header of HTTP, gRPC or prong, not metadata")
        }
        guard value.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) else {
            throw ValidationError(
                "a metadata value is printable ASCII; bytes go as base64 under a name in -bin")
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x61...0x7a, UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    /// The request headers that the daemon keeps to itself.
    static func isReserved(_ name: String) -> Bool {
        reservedNames.contains(name) || reservedPrefixes.contains { name.hasPrefix($0) }
    }

    private static let reservedNames: Set<String> = [
        "host", "connection", "keep-alive", "upgrade", "transfer-encoding", "te", "expect",
        "user-agent", "via", "forwarded", "cookie", "origin", "referer", "range",
        "cache-control", "pragma", "date", "prefer", "idempotency-key",
    ]
    private static let reservedPrefixes = [
        "accept", "content-", "proxy-", "trailer", "x-forwarded-", "sec-", "if-", "connect-",
        "prong-", "grpc-",
    ]
}
