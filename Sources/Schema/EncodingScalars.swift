// JSON to protobuf: strings, booleans and numbers, in all the forms that protobuf's JSON allows.

extension Encoder {
    /// Writes the tag where the placement asks for it; false when the value is to be left out.
    @inline(__always)
    mutating func begin(
        _ field: FieldEntry, _ placement: Placement, isDefault: Bool
    ) -> Bool {
        switch placement {
        case .packed: return true
        case .field:
            if isDefault, !field.flags.contains(.hasPresence) { return false }
            out.put(tag: field.tag, length: field.tagLength)
        case .tagged: out.put(tag: field.tag, length: field.tagLength)
        }
        return true
    }

    // MARK: strings

    @inline(__always)
    mutating func encodeString(_ field: FieldEntry, _ placement: Placement) throws(JSONError) {
        put(try reader.readStringToken(), field, placement)
    }

    @inline(__always)
    mutating func put(_ token: JSONToken, _ field: FieldEntry, _ placement: Placement) {
        guard begin(field, placement, isDefault: token.start == token.end) else { return }
        putText(token)
    }

    /// A string's length and UTF-8, escapes resolved.
    @inline(__always)
    mutating func putText(_ token: JSONToken) {
        guard token.hasEscapes else {
            out.put(
                delimited: UnsafeRawBufferPointer(rebasing: reader.text[token.start..<token.end]))
            return
        }
        let mark = out.beginLength()
        let reader = reader
        _ = out.put(upTo: token.end - token.start) { reader.unescape(token, into: $0) }
        out.endLength(mark)
    }

    // MARK: others

    mutating func encodeScalar(
        _ field: FieldEntry, _ kind: JSONKind, _ placement: Placement
    ) throws(JSONError) {
        switch field.type {
        case .bool:
            let value = try reader.readBool()
            guard begin(field, placement, isDefault: !value) else { return }
            out.put(byte: value ? 1 : 0)
        case .double, .float: try encodeFloating(field, kind, placement)
        case .bytes: try encodeBytes(field, placement)
        case .enumeration: try encodeEnum(field, kind, placement)
        case .int64, .uint64, .int32, .fixed64, .fixed32, .uint32, .sfixed32, .sfixed64, .sint32,
            .sint64:
            let value = try readWhole(kind)
            try put(value.number, at: value.offset, field, placement)
        case .string, .message, .group: break  // encodeValue has them
        }
    }

    /// A map's key, which is always a string in JSON.
    mutating func encodeMapKey(_ field: FieldEntry, _ key: JSONToken) throws(JSONError) {
        switch field.type {
        case .string: put(key, field, .tagged)
        case .bool:
            let isTrue = reader.matches(key, "true")
            guard isTrue || reader.matches(key, "false") else {
                throw fail("this key should be \"true\" or \"false\"", at: key.start - 1)
            }
            _ = begin(field, .tagged, isDefault: false)
            out.put(byte: isTrue ? 1 : 0)
        case .int64, .uint64, .int32, .fixed64, .fixed32, .uint32, .sfixed32, .sfixed64, .sint32,
            .sint64:
            try put(try whole(in: key), at: key.start - 1, field, .tagged)
        case .double, .float, .bytes, .enumeration, .message, .group: break  // no key is of these
        }
    }

    // MARK: whole numbers

    mutating func readWhole(
        _ kind: JSONKind
    ) throws(JSONError) -> (number: WholeNumber, offset: Int) {
        switch kind {
        case .number:
            let number = try reader.readNumber()
            guard let value = wholeNumber(reader.text, number) else {
                throw fail("a whole number should stand here", at: number.start)
            }
            return (value, number.start)
        case .string:
            let token = try reader.readStringToken()
            return (try whole(in: token), token.start - 1)
        case .object, .array, .bool, .null:
            throw fail(
                "a whole number should stand here, not \(kind.phrase)", at: reader.offset)
        }
    }

    private func whole(in token: JSONToken) throws(JSONError) -> WholeNumber {
        guard let value = wholeIfNumber(token) else {
            throw fail("this string should be a whole number", at: token.start - 1)
        }
        return value
    }

    func wholeIfNumber(_ token: JSONToken, plain: Bool = false) -> WholeNumber? {
        func whole(_ text: UnsafeRawBufferPointer, _ range: Range<Int>) -> WholeNumber? {
            guard let number = numberFilling(text, range), number.isPlainInteger || !plain else {
                return nil
            }
            return wholeNumber(text, number)
        }
        guard token.hasEscapes else { return whole(reader.text, token.start..<token.end) }
        return reader.bytes(token).withUnsafeBytes { whole($0, 0..<$0.count) }
    }

