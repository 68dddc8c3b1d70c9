// The encoding of everything that prong's processes say to each other on a stream: fields with a
// number and one of two shapes, as in protobuf's wire format, so that a reader skips fields that it
// does not know and an old worker can talk to a new queue. Never traps on bytes from outside.
//
//     field  =  key value          key  =  varint(number << 3 | shape)
//     value  =  varint             shape 0: unsigned integers; signed ones in zigzag
//            |  varint(length) bytes   shape 2: bytes, text, nested messages

package enum FieldError: Error, Equatable, Sendable {
    /// The bytes end inside a field.
    case truncated
    /// More than ten bytes, or more than 64 bits.
    case varintTooLong
    /// A shape other than 0 and 2, or field number 0.
    case badKey(UInt64)
    /// Groups inside each other, more than protobuf's own readers take.
    case tooDeep
    /// A field that must be text is not UTF-8.
    case notText(field: UInt32)
    /// A number does not fit where it belongs, or a field that must be there is missing.
    case outOfRange(field: UInt32)
}

/// Appends fields to a buffer. A value equal to the field's default is left out by the callers.
package struct FieldWriter: Sendable {
    package private(set) var bytes: [UInt8]

    package init(reserving capacity: Int = 0) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    /// Goes on behind what a buffer already holds.
    package init(appendingTo bytes: consuming [UInt8]) {
        self.bytes = bytes
    }

    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
    }

    package mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    package mutating func unsigned(_ field: UInt32, _ value: UInt64) {
        varint(UInt64(field) << 3)
        varint(value)
    }

    package mutating func signed(_ field: UInt32, _ value: Int64) {
        unsigned(field, UInt64(bitPattern: value << 1 ^ value >> 63))
    }

    package mutating func flag(_ field: UInt32, _ value: Bool) {
        unsigned(field, value ? 1 : 0)
    }

    package mutating func data(_ field: UInt32, _ value: [UInt8]) {
        varint(UInt64(field) << 3 | 2)
        varint(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    package mutating func text(_ field: UInt32, _ value: String) {
        varint(UInt64(field) << 3 | 2)
        varint(UInt64(value.utf8.count))
        bytes.append(contentsOf: value.utf8)
    }

    /// A nested message. Its length is not known before: a byte is kept for it and the message is
    /// moved only in the rarer case that it needs more (measured cheaper than two passes below
    /// 128 bytes, and most nested messages are).
    package mutating func message(_ field: UInt32, _ body: (inout FieldWriter) -> Void) {
        varint(UInt64(field) << 3 | 2)
        let start = bytes.count
        bytes.append(0)
        body(&self)
        let length = bytes.count - start - 1
        if length < 0x80 {
            bytes[start] = UInt8(length)
        } else {
            var prefix = FieldWriter()
            prefix.varint(UInt64(length))
            bytes.replaceSubrange(start...start, with: prefix.bytes)
        }
    }
}

/// One field as it was read.
package struct Field: Sendable {
    package enum Value: Sendable {
        case number(UInt64)
        /// Where the bytes lie in the buffer that is read.
        case data(Range<Int>)
        /// A number of fixed width, or a group: prong's own messages have neither.
        case foreign
    }

    package let number: UInt32
    package let value: Value
}

/// Reads the fields of one message out of a range of a buffer, in place.
package struct FieldReader: Sendable {
    private let buffer: [UInt8]
    package private(set) var position: Int
    private let end: Int

    package init(_ buffer: [UInt8]) {
        self.init(buffer, in: 0..<buffer.count)
    }

    package init(_ buffer: [UInt8], in range: Range<Int>) {
        self.buffer = buffer
        position = range.lowerBound
        end = range.upperBound
    }

    /// The next field, or nothing at the end.
    package mutating func next() throws(FieldError) -> Field? {
        guard position < end else { return nil }
        let key = try varint()
        guard let number = UInt32(exactly: key >> 3), number > 0 else {
            throw FieldError.badKey(key)
        }
        switch key & 7 {
        case 0:
            return Field(number: number, value: .number(try varint()))
        case 2:
            let length = try varint()
            guard length <= UInt64(end - position) else { throw FieldError.truncated }
            let start = position
            position += Int(length)
            return Field(number: number, value: .data(start..<position))
        case _:
            throw FieldError.badKey(key)
        }
    }

    /// Groups inside each other, at most: protobuf's own limit.
    private static let groupDepthMax = 100

    /// The next field of a message that is not prong's own, which may have all that protobuf's
    /// wire format has; or nothing at the end.
    package mutating func nextForeign() throws(FieldError) -> Field? {
        try nextForeign(groupsLeft: Self.groupDepthMax)
    }

    private mutating func nextForeign(groupsLeft: Int) throws(FieldError) -> Field? {
        guard position < end else { return nil }
        let start = position
        let key = try varint()
        guard let tag = UInt32(exactly: key), tag >> 3 > 0 else { throw FieldError.badKey(key) }
        switch tag & 7 {
        case 1: try step(8)
        case 5: try step(4)
        case 3: try stepOverGroup(key, groupsLeft)
        case _:
            position = start
            return try next()
        }
        return Field(number: tag >> 3, value: .foreign)
    }

    private mutating func stepOverGroup(_ key: UInt64, _ groupsLeft: Int) throws(FieldError) {
        guard groupsLeft > 0 else { throw FieldError.tooDeep }
        while true {
            let start = position
            // The end's key has the start's number and shape 4.
            if try varint() == key + 1 { return }
            position = start
            _ = try nextForeign(groupsLeft: groupsLeft - 1)
        }
    }

    private mutating func step(_ count: Int) throws(FieldError) {
        guard end - position >= count else { throw FieldError.truncated }
        position += count
    }

    private mutating func varint() throws(FieldError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            guard position < end else { throw FieldError.truncated }
            let byte = buffer[position]
            position += 1
            if shift == 63, byte > 1 { throw FieldError.varintTooLong }
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
            shift += 7
            if shift > 63 { throw FieldError.varintTooLong }
        }
    }

    // MARK: a field's value as what the caller expects

    package func unsigned(_ field: Field) throws(FieldError) -> UInt64 {
        guard case .number(let value) = field.value else {
            throw FieldError.outOfRange(field: field.number)
        }
        return value
    }

    package func signed(_ field: Field) throws(FieldError) -> Int64 {
        let raw = try unsigned(field)
        return Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1)
    }

    package func integer<Number: FixedWidthInteger>(
        _ field: Field, as type: Number.Type = Number.self
    ) throws(FieldError) -> Number {
        let value: Number? =
            Number.isSigned
            ? Number(exactly: try signed(field)) : Number(exactly: try unsigned(field))
        guard let value else { throw FieldError.outOfRange(field: field.number) }
        return value
    }

    package func flag(_ field: Field) throws(FieldError) -> Bool {
        try unsigned(field) != 0
    }

    package func data(_ field: Field) throws(FieldError) -> [UInt8] {
        Array(buffer[try range(field)])
    }

    package func text(_ field: Field) throws(FieldError) -> String {
        guard let text = String(validating: buffer[try range(field)], as: UTF8.self) else {
            throw FieldError.notText(field: field.number)
        }
        return text
    }

    package func message(_ field: Field) throws(FieldError) -> FieldReader {
        FieldReader(buffer, in: try range(field))
    }

    private func range(_ field: Field) throws(FieldError) -> Range<Int> {
        guard case .data(let range) = field.value else {
            throw FieldError.outOfRange(field: field.number)
        }
        return range
    }
}
