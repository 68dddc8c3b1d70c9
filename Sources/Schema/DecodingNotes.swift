// Protobuf to JSON: noting where the fields of one level stand.

extension Decoder {
    /// Reads one message's level and appends notes of its known fields, in the order of their
    /// numbers; of fields of a oneof only those that count. Each call is matched by a `forget`.
    mutating func note(
        _ index: Int32, _ message: MessageEntry, _ segments: Segments
    ) throws(WireFault) {
        // The outermost message is level 0, as protobuf's own readers count.
        guard depth <= Schema.depthLimit else {
            throw fault(
                "messages nested deeper than \(Schema.depthLimit)", at: segments.first.lowerBound)
        }
        guard !message.isMessageSet else {
            throw fault(
                "\(schema.messageNames[Int(index)]) is a message set, which prong does not read",
                at: segments.first.lowerBound)
        }
        depth += 1
        let base = notes.count
        // Whether each field stands once, in the order of numbers, as writers mostly do it.
        var isStrict = true
        for piece in 0..<segments.count {
            var reader = WireReader(bytes, range: segments[piece])
            while !reader.isAtEnd {
                try noteField(message, &reader, base, &isStrict)
            }
        }
        if !isStrict {
            notes[base...].sort { ($0.ordinal, $0.start) < ($1.ordinal, $1.start) }
            try checkReplacedTexts(message, base)
        }
        if message.oneofCount > 0 { try settleOneofs(message, base) }
    }

    @inline(__always)
    private mutating func noteField(
        _ message: MessageEntry, _ reader: inout WireReader, _ base: Int, _ isStrict: inout Bool
    ) throws(WireFault) {
        let tagStart = reader.offset
        let tag = try reader.tag()
        let place = tables.fieldIndex(message, number: tag.number)
        guard place >= 0 else { return try reader.skip(tag) }
        let field = tables.fields[place]
        guard isExpected(tag.type, field) else { return try reader.skip(tag) }
        var range = reader.offset..<reader.offset
        switch tag.type {
        case .lengthDelimited: range = try reader.payload()
        case .startGroup: range = try reader.groupBody(tag.number)
        case .varint, .fixed32, .fixed64, .endGroup:
            try reader.skip(tag)
            range = range.lowerBound..<reader.offset
        }
        if field.shape == .singular {
            if field.flags.contains(.closedEnum), field.type == .enumeration {
                // A number that the enum does not declare counts as an unknown field.
                var value = WireReader(bytes, range: range)
                guard isDeclared(try value.varint(), field) else { return }
            }
        } else {
            range = tagStart..<reader.offset
        }
        add(field.ordinal, range, field.shape, base, &isStrict)
    }

    @inline(__always)
    private mutating func add(
        _ ordinal: Int32, _ range: Range<Int>, _ shape: FieldShape, _ base: Int,
        _ isStrict: inout Bool
    ) {
        let start = UInt32(truncatingIfNeeded: range.lowerBound)
        let end = UInt32(truncatingIfNeeded: range.upperBound)
        if let last = notes.indices.last, last >= base {
            if shape != .singular, notes[last].ordinal == ordinal, notes[last].end == start {
                notes[last].end = end
                return
            }
            if notes[last].ordinal >= ordinal { isStrict = false }
        }
        notes.append(Note(ordinal: ordinal, start: start, end: end))
    }

    /// Whether a value of this wire type belongs to the field; if not, it is an unknown field.
    @inline(__always)
    private func isExpected(_ type: WireType, _ field: FieldEntry) -> Bool {
        type == field.type.wireType
            || type == .lengthDelimited && field.shape == .repeated && field.type.isPackable
    }

    /// Of each oneof only the field that came last counts, and of that only what came after the
    /// last other one.
    private mutating func settleOneofs(
        _ message: MessageEntry, _ base: Int
    ) throws(WireFault) {
        let start = Int(message.fieldStart)
        func oneof(_ note: Note) -> Int32 { tables.fields[start + Int(note.ordinal)].oneof }
        var lastOrdinal: [Int32: Note] = [:]
        var isSettled = true
        for note in notes[base...] where oneof(note) >= 0 {
            guard let other = lastOrdinal[oneof(note)] else {
                lastOrdinal[oneof(note)] = note
                continue
            }
            if other.ordinal != note.ordinal { isSettled = false }
            if note.start > other.start { lastOrdinal[oneof(note)] = note }
        }
        if isSettled { return }
        var lastOther: [Int32: UInt32] = [:]
        for note in notes[base...] where oneof(note) >= 0 {
            if note.ordinal != lastOrdinal[oneof(note)]?.ordinal {
                lastOther[oneof(note)] = max(lastOther[oneof(note)] ?? 0, note.start)
            }
        }
        var kept = base
        for place in base..<notes.count {
            let note = notes[place]
            let other = lastOther[oneof(note)] ?? 0
            let counts =
                oneof(note) < 0
                || note.ordinal == lastOrdinal[oneof(note)]?.ordinal && note.start >= other
            guard counts else {
                try checkReplaced(tables.fields[start + Int(note.ordinal)], note.range)
                continue
            }
            notes[kept] = note
            kept += 1
        }
        notes.removeLast(notes.count - kept)
    }

    /// Of a message's pieces all are read later; of a text only the last.
    private func checkReplacedTexts(_ message: MessageEntry, _ base: Int) throws(WireFault) {
        for place in (base + 1)..<max(base + 1, notes.count)
        where notes[place - 1].ordinal == notes[place].ordinal {
            let field = tables.fields[Int(message.fieldStart + notes[place].ordinal)]
            if field.type == .string, field.shape == .singular {
                try checkReplaced(field, notes[place - 1].range)
            }
        }
    }

    /// A value that a later one replaces is not written, but must be well-formed all the same.
    func checkReplaced(_ field: FieldEntry, _ range: Range<Int>) throws(WireFault) {
        try WireCheck(tables: tables, bytes: bytes).value(field, range, depth - 1)
    }
}
