// Durations as prong writes them everywhere (`500ms`, `30s`, `5m`, `1h`, `7d`). Pure.

/// A duration as it was given, checked, with its length.
struct DurationText: Equatable {
    let text: String
    let milliseconds: Int64

    var seconds: Double { Double(milliseconds) / 1000 }

    /// Longer ones are surely typing errors, and would overflow what the daemon counts in.
    static let millisecondsMax: Int64 = 100 * 365 * 86_400_000

    private static let units: [(suffix: String, milliseconds: Int64)] = [
        ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    /// Returns nil if `text` is not digits followed by one of the units ms, s, m, h, d.
    init?(_ text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let suffix = String(text.dropFirst(digits.count))
        guard let count = Int64(digits),
            let unit = Self.units.first(where: { $0.suffix == suffix })
        else { return nil }
        let (product, overflow) = count.multipliedReportingOverflow(by: unit.milliseconds)
        guard !overflow, product <= Self.millisecondsMax else { return nil }
        self.text = text
        milliseconds = product
    }

    /// The shortest exact way to write so many milliseconds.
    init(milliseconds: Int64) {
        self.milliseconds = max(milliseconds, 0)
        text =
            self.milliseconds % 1000 == 0
            ? "\(self.milliseconds / 1000)s" : "\(self.milliseconds)ms"
    }
}
