// Instants as users write them (RFC 3339); durations are read by Settings. Pure; refuses rather
// than guesses.

import Schema

enum InstantText {
    /// Milliseconds since 1970 of an RFC 3339 date-time; fractions are cut to milliseconds. More is
    /// taken than protobuf's JSON has: small letters, a space for the T, a leap second, which
    /// counts as the one before it.
    static func milliseconds(_ text: String) -> Int64? {
        var bytes = Array(text.utf8)
        guard bytes.count > secondPlace.upperBound else { return nil }
        if bytes[separatorPlace] == UInt8(ascii: "t") || bytes[separatorPlace] == UInt8(ascii: " ")
        {
            bytes[separatorPlace] = UInt8(ascii: "T")
        }
        if bytes[secondPlace].elementsEqual("60".utf8) {
            bytes.replaceSubrange(secondPlace, with: "59".utf8)
        }
        if bytes.last == UInt8(ascii: "z") { bytes[bytes.count - 1] = UInt8(ascii: "Z") }
        return timestampMilliseconds(bytes)
    }

    private static let separatorPlace = "2026-01-31".utf8.count
    private static let secondPlace = 17..<19
}
