// Serialized .proto files by name: what a server's reflection hands out one by one and what a
// descriptor set holds. Reads no more of a file than its name and its imports; whether the file
// makes sense is for Schema to say.

internal import Schema

/// One google.protobuf.FileDescriptorProto, as it was received.
package struct DescriptorFile: Equatable, Sendable {
    package let name: String
    package let imports: [String]
    package let bytes: [UInt8]

    /// Longer names are none: SchemaLimit says the same of packages and types.
    static let nameBytesMax = SchemaLimit.fullNameBytesMaximum

    /// Nil: not a file, or one without a name.
    package init?(bytes: [UInt8]) {
        var name: String?
        var imports: [String] = []
        var isSound = true
        let isMessage = WireScan.eachField(of: bytes) { number, value in
            guard number == 1 || number == 3 else { return }
            guard case .bytes(let range) = value, range.count <= DescriptorFile.nameBytesMax,
                let text = String(validating: bytes[range], as: UTF8.self), !text.isEmpty
            else { return isSound = false }
            if number == 1 { name = text } else { imports.append(text) }
        }
        guard isMessage, isSound, let name else { return nil }
        self.name = name
        self.imports = imports
        self.bytes = bytes
    }

    /// Stands for a file that the server does not have. Imports that nothing is taken from
    /// are common; where something is, Schema says what is missing.
    init(missing name: String) {
        self.name = name
        imports = []
        var writer = MessageWriter()
        writer.text(1, name)
        bytes = writer.bytes
    }
}

package enum DescriptorFiles {
    /// The files of a google.protobuf.FileDescriptorSet; nil: it is none.
    package static func parse(set bytes: [UInt8]) -> [DescriptorFile]? {
        var files: [DescriptorFile] = []
        var isSound = true
        let isMessage = WireScan.eachField(of: bytes) { number, value in
            guard number == 1 else { return }
            guard case .bytes(let range) = value,
                let file = DescriptorFile(bytes: Array(bytes[range]))
            else { return isSound = false }
            files.append(file)
        }
        return isMessage && isSound ? files : nil
    }

    /// A google.protobuf.FileDescriptorSet of the files, in their order.
    package static func set(of files: [DescriptorFile]) -> [UInt8] {
        var writer = MessageWriter()
        for file in files { writer.data(1, file.bytes) }
        return writer.bytes
    }

    /// The files so that each stands behind all that it imports; nil: the imports lead in a circle.
    static func ordered(_ files: [DescriptorFile]) -> [DescriptorFile]? {
        let place = Dictionary(
            files.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        var importers = [[Int]](repeating: [], count: files.count)
        var waiting = [Int](repeating: 0, count: files.count)
        for (index, file) in files.enumerated() {
            for name in file.imports {
                guard let target = place[name] else { continue }
                importers[target].append(index)
                waiting[index] += 1
            }
        }
        var order = files.indices.filter { waiting[$0] == 0 }
        var next = 0
        while next < order.count {
            for importer in importers[order[next]] {
                waiting[importer] -= 1
                if waiting[importer] == 0 { order.append(importer) }
            }
            next += 1
        }
        return order.count == files.count ? order.map { files[$0] } : nil
    }
}
