// Patterns over method names: `*` stands for any text, also none and also with dots and slashes;
// everything else stands for itself. Linear in the text for each `*`; no recursion.

/// Matching of `idempotent` patterns.
package enum GlobPattern {
    /// Whether the whole text matches the pattern.
    package static func matches(pattern: String, text: String) -> Bool {
        let pattern = Array(pattern.utf8)
        let text = Array(text.utf8)
        let star = UInt8(ascii: "*")
        var p = 0
        var t = 0
        var lastStar: Int?
        var resume = 0
        while t < text.count {
            if p < pattern.count, pattern[p] == star {
                lastStar = p
                resume = t
                p += 1
            } else if p < pattern.count, pattern[p] == text[t] {
                p += 1
                t += 1
            } else if let star = lastStar {
                // The star takes one byte more, and the rest is tried again from there.
                resume += 1
                p = star + 1
                t = resume
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == star }
    }
}
