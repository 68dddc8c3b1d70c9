// Writes FileDescriptorSets (google/protobuf/descriptor.proto) as protoc would, from a description
// in Swift. Only what the example's file needs: proto3, messages, enums, maps, oneofs, services.

enum FieldKind {
    case double, int64, uint64, int32, bool, string, bytes, uint32
    case message(String)
    case enumeration(String)

    var number: UInt64 {
        switch self {
        case .double: 1
        case .int64: 3
        case .uint64: 4
        case .int32: 5
        case .bool: 8
        case .string: 9
        case .message: 11
        case .bytes: 12
        case .uint32: 13
        case .enumeration: 14
        }
    }

    var typeName: String? {
        switch self {
        case .message(let name), .enumeration(let name): name
        case .double, .int64, .uint64, .int32, .bool, .string, .bytes, .uint32: nil
        }
    }
}

struct FieldDescription {
    enum Form {
        case single
        case repeated
        case optional
        case oneof(String)
        /// A map from text to this field's kind.
        case map
    }

    var number: UInt64
    var name: String
    var kind: FieldKind
    var form = Form.single

    init(_ number: UInt64, _ name: String, _ kind: FieldKind, _ form: Form = .single) {
        self.number = number
        self.name = name
        self.kind = kind
        self.form = form
    }

    /// `received_at` is `receivedAt` in JSON.
    var jsonName: String {
        var result = ""
        var raises = false
        for character in name {
            if character == "_" {
                raises = true
            } else {
                result += raises ? character.uppercased() : String(character)
                raises = false
            }
        }
        return result
    }

    /// The nested type of a map's entries: `labels` has `LabelsEntry`.
    var entryName: String {
        let joined = jsonName
        return joined.prefix(1).uppercased() + joined.dropFirst() + "Entry"
    }
}

struct EnumDescription {
    var name: String
    /// In order, from 0.
    var values: [String]
}

struct MessageDescription {
    var name: String
    var enums: [EnumDescription] = []
    var fields: [FieldDescription]
}

struct MethodDescription {
    enum Idempotency: UInt64 {
        case unknown = 0
        case noSideEffects = 1
        case idempotent = 2
    }

    var name: String
    var input: String
    var output: String
    var idempotency = Idempotency.unknown
    var clientStreams = false
    var serverStreams = false
}

struct FileDescription {
    var name: String
    var package: String
    var imports: [String] = []
    var messages: [MessageDescription]
    var enums: [EnumDescription] = []
    var services: [(name: String, methods: [MethodDescription])] = []
}

extension FileDescription {
    /// FileDescriptorProto.
    func write(to writer: inout WireWriter) {
        writer.text(1, name)
        writer.text(2, package)
        for name in imports { writer.text(3, name) }
        for message in messages {
            writer.message(4) { message.write(to: &$0, scope: ".\(package)") }
        }
        for enumeration in enums { writer.message(5) { enumeration.write(to: &$0) } }
        for service in services {
            writer.message(6) { writer in
                writer.text(1, service.name)
                for method in service.methods {
                    writer.message(2) { method.write(to: &$0, scope: ".\(package)") }
                }
            }
        }
        writer.text(12, "proto3")
    }
}

extension MessageDescription {
    /// DescriptorProto. Oneofs that stand for `optional` come behind the others.
    func write(to writer: inout WireWriter, scope: String) {
        let full = "\(scope).\(name)"
        var oneofs: [String] = []
        for field in fields {
            if case .oneof(let name) = field.form, !oneofs.contains(name) { oneofs.append(name) }
        }
        for field in fields {
            if case .optional = field.form { oneofs.append("_\(field.name)") }
        }
        writer.text(1, name)
        for field in fields {
            writer.message(2) { field.write(to: &$0, message: full, oneofs: oneofs) }
        }
        for field in fields {
            guard case .map = field.form else { continue }
            writer.message(3) { field.writeEntry(to: &$0) }
        }
        for enumeration in enums { writer.message(4) { enumeration.write(to: &$0) } }
        for oneof in oneofs { writer.message(8) { $0.text(1, oneof) } }
    }
}

extension FieldDescription {
    /// FieldDescriptorProto.
    func write(to writer: inout WireWriter, message: String, oneofs: [String]) {
        var label: UInt64 = 1
        var type = kind.number
        var typeName = kind.typeName
        var oneof: String?
        var isOptional = false
        switch form {
        case .single: break
        case .repeated: label = 3
        case .oneof(let name): oneof = name
        case .optional: (oneof, isOptional) = ("_\(name)", true)
        case .map: (label, type, typeName) = (3, 11, "\(message).\(entryName)")
        }
        writer.text(1, name)
        writer.varint(3, number)
        writer.varint(4, label)
        writer.varint(5, type)
        if let typeName { writer.text(6, typeName) }
        if let oneof, let index = oneofs.firstIndex(of: oneof) {
            writer.varint(9, UInt64(index))
        }
        writer.text(10, jsonName)
        if isOptional { writer.varint(17, 1) }
    }

    func writeEntry(to writer: inout WireWriter) {
        writer.text(1, entryName)
        let parts = [FieldDescription(1, "key", .string), FieldDescription(2, "value", kind)]
        for part in parts {
            writer.message(2) { part.write(to: &$0, message: "", oneofs: []) }
        }
        writer.message(7) { $0.varint(7, 1) }
    }
}

extension EnumDescription {
    /// EnumDescriptorProto.
    func write(to writer: inout WireWriter) {
        writer.text(1, name)
        for (number, value) in values.enumerated() {
            writer.message(2) { writer in
                writer.text(1, value)
                writer.varint(2, UInt64(number))
            }
        }
    }
}

extension MethodDescription {
    /// MethodDescriptorProto; names of messages are of the same package.
    func write(to writer: inout WireWriter, scope: String) {
        writer.text(1, name)
        writer.text(2, "\(scope).\(input)")
        writer.text(3, "\(scope).\(output)")
        if idempotency != .unknown {
            writer.message(4) { $0.varint(34, idempotency.rawValue) }
        }
        if clientStreams { writer.varint(5, 1) }
        if serverStreams { writer.varint(6, 1) }
    }
}
