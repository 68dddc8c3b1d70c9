// The files of google.protobuf whose messages have a JSON form of their own, as protobuf publishes
// them (google/protobuf/{any,timestamp,duration,struct,wrappers,field_mask,empty}.proto), so that
// an Any of them can always be resolved.

func wellKnownFiles() -> [FileDescription] {
    [
        file("any", [message("Any", [("type_url", .string), ("value", .bytes)])]),
        file("timestamp", [message("Timestamp", [("seconds", .int64), ("nanos", .int32)])]),
        file("duration", [message("Duration", [("seconds", .int64), ("nanos", .int32)])]),
        file("empty", [message("Empty", [])]),
        fieldMaskFile(),
        structFile(),
        wrappersFile(),
    ]
}

private func file(_ name: String, _ messages: [MessageDescription]) -> FileDescription {
    var file = FileDescription()
    file.name = "google/protobuf/\(name).proto"
    file.package = "google.protobuf"
    file.syntax = .proto3
    file.messages = messages
    return file
}

private func message(
    _ name: String, _ fields: [(String, FieldType)]
) -> MessageDescription {
    var message = MessageDescription()
    message.name = name
    for (index, (fieldName, type)) in fields.enumerated() {
        message.fields.append(field(fieldName, index + 1, type))
    }
    return message
}

private func field(
    _ name: String, _ number: Int, _ type: FieldType, of typeName: String = "",
    repeated: Bool = false
) -> FieldDescription {
    var field = FieldDescription()
    field.name = name
    field.number = Int64(number)
    field.type = type
    field.typeName = typeName
    field.label = repeated ? .repeated : .optional
    return field
}

private func fieldMaskFile() -> FileDescription {
    var mask = MessageDescription()
    mask.name = "FieldMask"
    mask.fields = [field("paths", 1, .string, repeated: true)]
    return file("field_mask", [mask])
}

private func wrappersFile() -> FileDescription {
    let types: [(String, FieldType)] = [
        ("DoubleValue", .double), ("FloatValue", .float), ("Int64Value", .int64),
        ("UInt64Value", .uint64), ("Int32Value", .int32), ("UInt32Value", .uint32),
        ("BoolValue", .bool), ("StringValue", .string), ("BytesValue", .bytes),
    ]
    return file("wrappers", types.map { message($0.0, [("value", $0.1)]) })
}

private func structFile() -> FileDescription {
    let value = ".google.protobuf.Value"
    var entry = message("FieldsEntry", [("key", .string)])
    entry.fields.append(field("value", 2, .message, of: value))
    entry.isMapEntry = true

    var structure = MessageDescription()
    structure.name = "Struct"
    structure.messages = [entry]
    structure.fields = [
        field(
            "fields", 1, .message, of: ".google.protobuf.Struct.FieldsEntry", repeated: true)
    ]

    var kinds = MessageDescription()
    kinds.name = "Value"
    kinds.oneofs = ["kind"]
    kinds.fields = [
        field("null_value", 1, .enumeration, of: ".google.protobuf.NullValue"),
        field("number_value", 2, .double),
        field("string_value", 3, .string),
        field("bool_value", 4, .bool),
        field("struct_value", 5, .message, of: ".google.protobuf.Struct"),
        field("list_value", 6, .message, of: ".google.protobuf.ListValue"),
    ]
    for index in kinds.fields.indices { kinds.fields[index].oneof = 0 }

    var list = MessageDescription()
    list.name = "ListValue"
    list.fields = [field("values", 1, .message, of: value, repeated: true)]

    var null = EnumDescription()
    null.name = "NullValue"
    null.values = [EnumValueDescription(name: "NULL_VALUE", number: 0)]

    var result = file("struct", [structure, kinds, list])
    result.enums = [null]
    return result
}
