// The queue while it serves: the engine, its doors (workers.sock, prong.sock, optionally TCP) and
// its supervisor, tied together on one event loop. Also the end: drain, commit, goodbye.

import Glibc
import HTTPServer
import JobLogic
import JobStorage
import Kernel
import NIOCore
import NIOPosix
import Ops
import Settings
import WireFormat

final class Service {
    let start: QueueStart
    let loop: any EventLoop
    let group: MultiThreadedEventLoopGroup
    let engine: Engine
    let workers: WorkerPort
    let supervisor: SupervisorPort
    let server: Server
    let identifiers: IdentifierSource
    let ages: AgeSurvey
    var outages = TargetOutages()
    var refresh = DescriptorRefresh()
    /// A bundle that came while another was read.
    var nextBundle: PassedFile?
    var isBuildingCatalog = false
    var onEnd: (Int32) -> Void = { _ in }
    let startedAtMilliseconds = Int64(Clock.wallMilliseconds())
    private(set) var isReady = false
    private var hasEnded = false

    init(start: QueueStart, loop: any EventLoop, group: MultiThreadedEventLoopGroup) {
        self.start = start
        self.loop = loop
        self.group = group
        let threads = StoreThread(store: start.store, reader: start.reader, loop: loop)
        engine = Engine(
            loop: loop, store: threads, logic: Service.logic(start), log: start.log)
        engine.addExtras = start.catalog.adder
        workers = WorkerPort(engine: engine, instance: start.instance, log: start.log)
        supervisor = SupervisorPort(
            link: start.link, loop: loop, heartbeatMilliseconds: start.heartbeatMilliseconds)
        ages = AgeSurvey(store: threads)
        identifiers = IdentifierSource(after: start.contents.largestKey)
        var limits = ServerLimits()
        limits.maxConnections = start.settings.listen.maxConnections
        limits.headTimeout = .milliseconds(start.settings.listen.headTimeoutMilliseconds)
        let ownUid = getuid()
        server = Server(
            eventLoop: loop, limits: limits,
            isOperator: { peer in
                peer.credentials.map { $0.uid == 0 || $0.uid == ownUid } ?? false
            })
    }

    private static func logic(_ start: QueueStart) -> QueueLogic {
        QueueLogic(
            configuration: QueueConfiguration(
                instance: start.instance, targets: start.catalog.targetPolicies(),
                maxQueued: Int64(start.settings.store.maxQueued), isSafeMode: start.isSafeMode),
            lanes: start.lanes,
            counts: start.contents.counts.map { (lane: $0.lane, state: $0.state, count: $0.count) },
            pausedTargets: start.contents.pausedTargets, marked: start.marked,
            now: Engine.moment(), seed: IdentifierSource.randomNumber())
    }

    // MARK: opening

    func open() {
        engine.askReplace = { [self] worker in
            start.log.warning(
                "worker slot=\(worker.slot) gen=\(worker.generation) has not spoken to the queue;"
                    + " it is replaced")
            supervisor.send(
                .askReplace(
                    slot: UInt32(bitPattern: worker.slot),
                    generation: UInt32(bitPattern: worker.generation)))
        }
        engine.onDrained = { [self] in endOnceAnswered() }
        engine.onFatal = { [self] error in fail(error) }
        supervisor.onOrder = { [self] in obey($0) }
        supervisor.onBundle = { [self] in take($0) }
        workers.onTargets = { [self] in noteConnections() }
        supervisor.onClosed = { [self] in
            if supervisor.isThere, !engine.logic.isDraining {
                return leave("TERM came to the queue alone; the supervisor forks another")
            }
            beginDrain("the supervisor is gone")
            workers.supervisorIsGone()
        }
        supervisor.heartbeat = { [self] in heartbeat }
        supervisor.start()
        if start.needsSettling {
            engine.needsSettling = true
            engine.newLanes = start.newLanes
            engine.suspend(.failing("the log of the former queue is not on disk yet"))
        }
        openDoors()
    }

    private func openDoors() {
        let routes = Routes(service: self)
        var opening = [
            workers.listen(on: start.listeners.workers, group: group),
            server.listen(
                .inherited(descriptor: start.listeners.clients), router: routes.local()),
        ]
        if !start.settings.listen.httpAddress.isEmpty {
            opening.append(
                server.listen(
                    .tcp(address: start.settings.listen.httpAddress), router: routes.readOnly()))
        }
        EventLoopFuture.andAllSucceed(opening, on: loop).assumeIsolated().whenComplete {
            [self] result in
            switch result {
            case .success: becomeReady()
            case .failure(let error): refuseToStart(error)
            }
        }
    }

    /// READY means that the queue commits: one commit is proof.
    private func becomeReady() {
        engine.store.write({ store throws(StoreError) in _ = try store.commit([.probe]) }) {
            [self] result in
            switch result {
            case .success: break
            case .failure(.syncFailed(let text)) where !engine.needsSettling:
                return fail(.syncFailed(text))
            case .failure(.corrupt(let text)): return fail(.corrupt(text))
            case .failure(let error):
                start.log.error(
                    "the store does not commit yet: \(error.message); the queue tries again every"
                        + " second", cause: "not ready")
                loop.assumeIsolated().scheduleTask(in: .seconds(1)) { [self] in becomeReady() }
                return
            }
            isReady = true
            supervisor.send(.ready)
            if start.isSafeMode {
                start.log.error(Service.safeModeAdvice)
            }
        }
    }

