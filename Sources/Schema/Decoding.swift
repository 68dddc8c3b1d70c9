// Protobuf to JSON: no message objects; each level of the bytes is read once to note where its
// fields stand, then they are written in the order of their numbers.
//
// Protobuf allows a field to come again: of a scalar the last counts, a message is the sum of its
// pieces, elements of a list may lie apart. So nothing can be written before a level was read to
// its end. Notes of all levels share one array; one takes 12 bytes and stands for at least two
// bytes of the message, which bounds the memory to six times the message.
// It must never trap on any bytes, and its stack is bounded by `Schema.depthLimit`.

extension Schema {
    /// Appends the JSON of a message to `json`, which is left as it was when the bytes are refused.
    /// Names are lowerCamelCase, defaults and unknown fields are left out, an Any whose type is
    /// not in the schema is written as `{"@type":…,"value":"base64"}`.
    package func decode(
        wire: UnsafeRawBufferPointer, as message: MessageHandle, into json: inout JSONWriter
    ) throws(TranscodeError) {
        let checkpoint = json.checkpoint
        var writer = JSONWriter()
        swap(&json, &writer)
        var decoder = Decoder(self, wire, writer)
        do throws(WireFault) {
            guard wire.count <= Decoder.bytesMaximum else {
                throw WireFault(offset: 0, message: "a message larger than 2 GiB")
            }
            try decoder.writeMessage(message.index, Segments(0..<wire.count))
            json = decoder.writer
        } catch {
            json = decoder.writer
            json.rollBack(to: checkpoint)
            throw located(error, wire, message)
        }
    }

