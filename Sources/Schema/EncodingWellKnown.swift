// JSON to protobuf: the messages of google.protobuf that have a JSON form of their own.
// Their field numbers are written out here; the builder has checked that they are so.

extension Encoder {
    mutating func encodeWellKnown(_ index: Int32, _ kind: WellKnown) throws(JSONError) {
        switch kind {
        case .none: break  // encodeMessage has it
        case .any: try encodeAny()
        case .timestamp: try encodeTime(parseTimestamp, "a time such as 2026-01-31T12:00:00.5Z")
        case .duration: try encodeTime(parseDuration, "a duration such as 1.5s")
        case .fieldMask: try encodeFieldMask()
        case .structure: try encodeStruct()
        case .value: try encodeValueMessage()
        case .listValue: try encodeListValue()
        case .wrapper:
            let field = tables.fields[Int(tables.messages[Int(index)].fieldStart)]
            let kind = try reader.peek()
            try encodeValue(field, kind, .field)
        }
    }

    private mutating func encodeTime(
        _ parse: (UnsafeRawBufferPointer) -> SecondsAndNanos?, _ wanted: String
    ) throws(JSONError) {
        let token = try reader.readStringToken()
        let time = reader.bytes(token).withUnsafeBytes { parse($0) }
        guard let time else {
            throw fail("this string should be \(wanted)", at: token.start - 1)
        }
        if time.seconds != 0 {
            out.put(byte: 1 << 3)
            out.put(varint: UInt64(bitPattern: time.seconds))
        }
        if time.nanos != 0 {
            out.put(byte: 2 << 3)
            out.put(varint: UInt64(bitPattern: Int64(time.nanos)))
        }
    }

    /// Paths in lowerCamelCase, with commas between them, become snake_case.
    private mutating func encodeFieldMask() throws(JSONError) {
        let token = try reader.readStringToken()
        let text = reader.bytes(token)
        guard !text.isEmpty else { return }
        for path in text.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            out.put(byte: 1 << 3 | 2)
            let mark = out.beginLength()
            for byte in path {
                switch byte {
                case UInt8(ascii: "_"):
                    throw fail(
                        "the paths of a field mask should be in lowerCamelCase, without _",
                        at: token.start - 1)
                case UInt8(ascii: "A")...UInt8(ascii: "Z"):
                    out.put(byte: UInt8(ascii: "_"))
                    out.put(byte: byte + 32)
                default: out.put(byte: byte)
                }
            }
            out.endLength(mark)
        }
    }

    // MARK: Struct, Value, ListValue

    private mutating func encodeStruct() throws(JSONError) {
        try reader.beginObject()
        // Each entry of the map is a level, and the value in it another.
        try enter()
        try enter()
        var keys = KeySet()
        while let key = try reader.nextKeyToken() {
            guard keys.insert(key, reader) else {
                throw fail("this key stands here a second time", at: key.start - 1)
            }
            out.put(byte: 1 << 3 | 2)
            let entry = out.beginLength()
            out.put(byte: 1 << 3 | 2)
            putText(key)
            out.put(byte: 2 << 3 | 2)
            let value = out.beginLength()
            try encodeValueMessage()
            out.endLength(value)
            out.endLength(entry)
        }
        depth -= 2
    }

    private mutating func encodeListValue() throws(JSONError) {
        try reader.beginArray()
        try enter()
        while try reader.nextElement() {
            out.put(byte: 1 << 3 | 2)
            let mark = out.beginLength()
            try encodeValueMessage()
            out.endLength(mark)
        }
        depth -= 1
    }

    private mutating func encodeValueMessage() throws(JSONError) {
        switch try reader.peek() {
        case .null:
            try reader.readNull()
            out.put(byte: 1 << 3)
            out.put(byte: 0)
        case .number:
            let value = try reader.readDouble()
            out.put(byte: 2 << 3 | 1)
            out.put(fixed64: value.bitPattern)
        case .string:
            let token = try reader.readStringToken()
            out.put(byte: 3 << 3 | 2)
            putText(token)
        case .bool:
            let value = try reader.readBool()
            out.put(byte: 4 << 3)
            out.put(byte: value ? 1 : 0)
        case .object: try encodeInValue(tag: 5 << 3 | 2, isStruct: true)
        case .array: try encodeInValue(tag: 6 << 3 | 2, isStruct: false)
        }
    }

    private mutating func encodeInValue(tag: UInt8, isStruct: Bool) throws(JSONError) {
        out.put(byte: tag)
        let mark = out.beginLength()
        try enter()
        if isStruct { try encodeStruct() } else { try encodeListValue() }
        depth -= 1
        out.endLength(mark)
    }
}
