// The schema: what can be called and what the messages look like, read from descriptor sets.
//
// A value that never changes after it was built; share it freely. Building it checks everything
// that encoding and decoding rely on, so that they need not. It must never trap on a broken set.

/// A message type of one schema. Handles of one schema mean nothing to another.
package struct MessageHandle: Hashable, Sendable {
    let index: Int32
}

/// An enum type of one schema.
package struct EnumHandle: Hashable, Sendable {
    let index: Int32
}

/// A method that can be called.
package struct MethodDescriptor: Sendable {
    /// `package.Service/Method`, as it stands in an HTTP path after the slash.
    package let fullName: String
    /// `package.Service`.
    package let service: String
    package let name: String
    package let input: MessageHandle
    package let output: MessageHandle
    /// Full names of the request's and the response's message.
    package let inputName: String
    package let outputName: String
    package let isClientStreaming: Bool
    package let isServerStreaming: Bool
    package let options: MethodOptions

    package var isUnary: Bool { !isClientStreaming && !isServerStreaming }
}

/// A service with its methods, in the order of their declaration.
package struct ServiceDescriptor: Sendable {
    package let fullName: String
    package let methods: [MethodDescriptor]
    /// google.api.default_host: where the service is to be found, perhaps without a port.
    package let defaultHost: String?
    /// google.api.oauth_scopes.
    package let oauthScopes: [String]
    /// google.api.api_version.
    package let apiVersion: String?
}

package struct Schema: Sendable {
    /// Messages inside each other, and JSON's objects and arrays inside each other, at most: what
    /// protobuf's own implementations take.
    package static let depthLimit = 100

    /// One reference, so that handing a schema on costs one count.
    private let contents: SchemaContents

    /// Reads and checks serialized `google.protobuf.FileDescriptorSet`s. `label` names a set in
    /// errors, usually by its file. A file that stands in several sets must be the same in all.
    /// Everything that a set refers to must be there; the messages of google.protobuf that have
    /// a JSON form of their own are there always.
    package init(sets: [(label: String, bytes: [UInt8])]) throws(SchemaError) {
        var collector = FileCollector()
        for set in sets { try collector.add(set.bytes, label: set.label) }
        var builder = SchemaBuilder(files: try collector.finished())
        self = try builder.build()
    }

    init(services: [ServiceDescriptor], tables: SchemaTables, names: SchemaNames) {
        contents = SchemaContents(services: services, tables: tables, names: names)
    }

    /// All services, sorted by full name.
    package var services: [ServiceDescriptor] { contents.services }

    var tables: SchemaTables { contents.tables }
    var messagesByName: [String: Int32] { contents.names.messagesByName }
    /// Full names by handle.
    var messageNames: [String] { contents.names.messageNames }
    var enumNames: [String] { contents.names.enumNames }
    /// The oneofs of each message that has any (those that `optional` makes up left out).
    var oneofNames: [Int32: [String]] { contents.names.oneofNames }
    /// The defaults that proto2 fields declare, by the field's place in the tables.
    var fieldDefaults: [Int32: String] { contents.names.fieldDefaults }
    /// The fields that the tables' names do not lead to.
    var hiddenFields: [FieldName: Int32] { contents.names.hiddenFields }

    // MARK: lookups

    package func service(named name: String) -> ServiceDescriptor? {
        contents.serviceIndexByName[name].map { contents.services[$0] }
    }

    /// The method by `package.Service/Method`, without a slash before it.
    package func method(_ path: String) -> MethodDescriptor? { contents.methodsByPath[path] }

    package func method(service: String, name: String) -> MethodDescriptor? {
        contents.methodsByPath["\(service)/\(name)"]
    }

    /// The message by its full name, such as `google.protobuf.Any`; without a dot before it.
    package func message(named name: String) -> MessageHandle? {
        messagesByName[name].map { MessageHandle(index: $0) }
    }

    package func `enum`(named name: String) -> EnumHandle? {
        contents.names.enumsByName[name].map { EnumHandle(index: $0) }
    }

    package func name(of message: MessageHandle) -> String { messageNames[Int(message.index)] }
}

/// What a schema holds; immutable once made.
private final class SchemaContents: Sendable {
    let services: [ServiceDescriptor]
    let tables: SchemaTables
    let names: SchemaNames
    let methodsByPath: [String: MethodDescriptor]
    let serviceIndexByName: [String: Int]

    init(services: [ServiceDescriptor], tables: SchemaTables, names: SchemaNames) {
        self.services = services
        self.tables = tables
        self.names = names
        var methods: [String: MethodDescriptor] = [:]
        var serviceIndex: [String: Int] = [:]
        for (index, service) in services.enumerated() {
            serviceIndex[service.fullName] = index
            for method in service.methods { methods[method.fullName] = method }
        }
        methodsByPath = methods
        serviceIndexByName = serviceIndex
    }
}
