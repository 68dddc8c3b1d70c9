// Carries out what WorkerState decides. Everything happens on the thread that waits on C-core's
// completion queue; what other threads find comes in through the link's inbox and a wake. No policy
// here: an `if` about what to do next belongs into WorkerState.
//
//     completion queue ──▶ callbacks ──▶ ended, not started, target changes ─┐
//     link thread ── inbox, wake ────────▶ messages, orders ─────────────────┼─▶ state ──▶ effects
//     deadline of the wait ──────────────▶ tick, heartbeat ──────────────────┘

import GRPCClient
import Kernel
import Ops
import WireFormat

final class WorkerLoop {
    private var state: WorkerState
    private let queue: CompletionQueue
    private let clients: TargetClients
    private let runner: CallRunner
    private let link: QueueLink
    private let supervisor: SupervisorLink
    private let heartbeatNanoseconds: UInt64
    private let log: Log
    private var heartbeatDueNanoseconds: UInt64 = 0
    private var changedTargets: [TargetState] = []
    private var outgoing: [LinkMessage] = []
    private var end: WorkerEffect?

    /// Ends that are taken before the queue is told of them: more a message, but none waits long.
    private static let burst = 64
    /// How long the last words may take.
    private static let flushNanoseconds: UInt64 = 500_000_000
    /// Statistics are left out while the queue leaves so much unread.
    private static let waitingBytesMax = 64 << 10

    init(
        state: WorkerState, queue: CompletionQueue, clients: TargetClients, runner: CallRunner,
        link: QueueLink, supervisor: SupervisorLink, heartbeatMilliseconds: UInt64, log: Log
    ) {
        self.state = state
        self.queue = queue
        self.clients = clients
        self.runner = runner
        self.link = link
        self.supervisor = supervisor
        heartbeatNanoseconds = heartbeatMilliseconds * 1_000_000
        self.log = log
    }

    /// Until the worker may leave.
    func run() {
        clients.watch { [self] in changedTargets.append($0) }
        step()
        while end == nil {
            let due = min(
                state.nextNanoseconds ?? UInt64.max, runner.nextNanoseconds ?? UInt64.max)
            let deadline = min(heartbeatDueNanoseconds, due)
            _ = queue.next(untilNanoseconds: deadline)
            var taken = 1
            while taken < Self.burst, queue.next(untilNanoseconds: 0) != .timedOut { taken += 1 }
            step()
        }
        sayLastWords()
    }

    private func step() {
        let now = Clock.monotonicNanoseconds()
        if now >= heartbeatDueNanoseconds { beat(now) }
        clients.noteTokens()
        if let due = runner.nextNanoseconds, due <= now { runner.wake(now: now) }
        for target in takeChangedTargets() { handle(.target(target)) }
        for inbound in link.takeInbox() { take(inbound) }
        tellEnds()
        if let due = state.nextNanoseconds, due <= now { handle(.tick) }
        // Starting calls may have ended some at once.
        tellEnds()
        flush()
    }

    private func tellEnds() {
        let notStarted = runner.takeNotStarted()
        if !notStarted.isEmpty { handle(.notStarted(notStarted)) }
        // before the ends: a stream's last message before its end
        for event in runner.takeStreamed() { handle(event) }
        let ended = runner.takeEnded()
        guard !ended.isEmpty else { return }
        FaultPoint.reach(.workerBeforeOutcome)
        handle(.ended(ended))
    }

    private func takeChangedTargets() -> [TargetState] {
        defer { changedTargets = [] }
        return changedTargets
    }

    private func take(_ inbound: Inbound) {
        switch inbound {
        case .message(let message): handle(.received(message))
        case .disconnected: handle(.disconnected)
        case .order(let order): handle(.order(order))
        case .supervisorGone: handle(.supervisorGone)
        case .unreadable(let what):
            log.warning("the queue sent what cannot be read: \(what)", cause: "link unreadable")
        }
    }

    private func handle(_ event: WorkerEvent) {
        for effect in state.handle(event, now: Clock.monotonicNanoseconds()) { perform(effect) }
    }

    private func perform(_ effect: WorkerEffect) {
        switch effect {
        case .connect:
            handle(link.connect() ? .connected : .disconnected)
        case .disconnect(let reason):
            log.warning("closing the link to the queue: it sent \(reason)", cause: "link refused")
            link.disconnect()
        case .send(let message): send(message)
        case .start(let number, let order):
            FaultPoint.reach(.workerAfterTake)
            runner.start(number, order)
            FaultPoint.reach(.workerAfterStart)
        case .cancel(let number): runner.cancel(number)
        case .grant(let number, let bytes): runner.grant(number, bytes: bytes)
        case .report(let report): supervisor.send(report)
        case .measure:
            handle(
                .measured(
                    threads: OwnFigures.threads(), residentBytes: OwnFigures.residentBytes()))
        case .dump: dump()
        case .warn(let text): log.warning(text, cause: text)
        case .leave: end = effect
        }
    }

    private func send(_ message: LinkMessage) {
        if case .stats = message, link.waitingBytes > Self.waitingBytesMax { return }
        outgoing.append(message)
    }

    private func flush() {
        guard !outgoing.isEmpty else { return }
        link.send(outgoing)
        if outgoing.contains(where: { $0.kind == .outcomes }) {
            FaultPoint.reach(.workerAfterOutcome)
        }
        outgoing.removeAll(keepingCapacity: true)
    }

    private func beat(_ now: UInt64) {
        heartbeatDueNanoseconds = now + heartbeatNanoseconds
        supervisor.send(
            .heartbeat(
                Heartbeat(inFlight: UInt32(state.inFlight), jobsDone: state.jobsDone)))
    }

    private func dump() {
        let kept = state.calls.count - state.inFlight
        let targets = clients.states.map { "\($0.target)=\($0.connectivity.name)" }
        log.notice(
            "state: phase \(state.phase), link \(state.link), in flight \(state.inFlight), "
                + "outcomes kept \(kept), done \(state.jobsDone), unread \(link.waitingBytes) B, "
                + "targets \(targets.joined(separator: " "))")
    }

    /// Waits until the queue has everything, and after a cut also until it has read it, so that the
    /// goodbye overtakes the news of this process's end.
    private func sayLastWords() {
        FaultPoint.reach(.workerBeforeGoodbye)
        flush()
        let limit = Clock.monotonicNanoseconds() + Self.flushNanoseconds
        while !link.finishSending(), Clock.monotonicNanoseconds() < limit {
            _ = queue.next(untilNanoseconds: Clock.monotonicNanoseconds() + 1_000_000)
        }
        guard case .leave(isCut: true)? = end else { return }
        while Clock.monotonicNanoseconds() < limit {
            for case .disconnected in link.takeInbox() { return }
            _ = queue.next(untilNanoseconds: Clock.monotonicNanoseconds() + 5_000_000)
        }
    }
}
