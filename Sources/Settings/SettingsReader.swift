// From a parsed configuration text to checked settings, or to all that is wrong with it. The one
// way in which settings come to be. It must never stop at the first fault: an operator wants all.

/// Reads a configuration.
package struct SettingsReader {
    private var reading = ValueReading()
    private var settings: Settings

    /// The settings that a configuration says, the defaults where it says nothing. Paths stay as
    /// they were written; the loader resolves them.
    ///
    /// - Parameter places: where socket and store are when the configuration does not say; an error
    ///   counts only if one of its places is needed.
    package static func read(
        _ root: ConfigurationNode, places: Result<DefaultPlaces, DefaultPlacesError>
    ) throws(SettingsError) -> Settings {
        let all = readAll(root, places: places)
        guard all.complaints.isEmpty else { throw SettingsError(all.complaints) }
        return all.settings
    }

    /// As `read`, for who wants to know what else is wrong: what is faulty has its default, and the
    /// settings are of use only where there is no complaint.
    package static func readAll(
        _ root: ConfigurationNode, places: Result<DefaultPlaces, DefaultPlacesError>
    ) -> (settings: Settings, complaints: [Complaint]) {
        var reader = SettingsReader(places: (try? places.get()) ?? .system)
        if case .failure(let error) = places { reader.needPlaces(in: root, else: error) }
        reader.readRoot(root)
        PlaceRelations.check(reader.settings, root, &reader.reading)
        let complaints = reader.reading.complaints.enumerated().sorted(by: inOrder)
        return (reader.settings, complaints.map(\.element))
    }

    private init(places: DefaultPlaces) {
        settings = Settings(places: places)
    }

    /// By place; those without a place first, equal places as they came.
    private static func inOrder(
        _ one: (offset: Int, element: Complaint), _ other: (offset: Int, element: Complaint)
    ) -> Bool {
        let start = TextPlace(line: 0, column: 0)
        let (a, b) = (one.element.place ?? start, other.element.place ?? start)
        return a == b ? one.offset < other.offset : a < b
    }

    private mutating func needPlaces(
        in root: ConfigurationNode, else error: DefaultPlacesError
    ) {
        let hasSocket = root["listen"]?["socket"] != nil
        let hasStore = root["store"]?["path"] != nil
        let isNeeded: Bool
        switch error {
        case .noRuntimeDirectory: isNeeded = !hasSocket || !hasStore
        case .noStateDirectory: isNeeded = !hasStore
        }
        guard isNeeded else { return }
        let nowhere = ConfigurationNode(place: TextPlace(line: 1, column: 1), value: .null)
        reading.complain(nowhere, hasSocket ? "store.path" : "listen.socket", "\(error)")
    }

    private mutating func readRoot(_ root: ConfigurationNode) {
        guard let entries = reading.entries(root, "", "write TOML") else { return }
        let tables = ["listen", "store", "worker", "defaults", "targets", "access", "log"]
        let known = KeyTable.root.map(\.name) + tables
        for entry in entries {
            let node = entry.node
            switch entry.key {
            case "listen": reading.fill(&settings.listen, node, KeyTable.listen, "listen")
            case "store": reading.fill(&settings.store, node, KeyTable.store, "store")
            case "worker": reading.fill(&settings.worker, node, KeyTable.worker, "worker")
            case "defaults": reading.fill(&settings.defaults, node, KeyTable.defaults, "defaults")
            case "access": reading.fill(&settings.access, node, KeyTable.access, "access")
            case "log": reading.fill(&settings.log, node, KeyTable.log, "log")
            case "targets": readTargets(node)
            case _: reading.readKey(&settings, entry, KeyTable.root, "", known)
            }
        }
    }

    private mutating func readTargets(_ node: ConfigurationNode) {
        guard let entries = reading.entries(node, "targets", "write [targets.NAME]") else { return }
        guard entries.count <= KeyTable.targetsMax else {
            reading.complain(node, "targets", "there are more than \(KeyTable.targetsMax) targets")
            return
        }
        for entry in entries.sorted(by: { $0.key < $1.key }) {
            let path = shownKey("targets.\(entry.key)")
            if !SettingsReader.isTargetName(entry.key) {
                reading.complain(
                    entry.node, path, "\(quoted(entry.key)) is not usable as a target's name",
                    "write letters, digits, \"_\", \"-\" and \".\", at most "
                        + "\(KeyTable.targetNameBytesMax) bytes, a letter or digit first")
            }
            var target = Settings.Target(name: entry.key)
            reading.fill(&target, entry.node, KeyTable.target, path)
            TargetRelations.check(target, entry.node, path, &reading)
            settings.targets.append(target)
        }
    }

    static func isTargetName(_ name: String) -> Bool {
        let bytes = name.utf8
        guard let first = bytes.first, isLetter(first) || isDigit(first) else { return false }
        return bytes.count <= KeyTable.targetNameBytesMax
            && bytes.allSatisfy { isLetter($0) || isDigit($0) || "_-.".utf8.contains($0) }
    }
}

