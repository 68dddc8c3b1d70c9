// Draws the progress on standard error, where that is a terminal; elsewhere it does nothing.
import Glibc

struct ProgressBar {
    /// Often enough to look alive, in seconds.
    static let intervalSeconds = 0.2

    private let isShown: Bool
    private let sharesTerminal: Bool
    private var drawn = false
    private(set) var nextDraw = Deadline.never

    init() {
        let terminal = getenv("TERM").map { String(cString: $0) } ?? ""
        isShown = isTerminal(STDERR_FILENO) && terminal != "dumb"
        sharesTerminal = isTerminal(STDOUT_FILENO)
        if isShown { nextDraw = .after(seconds: Self.intervalSeconds) }
    }

    mutating func draw(_ progress: inout Progress) {
        guard isShown, nextDraw.hasPassed else { return }
        progress.sample(at: .now)
        put("\r" + progress.text(columns: terminalColumns(STDERR_FILENO)) + "\u{1b}[K")
        drawn = true
        nextDraw = .after(seconds: Self.intervalSeconds)
    }

    /// Makes way for results on the same terminal.
    mutating func makeWay() {
        if sharesTerminal { clear() }
    }

    mutating func clear() {
        guard drawn else { return }
        put("\r\u{1b}[K")
        drawn = false
    }

    mutating func finish(_ progress: Progress) {
        guard isShown else { return }
        clear()
        put(progress.summary(at: .now) + "\n")
    }

    private func put(_ text: String) {
        try? writeAll(Array(text.utf8), to: STDERR_FILENO)
    }
}
