// STORE.lock: held by the supervisor and, by inheritance, all its children, until the last of them
// is gone. While a killed supervisor's children still finish and commit, no successor may open the
// store or the sockets; it waits here.

import Glibc
import Kernel
import Ops

struct StoreLock {
    /// Beyond the former instance's `drain_timeout`.
    static let graceMilliseconds: UInt64 = 5_000
    /// Between two tries; nobody wakes a waiter that must also watch for signals.
    private static let pollMilliseconds: UInt64 = 20

    let path: String
    let log: Log

    /// The open, locked file; nil if a signal told prongd to stop while it waited.
    func take(patienceMilliseconds: UInt64) throws(StartFailure) -> OpenFile? {
        let path = path
        try attempt { () throws(SystemError) in
            try Directories.make(Directories.parent(of: path), mode: 0o700)
        }
        let file = try attempt { () throws(SystemError) in
            OpenFile(try FileLock.open(path))
        }
        guard try lock(file, patienceMilliseconds) else { return nil }
        try attempt { () throws(SystemError) in try FileLock.sign(file.number) }
        return file
    }

    private func lock(_ file: OpenFile, _ patience: UInt64) throws(StartFailure) -> Bool {
        let deadline = Clock.monotonicMilliseconds() + patience
        var hasSaid = false
        while try !attempt({ () throws(SystemError) in try FileLock.tryLock(file.number) }) {
            let now = Clock.monotonicMilliseconds()
            if now >= deadline { throw heldByOthers() }
            if !hasSaid {
                hasSaid = true
                log.notice(
                    "waiting for \(path): processes \(holders()) of another prongd hold it")
                SystemdLink.status("waiting for the former instance to end")
            }
            SystemdLink.extendTimeout(milliseconds: deadline - now + Self.graceMilliseconds)
            if StartSignals.wait(milliseconds: Self.pollMilliseconds) { return false }
        }
        return true
    }

    private func holders() -> String {
        let pids = FileLock.holders(of: path)
        guard !pids.isEmpty else { return "(not visible to this user)" }
        return pids.map { String($0) }.joined(separator: ", ")
    }

    private func heldByOthers() -> StartFailure {
        StartFailure(
            exitCode: ExitCode.unavailable,
            sentence: "the store is held by another prongd, processes \(holders()) (\(path)); "
                + "stop it first, or choose another store (store.path)",
            log: log)
    }

    private func attempt<Result>(
        _ body: () throws(SystemError) -> Result
    ) throws(StartFailure) -> Result {
        do { return try body() } catch { throw failure(error) }
    }

    private func failure(_ error: SystemError) -> StartFailure {
        let denied = [EACCES, EPERM, EROFS].contains(error.errno)
        return StartFailure(
            exitCode: denied ? ExitCode.noPermission : ExitCode.input,
            sentence: "cannot lock the store: \(error); "
                + (denied ? "give prong's user the folder" : "see to the file system")
                + ", or choose another place (store.path)",
            log: log)
    }
}

/// Signals before the loop is there: they are blocked, so they wait to be asked for.
enum StartSignals {
    /// Waits, and returns early and true if TERM, INT or QUIT came.
    static func wait(milliseconds: UInt64) -> Bool {
        var stops = sigset_t()
        sigemptyset(&stops)
        for signal in [SIGTERM, SIGINT, SIGQUIT] { sigaddset(&stops, signal) }
        var time = timespec(
            tv_sec: Int(milliseconds / 1000), tv_nsec: Int(milliseconds % 1000) * 1_000_000)
        return sigtimedwait(&stops, nil, &time) > 0
    }
}
