// What a process says to its operators: one line, one write(2), on standard error. No thread, no
// buffer, so it works before and after a fork and in a process that is about to die.
// Never pass it a secret or a request's body: nothing is filtered here.

import Glibc
internal import Kernel
internal import Synchronization

/// How bad it is, with the journal's numbers (syslog(3)).
///
/// An environment that refuses is an `error` or a documented exit code; a bug of prong's own is a
/// trap, not a line.
package enum LogLevel: UInt8, Sendable, Comparable, CaseIterable {
    /// Cannot go on, and somebody must act.
    case error = 3
    /// Degraded but coping: says what happened, what prong does, what to change.
    case warning = 4
    /// Normal and worth a line: started, replaced, stopped.
    case notice = 5
    case info = 6
    case debug = 7

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

    package var name: String {
        switch self {
        case .error: "error"
        case .warning: "warning"
        case .notice: "notice"
        case .info: "info"
        case .debug: "debug"
        }
    }

    package init?(name: String) {
        guard let level = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = level
    }
}

/// The form of a line.
package enum LogFormat: UInt8, Sendable {
    /// "2026-11-21T04:00:03.123Z notice role=queue gen=1 pid=812: message".
    case text = 0
    /// One JSON object a line.
    case json = 1
    /// "<5>role=queue gen=1 pid=812: message"; the journal adds the time (sd-daemon(3)).
    case journal = 2

    /// Journal if standard error is the journal, else text.
    package static func detected() -> LogFormat {
        guard let stream = ProcessEnvironment.value(of: "JOURNAL_STREAM") else { return .text }
        return Descriptors.isStream(STDERR_FILENO, stream) ? .journal : .text
    }
}

/// A process's voice. Copies share one count of what was held back.
package struct Log: Sendable {
    package let identity: Identity
    /// The least bad level that is written.
    package let level: LogLevel
    package let format: LogFormat
    private let held: HeldLines

    /// A line is cut to this, which a pipe still takes whole (PIPE_BUF).
    package static let lineBytesMax = 4096
    /// A cause speaks once in this time.
    package static let quietMilliseconds: UInt64 = 60_000

    package init(identity: Identity, level: LogLevel, format: LogFormat) {
        self.identity = identity
        self.level = level
        self.format = format
        held = HeldLines()
    }

    package func error(_ message: @autoclosure () -> String, cause: String? = nil) {
        write(.error, cause, message)
    }

    package func warning(_ message: @autoclosure () -> String, cause: String? = nil) {
        write(.warning, cause, message)
    }

    package func notice(_ message: @autoclosure () -> String, cause: String? = nil) {
        write(.notice, cause, message)
    }

    package func info(_ message: @autoclosure () -> String, cause: String? = nil) {
        write(.info, cause, message)
    }

    package func debug(_ message: @autoclosure () -> String, cause: String? = nil) {
        write(.debug, cause, message)
    }

    /// One line. With a `cause` at most one of that cause a minute is written, and the next one
    /// tells how many were held back.
    package func write(_ level: LogLevel, _ cause: String?, _ message: () -> String) {
        guard level <= self.level else { return }
        var text: String
        if let cause {
            guard let count = held.admit(cause, at: Clock.monotonicMilliseconds()) else { return }
            text = message()
            if count > 0 { text += " (\(count) more like it were held back)" }
        } else {
            text = message()
        }
        let now = Clock.wallMilliseconds()
        let line = LogLine.format(
            format, level: level, identity: identity, message: text, wallMilliseconds: now)
        // Nobody to tell if this fails; a line is never worth stopping for.
        line.withUnsafeBytes { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}

/// How many lines of each cause were held back, and since when.
private final class HeldLines: Sendable {
    private struct Cause {
        var spokeAt: UInt64
        var heldBack: Int
    }

    /// More causes than this in a minute share one entry.
    private static let causesMax = 64

    private let causes = Mutex<[String: Cause]>([:])

    /// The number held back before if the line may be written, nil if it is held back too.
    func admit(_ cause: String, at now: UInt64) -> Int? {
        causes.withLock { causes in
            let room = causes[cause] != nil || causes.count < Self.causesMax
            let key = room ? cause : "other causes"
            guard let known = causes[key], now < known.spokeAt + Log.quietMilliseconds else {
                let heldBack = causes[key]?.heldBack ?? 0
                causes[key] = Cause(spokeAt: now, heldBack: 0)
                return heldBack
            }
            causes[key] = Cause(spokeAt: known.spokeAt, heldBack: known.heldBack + 1)
            return nil
        }
    }
}
