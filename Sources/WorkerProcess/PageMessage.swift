// One page on protobuf's wire, without a descriptor: its token is taken out, all else stays as it
// is. Pages one behind the other are one message with all their items, since in protobuf lists grow
// and of single values the last one counts; so a token appended to a request replaces the one that
// it has. Bytes come from servers: what cannot be read is no page, and nothing traps.

struct PageMessage: Equatable {
    /// The page without its token.
    private(set) var content: [UInt8]
    /// Empty: it is the last page.
    private(set) var token: [UInt8] = []

    /// Groups inside each other; as deep as protobuf's own readers go.
    private static let depthMax = 100

    /// Nothing: the bytes are no message.
    init?(_ message: [UInt8], tokenField: UInt32) {
        content = []
        var reader = WireWalk(message)
        var copied = 0
        while reader.position < message.count {
            let start = reader.position
            guard let field = reader.next(depthLeft: Self.depthMax) else { return nil }
            guard field.number == UInt64(tokenField), let value = field.data else { continue }
            content += message[copied..<start]
            copied = reader.position
            token = Array(message[value])
        }
        content += message[copied...]
    }

    static func request(_ request: [UInt8], _ token: [UInt8], field: UInt32) -> [UInt8] {
        var bytes = request
        appendVarint(UInt64(field) << 3 | 2, to: &bytes)
        appendVarint(UInt64(token.count), to: &bytes)
        return bytes + token
    }

    /// A token as part of a message to people.
    static func shown(_ token: [UInt8]) -> String {
        let charactersMax = 80
        let text = String(decoding: token, as: UTF8.self)
        return text.count <= charactersMax ? text : text.prefix(charactersMax) + "…"
    }

    private static func appendVarint(_ value: UInt64, to bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}

/// Steps over the fields of a message.
private struct WireWalk {
    struct Field {
        var number: UInt64
        /// Where its bytes lie, if it has a length.
        var data: Range<Int>?
    }

    private let bytes: [UInt8]
    private(set) var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Nothing: it ends inside a field, or is none.
    mutating func next(depthLeft: Int) -> Field? {
        guard let tag = varint(), tag >> 3 > 0, tag >> 32 == 0 else { return nil }
        var field = Field(number: tag >> 3)
        switch tag & 7 {
        case 0: return varint() == nil ? nil : field
        case 1: return skip(8) ? field : nil
        case 2:
            guard let length = varint(), length <= UInt64(bytes.count - position) else {
                return nil
            }
            field.data = position..<(position + Int(length))
            position += Int(length)
            return field
        case 3: return skipGroup(field.number, depthLeft: depthLeft) ? field : nil
        case 5: return skip(4) ? field : nil
        case _: return nil
        }
    }

    private mutating func skipGroup(_ number: UInt64, depthLeft: Int) -> Bool {
        guard depthLeft > 0 else { return false }
        while true {
            let start = position
            guard let tag = varint() else { return false }
            if tag == number << 3 | 4 { return true }
            position = start
            guard next(depthLeft: depthLeft - 1) != nil else { return false }
        }
    }

    private mutating func skip(_ count: Int) -> Bool {
        guard bytes.count - position >= count else { return false }
        position += count
        return true
    }

    private mutating func varint() -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard position < bytes.count else { return nil }
            let byte = bytes[position]
            position += 1
            guard shift < 63 || byte < 2 else { return nil }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
        }
        return nil
    }
}
