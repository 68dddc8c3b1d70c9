// How far a map is, how fast it goes and when it will be done, as one line of text. Pure: time
// and width come in.

struct Progress {
    /// Over so many seconds the rate forgets: short enough to show a stall, long enough to read.
    static let memorySeconds = 5.0

    /// Lines read, lines with a result, and how many of these failed.
    var read: Int64 = 0
    var done: Int64 = 0
    var failed: Int64 = 0
    /// Bytes read of `bytesTotal`, which is nil where the input's length is not known.
    var bytesRead: Int64 = 0
    var bytesTotal: Int64?
    var isInputEnded = false

    private let started: MonotonicInstant
    private var sampled: MonotonicInstant
    private var sampledDone: Int64 = 0
    private var rate: Double?

    init(startedAt now: MonotonicInstant, bytesTotal: Int64?) {
        started = now
        sampled = now
        self.bytesTotal = bytesTotal
    }

    /// How many lines there are in all: known at the end of the input, estimated before.
    var total: Int64? {
        if isInputEnded { return read }
        guard let bytesTotal, bytesRead > 0, bytesTotal >= bytesRead else { return nil }
        let estimate = Double(read) * Double(bytesTotal) / Double(bytesRead)
        return max(read, Int64(estimate))
    }

    var fraction: Double? {
        guard let total, total > 0 else { return nil }
        return min(1, Double(done) / Double(total))
    }

    /// Looks at what was done since the last look.
    mutating func sample(at now: MonotonicInstant) {
        let seconds = now.seconds(since: sampled)
        guard seconds > 0.05 else { return }
        let latest = Double(done - sampledDone) / seconds
        let weight = min(1, seconds / Self.memorySeconds)
        rate = rate.map { $0 + (latest - $0) * weight } ?? latest
        sampled = now
        sampledDone = done
    }

    /// Lines a second, lately.
    var perSecond: Double { rate ?? 0 }

    /// Until the last line has its result; nil while nobody can know.
    var secondsLeft: Double? {
        guard let total, perSecond > 0 else { return nil }
        return Double(max(0, total - done)) / perSecond
    }

    /// `[#########.......]  61%  6100/10000  1200/s  3s left  2 failed`, cut to the width.
    func text(columns: Int) -> String {
        var parts: [String] = []
        if let fraction {
            parts.append(pad(Int64(fraction * 100), 3) + "%")
            parts.append("\(done)/\(isInputEnded ? "" : "~")\(total ?? read)")
        } else {
            parts.append(counted(done, "line"))
        }
        parts.append(rateText(perSecond: perSecond))
        if let left = secondsLeft { parts.append("\(ageText(seconds: left)) left") }
        if failed > 0 { parts.append("\(failed) failed") }
        let figures = parts.joined(separator: "  ")
        guard let fraction else { return String(figures.prefix(max(0, columns - 1))) }
        return bar(fraction, columns - figures.count - 5)
            + String(figures.prefix(max(0, columns - 1)))
    }

    /// What is said when all is over.
    func summary(at now: MonotonicInstant) -> String {
        let seconds = now.seconds(since: started)
        let average = seconds > 0 ? Double(done) / seconds : 0
        let failures = failed > 0 ? ", \(failed) failed" : ""
        return "\(counted(done, "line"))\(failures) in \(ageText(seconds: seconds))"
            + " (\(rateText(perSecond: average)))"
    }

    private func bar(_ fraction: Double, _ room: Int) -> String {
        let width = min(40, room)
        guard width >= 8 else { return "" }
        let filled = Int(fraction * Double(width))
        return "[" + String(repeating: "#", count: filled)
            + String(repeating: ".", count: width - filled) + "]  "
    }

    private func pad(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: " ", count: max(0, width - digits.count)) + digits
    }
}
