// JSON to protobuf: one pass over the text, no message objects in between.
//
// The text stays where it is, perhaps inside a larger one; keys are looked up by their bytes. Only
// after an error is the text walked once more to name the field. It must never trap on any text,
// and its stack is bounded by `Schema.depthLimit`.
// Rules: protobuf.dev/programming-guides/json; where that is silent, Python's json_format.

extension Schema {
    /// Reads the JSON of one message and appends its protobuf bytes to `out`, which is left as it
    /// was when the text is refused. `range` is where the value stands in `text` (default: all of
    /// it); `path` names that place in errors, such as `request`. Line, column and offset count in
    /// the whole of `text`.
    package func encode(
        json text: UnsafeRawBufferPointer, range: Range<Int>? = nil,
        as message: MessageHandle, path: String = "", into out: inout [UInt8]
    ) throws(TranscodeError) {
        let reader = JSONReader(text, range: range, depthLimit: Self.depthLimit)
        var encoder = Encoder(self, reader)
        do throws(JSONError) {
            try encoder.encodeMessage(message.index)
            try encoder.reader.expectEnd()
        } catch {
            throw located(error, text, range, prefix: path)
        }
        encoder.out.appendAll(to: &out)
    }

    /// As above, for a text of its own.
    package func encode(
        json text: [UInt8], as message: MessageHandle, path: String = ""
    ) throws(TranscodeError) -> [UInt8] {
        var out: [UInt8] = []
        var failure: TranscodeError?
        text.withUnsafeBytes { bytes in
            do throws(TranscodeError) {
                try encode(json: bytes, as: message, path: path, into: &out)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return out
    }

    @inline(never)
    private func located(
        _ error: JSONError, _ text: UnsafeRawBufferPointer, _ range: Range<Int>?, prefix: String
    ) -> TranscodeError {
        let place = textPosition(of: error.offset, in: text)
        return TranscodeError(
            reason: error.message,
            path: jsonPath(to: error.offset, in: text, range: range, prefix: prefix),
            offset: error.offset,
            position: TranscodeError.Position(line: place.line, column: place.column))
    }
}

struct Encoder: ~Copyable {
    /// How a value stands on the wire.
    enum Placement {
        /// With its tag; left out when it is the default and the field has no presence.
        case field
        /// With its tag, always: an element of a list that is not packed, a map's key and value.
        case tagged
        /// Without a tag: an element of a packed list.
        case packed
    }

    var reader: JSONReader
    var out: WireBuffer
    let schema: Schema
    let tables: TableView
    var depth = 0
    var types = AnyTypes()

    init(_ schema: Schema, _ reader: JSONReader) {
        self.schema = schema
        self.reader = reader
        tables = schema.tables.view
        // The wire form is hardly ever longer than the text.
        out = WireBuffer(capacity: reader.end - reader.offset)
    }

    func fail(_ message: String, at offset: Int) -> JSONError {
        JSONError(offset: offset, message: message)
    }

    // MARK: messages

    /// Goes one level deeper; the caller takes it back from `depth`.
    @inline(__always)
    mutating func enter() throws(JSONError) {
        guard depth < Schema.depthLimit else {
            throw fail("messages nested deeper than \(Schema.depthLimit)", at: reader.offset)
        }
        depth += 1
    }

    mutating func encodeMessage(_ index: Int32) throws(JSONError) {
        let message = tables.messages[Int(index)]
        try enter()
        if message.wellKnown == .none {
            try encodeFields(index, message, inAny: false)
        } else {
            try encodeWellKnown(index, message.wellKnown)
        }
        depth -= 1
    }

    /// The members of an object as the fields of a message. In an Any the member `@type` stands
    /// among them, which has been read already.
    mutating func encodeFields(
        _ index: Int32, _ message: MessageEntry, inAny: Bool
    ) throws(JSONError) {
        guard !message.isMessageSet else { throw refuseMessageSet(index) }
        try reader.beginObject()
        let start = reader.offset - 1
        var seen = SmallSet()
        var oneofs = SmallSet()
        var requiredLeft = message.requiredCount
        var typeSeen = false
        while let key = try reader.nextKeyToken() {
            let place = find(key, message)
            guard place >= 0 else {
                guard inAny, !typeSeen, reader.matches(key, "@type") else {
                    throw unknownField(key, index, repeated: typeSeen)
                }
                typeSeen = true
                _ = try reader.readStringToken()
                continue
            }
            let field = tables.fields[place]
            guard seen.insert(Int(field.ordinal)) else { throw givenTwice(key, field) }
            let kind = try reader.peek()
            if kind == .null, !field.flags.contains(.takesNull) || field.shape != .singular {
                try reader.readNull()
                continue
            }
            if field.oneof >= 0, !oneofs.insert(Int(field.oneof)) {
                throw secondOfOneof(key, index, field)
            }
            if field.flags.contains(.required) { requiredLeft -= 1 }
            try encodeMember(field, kind)
        }
        if requiredLeft > 0 { throw missingRequired(message, seen, at: start) }
    }

    @inline(__always)
    private func find(_ key: JSONToken, _ message: MessageEntry) -> Int {
        guard key.hasEscapes else {
            let name = UnsafeRawBufferPointer(rebasing: reader.text[key.start..<key.end])
            return Int(tables.find(name, message.slotStart, message.slotMask))
        }
        return reader.bytes(key).withUnsafeBytes {
            Int(tables.find($0, message.slotStart, message.slotMask))
        }
    }

    @inline(__always)
    private mutating func encodeMember(
        _ field: FieldEntry, _ kind: JSONKind
    ) throws(JSONError) {
        switch field.shape {
        case .singular: try encodeValue(field, kind, .field)
        case .repeated: try encodeList(field)
        case .map: try encodeMap(field)
        }
    }

    private mutating func encodeList(_ field: FieldEntry) throws(JSONError) {
        try reader.beginArray()
        guard try reader.nextElement() else { return }
        let isPacked = field.flags.contains(.packed)
        var mark: WireBuffer.Mark?
        if isPacked {
            out.put(tag: field.tag, length: field.tagLength)
            mark = out.beginLength()
        }
        repeat {
            let kind = try reader.peek()
            if kind == .null, !(field.type == .message && field.flags.contains(.takesNull)) {
                throw fail("null cannot be an element of a list", at: reader.offset)
            }
            try encodeValue(field, kind, isPacked ? .packed : .tagged)
        } while try reader.nextElement()
        if let mark { out.endLength(mark) }
    }

    private mutating func encodeMap(_ field: FieldEntry) throws(JSONError) {
        let entry = tables.messages[Int(field.target)]
        let keyField = tables.fields[Int(entry.fieldStart)]
        let valueField = tables.fields[Int(entry.fieldStart) + 1]
        try reader.beginObject()
        // A map's entry is a level too: who reads the message counts it.
        try enter()
        var keys = KeySet()
        while let key = try reader.nextKeyToken() {
            guard keys.insert(key, reader) else {
                throw fail("this key stands here a second time", at: key.start - 1)
            }
            out.put(tag: field.tag, length: field.tagLength)
            let mark = out.beginLength()
            try encodeMapKey(keyField, key)
            let kind = try reader.peek()
            if kind == .null,
                !(valueField.type == .message && valueField.flags.contains(.takesNull))
            {
                throw fail("null cannot be a value of a map", at: reader.offset)
            }
            try encodeValue(valueField, kind, .tagged)
            out.endLength(mark)
        }
        depth -= 1
    }

    @inline(__always)
    mutating func encodeValue(
        _ field: FieldEntry, _ kind: JSONKind, _ placement: Placement
    ) throws(JSONError) {
        switch field.type {
        case .string: try encodeString(field, placement)
        case .message:
            out.put(tag: field.tag, length: field.tagLength)
            let mark = out.beginLength()
            try encodeMessage(field.target)
            out.endLength(mark)
        case .group:
            out.put(tag: field.tag, length: field.tagLength)
            try encodeMessage(field.target)
            out.put(varint: UInt64(field.number) << 3 | UInt64(WireType.endGroup.rawValue))
        case .double, .float, .int64, .uint64, .int32, .fixed64, .fixed32, .bool, .bytes, .uint32,
            .enumeration, .sfixed32, .sfixed64, .sint32, .sint64:
            try encodeScalar(field, kind, placement)
        }
    }
}

/// A set of small numbers: of a message's fields, mostly fewer than 64.
struct SmallSet {
    private var low: UInt64 = 0
    private var high: Set<Int> = []

    /// False if it was there already.
    @inline(__always)
    mutating func insert(_ number: Int) -> Bool {
        guard number < 64 else { return high.insert(number).inserted }
        let bit: UInt64 = 1 << UInt64(number)
        if low & bit != 0 { return false }
        low |= bit
        return true
    }

    func contains(_ number: Int) -> Bool {
        number < 64 ? low & (1 << UInt64(number)) != 0 : high.contains(number)
    }
}
