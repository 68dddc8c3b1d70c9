// The known names that a misspelt one was probably meant to be.

/// Suggestions for unknown keys and methods.
package enum NearestName {
    /// Longer names are not compared: no known one is as long, and the cost grows with the square.
    private static let longestBytes = 64

    /// The name with the fewest edits, if these are few for its length.
    static func of(_ name: String, among known: [String]) -> String? {
        let near = known.map { ($0, bounded(Array(name.utf8), Array($0.utf8))) }
        guard let best = near.min(by: { $0.1 < $1.1 }) else { return nil }
        return best.1 <= max(1, best.0.utf8.count / 3) ? best.0 : nil
    }

    private static func bounded(_ one: [UInt8], _ other: [UInt8]) -> Int {
        guard one.count <= longestBytes, other.count <= longestBytes else { return Int.max }
        return distance(one[...], other[...])
    }

    /// Insertions, deletions and replacements that make one of the other (Levenshtein).
    private static func distance(_ one: ArraySlice<UInt8>, _ other: ArraySlice<UInt8>) -> Int {
        var row = Array(0...other.count)
        for (i, a) in one.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, b) in other.enumerated() {
                let replaced = diagonal + (a == b ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, diagonal + 1, row[j] + 1)
            }
        }
        return row[other.count]
    }

    // MARK: methods

    /// A sentence holds no more.
    private static let offeredMax = 3
    private static let longestMethodBytes = 256
    /// Pairs of bytes compared for one unknown name: milliseconds, whatever the descriptors are.
    private static let pairsMax = 1 << 20

    /// The methods that a wrong name was probably meant to be, the nearest first: by the fewest
    /// edits to the whole name or to a tail of it, in any case.
    package static func methods(
        _ name: String, among known: some Sequence<String>
    ) -> [String] {
        let wanted = Array(name.lowercased().utf8)
        guard 1...longestMethodBytes ~= wanted.count else { return [] }
        let bound = max(2, wanted.count / 3)
        var pairsLeft = pairsMax
        var near: [(edits: Int, name: String)] = []
        for full in known {
            guard pairsLeft > 0 else { break }
            let edits = tails(of: full).compactMap { tail in
                abs(tail.count - wanted.count) > bound
                    ? nil : differing(wanted[...], tail, &pairsLeft)
            }.min()
            if let edits, edits <= bound { near.append((edits, full)) }
        }
        near.sort { ($0.edits, $0.name) < ($1.edits, $1.name) }
        // far behind the best it is another method
        let worst = (near.first?.edits ?? 0) * 2 + 2
        return near.prefix(offeredMax).filter { $0.edits <= worst }.map(\.name)
    }

    /// The name, and what is behind each dot and slash of it.
    private static func tails(of full: String) -> [ArraySlice<UInt8>] {
        let bytes = Array(full.lowercased().utf8)
        let ends = bytes.indices.filter { [0x2E, 0x2F].contains(bytes[$0]) }
        return [bytes[...]] + ends.map { bytes[($0 + 1)...] }
    }

    /// The distance, with what both have at their ends taken off first: mostly that is nearly all.
    private static func differing(
        _ one: ArraySlice<UInt8>, _ other: ArraySlice<UInt8>, _ pairsLeft: inout Int
    ) -> Int {
        var (one, other) = (one, other)
        while let a = one.first, a == other.first {
            (one, other) = (one.dropFirst(), other.dropFirst())
        }
        while let a = one.last, a == other.last {
            (one, other) = (one.dropLast(), other.dropLast())
        }
        pairsLeft -= one.count * other.count + 1
        return distance(one, other)
    }
}
