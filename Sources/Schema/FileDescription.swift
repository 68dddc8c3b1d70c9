// What prong keeps of a .proto file while a schema is being built: descriptor.proto's messages as
// plain values, without comments, source places and options that do not matter.

enum FileSyntax: Equatable { case proto2, proto3 }

struct FileDescription: Equatable {
    var name = ""
    var package = ""
    var syntax = FileSyntax.proto2
    var dependencies: [String] = []
    var messages: [MessageDescription] = []
    var enums: [EnumDescription] = []
    var services: [ServiceDescription] = []
    var extensions: [FieldDescription] = []
}

struct MessageDescription: Equatable {
    var name = ""
    var fields: [FieldDescription] = []
    var messages: [MessageDescription] = []
    var enums: [EnumDescription] = []
    var extensions: [FieldDescription] = []
    var oneofs: [String] = []
    var isMapEntry = false
    var isMessageSet = false
}

enum FieldLabel: Equatable { case optional, required, repeated }

struct FieldDescription: Equatable {
    var name = ""
    var number: Int64 = 0
    var label = FieldLabel.optional
    /// Nil where the set leaves it to the type's name to say whether it is a message or an enum.
    var type: FieldType?
    var typeName = ""
    var extendee = ""
    var jsonName: String?
    var oneof: Int?
    var isProto3Optional = false
    var packed: Bool?
    var defaultValue: String?
    var isDeprecated = false
}

struct EnumDescription: Equatable {
    var name = ""
    var values: [EnumValueDescription] = []
}

struct EnumValueDescription: Equatable {
    var name = ""
    var number: Int32 = 0
}

struct ServiceDescription: Equatable {
    var name = ""
    var methods: [MethodDescription] = []
    var defaultHost: String?
    var oauthScopes: [String] = []
    var apiVersion: String?
}

struct MethodDescription: Equatable {
    var name = ""
    var input = ""
    var output = ""
    var isClientStreaming = false
    var isServerStreaming = false
    var options = MethodOptions()
}

/// The scalar and other types of fields, with descriptor.proto's numbers.
package enum FieldType: UInt8, Sendable {
    case double = 1
    case float = 2
    case int64 = 3
    case uint64 = 4
    case int32 = 5
    case fixed64 = 6
    case fixed32 = 7
    case bool = 8
    case string = 9
    case group = 10
    case message = 11
    case bytes = 12
    case uint32 = 13
    case enumeration = 14
    case sfixed32 = 15
    case sfixed64 = 16
    case sint32 = 17
    case sint64 = 18
}

extension FieldType {
    /// The type's name in .proto files; empty for those that are named by their message or enum.
    package var keyword: String {
        switch self {
        case .double: "double"
        case .float: "float"
        case .int64: "int64"
        case .uint64: "uint64"
        case .int32: "int32"
        case .fixed64: "fixed64"
        case .fixed32: "fixed32"
        case .bool: "bool"
        case .string: "string"
        case .group, .message, .enumeration: ""
        case .bytes: "bytes"
        case .uint32: "uint32"
        case .sfixed32: "sfixed32"
        case .sfixed64: "sfixed64"
        case .sint32: "sint32"
        case .sint64: "sint64"
        }
    }

    var wireType: WireType {
        switch self {
        case .double, .fixed64, .sfixed64: .fixed64
        case .float, .fixed32, .sfixed32: .fixed32
        case .string, .bytes, .message: .lengthDelimited
        case .group: .startGroup
        case .int64, .uint64, .int32, .bool, .uint32, .enumeration, .sint32, .sint64: .varint
        }
    }

    /// Whether elements may stand side by side in one field (packed).
    var isPackable: Bool {
        switch wireType {
        case .varint, .fixed32, .fixed64: true
        case .lengthDelimited, .startGroup, .endGroup: false
        }
    }
}
