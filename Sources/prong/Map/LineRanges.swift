// Line numbers as people write them. Pure.

/// Line numbers as people write them: `lines 3, 7-9`.
struct LineRanges: Equatable {
    /// A sentence names no more ranges.
    static let namedMax = 20

    private var numbers: [Int] = []

    var isEmpty: Bool { numbers.isEmpty }

    mutating func add(_ number: Int) {
        numbers.append(number)
    }

    var text: String {
        var ranges: [ClosedRange<Int>] = []
        for number in numbers.sorted() {
            if let last = ranges.last, number <= last.upperBound + 1 {
                ranges[ranges.count - 1] = last.lowerBound...max(number, last.upperBound)
            } else {
                ranges.append(number...number)
            }
        }
        let named = ranges.prefix(Self.namedMax).map { range in
            range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
        }
        let more =
            ranges.count > named.count ? " and \(ranges.count - named.count) more ranges" : ""
        return "\(numbers.count == 1 ? "line" : "lines") \(named.joined(separator: ", "))\(more)"
    }
}
