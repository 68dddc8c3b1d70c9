// Durations, sizes, rates and file modes as people write them, and back. No fractions and no sums:
// one number, one unit, so that there is one way to read each. Hostile text is nil, never a trap.

/// Durations: `500ms`, `30s`, `5m`, `1h`, `7d`.
package enum DurationText {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1),
    ]

    /// The milliseconds of a text, or nil.
    package static func milliseconds(_ text: String) -> Int64? {
        amount(of: text) { name in units.first { $0.name == name }?.milliseconds }
    }

    /// The shortest text without a fraction: "90s", "2m", "0s".
    package static func text(milliseconds: Int64) -> String {
        if milliseconds == 0 { return "0s" }
        let unit = units.first { milliseconds % $0.milliseconds == 0 } ?? ("ms", 1)
        return "\(milliseconds / unit.milliseconds)\(unit.name)"
    }
}

/// Sizes: `512B`, `64KiB`, `4MiB`, `10GiB`, `1TiB`.
package enum SizeText {
    private static let units: [(name: String, bytes: Int64)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1),
    ]

    /// The bytes of a text, or nil.
    package static func bytes(_ text: String) -> Int64? {
        amount(of: text) { name in units.first { $0.name == name }?.bytes }
    }

    /// The shortest text without a fraction.
    package static func text(bytes: Int64) -> String {
        if bytes == 0 { return "0MiB" }
        let unit = units.first { bytes % $0.bytes == 0 } ?? ("B", 1)
        return "\(bytes / unit.bytes)\(unit.name)"
    }
}

/// Rates: `600/1m`, `10/s`; "" is no limit.
enum RateText {
    static func isRate(_ text: String) -> Bool {
        if text.isEmpty { return true }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let count = decimal(parts[0]), count > 0 else { return false }
        let unit = parts[1].utf8.first.map(isDigit) == true ? String(parts[1]) : "1\(parts[1])"
        return (DurationText.milliseconds(unit) ?? 0) > 0
    }
}

/// Permission bits: `0660`.
enum ModeText {
    /// The bits of three or four octal digits, or nil; at most 0o777.
    static func bits(_ text: String) -> Int64? {
        let digits = Array(text.utf8)
        guard digits.count == 3 || digits.count == 4 else { return nil }
        var bits: Int64 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(digit) else { return nil }
            bits = bits * 8 + Int64(digit - UInt8(ascii: "0"))
        }
        return bits <= 0o777 ? bits : nil
    }

    static func text(bits: Int64) -> String {
        let digits = String(bits, radix: 8)
        return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
    }
}

/// A number and a unit, no space between; nil for anything else and for what overflows.
private func amount(of text: String, unit: (Substring) -> Int64?) -> Int64? {
    let digits = text.utf8.prefix(while: isDigit)
    guard let number = decimal(Substring(digits)), let factor = unit(text[digits.endIndex...])
    else { return nil }
    let (product, overflow) = number.multipliedReportingOverflow(by: factor)
    return overflow ? nil : product
}

/// Decimal digits only, no sign.
func decimal(_ text: Substring) -> Int64? {
    guard !text.isEmpty, text.utf8.allSatisfy(isDigit) else { return nil }
    return Int64(text)
}

func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
}
