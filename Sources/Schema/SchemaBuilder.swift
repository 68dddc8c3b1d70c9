// Turns the files of all sets into a schema: names every type, resolves every reference, checks
// what protobuf's own runtimes would refuse, and fills the tables.
//
//   declare      every message, enum and service gets its full name and an index
//   link         every field, extension and method is resolved to indices
//   fill         fields sorted by number, hash tables of names, services sorted
//
// It walks nested messages by recursion, which the parser has bounded.

/// What the schema keeps of names, by handle and by name.
struct SchemaNames: Sendable {
    var messagesByName: [String: Int32] = [:]
    var enumsByName: [String: Int32] = [:]
    var messageNames: [String] = []
    var enumNames: [String] = []
    var oneofNames: [Int32: [String]] = [:]
    var fieldDefaults: [Int32: String] = [:]
    /// The places of fields whose names are other fields' JSON names.
    var hiddenFields: [FieldName: Int32] = [:]
}

/// A field by its message and its own name.
struct FieldName: Hashable, Sendable {
    let message: Int32
    let name: String
}

struct SchemaBuilder {
    /// A declared message, waiting to be linked.
    struct Declared {
        let description: MessageDescription
        let scope: String
        let fileIndex: Int
        var fields: [LinkedField] = []
    }

    /// A field with its reference resolved.
    struct LinkedField {
        var entry: FieldEntry
        var name: String
        var jsonName: String
        var defaultValue: String?
    }

    let files: [LabelledFile]
    var names = SchemaNames()
    var declared: [Declared] = []
    var enums: [(description: EnumDescription, fileIndex: Int)] = []
    /// Every full name that is taken, packages apart.
    var taken: Set<String> = []
    var packages: Set<String> = []
    /// Of all full names so far, and of all prefixes of packages.
    private var nameBytes = 0
    var text: [UInt8] = []

    init(files: [LabelledFile]) {
        self.files = files
    }

    mutating func build() throws(SchemaError) -> Schema {
        for index in files.indices { try declareFile(index) }
        for index in files.indices { try checkPackages(index) }
        for index in declared.indices { try linkMessage(index) }
        for index in files.indices { try linkExtensions(index) }
        for index in declared.indices { try checkMessage(index) }
        let services = try linkServices()
        let tables = fillTables()
        return Schema(services: services, tables: tables, names: names)
    }

    func failure(
        _ fileIndex: Int, _ message: String, exceedsLimit: Bool = false
    ) -> SchemaError {
        SchemaError(
            label: files[fileIndex].label,
            message: "\(shown(files[fileIndex].file.name)): \(message)",
            exceedsLimit: exceedsLimit)
    }

    // MARK: declare

    private mutating func declareFile(_ index: Int) throws(SchemaError) {
        let file = files[index].file
        if !file.package.isEmpty {
            for part in file.package.split(separator: ".", omittingEmptySubsequences: false) {
                try checkIdentifier(String(part), index)
            }
        }
        try addPackages(file.package, index)
        for message in file.messages {
            try declare(message, scope: file.package, index)
        }
        for item in file.enums { try declare(item, scope: file.package, index) }
        for service in file.services {
            try take(service.name, scope: file.package, index)
        }
        for field in file.extensions { try take(field.name, scope: file.package, index) }
    }

    /// The package's length is bounded by the collector.
    private mutating func addPackages(_ package: String, _ fileIndex: Int) throws(SchemaError) {
        var prefix = ""
        for part in package.split(separator: ".") {
            prefix += prefix.isEmpty ? part : ".\(part)"
            guard packages.insert(prefix).inserted else { continue }
            try countName(prefix.utf8.count, fileIndex)
        }
    }

    private mutating func countName(_ bytes: Int, _ fileIndex: Int) throws(SchemaError) {
        nameBytes += bytes
        guard nameBytes <= SchemaLimit.allNamesBytesMaximum else {
            throw failure(
                fileIndex,
                "the full names of all declarations are longer than "
                    + "\(SchemaLimit.allNamesBytesMaximum >> 20) MiB together",
                exceedsLimit: true)
        }
    }

    /// Asked before the full name is made.
    mutating func checkLength(
        of name: String, in scope: String, _ fileIndex: Int
    ) throws(SchemaError) {
        let bytes = scope.utf8.count + 1 + name.utf8.count
        guard bytes <= SchemaLimit.fullNameBytesMaximum else {
            throw failure(
                fileIndex,
                "the full name of \(shown(name)) in \(shown(scope)) is longer than "
                    + "\(SchemaLimit.fullNameBytesMaximum) bytes",
                exceedsLimit: true)
        }
        try countName(bytes, fileIndex)
    }

    /// No type may have the name of a package: `a.b` could then mean both.
    private func checkPackages(_ index: Int) throws(SchemaError) {
        let file = files[index].file
        for name in file.messages.map(\.name) + file.enums.map(\.name) + file.services.map(\.name) {
            let fullName = qualified(name, in: file.package)
            guard !packages.contains(fullName) else {
                throw failure(index, "\(fullName) is the name of a package and of a type")
            }
        }
    }

    func checkIdentifier(_ name: String, _ fileIndex: Int) throws(SchemaError) {
        let isWord = name.utf8.allSatisfy { byte in
            byte == UInt8(ascii: "_") || isDigit(byte)
                || byte | 0x20 >= UInt8(ascii: "a")
                    && byte | 0x20 <= UInt8(ascii: "z")
        }
        guard isWord, let first = name.utf8.first, !isDigit(first) else {
            throw failure(fileIndex, "\"\(shown(name))\" is not a name that protobuf allows")
        }
    }

    func qualified(_ name: String, in scope: String) -> String {
        scope.isEmpty ? name : "\(scope).\(name)"
    }

    /// Takes a full name, which nothing else may have.
    @discardableResult
    private mutating func take(
        _ name: String, scope: String, _ fileIndex: Int
    ) throws(SchemaError) -> String {
        try checkIdentifier(name, fileIndex)
        try checkLength(of: name, in: scope, fileIndex)
        let fullName = qualified(name, in: scope)
        guard taken.insert(fullName).inserted else {
            throw failure(fileIndex, "\(fullName) is declared twice")
        }
        return fullName
    }

    private mutating func declare(
        _ message: MessageDescription, scope: String, _ fileIndex: Int
    ) throws(SchemaError) {
        let fullName = try take(message.name, scope: scope, fileIndex)
        names.messagesByName[fullName] = Int32(declared.count)
        names.messageNames.append(fullName)
        declared.append(
            Declared(description: message, scope: fullName, fileIndex: fileIndex))
        for nested in message.messages { try declare(nested, scope: fullName, fileIndex) }
        for item in message.enums { try declare(item, scope: fullName, fileIndex) }
        for field in message.fields { try take(field.name, scope: fullName, fileIndex) }
        for field in message.extensions { try take(field.name, scope: fullName, fileIndex) }
        for oneof in message.oneofs { try take(oneof, scope: fullName, fileIndex) }
    }

    private mutating func declare(
        _ item: EnumDescription, scope: String, _ fileIndex: Int
    ) throws(SchemaError) {
        let fullName = try take(item.name, scope: scope, fileIndex)
        guard !item.values.isEmpty else {
            throw failure(fileIndex, "the enum \(fullName) has no value")
        }
        // Values are named beside their enum, not inside it, as in C++.
        for value in item.values { try take(value.name, scope: scope, fileIndex) }
        names.enumsByName[fullName] = Int32(enums.count)
        names.enumNames.append(fullName)
        enums.append((item, fileIndex))
    }
}