    /// As above, as a text of its own.
    package func decode(
        wire: [UInt8], as message: MessageHandle
    ) throws(TranscodeError) -> [UInt8] {
        var json = JSONWriter()
        var failure: TranscodeError?
        wire.withUnsafeBytes { bytes in
            do throws(TranscodeError) {
                try decode(wire: bytes, as: message, into: &json)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return json.bytes
    }

    @inline(never)
    func located(
        _ fault: WireFault, _ wire: UnsafeRawBufferPointer, _ message: MessageHandle
    ) -> TranscodeError {
        TranscodeError(
            reason: fault.message, path: wirePath(to: fault.offset, in: wire, as: message),
            offset: fault.offset, position: nil)
    }
}

/// The pieces of the bytes that make one message; nearly always one.
struct Segments {
    let first: Range<Int>
    var rest: [Range<Int>] = []

    init(_ first: Range<Int>) { self.first = first }

    static let none = Segments(0..<0)

    var count: Int { 1 + rest.count }

    subscript(index: Int) -> Range<Int> { index == 0 ? first : rest[index - 1] }
}

struct Decoder: ~Copyable {
    /// Where a field stands: of a singular field its value, without tag and length; of a list or
    /// map a run of elements, with their tags.
    struct Note {
        /// The field's place among its message's fields.
        var ordinal: Int32
        var start: UInt32
        var end: UInt32

        var range: Range<Int> { Int(start)..<Int(end) }
    }

    /// Notes hold 32 bits; protobuf itself allows no more than this.
    static let bytesMaximum = 0x7FFF_FFFF

    let schema: Schema
    let tables: TableView
    let bytes: UnsafeRawBufferPointer
    var writer: JSONWriter
    var notes: [Note] = []
    var depth = 0

    init(_ schema: Schema, _ bytes: UnsafeRawBufferPointer, _ writer: consuming JSONWriter) {
        self.schema = schema
        tables = schema.tables.view
        self.bytes = bytes
        self.writer = writer
        notes.reserveCapacity(32)
    }

    func fault(_ message: String, at offset: Int) -> WireFault {
        WireFault(offset: offset, message: message)
    }

    // MARK: messages

    mutating func writeMessage(_ index: Int32, _ segments: Segments) throws(WireFault) {
        let kind = tables.messages[Int(index)].wellKnown
        guard kind == .none else { return try writeWellKnown(index, kind, segments) }
        writer.beginObject()
        try writeFields(index, segments)
        writer.endObject()
    }

    /// The members of the object that stands for a message.
    mutating func writeFields(_ index: Int32, _ segments: Segments) throws(WireFault) {
        let message = tables.messages[Int(index)]
        let base = notes.count
        try note(index, message, segments)
        var at = base
        let end = notes.count
        while at < end {
            let ordinal = notes[at].ordinal
            var next = at + 1
            while next < end, notes[next].ordinal == ordinal { next += 1 }
            try writeField(tables.fields[Int(message.fieldStart + ordinal)], at..<next)
            at = next
        }
        forget(to: base)
    }

    /// Drops a level's notes.
    @inline(__always)
    mutating func forget(to base: Int) {
        notes.removeLast(notes.count - base)
        depth -= 1
    }

    private mutating func writeField(
        _ field: FieldEntry, _ places: Range<Int>
    ) throws(WireFault) {
        switch field.shape {
        case .map: try writeMap(field, places, withKey: true)
        case .repeated: try writeList(field, places, withKey: true)
        case .singular:
            if field.target >= 0, field.type != .enumeration {
                writer.key(quoted: tables.bytes(field.jsonKey))
                try writeMessage(field.target, segments(places))
                return
            }
            var reader = WireReader(bytes, range: notes[places.upperBound - 1].range)
            if !field.flags.contains(.hasPresence), try isDefault(field, reader) { return }
            writer.key(quoted: tables.bytes(field.jsonKey))
            try writeScalar(field, &reader)
        }
    }

    /// The values that notes stand for, as pieces of one message.
    func segments(_ places: Range<Int>) -> Segments {
        var segments = Segments(notes[places.lowerBound].range)
        for place in places.dropFirst() { segments.rest.append(notes[place].range) }
        return segments
    }

    // MARK: lists

    /// Writes nothing if there is no element, unless it is to stand without its key.
    mutating func writeList(
        _ field: FieldEntry, _ places: Range<Int>, withKey: Bool
    ) throws(WireFault) {
        var isOpen = false
        if !withKey {
            writer.beginArray()
            isOpen = true
        }
        for place in places {
            var reader = WireReader(bytes, range: notes[place].range)
            while !reader.isAtEnd {
                let tag = try reader.tag()
                var element = WireReader(bytes, range: 0..<0)
                var isOne = true
                if tag.type == .lengthDelimited {
                    element = WireReader(bytes, range: try reader.payload())
                    isOne = !field.type.isPackable
                } else if tag.type == .startGroup {
                    element = WireReader(bytes, range: try reader.groupBody(tag.number))
                } else {
                    let start = reader.offset
                    try reader.skip(tag)
                    element = WireReader(bytes, range: start..<reader.offset)
                }
                while isOne || !element.isAtEnd {
                    try writeElement(field, &element, &isOpen)
                    if isOne { break }
                }
            }
        }
        if isOpen { writer.endArray() }
    }

    private mutating func writeElement(
        _ field: FieldEntry, _ element: inout WireReader, _ isOpen: inout Bool
    ) throws(WireFault) {
        if field.flags.contains(.closedEnum) {
            var copy = element
            guard isDeclared(try copy.varint(), field) else {
                element = copy
                return
            }
        }
        if !isOpen {
            writer.key(quoted: tables.bytes(field.jsonKey))
            writer.beginArray()
            isOpen = true
        }
        if field.target >= 0, field.type != .enumeration {
            try writeMessage(field.target, Segments(element.offset..<element.end))
        } else {
            try writeScalar(field, &element)
        }
    }

    func isDeclared(_ value: UInt64, _ field: FieldEntry) -> Bool {
        let number = Int32(truncatingIfNeeded: value)
        return tables.enumValueIndex(tables.enums[Int(field.target)], number: number) >= 0
    }
}
