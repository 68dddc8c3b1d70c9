// google.rpc's standard error details (google/rpc/error_details.proto), as schema of last resort:
// servers of any API send them, and few APIs' own descriptors hold them. Must never be asked where
// a target's own schema knows the type: that may be newer.

extension Schema {
    /// Made once, when the first detail is shown that a target's schema does not know. Nil never
    /// happens while the declarations below are right, which a test holds.
    package static let errorDetails: Schema? = {
        let files = [errorDetailsFile()] + wellKnownFiles()
        var builder = SchemaBuilder(files: files.map { LabelledFile(label: "built in", file: $0) })
        return try? builder.build()
    }()
}

private func errorDetailsFile() -> FileDescription {
    var file = FileDescription()
    file.name = "google/rpc/error_details.proto"
    file.package = "google.rpc"
    file.syntax = .proto3
    file.messages = [
        message("ErrorInfo", ["reason", "domain", "metadata:map"]),
        message("RetryInfo", ["retry_delay:.google.protobuf.Duration"]),
        message("DebugInfo", ["stack_entries*", "detail"]),
        message(
            "QuotaFailure", ["violations*:.google.rpc.QuotaFailure.Violation"],
            [
                message(
                    "Violation",
                    [
                        "subject", "description", "api_service", "quota_metric", "quota_id",
                        "quota_dimensions:map", "quota_value:int64", "future_quota_value?:int64",
                    ])
            ]),
        message(
            "PreconditionFailure", ["violations*:.google.rpc.PreconditionFailure.Violation"],
            [message("Violation", ["type", "subject", "description"])]),
        message(
            "BadRequest", ["field_violations*:.google.rpc.BadRequest.FieldViolation"],
            [
                message(
                    "FieldViolation",
                    [
                        "field", "description", "reason",
                        "localized_message:.google.rpc.LocalizedMessage",
                    ])
            ]),
        message("RequestInfo", ["request_id", "serving_data"]),
        message("ResourceInfo", ["resource_type", "resource_name", "owner", "description"]),
        message(
            "Help", ["links*:.google.rpc.Help.Link"], [message("Link", ["description", "url"])]),
        message("LocalizedMessage", ["locale", "message"]),
    ]
    return file
}

/// Fields are numbered from 1. Each is its name, `*` where it is a list, `?` where it is optional,
/// and behind a colon its type unless that is string: `int64`, `map` (of string to string), or a
/// message's full name with a dot before it.
private func message(
    _ name: String, _ fields: [String], _ nested: [MessageDescription] = []
) -> MessageDescription {
    var message = MessageDescription()
    message.name = name
    message.messages = nested
    for (index, text) in fields.enumerated() {
        var field = field(text)
        field.number = Int64(index + 1)
        if field.isProto3Optional {
            field.oneof = message.oneofs.count
            message.oneofs.append("_\(field.name)")
        }
        if field.typeName == entryName(of: field.name) {
            message.messages.append(textEntry(of: field.name))
        }
        message.fields.append(field)
    }
    return message
}

private func field(_ text: String) -> FieldDescription {
    let parts = text.split(separator: ":")
    var field = FieldDescription()
    field.name = String(parts[0].filter { $0 != "*" && $0 != "?" })
    field.isProto3Optional = parts[0].hasSuffix("?")
    field.label = parts[0].hasSuffix("*") ? .repeated : .optional
    switch parts.count == 2 ? parts[1] : "string" {
    case "string": field.type = .string
    case "int64": field.type = .int64
    case "map":
        field.label = .repeated
        field.type = .message
        field.typeName = entryName(of: field.name)
    case let type:
        field.type = .message
        field.typeName = String(type)
    }
    return field
}

/// protoc's name of a map's entry: `quota_dimensions` has `QuotaDimensionsEntry`.
private func entryName(of field: String) -> String {
    field.split(separator: "_").map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined()
        + "Entry"
}

private func textEntry(of field: String) -> MessageDescription {
    var entry = message(entryName(of: field), ["key", "value"])
    entry.isMapEntry = true
    return entry
}
