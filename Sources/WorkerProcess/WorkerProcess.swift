// A worker: pulls jobs from the queue, makes the calls with clients of its own, tells the outcomes.
// Forked from the supervisor, which never touches gRPC; C-core is started here and nowhere earlier.
// Must never be entered in a process in which C-core is alive already.
//
// Two threads of ours: this one waits on C-core's completion queue and does all the work, the link
// thread reads the sockets of the queue and the supervisor. Where a target needs tokens, a third
// one gets them (TokenThread). C-core adds its own.

import GRPCClient
import Glibc
import Kernel
package import Ops
import Settings
import WireFormat

/// The role's main; returns the exit code.
package func runWorker(_ context: consuming ChildContext) -> Int32 {
    Scheduling.preferThroughput()
    let log = context.log
    let settings: Settings
    let link: QueueLink
    do {
        settings = try readSettings(context.bundle)
    } catch {
        log.error("the loader's settings cannot be read, which is a bug of prong: \(error)")
        return workerExitBug
    }
    CoreLog.install { level, line in
        let cause = "grpc \(line.prefix(40))"
        log.write(level == .error ? .warning : .debug, cause) { "grpc: \(line)" }
    }
    let queue = CompletionQueue(runtime: Runtime())
    let board = TokenBoard(waker: queue.waker)
    let clients = TargetClients(
        settings: settings, queue: queue, userAgent: Version.userAgent, board: board)
    for (target, state) in zip(settings.targets, clients.states)
    where state.connectivity == .shutdown {
        log.error("target \(target.name) has no client: \(state.reason); its jobs wait")
    }
    do {
        link = try QueueLink(path: workersSocketPath(settings), waker: queue.waker)
        try TokenThread.start(settings, board: board, log: log)
    } catch {
        log.error("\(error); the supervisor tries again")
        return workerExitSystem
    }
    let supervisor = context.link
    NamedThread.start(named: "prong-link") { link.serve(supervisor: supervisor) }
    let runner = CallRunner(
        clients: clients, slowMilliseconds: UInt64(max(0, settings.log.slowCallMilliseconds)),
        responseBytesMax: settings.listen.maxResponseBytes, log: log)
    let loop = WorkerLoop(
        state: WorkerState(configuration(context, settings)), queue: queue, clients: clients,
        runner: runner, link: link, supervisor: supervisor,
        heartbeatMilliseconds: context.heartbeatMilliseconds, log: log)
    loop.run()
    // C-core is left as it is, for the process ends here by _exit(2): taking it apart would only
    // wait for what nobody wants any more.
    _ = Unmanaged.passRetained(queue)
    _ = Unmanaged.passRetained(clients)
    return 0
}

/// sysexits(3): a bug found by a check; the system refused.
private let workerExitBug: Int32 = 70
private let workerExitSystem: Int32 = 71

private func readSettings(_ bundle: CInt) throws -> Settings {
    try Bundle.decode(try MemoryFile.read(bundle)).settings
}

private func workersSocketPath(_ settings: Settings) -> String {
    Settings.workersSocketPath(beside: settings.listen.socketPath)
}

private func configuration(
    _ context: borrowing ChildContext, _ settings: Settings
) -> WorkerState.Configuration {
    WorkerState.Configuration(
        instance: context.instance, slot: Int32(bitPattern: context.identity.slot),
        generation: Int32(bitPattern: context.identity.generation), pid: context.identity.pid,
        places: UInt32(clamping: settings.worker.inFlight),
        drainMilliseconds: UInt32(clamping: settings.worker.drainTimeoutMilliseconds))
}
