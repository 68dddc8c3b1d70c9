// The known name that a misspelt one was probably meant to be.

/// Suggestions for unknown keys.
enum NearestName {
    /// Longer names are not compared: no known one is as long, and the cost grows with the square.
    private static let longestBytes = 64

    /// The name with the fewest edits, if these are few for its length.
    static func of(_ name: String, among known: [String]) -> String? {
        let near = known.map { ($0, distance(Array(name.utf8), Array($0.utf8))) }
        guard let best = near.min(by: { $0.1 < $1.1 }) else { return nil }
        return best.1 <= max(1, best.0.utf8.count / 3) ? best.0 : nil
    }

    /// Insertions, deletions and replacements that make one of the other (Levenshtein).
    private static func distance(_ one: [UInt8], _ other: [UInt8]) -> Int {
        guard one.count <= longestBytes, other.count <= longestBytes else { return Int.max }
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
}
