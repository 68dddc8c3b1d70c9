// The body of the loader's bundle: the checked settings and the descriptor sets, for every child
// to read for itself. The header before it belongs to the supervisor and is skipped by its own
// length. Decoding never traps, though only prong's loader writes bundles and they are sealed.
//
//     body    =  bytes(settings)  count  entry*  bytes(sets)
//     entry   =  target  bytes(label)  start  length      a range of `sets`; two targets that
//     bytes   =  varint(length) content                   use one file share its range

/// What the loader hands to the queue and the workers.
package struct Bundle: Sendable {
    /// One descriptor set of one target.
    package struct DescriptorSet: Equatable, Sendable {
        /// Index into `settings.targets`.
        package let target: Int
        /// The file's path, for messages.
        package let label: String
        /// Where the set lies in the bundle's bytes.
        package let range: Range<Int>
    }

    package let settings: Settings
    /// In the order of the targets, and in each of its files.
    package let descriptorSets: [DescriptorSet]
    private let bytes: [UInt8]

    /// The bytes of one of `descriptorSets`.
    package func bytes(of set: DescriptorSet) -> [UInt8] {
        Array(bytes[set.range])
    }

    /// A file for the bundle: its path and bytes, and the targets that use it.
    package struct Source: Sendable {
        package var label: String
        package var bytes: [UInt8]

        package init(label: String, bytes: [UInt8]) {
            self.label = label
            self.bytes = bytes
        }
    }

    /// A whole bundle: the header, then the body.
    ///
    /// - Parameters:
    ///   - header: what WireFormat's `BundleHeader` made; it holds its own length.
    ///   - sources: the files; each once.
    ///   - uses: for each target, the indices of its files.
    package static func encode(
        header: [UInt8], settings: Settings, sources: [Source], uses: [[Int]]
    ) -> [UInt8] {
        var starts: [Int] = []
        var total = 0
        for source in sources {
            starts.append(total)
            total += source.bytes.count
        }
        var body = SettingsEncoder(appendingTo: header)
        body.bytes(settings.encoded())
        body.count(uses.reduce(0) { $0 + $1.count })
        for (target, files) in uses.enumerated() {
            for file in files {
                body.count(target)
                body.text(sources[file].label)
                body.count(starts[file])
                body.count(sources[file].bytes.count)
            }
        }
        body.count(total)
        for source in sources { body.raw(source.bytes) }
        return body.encoded
    }

    /// Reads a whole bundle.
    package static func decode(_ bytes: [UInt8]) throws(SettingsDecodingError) -> Bundle {
        var cursor = SettingsDecoder(bytes, from: try headerBytes(of: bytes))
        let settings = try Settings(encoded: try cursor.bytes())
        var entries: [(target: Int, label: String, start: Int, length: Int)] = []
        for _ in 0..<(try cursor.count()) {
            entries.append(
                (try cursor.count(), try cursor.text(), try cursor.count(), try cursor.count()))
        }
        let total = try cursor.count()
        let base = cursor.position
        guard total == bytes.count - base else { throw .truncated }
        var sets: [DescriptorSet] = []
        for entry in entries {
            guard settings.targets.indices.contains(entry.target), entry.start <= total,
                entry.length <= total - entry.start
            else { throw .outOfRange }
            let start = base + entry.start
            sets.append(
                DescriptorSet(
                    target: entry.target, label: entry.label, range: start..<start + entry.length))
        }
        return Bundle(settings: settings, descriptorSets: sets, bytes: bytes)
    }

    /// The header's own length, which stands in it at byte 12.
    private static func headerBytes(of bytes: [UInt8]) throws(SettingsDecodingError) -> Int {
        guard bytes.count >= 16 else { throw .truncated }
        let length = (0..<4).reduce(0) { $0 | Int(bytes[12 + $1]) << ($1 * 8) }
        guard length >= 16, length <= bytes.count else { throw .outOfRange }
        return length
    }
}
