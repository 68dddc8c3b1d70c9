// Protobuf to JSON: single values, and maps.

extension Decoder {
    // MARK: scalars

    /// Whether a value is its type's default, which is left out where a field has no presence.
    func isDefault(_ field: FieldEntry, _ reader: WireReader) throws(WireFault) -> Bool {
        var reader = reader
        switch field.type.wireType {
        case .lengthDelimited: return reader.isAtEnd
        case .fixed32: return try reader.fixed32() == 0
        case .fixed64: return try reader.fixed64() == 0
        case .varint:
            let value = try reader.varint()
            switch field.type {
            case .int32, .uint32, .enumeration, .sint32:
                return UInt32(truncatingIfNeeded: value) == 0
            default: return value == 0
            }
        case .startGroup, .endGroup: return false
        }
    }

    /// Writes one value and steps over it. A string or bytes value is all that is left.
    mutating func writeScalar(_ field: FieldEntry, _ reader: inout WireReader) throws(WireFault) {
        switch field.type {
        case .string: try writeString(&reader)
        case .bytes:
            writer.base64(rest(&reader))
        case .bool: writer.bool(try reader.varint() != 0)
        case .enumeration: try writeEnum(field, &reader)
        case .double: writer.number(Double(bitPattern: try reader.fixed64()))
        case .float: writer.number(Float(bitPattern: try reader.fixed32()))
        case .int32: writer.integer(Int32(truncatingIfNeeded: try reader.varint()))
        case .uint32: writer.integer(UInt32(truncatingIfNeeded: try reader.varint()))
        case .sint32: writer.integer(zigzag32(try reader.varint()))
        case .fixed32: writer.integer(try reader.fixed32())
        case .sfixed32: writer.integer(Int32(bitPattern: try reader.fixed32()))
        case .int64: writer.integerString(Int64(bitPattern: try reader.varint()))
        case .uint64: writer.integerString(try reader.varint())
        case .sint64: writer.integerString(zigzag64(try reader.varint()))
        case .fixed64: writer.integerString(try reader.fixed64())
        case .sfixed64: writer.integerString(Int64(bitPattern: try reader.fixed64()))
        case .message, .group: break  // writeMessage has them
        }
    }

    private func zigzag32(_ value: UInt64) -> Int32 {
        let bits = UInt32(truncatingIfNeeded: value)
        return Int32(bitPattern: bits >> 1) ^ -Int32(bitPattern: bits & 1)
    }

