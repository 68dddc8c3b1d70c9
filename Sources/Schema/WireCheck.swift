// The check of a protobuf message without writing it.

extension Schema {
    /// Checks that bytes are a message of this type: every field whole, text in UTF-8, nothing
    /// nested too deep. Unknown fields are allowed, and so is what only JSON could not say.
    package func validate(
        wire: UnsafeRawBufferPointer, as message: MessageHandle
    ) throws(TranscodeError) {
        let check = WireCheck(tables: tables.view, bytes: wire)
        do throws(WireFault) {
            try check.message(message.index, 0..<wire.count, depth: 0)
        } catch {
            throw located(error, wire, message)
        }
    }
}

struct WireCheck {
    let tables: TableView
    let bytes: UnsafeRawBufferPointer

    func message(_ index: Int32, _ range: Range<Int>, depth: Int) throws(WireFault) {
        guard depth <= Schema.depthLimit else {
            throw WireFault(
                offset: range.lowerBound,
                message: "messages nested deeper than \(Schema.depthLimit)")
        }
        let message = tables.messages[Int(index)]
        var reader = WireReader(bytes, range: range)
        while !reader.isAtEnd {
            let tag = try reader.tag()
            let place = tables.fieldIndex(message, number: tag.number)
            guard place >= 0 else {
                try reader.skip(tag)
                continue
            }
            try value(tables.fields[place], tag, &reader, depth)
        }
    }

    private func value(
        _ field: FieldEntry, _ tag: WireTag, _ reader: inout WireReader, _ depth: Int
    ) throws(WireFault) {
        switch (tag.type, field.type) {
        case (.lengthDelimited, .message), (.lengthDelimited, .string):
            try value(field, try reader.payload(), depth)
        case (.startGroup, .group):
            try value(field, try reader.groupBody(tag.number), depth)
        case (.lengthDelimited, _) where field.type.isPackable && field.shape == .repeated:
            try elements(field.type.wireType, try reader.payload())
        default: try reader.skip(tag)
        }
    }

    /// One value of the field's own wire type, without its tag.
    func value(_ field: FieldEntry, _ range: Range<Int>, _ depth: Int) throws(WireFault) {
        switch field.type {
        case .message, .group: try message(field.target, range, depth: depth + 1)
        case .string:
            if let bad = firstInvalidUTF8(UnsafeRawBufferPointer(rebasing: bytes[range])) {
                throw WireFault(offset: range.lowerBound + bad, message: "text that is not UTF-8")
            }
        case .double, .float, .int64, .uint64, .int32, .fixed64, .fixed32, .bool, .bytes, .uint32,
            .enumeration, .sfixed32, .sfixed64, .sint32, .sint64:
            break
        }
    }

    private func elements(_ type: WireType, _ range: Range<Int>) throws(WireFault) {
        var reader = WireReader(bytes, range: range)
        while !reader.isAtEnd { try reader.skip(WireTag(number: 1, type: type)) }
    }
}