    static let safeModeAdvice =
        "the queue died three times within a minute: jobs are accepted but not dispatched, and no"
        + " bodies are shown; find the reason in prongd's log, then restart prongd"

    private func refuseToStart(_ error: any Error) {
        let text = "the queue cannot listen: \(error)"
        start.log.error(text)
        supervisor.send(.fatal(exitCode: StartFailure.cannotBind, text: text))
        end(code: Int32(StartFailure.cannotBind), saysGoodbye: false)
    }

    // MARK: orders

    private func obey(_ order: SupervisorOrder) {
        switch order {
        case .worker(let row): workers.note(row)
        case .workersComplete: workers.noteComplete()
        case .stop: beginDrain("the supervisor says so")
        case .stopNow: leave("the supervisor says so")
        case .dump: dump()
        case .figures, .newBundle: break
        }
    }

    private var heartbeat: Heartbeat {
        noteTargets()
        askForDescriptors()
        return Heartbeat(
            inFlight: UInt32(clamping: engine.logic.workers.leaseCount),
            jobsDone: engine.measures.done)
    }

    private func beginDrain(_ reason: String) {
        guard !engine.logic.isDraining else { return }
        start.log.notice("draining: \(reason); what runs is finished, nothing new is taken")
        supervisor.send(.draining)
        server.closeListeners()
        server.drain()
        engine.handle(.drain)
    }

    /// A disk that cannot be trusted, or a corrupt file: what is accepted is on disk or was never
    /// answered. The successor settles it before it accepts anything.
    private func fail(_ error: StoreError) {
        guard !hasEnded else { return }
        start.log.error("the store failed: \(error.message); the queue leaves it to a successor")
        if case .syncFailed = error {
            // not a code by which the supervisor believes that no successor could do better
            return end(code: Int32(StartFailure.tryAgain), saysGoodbye: false)
        }
        supervisor.send(
            .fatal(
                exitCode: StartFailure.store,
                text: "\(error.message); the file is left as it is: restore a backup"))
        end(code: 74, saysGoodbye: false)
    }

    /// Leaves without waiting for any call. What is being committed is committed and answered;
    /// workers keep durable calls and outcomes for a successor; direct calls end here.
    private func leave(_ reason: String) {
        start.log.notice("leaving at once: \(reason)")
        server.closeListeners()
        server.drain()
        workers.close()
        engine.handle(.drain)
        workers.closeLinks()
        endOnceCommitted()
    }

    private func endOnceCommitted() {
        guard engine.logic.hasUncommitted, engine.logic.trouble == nil else {
            return endOnceAnswered()
        }
        // behind the commit that is under way; the turn after it begins the next one
        engine.store.write({ _ throws(StoreError) in }) { [self] _ in
            loop.assumeIsolated().execute { [self] in endOnceCommitted() }
        }
    }

    /// Whoever still waits for something else than a call is told; then the answers leave.
    private func endOnceAnswered() {
        server.finish(
            answering: ConnectError(
                .unavailable,
                "prong is stopping; what was accepted stays accepted, ask again soon",
                headers: ["Retry-After": "1"]),
            patience: Service.lastAnswersPatience
        ) { [self] in end(code: 0, saysGoodbye: true) }
    }

    /// For callers that do not read.
    private static let lastAnswersPatience = TimeAmount.milliseconds(500)

    private func end(code: Int32, saysGoodbye: Bool) {
        guard !hasEnded else { return }
        hasEnded = true
        if saysGoodbye { supervisor.send(.goodbye) }
        start.log.notice("stopped")
        onEnd(code)
    }

    private func dump() {
        start.log.notice(
            "state: live=\(engine.logic.liveCount) held=\(engine.logic.workers.leaseCount)"
                + " connections=\(server.counts.connections) draining=\(engine.logic.isDraining)"
                + " store=\(engine.logic.trouble?.message ?? "ok")")
        for lane in engine.logic.lanes.lanes {
            start.log.notice(
                "state: lane \(lane.name) inMemory=\(lane.queuedInMemory)"
                    + " inFlight=\(lane.inFlight) paused=\(lane.isPaused)"
                    + " queued=\(engine.logic.counts.count(lane.id, .queued))")
        }
    }
}

/// Makes job ids: keys that only grow, salts that nobody can guess.
final class IdentifierSource {
    private var sequence: JobKeySequence
    private var random = RandomPool()

    init(after largestKey: UInt64) {
        sequence = JobKeySequence(after: largestKey)
    }

    func next(wallMilliseconds now: Int64) -> JobID {
        let key = sequence.next(wallMilliseconds: now, random: random.next())
        return JobID(key: key, salt: random.next())
    }

    static func randomNumber() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
}