    private func zigzag64(_ value: UInt64) -> Int64 {
        Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    @inline(__always)
    private func rest(_ reader: inout WireReader) -> UnsafeRawBufferPointer {
        let range = reader.offset..<reader.end
        reader.offset = reader.end
        return UnsafeRawBufferPointer(rebasing: bytes[range])
    }

    mutating func writeString(_ reader: inout WireReader) throws(WireFault) {
        let start = reader.offset
        if let bad = writer.string(checking: rest(&reader)) {
            throw fault("text that is not UTF-8", at: start + bad)
        }
    }

    private mutating func writeEnum(
        _ field: FieldEntry, _ reader: inout WireReader
    ) throws(WireFault) {
        let number = Int32(truncatingIfNeeded: try reader.varint())
        let entry = tables.enums[Int(field.target)]
        if entry.isNullValue { return writer.null() }
        let place = tables.enumValueIndex(entry, number: number)
        guard place >= 0 else { return writer.integer(number) }
        writer.string(utf8: tables.bytes(tables.enumValues[place].name))
    }

    // MARK: maps

    /// One entry of a map, found and waiting to be written.
    private struct Pair {
        /// The entry message's bytes.
        var entry: Range<Int>
        /// Where the key's text stands, or nothing.
        var keyText: Range<Int>
        /// The key's bits, if it is no text.
        var keyBits: UInt64
        /// A later entry has the same key.
        var isReplaced = false
    }

    /// An object with an entry for each key; of equal keys the last counts.
    mutating func writeMap(
        _ field: FieldEntry, _ places: Range<Int>, withKey: Bool
    ) throws(WireFault) {
        let entry = tables.messages[Int(field.target)]
        let keyField = tables.fields[Int(entry.fieldStart)]
        let valueField = tables.fields[Int(entry.fieldStart) + 1]
        var pairs: [Pair] = []
        for place in places {
            var reader = WireReader(bytes, range: notes[place].range)
            while !reader.isAtEnd {
                _ = try reader.tag()
                if let pair = try pair(try reader.payload(), field, keyField, valueField) {
                    pairs.append(pair)
                }
            }
        }
        if withKey, pairs.isEmpty { return }
        if pairs.count > 1 { markReplaced(&pairs, byText: keyField.type == .string) }
        if withKey { writer.key(quoted: tables.bytes(field.jsonKey)) }
        writer.beginObject()
        for pair in pairs {
            guard !pair.isReplaced else {
                try checkReplaced(field, pair.entry)
                continue
            }
            try writeKey(keyField, pair)
            try writeMapValue(field.target, valueField, pair.entry)
        }
        writer.endObject()
    }

    /// Reads an entry's key; nil if its value is a number that its closed enum does not declare,
    /// which makes the whole entry an unknown field.
    private func pair(
        _ range: Range<Int>, _ field: FieldEntry, _ keyField: FieldEntry, _ valueField: FieldEntry
    ) throws(WireFault) -> Pair? {
        var reader = WireReader(bytes, range: range)
        var pair = Pair(entry: range, keyText: 0..<0, keyBits: 0)
        var isDropped = false
        while !reader.isAtEnd {
            let tag = try reader.tag()
            if tag.number == 1, tag.type == keyField.type.wireType {
                if tag.type == .lengthDelimited {
                    pair.keyText = try reader.payload()
                } else {
                    pair.keyBits = try keyBits(keyField, &reader)
                }
            } else if tag.number == 2, tag.type == .varint, valueField.flags.contains(.closedEnum) {
                isDropped = !isDeclared(try reader.varint(), valueField)
            } else {
                try reader.skip(tag)
            }
        }
        return isDropped ? nil : pair
    }

    private func keyBits(
        _ field: FieldEntry, _ reader: inout WireReader
    ) throws(WireFault)
        -> UInt64
    {
        switch field.type {
        case .fixed32, .sfixed32: UInt64(try reader.fixed32())
        case .fixed64, .sfixed64: try reader.fixed64()
        case .int32, .uint32, .sint32: UInt64(UInt32(truncatingIfNeeded: try reader.varint()))
        case .bool: try reader.varint() != 0 ? 1 : 0
        default: try reader.varint()
        }
    }

    private func markReplaced(_ pairs: inout [Pair], byText: Bool) {
        func comesBefore(_ one: Int, _ other: Int) -> Bool {
            if !byText, pairs[one].keyBits != pairs[other].keyBits {
                return pairs[one].keyBits < pairs[other].keyBits
            }
            let order = byText ? compare(pairs[one].keyText, pairs[other].keyText) : 0
            return order == 0 ? one < other : order < 0
        }
        let order = pairs.indices.sorted(by: comesBefore)
        for (one, next) in zip(order, order.dropFirst()) {
            let isSame =
                byText
                ? compare(pairs[one].keyText, pairs[next].keyText) == 0
                : pairs[one].keyBits == pairs[next].keyBits
            if isSame { pairs[one].isReplaced = true }
        }
    }

    private func compare(_ one: Range<Int>, _ other: Range<Int>) -> Int {
        guard one.count == other.count else { return one.count - other.count }
        for at in 0..<one.count {
            let difference = Int(bytes[one.lowerBound + at]) - Int(bytes[other.lowerBound + at])
            if difference != 0 { return difference }
        }
        return 0
    }

    private mutating func writeKey(_ field: FieldEntry, _ pair: Pair) throws(WireFault) {
        let bits = pair.keyBits
        switch field.type {
        case .string:
            var reader = WireReader(bytes, range: pair.keyText)
            try writeString(&reader)
        case .bool: writer.string(bits != 0 ? "true" as StaticString : "false")
        case .int32, .sfixed32: writer.integerString(Int32(truncatingIfNeeded: bits))
        case .sint32: writer.integerString(zigzag32(bits))
        case .int64, .sfixed64: writer.integerString(Int64(bitPattern: bits))
        case .sint64: writer.integerString(zigzag64(bits))
        default: writer.integerString(bits)
        }
        writer.colon()
    }

    /// An entry without a value has its type's default.
    private mutating func writeMapValue(
        _ entryIndex: Int32, _ field: FieldEntry, _ range: Range<Int>
    ) throws(WireFault) {
        let base = notes.count
        try note(entryIndex, tables.messages[Int(entryIndex)], Segments(range))
        // The value is field 2; what comes before it is the key.
        let first = (base..<notes.count).first { notes[$0].ordinal == 1 } ?? notes.count
        let places = first..<notes.count
        if field.type == .message {
            try writeMessage(field.target, places.isEmpty ? .none : segments(places))
        } else if places.isEmpty {
            try writeDefault(field)
        } else {
            var reader = WireReader(bytes, range: notes[places.upperBound - 1].range)
            try writeScalar(field, &reader)
        }
        forget(to: base)
    }

    mutating func writeDefault(_ field: FieldEntry) throws(WireFault) {
        let zeros: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0]
        if field.flags.contains(.closedEnum) {
            // proto2: the first value that is declared; its number is the smallest where the order
            // is not kept.
            let entry = tables.enums[Int(field.target)]
            let place = max(tables.enumValueIndex(entry, number: 0), Int(entry.valueStart))
            return writer.string(utf8: tables.bytes(tables.enumValues[place].name))
        }
        var failure: WireFault?
        zeros.withUnsafeBytes { zeros in
            let isText = field.type.wireType == .lengthDelimited
            var reader = WireReader(zeros, range: 0..<(isText ? 0 : zeros.count))
            do throws(WireFault) {
                if field.type == .string {
                    writer.string("" as StaticString)
                } else if field.type == .bytes {
                    writer.string("" as StaticString)
                } else {
                    try writeScalar(field, &reader)
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }
}