    /// Writes a whole number as the field's type has it, if it is within the type's bounds.
    private mutating func put(
        _ value: WholeNumber, at offset: Int, _ field: FieldEntry, _ placement: Placement
    ) throws(JSONError) {
        switch field.type {
        case .int32, .sint32, .sfixed32:
            guard let wide = value.int64, let number = Int32(exactly: wide) else {
                throw outOfRange(field, offset)
            }
            guard begin(field, placement, isDefault: number == 0) else { return }
            if field.type == .int32 {
                out.put(varint: UInt64(bitPattern: Int64(number)))
            } else if field.type == .sint32 {
                out.put(varint: UInt64(UInt32(bitPattern: number << 1 ^ number >> 31)))
            } else {
                out.put(fixed32: UInt32(bitPattern: number))
            }
        case .uint32, .fixed32:
            guard let wide = value.uint64, let number = UInt32(exactly: wide) else {
                throw outOfRange(field, offset)
            }
            guard begin(field, placement, isDefault: number == 0) else { return }
            if field.type == .uint32 {
                out.put(varint: UInt64(number))
            } else {
                out.put(fixed32: number)
            }
        default: try putWide(value, at: offset, field, placement)
        }
    }

    private mutating func putWide(
        _ value: WholeNumber, at offset: Int, _ field: FieldEntry, _ placement: Placement
    ) throws(JSONError) {
        let isUnsigned = field.type == .uint64 || field.type == .fixed64
        guard
            let bits = isUnsigned
                ? value.uint64 : value.int64.map({ UInt64(bitPattern: $0) })
        else { throw outOfRange(field, offset) }
        guard begin(field, placement, isDefault: bits == 0) else { return }
        switch field.type {
        case .fixed64, .sfixed64: out.put(fixed64: bits)
        case .sint64:
            let number = Int64(bitPattern: bits)
            out.put(varint: UInt64(bitPattern: number << 1 ^ number >> 63))
        default: out.put(varint: bits)
        }
    }

    @inline(never)
    private func outOfRange(_ field: FieldEntry, _ offset: Int) -> JSONError {
        fail("a number beyond the range of \(field.type.keyword)", at: offset)
    }

    // MARK: floating point

    private mutating func encodeFloating(
        _ field: FieldEntry, _ kind: JSONKind, _ placement: Placement
    ) throws(JSONError) {
        let (value, offset) = try readFloating(kind)
        if field.type == .double {
            // Minus zero is not the default: its bits differ.
            guard begin(field, placement, isDefault: value.bitPattern == 0) else { return }
            out.put(fixed64: value.bitPattern)
            return
        }
        guard !value.isFinite || value.magnitude <= Double(Float.greatestFiniteMagnitude) else {
            throw outOfRange(field, offset)
        }
        let narrow = Float(value)
        guard begin(field, placement, isDefault: narrow.bitPattern == 0) else { return }
        out.put(fixed32: narrow.bitPattern)
    }

    /// A number, a number in a string, or one of the three words.
    private mutating func readFloating(
        _ kind: JSONKind
    ) throws(JSONError) -> (value: Double, offset: Int) {
        switch kind {
        case .number:
            let start = reader.offset
            return (try reader.readDouble(), start)
        case .string:
            let token = try reader.readStringToken()
            return (try floating(in: token), token.start - 1)
        case .object, .array, .bool, .null:
            throw fail("a number should stand here, not \(kind.phrase)", at: reader.offset)
        }
    }

    private func floating(in token: JSONToken) throws(JSONError) -> Double {
        if reader.matches(token, "NaN") { return Double.nan }
        if reader.matches(token, "Infinity") { return Double.infinity }
        if reader.matches(token, "-Infinity") { return -Double.infinity }
        let value = reader.bytes(token).withUnsafeBytes { bytes in
            numberFilling(bytes, 0..<bytes.count).map { decimalDouble(bytes, $0.start, $0.end) }
        }
        guard let value else {
            throw fail("this string should be a number", at: token.start - 1)
        }
        guard value.isFinite else {
            throw fail("a number beyond the range of a double", at: token.start - 1)
        }
        return value
    }
}

/// The number that fills `range` wholly, if it is one.
func numberFilling(
    _ text: UnsafeRawBufferPointer, _ range: Range<Int>
) -> JSONNumber? {
    var reader = JSONReader(text, range: range)
    guard !range.isEmpty, text[range.lowerBound] > 0x20 else { return nil }
    do throws(JSONError) {
        let number = try reader.readNumber()
        return number.end == range.upperBound ? number : nil
    } catch {
        return nil
    }
}

/// As the function of the same name, quick for up to 18 plain digits.
@inline(__always)
func wholeNumber(_ text: UnsafeRawBufferPointer, _ number: JSONNumber) -> WholeNumber? {
    guard number.isPlainInteger, number.end - number.start <= 18 else {
        return wholeNumber(text, number.start, number.end)
    }
    let isNegative = text[number.start] == UInt8(ascii: "-")
    var magnitude: UInt64 = 0
    for at in (number.start + (isNegative ? 1 : 0))..<number.end {
        magnitude = magnitude &* 10 &+ UInt64(text[at] &- UInt8(ascii: "0"))
    }
    return WholeNumber(isNegative: isNegative, magnitude: magnitude, overflows: false)
}
