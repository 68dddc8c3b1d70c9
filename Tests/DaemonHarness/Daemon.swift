// prongd as a process of its own, in a scratch folder, with its log in a file. Verbs are outcomes:
// `expectReplaced(worker:)` means that it was. Everything is torn down by `withDaemon`, whatever
// happened in between; the folder of a failed test is kept and its place printed.
import Foundation

package final class Daemon: @unchecked Sendable {
    package let folder: ScratchFolder
    package private(set) var settings: DaemonSettings
    private let lock = NSLock()
    private var running: ChildProcess?
    /// Every process that was seen to belong to this daemon, for the teardown.
    private var family: Set<Int32> = []

    package init(_ settings: DaemonSettings, in folder: ScratchFolder? = nil) throws {
        self.folder = try folder ?? ScratchFolder("prong-daemon")
        self.settings = settings
        try FileManager.default.createDirectory(
            atPath: self.folder.file("state"), withIntermediateDirectories: true)
    }

    package var socketPath: String { folder.file("prong.sock") }
    package var storePath: String { folder.file("state/prong.db") }
    package var lockPath: String { "\(storePath).lock" }
    package var configPath: String { folder.file("prong.toml") }
    package var logPath: String { folder.file("log") }
    package var log: String { textOfFile(logPath) }

    package var process: ChildProcess? {
        lock.lock()
        defer { lock.unlock() }
        return running
    }

    package var supervisor: Int32 { process?.pid ?? 0 }

    package func configure(_ change: (inout DaemonSettings) -> Void) { change(&settings) }

    // MARK: life

    /// Starts the process without waiting for anything.
    @discardableResult
    package func launch(_ arguments: [String] = []) throws -> ChildProcess {
        try folder.write(settings.toml(in: folder.path), to: "prong.toml")
        let child = try ChildProcess(
            Programs.prongd, ["--config", configPath] + arguments,
            environment: settings.environment, output: logPath)
        lock.lock()
        running = child
        lock.unlock()
        return child
    }

    /// Starts it and waits until /readyz says so.
    @discardableResult
    package func start(within seconds: Double = 30) throws -> Daemon {
        let child = try launch()
        try waitUntilReady(child, within: seconds)
        return self
    }

    package func waitUntilReady(
        _ child: ChildProcess? = nil, within seconds: Double = 30
    ) throws {
        let child = child ?? process
        try eventually("prongd is ready", within: seconds) {
            if let ending = child?.poll() {
                throw HarnessFailure(
                    "prongd ended: \(ending)\n\(lastLines(20, of: log))", isFinal: true)
            }
            let answer = try request("GET", "/readyz", within: 5)
            return answer.status == 200 ? true : nil
        }
        rememberFamily()
    }

    private func rememberFamily() {
        let children = ProcessFacts(supervisor).children
        lock.lock()
        family.formUnion(children)
        lock.unlock()
    }

    /// Asks it to stop and expects exit code 0, with nothing left behind.
    package func expectDrained(within seconds: Double = 45) throws {
        guard let child = process else { throw HarnessFailure("no daemon runs") }
        rememberFamily()
        child.signal(SIGTERM)
        let ending = try child.wait(within: seconds)
        guard ending == .exited(0) else { throw HarnessFailure("drained with \(ending)") }
        try eventuallyTrue("no process of the daemon is left", within: 10) {
            knownFamily.allSatisfy { !self.belongs($0) }
        }
    }

    /// Kills the supervisor alone, as a crash would.
    package func killSupervisor() throws {
        rememberFamily()
        process?.signal(SIGKILL)
        _ = try process?.wait(within: 20)
    }

    /// Kills everything at once, as a power cut would for processes.
    package func killAll() throws {
        rememberFamily()
        process?.signal(SIGKILL)
        for pid in knownFamily where belongs(pid) { kill(pid, SIGKILL) }
        _ = try process?.wait(within: 20)
        try eventuallyTrue("all processes of the daemon are gone", within: 20) {
            knownFamily.allSatisfy { !self.belongs($0) }
        }
    }

    private var knownFamily: Set<Int32> {
        lock.lock()
        defer { lock.unlock() }
        return family
    }

    /// Lives and is ours: a pid can be another's by now, an open file in our folder is not.
    private func belongs(_ pid: Int32) -> Bool {
        let facts = ProcessFacts(pid)
        guard facts.isAlive else { return false }
        if facts.parent == supervisor { return true }
        return facts.descriptors.values.contains { $0.hasPrefix(folder.path) }
    }

    /// Ends every process of this daemon and removes its folder, or says where it is kept.
    package func tearDown(keepEvidence: Bool) {
        if keepEvidence { printEvidence() }
        rememberFamily()
        if let child = process, child.isAlive {
            child.signal(SIGQUIT)
            _ = try? child.wait(within: keepEvidence ? 3 : 15)
            child.end()
        }
        let holders = ProcessFacts.holding(lockPath)
        for pid in knownFamily.union(holders) where belongs(pid) { kill(pid, SIGKILL) }
        if !keepEvidence { folder.remove() }
    }

    private func printEvidence() {
        let status = (try? request("GET", "/v1/status", within: 5).text) ?? "no answer"
        print(
            """
            ── the daemon of the failed test is kept in \(folder.path)
            status: \(status.prefix(3000))
            log, its last lines:
            \(lastLines(40, of: log))
            ──
            """)
    }
}

/// Runs `body` with a daemon that is ready, and tears all down afterwards. `failed` tells whether
/// the test has recorded a failure that it did not throw.
package func withDaemon<Result>(
    _ settings: DaemonSettings, failed: () -> Bool, _ body: (Daemon) throws -> Result
) throws -> Result {
    let daemon = try Daemon(settings)
    do {
        try daemon.start()
        let result = try body(daemon)
        daemon.tearDown(keepEvidence: failed())
        return result
    } catch {
        daemon.tearDown(keepEvidence: true)
        throw error
    }
}
