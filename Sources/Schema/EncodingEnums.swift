// JSON to protobuf: bytes, which are base64 in JSON, and enums, by name or number.

extension Encoder {
    mutating func encodeBytes(
        _ field: FieldEntry, _ placement: Placement
    ) throws(JSONError) {
        let token = try reader.readStringToken()
        guard begin(field, placement, isDefault: token.start == token.end) else { return }
        let mark = out.beginLength()
        let reader = reader
        let isValid = out.put(upTo: (token.end - token.start) * 3 / 4 + 3) { room in
            guard token.hasEscapes else {
                return decodeBase64(
                    UnsafeRawBufferPointer(rebasing: reader.text[token.start..<token.end]),
                    into: room)
            }
            return reader.bytes(token).withUnsafeBytes { decodeBase64($0, into: room) }
        }
        guard isValid else { throw fail("this string should be base64", at: token.start - 1) }
        out.endLength(mark)
    }

    mutating func encodeEnum(
        _ field: FieldEntry, _ kind: JSONKind, _ placement: Placement
    ) throws(JSONError) {
        let entry = tables.enums[Int(field.target)]
        let offset = reader.offset
        let number: Int32
        switch kind {
        case .null where entry.isNullValue:
            try reader.readNull()
            number = 0
        case .string:
            number = try enumNumber(try reader.readStringToken(), entry, field)
        case .number:
            number = try checked(try readWhole(kind).number, entry, field, offset)
        case .object, .array, .bool, .null:
            throw fail("a value of an enum should stand here, not \(kind.phrase)", at: offset)
        }
        guard begin(field, placement, isDefault: number == 0) else { return }
        out.put(varint: UInt64(bitPattern: Int64(number)))
    }

    /// By name; plain digits in a string are taken too, as json_format takes them.
    private func enumNumber(
        _ token: JSONToken, _ entry: EnumEntry, _ field: FieldEntry
    ) throws(JSONError) -> Int32 {
        var place: Int32 = -1
        if token.hasEscapes {
            place = reader.bytes(token).withUnsafeBytes {
                tables.find($0, entry.slotStart, entry.slotMask)
            }
        } else {
            let name = UnsafeRawBufferPointer(rebasing: reader.text[token.start..<token.end])
            place = tables.find(name, entry.slotStart, entry.slotMask)
        }
        if place >= 0 { return tables.enumValues[Int(place)].number }
        guard let value = wholeIfNumber(token, plain: true) else {
            throw fail(
                "\(schema.enumNames[Int(field.target)]) has no value of this name",
                at: token.start - 1)
        }
        return try checked(value, entry, field, token.start - 1)
    }

    private func checked(
        _ value: WholeNumber, _ entry: EnumEntry, _ field: FieldEntry, _ offset: Int
    ) throws(JSONError) -> Int32 {
        guard let wide = value.int64, let number = Int32(exactly: wide) else {
            throw fail("a number beyond the range of an enum", at: offset)
        }
        if entry.isClosed, tables.enumValueIndex(entry, number: number) < 0 {
            throw fail(
                "\(schema.enumNames[Int(field.target)]) has no value of this number", at: offset)
        }
        return number
    }
}
