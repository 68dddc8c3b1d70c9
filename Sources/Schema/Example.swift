// Makes an example of a message in JSON: every field once, with a value that says what belongs
// there, down to a depth; of a oneof the first field. The schema itself takes what comes out.

extension Schema {
    /// Fields that an example shows at most, all levels together.
    private static let exampleFieldsMaximum = 200
    /// Levels of messages that an example shows.
    private static let exampleDepth = 3

    /// An example of a message as JSON text.
    package func example(of message: MessageHandle) -> [UInt8] {
        example(of: message, ExampleHints())
    }

    /// An example of what a method takes: a request, or where the client streams a list of one.
    package func example(of method: MethodDescriptor) -> [UInt8] {
        let request = example(of: method.input, ExampleHints(method))
        guard method.isClientStreaming else { return request }
        return [UInt8(ascii: "[")] + request + [UInt8(ascii: "]")]
    }

    private func example(of message: MessageHandle, _ hints: ExampleHints) -> [UInt8] {
        var maker = ExampleMaker(
            tables: tables.view, hints: hints, fieldsLeft: Self.exampleFieldsMaximum)
        maker.write(message.index, depth: Self.exampleDepth)
        return maker.writer.bytes
    }
}

private struct ExampleMaker {
    let tables: TableView
    let hints: ExampleHints
    /// Where the message stands: the names from the request down, a dot behind each. Nil: in a
    /// list or a map, where no path leads.
    var path: String? = ""
    var fieldsLeft: Int
    var writer = JSONWriter()

    /// Required fields are followed further than others, and then given up.
    private static let requiredDepth = 16

    mutating func write(_ index: Int32, depth: Int) {
        let message = tables.messages[Int(index)]
        guard message.wellKnown == .none else { return writeWellKnown(message) }
        writer.beginObject()
        var oneofs: Set<Int32> = []
        for place in 0..<Int(message.fieldCount) {
            let field = tables.fields[Int(message.fieldStart) + place]
            let isRequired = field.flags.contains(.required)
            guard isRequired || isShown(field, depth, &oneofs) else { continue }
            guard isRequired || path != "" || !hints.leftOut.contains(name(field)) else {
                continue
            }
            guard depth > -Self.requiredDepth else { continue }
            fieldsLeft -= 1
            writer.key(quoted: tables.bytes(field.jsonKey))
            writeMember(field, depth)
        }
        writer.endObject()
    }

    private func isShown(_ field: FieldEntry, _ depth: Int, _ oneofs: inout Set<Int32>) -> Bool {
        guard fieldsLeft > 0, depth > 0, !field.flags.contains(.isExtension),
            !field.flags.contains(.deprecated)
        else { return false }
        return field.oneof < 0 || oneofs.insert(field.oneof).inserted
    }

    private mutating func writeMember(_ field: FieldEntry, _ depth: Int) {
        let outer = path
        defer { path = outer }
        let isMessage = field.type == .message && field.shape == .singular
        if field.shape != .singular { path = nil }
        if isMessage { path = path.map { "\($0)\(name(field))." } }
        switch field.shape {
        case .singular: writeValue(field, depth)
        case .repeated:
            writer.beginArray()
            writeValue(field, depth)
            writer.endArray()
        case .map:
            let start = Int(tables.messages[Int(field.target)].fieldStart)
            writer.beginObject()
            writer.key(keyText(tables.fields[start].type))
            writeValue(tables.fields[start + 1], depth)
            writer.endObject()
        }
    }

    private func name(_ field: FieldEntry) -> String { tables.string(field.name) }

    private func keyText(_ type: FieldType) -> String {
        switch type {
        case .string: "key"
        case .bool: "true"
        default: "1"
        }
    }

    private mutating func writeValue(_ field: FieldEntry, _ depth: Int) {
        switch field.type {
        case .message, .group: write(field.target, depth: depth - 1)
        case .string: writer.string(path.flatMap { hints.texts[$0 + name(field)] } ?? "text")
        case .bytes: writer.base64(Array("bytes".utf8))
        case .bool: writer.bool(true)
        case .double, .float: writer.number(1.5)
        case .int64, .uint64, .fixed64, .sfixed64, .sint64: writer.integerString(1)
        case .int32, .uint32, .fixed32, .sfixed32, .sint32: writer.integer(1)
        case .enumeration: writeEnum(field.target)
        }
    }

    /// The first value that is not zero, as zero mostly means that nothing is said.
    private mutating func writeEnum(_ index: Int32) {
        let entry = tables.enums[Int(index)]
        guard !entry.isNullValue else { return writer.null() }
        let places = Int(entry.valueStart)..<Int(entry.valueStart + entry.valueCount)
        let place = places.first { tables.enumValues[$0].number > 0 } ?? places.lowerBound
        writer.string(utf8: tables.bytes(tables.enumValues[place].name))
    }

    private mutating func writeWellKnown(_ message: MessageEntry) {
        switch message.wellKnown {
        case .none: break
        case .timestamp: writer.string("2026-01-31T12:00:00Z" as StaticString)
        case .duration: writer.string("1.500s" as StaticString)
        case .fieldMask: writer.string("firstField,otherField.part" as StaticString)
        case .value: writer.string("any JSON" as StaticString)
        case .wrapper: writeValue(tables.fields[Int(message.fieldStart)], 1)
        case .listValue:
            writer.beginArray()
            writer.string("any JSON" as StaticString)
            writer.endArray()
        case .structure:
            writer.beginObject()
            writer.key("key" as StaticString)
            writer.string("any JSON" as StaticString)
            writer.endObject()
        case .any:
            writer.beginObject()
            writer.key("@type" as StaticString)
            writer.string("type.googleapis.com/google.protobuf.StringValue" as StaticString)
            writer.key("value" as StaticString)
            writer.string("text" as StaticString)
            writer.endObject()
        }
    }
}
