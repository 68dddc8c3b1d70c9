// The builder's second step: every field and extension is resolved and checked.

extension SchemaBuilder {
    /// What a type's name stands for.
    enum Reference {
        case message(Int32)
        case enumeration(Int32)
    }

    /// Finds a type. A name with a dot before it is full; any other is looked for in the scope
    /// and then outwards, as protoc does.
    func resolve(_ name: String, from scope: String) -> Reference? {
        // Nothing that long was declared; the dot before a full name is not of it.
        guard name.utf8.count <= SchemaLimit.fullNameBytesMaximum + 1 else { return nil }
        if name.utf8.first == UInt8(ascii: ".") { return find(String(name.dropFirst())) }
        var scope = Substring(scope)
        while true {
            if let found = find(scope.isEmpty ? name : "\(scope).\(name)") { return found }
            guard !scope.isEmpty else { return nil }
            scope = scope.lastIndex(of: ".").map { scope[..<$0] } ?? ""
        }
    }

    private func find(_ fullName: String) -> Reference? {
        if let index = names.messagesByName[fullName] { return .message(index) }
        if let index = names.enumsByName[fullName] { return .enumeration(index) }
        return nil
    }

    mutating func linkMessage(_ index: Int) throws(SchemaError) {
        let message = declared[index].description
        let scope = declared[index].scope
        let fileIndex = declared[index].fileIndex
        let oneofs = realOneofs(message)
        for field in message.fields {
            guard field.extendee.isEmpty else {
                throw failure(fileIndex, "\(scope).\(field.name) extends, but is no extension")
            }
            var linked = try link(field, scope: scope, fileIndex)
            if let oneof = field.oneof {
                guard oneof < message.oneofs.count, field.label == .optional else {
                    throw failure(
                        fileIndex, "\(scope).\(field.name) is in a oneof that cannot hold it")
                }
                linked.entry.oneof = oneofs[oneof] ?? -1
                linked.entry.flags.insert(.hasPresence)
            }
            declared[index].fields.append(linked)
        }
        for field in message.extensions { try linkExtension(field, scope: scope, fileIndex) }
        let kept = oneofs.sorted { $0.value < $1.value }.map { message.oneofs[$0.key] }
        if !kept.isEmpty { names.oneofNames[Int32(index)] = kept }
    }

    /// New numbers for the oneofs that were written as such; proto3's `optional` makes others up.
    private func realOneofs(_ message: MessageDescription) -> [Int: Int32] {
        let synthetic = Set(message.fields.filter(\.isProto3Optional).compactMap(\.oneof))
        var numbers: [Int: Int32] = [:]
        for index in message.oneofs.indices where !synthetic.contains(index) {
            numbers[index] = Int32(numbers.count)
        }
        return numbers
    }

    mutating func linkExtensions(_ fileIndex: Int) throws(SchemaError) {
        let file = files[fileIndex].file
        for field in file.extensions {
            try linkExtension(field, scope: file.package, fileIndex)
        }
    }

    private mutating func linkExtension(
        _ field: FieldDescription, scope: String, _ fileIndex: Int
    ) throws(SchemaError) {
        let fullName = qualified(field.name, in: scope)
        guard case .message(let extended)? = resolve(field.extendee, from: scope) else {
            throw failure(
                fileIndex, "\(fullName) extends \(shown(field.extendee)), which is not declared")
        }
        var linked = try link(field, scope: scope, fileIndex)
        linked.name = fullName
        linked.jsonName = "[\(fullName)]"
        linked.entry.flags.formUnion([.isExtension, .hasPresence])
        declared[Int(extended)].fields.append(linked)
    }

    private func link(
        _ field: FieldDescription, scope: String, _ fileIndex: Int
    ) throws(SchemaError) -> LinkedField {
        let fullName = qualified(field.name, in: scope)
        guard field.number >= 1, field.number < 1 << 29 else {
            throw failure(fileIndex, "\(fullName) has the impossible number \(field.number)")
        }
        var entry = FieldEntry()
        entry.number = UInt32(field.number)
        entry.shape = field.label == .repeated ? .repeated : .singular
        if field.label == .required { entry.flags.insert(.required) }
        if field.isProto3Optional { entry.flags.insert(.proto3Optional) }
        if field.isDeprecated { entry.flags.insert(.deprecated) }
        try resolveType(of: field, fullName, scope, fileIndex, into: &entry)
        let isProto3 = files[fileIndex].file.syntax == .proto3
        if entry.shape == .repeated {
            if entry.type.isPackable, field.packed ?? isProto3 { entry.flags.insert(.packed) }
        } else if !isProto3 || field.isProto3Optional
            || entry.target >= 0 && entry.type != .enumeration
        {
            entry.flags.insert(.hasPresence)
        }
        setTag(&entry)
        return LinkedField(
            entry: entry, name: field.name, jsonName: field.jsonName ?? jsonName(field.name),
            defaultValue: field.defaultValue)
    }

