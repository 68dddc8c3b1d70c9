// Gathers the files of all descriptor sets: each once, with all that it imports, in no circle.

struct LabelledFile {
    let label: String
    let file: FileDescription
}

struct FileCollector {
    private var files: [LabelledFile] = []
    private var indexByName: [String: Int] = [:]
    private var declarations = 0
    private var bytesSeen = 0

    init() {}

    mutating func add(_ bytes: [UInt8], label: String) throws(SchemaError) {
        bytesSeen += bytes.count
        guard bytesSeen <= SchemaLimit.setBytesMaximum else {
            throw SchemaError(
                label: label,
                message: "the descriptor sets are larger than "
                    + "\(SchemaLimit.setBytesMaximum >> 20) MiB together",
                exceedsLimit: true)
        }
        let parsed: Result<[FileDescription], WireFault> = bytes.withUnsafeBytes { raw in
            var parser = DescriptorParser(bytes: raw, declarations: declarations)
            do throws(WireFault) {
                let files = try parser.parseAll()
                declarations = parser.declarations
                return .success(files)
            } catch {
                return .failure(error)
            }
        }
        switch parsed {
        case .failure(let fault):
            throw SchemaError(
                label: label,
                message: fault.exceedsLimit
                    ? "the descriptor set has too much: \(fault.message) (byte \(fault.offset))"
                    : "not a readable descriptor set: \(fault.message) (byte \(fault.offset))",
                exceedsLimit: fault.exceedsLimit)
        case .success(let found):
            guard !found.isEmpty else {
                throw SchemaError(label: label, message: "the descriptor set holds no file")
            }
            for file in found { try add(file, label) }
        }
    }

    private mutating func add(_ file: FileDescription, _ label: String) throws(SchemaError) {
        guard !file.name.isEmpty else {
            throw SchemaError(label: label, message: "a file without a name")
        }
        let longest = SchemaLimit.fullNameBytesMaximum
        guard file.package.utf8.count <= longest else {
            throw SchemaError(
                label: label,
                message: "\(shown(file.name)): the package \(shown(file.package)) is longer than "
                    + "\(longest) bytes",
                exceedsLimit: true)
        }
        guard let known = indexByName[file.name] else {
            indexByName[file.name] = files.count
            files.append(LabelledFile(label: label, file: file))
            return
        }
        guard files[known].file == file else {
            throw SchemaError(
                label: label,
                message: "\(shown(file.name)) is here in another version than in "
                    + "\(files[known].label); make both sets from the same .proto files")
        }
    }

    /// All files and, after them, the well-known ones that no set brought along.
    func finished() throws(SchemaError) -> [LabelledFile] {
        try checkImports()
        let wellKnown = wellKnownFiles()
        let packages = Set(wellKnown.map(\.package))
        let declared = Set(
            files.lazy.filter { packages.contains($0.file.package) }
                .flatMap { topLevelNames($0.file) })
        let carried = wellKnown.filter { declared.isDisjoint(with: topLevelNames($0)) }
        return files + carried.map { LabelledFile(label: "built in", file: $0) }
    }

    private func topLevelNames(_ file: FileDescription) -> [String] {
        (file.messages.map(\.name) + file.enums.map(\.name)).map { "\(file.package).\($0)" }
    }

    /// Every import must be there, and none may lead back to its file. Files are struck off once
    /// all that they import are (Kahn), without recursion: a chain of imports may be long.
    private func checkImports() throws(SchemaError) {
        var importers = [[Int]](repeating: [], count: files.count)
        var waiting = [Int](repeating: 0, count: files.count)
        for (index, entry) in files.enumerated() {
            for name in entry.file.dependencies {
                guard let target = indexByName[name] else {
                    throw SchemaError(
                        label: entry.label,
                        message: "\(shown(entry.file.name)) imports \(shown(name)), which is "
                            + "missing; make the set with all imports (protoc --include_imports, "
                            + "buf build)")
                }
                importers[target].append(index)
                waiting[index] += 1
            }
        }
        var ready = files.indices.filter { waiting[$0] == 0 }
        var struck = 0
        while let index = ready.popLast() {
            struck += 1
            for importer in importers[index] {
                waiting[importer] -= 1
                if waiting[importer] == 0 { ready.append(importer) }
            }
        }
        guard struck < files.count, let stuck = waiting.firstIndex(where: { $0 > 0 }) else {
            return
        }
        throw SchemaError(
            label: files[stuck].label,
            message: "the imports of \(shown(files[stuck].file.name)) lead in a circle")
    }
}

extension DescriptorParser {
    mutating func parseAll() throws(WireFault) -> [FileDescription] {
        var files: [FileDescription] = []
        for range in try fileRanges() { files.append(try parseFile(range)) }
        return files
    }
}
