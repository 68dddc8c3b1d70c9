// The protobuf wire format, as much of it as the example's messages need: fields out, fields in.
// Broken input is an error, never a trap. Nothing here knows a message.

enum WireError: Error, Equatable {
    case truncated
    case tooLong
    case badTag
}

/// Goes through the fields of one message.
struct WireReader {
    enum Value: Equatable {
        case varint(UInt64)
        case fixed64(UInt64)
        case fixed32(UInt32)
        case bytes(Range<Int>)
    }

    struct Field: Equatable {
        var number: UInt32
        var value: Value
        /// Tag included, to copy the field as it is.
        var range: Range<Int>
    }

    let bytes: [UInt8]
    private var place: Int
    private let end: Int

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        place = 0
        end = bytes.count
    }

    /// One field's content as a message of its own.
    init(_ bytes: [UInt8], in range: Range<Int>) {
        self.bytes = bytes
        place = range.lowerBound
        end = range.upperBound
    }

    mutating func next() throws(WireError) -> Field? {
        guard place < end else { return nil }
        let start = place
        let tag = try varint()
        let number = tag >> 3
        guard number > 0, number < 1 << 29 else { throw .badTag }
        let value: Value
        switch tag & 7 {
        case 0: value = .varint(try varint())
        case 1: value = .fixed64(try fixed(8))
        case 2: value = .bytes(try lengthDelimited())
        case 5: value = .fixed32(UInt32(truncatingIfNeeded: try fixed(4)))
        default: throw .badTag
        }
        return Field(number: UInt32(number), value: value, range: start..<place)
    }

    private mutating func varint() throws(WireError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard place < end else { throw .truncated }
            let byte = bytes[place]
            place += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw .tooLong
    }

    private mutating func fixed(_ count: Int) throws(WireError) -> UInt64 {
        guard end - place >= count else { throw .truncated }
        var value: UInt64 = 0
        for index in (0..<count).reversed() { value = value << 8 | UInt64(bytes[place + index]) }
        place += count
        return value
    }

    private mutating func lengthDelimited() throws(WireError) -> Range<Int> {
        let length = try varint()
        guard length <= UInt64(end - place) else { throw .truncated }
        let range = place..<(place + Int(length))
        place = range.upperBound
        return range
    }
}

extension WireReader.Field {
    func text(in bytes: [UInt8]) -> String? {
        guard case .bytes(let range) = value else { return nil }
        return String(decoding: bytes[range], as: UTF8.self)
    }

    func data(in bytes: [UInt8]) -> [UInt8]? {
        guard case .bytes(let range) = value else { return nil }
        return Array(bytes[range])
    }

    var number64: UInt64? {
        guard case .varint(let number) = value else { return nil }
        return number
    }
}

/// Writes the fields of one message.
struct WireWriter {
    private(set) var bytes: [UInt8]

    init(_ bytes: [UInt8] = []) {
        self.bytes = bytes
    }

    mutating func varint(_ field: UInt32, _ value: UInt64) {
        raw(UInt64(field) << 3)
        raw(value)
    }

    mutating func text(_ field: UInt32, _ value: String) {
        data(field, Array(value.utf8))
    }

    mutating func data(_ field: UInt32, _ value: [UInt8]) {
        raw(UInt64(field) << 3 | 2)
        raw(UInt64(value.count))
        bytes += value
    }

    mutating func message(_ field: UInt32, _ write: (inout WireWriter) -> Void) {
        var inner = WireWriter()
        write(&inner)
        data(field, inner.bytes)
    }

    mutating func copy(_ field: WireReader.Field, of message: [UInt8]) {
        bytes += message[field.range]
    }

    private mutating func raw(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}
