// C-core's own log lines, made one line each and written to standard error. They come from any of
// its threads, so this has no state but the settings, which are made once and never change, and the
// count of this second's lines, which is atomic.

internal import CGRPC
import Glibc
import Synchronization

/// How bad a line of C-core is.
package enum CoreLogLevel: Int32, Sendable {
    case debug = 0
    case info = 1
    case error = 2
}

package enum CoreLog {
    /// At most so many lines a second; a broken target can make C-core say the same for ever.
    package static let linesPerSecondMax = 10
    /// A line is cut to this, which a pipe still takes whole (PIPE_BUF).
    package static let lineBytesMax = 4096

    /// Takes C-core's lines from now on: each goes to `sink` (or, without one, to standard error
    /// with `prefix` in front). Call it once, before the runtime is made.
    package static func install(
        minimum: CoreLogLevel = .error, prefix: String = "grpc: ",
        sink: (@Sendable (CoreLogLevel, String) -> Void)? = nil
    ) {
        installed.withLock { $0 = Settings(minimum: minimum, prefix: prefix, sink: sink) }
        gpr_set_log_verbosity(gpr_log_severity(rawValue: UInt32(minimum.rawValue)))
        gpr_set_log_function { arguments in
            guard let line = arguments?.pointee, let text = line.message else { return }
            CoreLog.take(CoreLogLevel(rawValue: Int32(line.severity.rawValue)), text)
        }
    }

    private struct Settings: Sendable {
        var minimum: CoreLogLevel
        var prefix: String
        var sink: (@Sendable (CoreLogLevel, String) -> Void)?
    }

    private static let installed = Mutex<Settings?>(nil)
    /// The second of the monotonic clock, times 1024, plus the lines written in it.
    private static let written = Atomic<Int>(0)

    private static func take(_ level: CoreLogLevel?, _ text: UnsafePointer<CChar>) {
        guard let settings = installed.withLock({ $0 }), admit() else { return }
        let level = level ?? .error
        guard level.rawValue >= settings.minimum.rawValue else { return }
        let line = oneLine(text)
        if let sink = settings.sink {
            sink(level, line)
            return
        }
        let bytes = Array((settings.prefix + line).utf8.prefix(lineBytesMax - 1)) + [0x0A]
        // Nobody to tell if this fails.
        bytes.withUnsafeBytes { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// Whether this second still has room for a line.
    private static func admit() -> Bool {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let second = time.tv_sec << 10
        let before = written.load(ordering: .relaxed)
        let count = before & ~1023 == second ? before & 1023 : 0
        guard count < linesPerSecondMax else { return false }
        // Two threads at once may write one line too many; that is no harm.
        written.store(second | (count + 1), ordering: .relaxed)
        return true
    }

    private static func oneLine(_ text: UnsafePointer<CChar>) -> String {
        String(String(cString: text).map { $0.isNewline ? " " : $0 })
    }
}
