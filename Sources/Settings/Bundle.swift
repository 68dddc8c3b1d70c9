// The body of the loader's bundle: the checked settings and the descriptor sets, for every child
// to read for itself. The header before it belongs to the supervisor and is skipped by its own
// length. Decoding never traps, though only prong's loader writes bundles and they are sealed.
//
//     body    =  bytes(settings)  count  entry*  count  learned*  bytes(sets)
//     entry   =  target  bytes(label)  start  length      a range of `sets`; two targets that
//     bytes   =  varint(length) content                   use one file share its range
//     learned =  target  state  time  bytes(reason)       of a target with reflection

/// What the loader hands to the queue and the workers.
package struct Bundle: Sendable {
    /// One descriptor set of one target.
    package struct DescriptorSet: Equatable, Sendable {
        /// Index into `settings.targets`.
        package let target: Int
        /// The file's path, for messages; what `reflectionLabel` says for what a server told.
        package let label: String
        /// Where the set lies in the bundle's bytes.
        package let range: Range<Int>
    }

    /// What a target with `reflection` told, or why it did not.
    package struct Learned: Equatable, Sendable {
        package enum State: UInt8, Sendable {
            /// It was asked for this bundle or one before, and answered.
            case fresh = 1
            /// It did not answer; what it told an earlier prongd is used.
            case cached
            /// It did not answer, and never has: only what files say is known.
            case missing
        }

        /// Index into `settings.targets`.
        package var target: Int
        package var state: State
        /// When what is known was told, wall clock; 0 if nothing is.
        package var atMilliseconds: Int64
        /// Why it is not fresh; empty if it is.
        package var reason: String

        package init(target: Int, state: State, atMilliseconds: Int64, reason: String) {
            self.target = target
            self.state = state
            self.atMilliseconds = atMilliseconds
            self.reason = reason
        }
    }

    /// The label of the set that a target told; files have their paths, which begin with "/".
    package static func reflectionLabel(_ target: String) -> String {
        "the reflection of \(target)"
    }

    package let settings: Settings
    /// Of each target with `reflection`.
    package let learned: [Learned]
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
    ///   - learned: for each target with reflection.
    package static func encode(
        header: [UInt8], settings: Settings, sources: [Source], uses: [[Int]],
        learned: [Learned] = []
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
        body.count(learned.count)
        for one in learned {
            body.count(one.target)
            body.count(Int(one.state.rawValue))
            body.signed(one.atMilliseconds)
            body.text(one.reason)
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
        let learned = try decodeLearned(&cursor, targets: settings.targets.count)
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
        return Bundle(settings: settings, learned: learned, descriptorSets: sets, bytes: bytes)
    }

    private static func decodeLearned(
        _ cursor: inout SettingsDecoder, targets: Int
    ) throws(SettingsDecodingError) -> [Learned] {
        var learned: [Learned] = []
        for _ in 0..<(try cursor.count()) {
            let target = try cursor.count()
            guard target < targets,
                let state = Learned.State(rawValue: UInt8(clamping: try cursor.count()))
            else { throw .outOfRange }
            learned.append(
                Learned(
                    target: target, state: state, atMilliseconds: try cursor.signed(),
                    reason: try cursor.text()))
        }
        return learned
    }

    /// The header's own length, which stands in it at byte 12.
    private static func headerBytes(of bytes: [UInt8]) throws(SettingsDecodingError) -> Int {
        guard bytes.count >= 16 else { throw .truncated }
        let length = (0..<4).reduce(0) { $0 | Int(bytes[12 + $1]) << ($1 * 8) }
        guard length >= 16, length <= bytes.count else { throw .outOfRange }
        return length
    }
}