extension ValueReading {
    /// All keys of one table.
    mutating func fill<Owner>(
        _ owner: inout Owner, _ node: ConfigurationNode, _ keys: [Key<Owner>], _ table: String
    ) {
        guard let entries = entries(node, table, "write [\(table)]") else { return }
        let known = keys.map(\.name)
        for entry in entries { readKey(&owner, entry, keys, table, known) }
    }

    mutating func readKey<Owner>(
        _ owner: inout Owner, _ entry: ConfigurationNode.Entry, _ keys: [Key<Owner>],
        _ table: String, _ known: [String]
    ) {
        guard let key = keys.first(where: { $0.name == entry.key }) else {
            complainUnknown(entry, in: table, known: known)
            return
        }
        let path = table.isEmpty ? key.name : "\(table).\(key.name)"
        guard let value = value(key.kind, entry.node, path) else { return }
        switch key.place {
        case .stored(_, let write):
            write(&owner, value)
        case .later(let onlyValue):
            if value != onlyValue {
                let shown = TOMLText.value(onlyValue, key.kind)
                complain(
                    entry.node, path, "\(key.name) is not available in this version",
                    "leave it out, or at its default: \(shown)")
            }
        }
    }
}

/// What the places of sockets and store demand of each other.
enum PlaceRelations {
    /// Files that lie where a socket would be bound: whichever came first, the other fails.
    static func check(
        _ settings: Settings, _ root: ConfigurationNode, _ reading: inout ValueReading
    ) {
        let socket = settings.listen.socketPath
        let workers = Settings.workersSocketPath(beside: socket)
        let store = settings.store.path
        let files = [
            store, settings.store.lockPath, settings.store.descriptorsPath, store + "-wal",
            store + "-shm",
        ].map(plain)
        let storeNode = root["store"]?["path"]
        guard let node = storeNode ?? root["listen"]?["socket"],
            let taken = [socket, workers].first(where: { files.contains(plain($0)) })
        else { return }
        reading.complain(
            node, storeNode == nil ? "listen.socket" : "store.path",
            "the store (store.path) or a file beside it would be where listen.socket puts "
                + quoted(taken),
            "name a store that is not \(quoted(taken)), or another socket")
    }

    /// Without what makes two texts of one path: "//" and "/./".
    private static func plain(_ path: String) -> [Substring] {
        path.split(separator: "/").filter { $0 != "." }
    }
}

/// What the keys of one target demand of each other.
enum TargetRelations {
    static func check(
        _ target: Settings.Target, _ node: ConfigurationNode, _ path: String,
        _ reading: inout ValueReading
    ) {
        guard case .table = node.value else { return }
        // With descriptors it may be the API's own, which the loader finds there.
        if node["address"] == nil, node["descriptors"] == nil {
            reading.complain(
                node, "\(path).address", "a target needs an address",
                "write one like \"translate.googleapis.com:443\"")
        }
        if !target.asksReflection,
            case .array(let files) = node["descriptors"]?.value ?? .array([]), files.isEmpty
        {
            reading.complain(
                node["descriptors"] ?? node, "\(path).descriptors",
                "a target needs the descriptors of its services",
                "name files made by buf build, or by protoc --include_imports "
                    + "--descriptor_set_out; or write reflection = true if the server has it")
        }
        checkSecurity(target, node, path, &reading)
        checkTokens(target, node, path, &reading)
    }

    private static func checkSecurity(
        _ target: Settings.Target, _ node: ConfigurationNode, _ path: String,
        _ reading: inout ValueReading
    ) {
        if target.credentials == .insecure {
            for key in ["ca", "cert", "key"] {
                guard let given = node[key], given.value != .text("") else { continue }
                reading.complain(
                    given, "\(path).\(key)", "insecure credentials use no \(key)",
                    "leave it out, or write credentials = \"tls\"")
            }
            return
        }
        if !target.certificatePath.isEmpty, target.keyPath.isEmpty {
            reading.complain(
                node["cert"] ?? node, "\(path).cert", "a certificate needs its private key",
                "name it with key, or leave cert out")
        }
        if target.certificatePath.isEmpty, !target.keyPath.isEmpty {
            reading.complain(
                node["key"] ?? node, "\(path).key", "a private key needs its certificate",
                "name it with cert, or leave key out")
        }
    }
}
