// Protobuf to JSON: the messages of google.protobuf that have a JSON form of their own.

extension Decoder {
    mutating func writeWellKnown(
        _ index: Int32, _ kind: WellKnown, _ segments: Segments
    ) throws(WireFault) {
        let base = notes.count
        let start = segments.first.lowerBound
        try note(index, tables.messages[Int(index)], segments)
        let places = base..<notes.count
        switch kind {
        case .none: break  // writeMessage has it
        case .any: try writeAny(places)
        case .timestamp: try writeTimestamp(places, start)
        case .duration: try writeDuration(places, start)
        case .fieldMask: try writeFieldMask(places)
        case .structure: try writeMap(field(index, 0), places, withKey: false)
        case .listValue: try writeList(field(index, 0), places, withKey: false)
        case .value: try writeValue(index, places)
        case .wrapper: try writeWrapper(field(index, 0), places)
        }
        forget(to: base)
    }

    private func field(_ index: Int32, _ ordinal: Int32) -> FieldEntry {
        tables.fields[Int(tables.messages[Int(index)].fieldStart + ordinal)]
    }

    /// The last note of a field, if there is any.
    private func last(_ ordinal: Int32, _ places: Range<Int>) -> Range<Int>? {
        places.last { notes[$0].ordinal == ordinal }.map { notes[$0].range }
    }

    private func number(_ ordinal: Int32, _ places: Range<Int>) throws(WireFault) -> UInt64 {
        guard let range = last(ordinal, places) else { return 0 }
        var reader = WireReader(bytes, range: range)
        return try reader.varint()
    }

    private mutating func writeTimestamp(_ places: Range<Int>, _ start: Int) throws(WireFault) {
        let seconds = Int64(bitPattern: try number(0, places))
        let nanos = Int32(truncatingIfNeeded: try number(1, places))
        guard let text = timestampText(seconds: seconds, nanos: nanos) else {
            throw fault("a time outside the years 1 to 9999, or with impossible nanos", at: start)
        }
        writer.string(text)
    }

    private mutating func writeDuration(_ places: Range<Int>, _ start: Int) throws(WireFault) {
        let seconds = Int64(bitPattern: try number(0, places))
        let nanos = Int32(truncatingIfNeeded: try number(1, places))
        guard let text = durationText(seconds: seconds, nanos: nanos) else {
            throw fault("a duration beyond 10,000 years, or with impossible nanos", at: start)
        }
        writer.string(text)
    }

    private mutating func writeWrapper(
        _ field: FieldEntry, _ places: Range<Int>
    ) throws(WireFault) {
        guard let range = last(0, places) else { return try writeDefault(field) }
        var reader = WireReader(bytes, range: range)
        try writeScalar(field, &reader)
    }

    // MARK: Value

    private mutating func writeValue(_ index: Int32, _ places: Range<Int>) throws(WireFault) {
        // note() has left the fields of one kind only. A Value without any is written as null.
        guard let first = places.first else { return writer.null() }
        let kind = field(index, notes[first].ordinal)
        if kind.type == .message { return try writeMessage(kind.target, segments(places)) }
        let range = notes[places.upperBound - 1].range
        var reader = WireReader(bytes, range: range)
        if kind.type == .double {
            var copy = reader
            guard Double(bitPattern: try copy.fixed64()).isFinite else {
                throw fault("a number that JSON cannot write", at: range.lowerBound)
            }
        }
        try writeScalar(kind, &reader)
    }

    // MARK: Any

    private mutating func writeAny(_ places: Range<Int>) throws(WireFault) {
        let urlRange = last(0, places) ?? 0..<0
        let value = last(1, places) ?? 0..<0
        writer.beginObject()
        defer { writer.endObject() }
        if urlRange.isEmpty, value.isEmpty { return }
        writer.key("@type" as StaticString)
        var reader = WireReader(bytes, range: urlRange)
        try writeString(&reader)
        let slash = bytes[urlRange].lastIndex(of: UInt8(ascii: "/"))
        let name = String(
            decoding: bytes[(slash.map { $0 + 1 } ?? urlRange.lowerBound)..<urlRange.upperBound],
            as: UTF8.self)
        guard let inner = schema.messagesByName[name] else {
            writer.key("value" as StaticString)
            return writer.base64(UnsafeRawBufferPointer(rebasing: bytes[value]))
        }
        if tables.messages[Int(inner)].wellKnown == .none {
            try writeFields(inner, Segments(value))
        } else {
            writer.key("value" as StaticString)
            try writeMessage(inner, Segments(value))
        }
    }

    // MARK: FieldMask

    private mutating func writeFieldMask(_ places: Range<Int>) throws(WireFault) {
        var text: [UInt8] = []
        var isFirst = true
        for place in places {
            var reader = WireReader(bytes, range: notes[place].range)
            while !reader.isAtEnd {
                _ = try reader.tag()
                if !isFirst { text.append(UInt8(ascii: ",")) }
                isFirst = false
                try appendCamelCase(try reader.payload(), to: &text)
            }
        }
        text.withUnsafeBytes { writer.string(utf8: $0) }
    }

    /// snake_case as lowerCamelCase; only what reads back the same can be written.
    private func appendCamelCase(_ range: Range<Int>, to text: inout [UInt8]) throws(WireFault) {
        if let bad = firstInvalidUTF8(UnsafeRawBufferPointer(rebasing: bytes[range])) {
            throw fault("text that is not UTF-8", at: range.lowerBound + bad)
        }
        var raises = false
        for at in range {
            let byte = bytes[at]
            let isUpper = byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z")
            let isLower = byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z")
            guard !isUpper, !raises || isLower else { throw notCamelCase(range) }
            if raises {
                text.append(byte - 32)
                raises = false
            } else if byte == UInt8(ascii: "_") {
                raises = true
            } else {
                text.append(byte)
            }
        }
        if raises { throw notCamelCase(range) }
    }

    private func notCamelCase(_ range: Range<Int>) -> WireFault {
        fault("a field mask with a path that lowerCamelCase cannot say", at: range.lowerBound)
    }
}