    private func resolveType(
        of field: FieldDescription, _ fullName: String, _ scope: String, _ fileIndex: Int,
        into entry: inout FieldEntry
    ) throws(SchemaError) {
        let refers = field.type == nil || field.type?.keyword.isEmpty == true
        guard refers else {
            entry.type = field.type ?? .int32
            return
        }
        guard let reference = resolve(field.typeName, from: scope) else {
            throw failure(
                fileIndex,
                "\(fullName) is of type \"\(shown(field.typeName))\", which is not declared")
        }
        switch (reference, field.type) {
        case (.message(let index), .message), (.message(let index), .group),
            (.message(let index), nil):
            entry.type = field.type ?? .message
            entry.target = index
            if entry.shape == .repeated, declared[Int(index)].description.isMapEntry {
                entry.shape = .map
            }
            if names.messageNames[Int(index)] == "google.protobuf.Value" {
                entry.flags.insert(.takesNull)
            }
        case (.enumeration(let index), .enumeration), (.enumeration(let index), nil):
            entry.type = .enumeration
            entry.target = index
            if files[enums[Int(index)].fileIndex].file.syntax == .proto2 {
                entry.flags.insert(.closedEnum)
            }
            if names.enumNames[Int(index)] == "google.protobuf.NullValue" {
                entry.flags.insert(.takesNull)
            }
        case (.message, _), (.enumeration, _):
            throw failure(
                fileIndex, "\(fullName): \(shown(field.typeName)) is not the kind of type it says")
        }
    }

    private func setTag(_ entry: inout FieldEntry) {
        let wireType =
            entry.flags.contains(.packed) ? WireType.lengthDelimited : entry.type.wireType
        var rest = UInt64(entry.number) << 3 | UInt64(wireType.rawValue)
        var shift: UInt64 = 0
        repeat {
            let byte = rest & 0x7F | (rest > 0x7F ? 0x80 : 0)
            entry.tag |= byte << shift
            entry.tagLength += 1
            shift += 8
            rest >>= 7
        } while rest > 0
    }

    /// protoc's rule: underscores go, and the letter after each becomes upper case.
    private func jsonName(_ name: String) -> String {
        var result = ""
        var raises = false
        for scalar in name.unicodeScalars {
            if scalar == "_" {
                raises = true
            } else if raises, scalar >= "a", scalar <= "z" {
                result.unicodeScalars.append(Unicode.Scalar(UInt8(scalar.value) - 32))
                raises = false
            } else {
                result.unicodeScalars.append(scalar)
                raises = false
            }
        }
        return result
    }

    // MARK: checks of whole messages

    mutating func checkMessage(_ index: Int) throws(SchemaError) {
        let fileIndex = declared[index].fileIndex
        let name = declared[index].scope
        declared[index].fields.sort { $0.entry.number < $1.entry.number }
        let fields = declared[index].fields
        guard fields.count <= SchemaLimit.membersMaximum else {
            throw failure(
                fileIndex, "\(name) has more than \(SchemaLimit.membersMaximum) fields",
                exceedsLimit: true)
        }
        for (one, next) in zip(fields, fields.dropFirst())
        where one.entry.number == next.entry.number {
            throw failure(
                fileIndex,
                "\(name): \(one.name) and \(next.name) have the same number \(one.entry.number)")
        }
        if declared[index].description.isMapEntry { try checkMapEntry(index) }
        try checkWellKnown(index)
    }

    private func checkMapEntry(_ index: Int) throws(SchemaError) {
        let fields = declared[index].fields
        let isPair =
            fields.map(\.entry.number) == [1, 2] && fields.map(\.name) == ["key", "value"]
            && fields.allSatisfy { $0.entry.shape == .singular }
        guard isPair, isMapKey(fields[0].entry.type), fields[1].entry.type != .group else {
            throw failure(
                declared[index].fileIndex,
                "\(declared[index].scope) says it is a map's entry, but is not made like one")
        }
    }

    private func isMapKey(_ type: FieldType) -> Bool {
        switch type {
        case .double, .float, .bytes, .message, .group, .enumeration: false
        case .int64, .uint64, .int32, .fixed64, .fixed32, .bool, .string, .uint32, .sfixed32,
            .sfixed64, .sint32, .sint64:
            true
        }
    }

    /// The messages whose JSON prong writes by hand must be what protobuf publishes.
    private func checkWellKnown(_ index: Int) throws(SchemaError) {
        let name = names.messageNames[index]
        guard name.hasPrefix("google.protobuf."), wellKnownKind(name) != .none else { return }
        for file in wellKnownFiles() {
            for message in file.messages where "google.protobuf.\(message.name)" == name {
                let published = message.fields
                let fields = declared[index].fields
                let isSame =
                    fields.count == published.count
                    && zip(fields, published).allSatisfy { mine, theirs in
                        mine.name == theirs.name && mine.entry.type == theirs.type
                            && Int64(mine.entry.number) == theirs.number
                            && (mine.entry.shape != .singular) == (theirs.label == .repeated)
                            && refersAlike(mine.entry, theirs.typeName)
                    }
                guard isSame else {
                    throw failure(
                        declared[index].fileIndex, "\(name) is not as protobuf publishes it")
                }
            }
        }
    }

    private func refersAlike(_ entry: FieldEntry, _ typeName: String) -> Bool {
        guard entry.target >= 0 else { return typeName.isEmpty }
        let name =
            entry.type == .enumeration
            ? names.enumNames[Int(entry.target)] : names.messageNames[Int(entry.target)]
        return ".\(name)" == typeName
    }
}

/// How the JSON of a message is written, by its full name.
func wellKnownKind(_ fullName: String) -> WellKnown {
    switch fullName {
    case "google.protobuf.Any": .any
    case "google.protobuf.Timestamp": .timestamp
    case "google.protobuf.Duration": .duration
    case "google.protobuf.FieldMask": .fieldMask
    case "google.protobuf.Struct": .structure
    case "google.protobuf.Value": .value
    case "google.protobuf.ListValue": .listValue
    case "google.protobuf.DoubleValue", "google.protobuf.FloatValue",
        "google.protobuf.Int64Value", "google.protobuf.UInt64Value",
        "google.protobuf.Int32Value", "google.protobuf.UInt32Value",
        "google.protobuf.BoolValue", "google.protobuf.StringValue",
        "google.protobuf.BytesValue":
        .wrapper
    default: .none
    }
}
