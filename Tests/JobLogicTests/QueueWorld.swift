// The world around one queue: a store behind a writer that answers late and in order, workers on
// links that break, callers. The queue's process may die at any moment; what its writer had been
// given is then done or not, and a new queue starts from what the store holds.

import JobStorage
import SeededRandom

@testable import JobLogic

final class QueueWorld {
    enum WriterOrder {
        case commit([Change])
        case fetch(LaneID, after: LanePosition?, limit: Int, byteLimit: Int)
        case load(JobKey)
        case promote(limit: Int, byteLimit: Int)
        case overdue(limit: Int)
        case operations(OperationSearch)
    }

    /// The target whose `on_unknown` is `retry`: its users allow repeats.
    static let retryTarget = 2
    static let limitedTarget = 1
    static let limit = 3

    static let targets = [
        target("t0", cancels: true), target("t1", maxInFlight: limit, cancels: false),
        target("t2", onUnknown: .retry, cancels: true),
    ]

    var random: SeededRandom
    var now = Sample.now
    var store = MemoryJobStore()
    var logic: QueueLogic
    var ledger = Ledger()
    var workers: [SimulatedWorker] = []
    /// Deaths that the supervisor has not told yet.
    var deaths: [WorkerIdentity] = []
    var instance = Sample.instance
    var generations: [Int32] = [0, 0, 0]
    var knowsWorkers = false

    var writer: [WriterOrder] = []
    var answers: [QueueEvent] = []
    /// Answers that failed and come after a second.
    var late: [QueueEvent] = []
    var isCommitPlanned = false
    /// Submissions that go in one event.
    var asked: [(token: Token, submission: Submission)] = []
    var asksTogether = false
    var isCommitting = false
    var retryIsDue = false
    /// What commits fail with now.
    var trouble: StoreTrouble?
    var readFailurePercent = 0
    var handBackPercent = 3

    /// Polls and cancels that workers made, by method.
    var operationCalls: [String: Int] = [:]

    var keys = JobKeySequence(after: 0)
    var ids: [JobID] = []
    var nextToken: Token = 1
    var openCalls: [Token] = []
    /// Who asked for what, in the tests that look at single answers.
    var effects: [QueueEffect] = []
    let windowLimits: LaneWindow.Limits
    var eventCount = 0
    /// Prints what happens, for people.
    var isTold = false

    init(
        seed: UInt64, windowLimits: LaneWindow.Limits = LaneWindow.Limits(jobs: 6, bytes: 240)
    ) {
        random = SeededRandom(seed: seed)
        self.windowLimits = windowLimits
        let lanes: [Change] = (0..<3).map {
            .addLane(LaneID(rawValue: Int32($0 + 1)), name: "t\($0)")
        }
        _ = try? store.commit(lanes)
        logic = QueueWorld.makeLogic(store, now: now, seed: seed, windowLimits: windowLimits)
    }

    static func makeLogic(
        _ store: MemoryJobStore, now: Moment, seed: UInt64, windowLimits: LaneWindow.Limits
    ) -> QueueLogic {
        let contents = try? store.contents()
        let marked = (try? store.marked(after: nil, limit: .max)) ?? []
        return QueueLogic(
            configuration: QueueConfiguration(
                instance: Sample.instance,
                targets: QueueWorld.targets, maxQueued: 60, windowLimits: windowLimits),
            lanes: contents?.lanes ?? [],
            counts: (contents?.counts ?? []).map {
                (lane: $0.lane, state: $0.state, count: $0.count)
            },
            pausedTargets: contents?.pausedTargets ?? [],
            marked: marked.map {
                QueuedJob(job: $0, requests: (try? store.requests(of: $0.order.id.key)) ?? [])
            }, now: now, seed: seed)
    }

    // MARK: events and effects

    func handle(_ event: QueueEvent) {
        let before = limitedInFlight
        if isTold { print("▶", event) }
        for effect in logic.handle(event, now: now) {
            if isTold { print("   ◀", effect) }
            carryOut(effect)
        }
        var adopts = false
        switch event {
        case .hello, .loaded, .workersKnown: adopts = true
        default: break
        }
        checkAfterEvent(before, adopts: adopts)
    }

    private func carryOut(_ effect: QueueEffect) {
        ledger.answered(effect)
        effects.append(effect)
        switch effect {
        case .commitWanted: isCommitPlanned = true
        case .fetch(let lane, let after, let limit, let byteLimit):
            writer.append(.fetch(lane, after: after, limit: limit, byteLimit: byteLimit))
        case .load(let key): writer.append(.load(key))
        case .promote(let limit, let byteLimit):
            writer.append(.promote(limit: limit, byteLimit: byteLimit))
        case .findOverdue(let limit): writer.append(.overdue(limit: limit))
        case .findOperations(let search): writer.append(.operations(search))
        case .send(let worker, let dispatches):
            for dispatch in dispatches { checkMark(dispatch, worker) }
            send(.jobs(dispatches), to: worker)
        case .acknowledge(let worker, let leases): send(.committed(leases), to: worker)
        case .cancel(let worker, let leases): send(.cancel(leases), to: worker)
        case .replace(let identity): kill(identity)
        case .settled(let settled):
            checkUnknown(settled.job)
            checkOvertime(settled.job)
        case .drained: checkDrained()
        case .accepted, .refused, .acted, .streamed, .window, .callEnded, .observed: break
        }
    }

    private func send(_ order: WorkerOrder, to identity: WorkerIdentity) {
        guard let index = index(of: identity), workers[index].isLinked else { return }
        workers[index].inbox.append(order)
    }

    func index(of identity: WorkerIdentity) -> Int? {
        workers.firstIndex { $0.identity == identity && $0.isAlive }
    }

    // MARK: the writer

    /// The end of a turn of the loop: what was asked for in it shares one commit.
    func planCommit() {
        guard isCommitPlanned, !isCommitting else { return }
        isCommitPlanned = false
        startCommit()
    }

    private func startCommit() {
        guard let batch = logic.takeBatch() else { return }
        isCommitting = true
        writer.append(.commit(batch))
    }

    func runWriter() {
        guard !writer.isEmpty else { return }
        switch writer.removeFirst() {
        case .commit(let changes):
            if let trouble { return answers.append(.commitFailed(trouble)) }
            answers.append(.committed((try? store.commit(changes)) ?? []))
        case .fetch(let lane, let after, let limit, let byteLimit):
            if random.chance(readFailurePercent) { return late.append(.fetchFailed(lane)) }
            let jobs =
                (try? store.queued(lane: lane, after: after, limit: limit, byteLimit: byteLimit))
                ?? []
            let size = jobs.reduce(0) { $0 + $1.requests.reduce(0) { $0 + $1.count } }
            answers.append(
                .fetched(lane, jobs, reachedEnd: jobs.count < limit && size < byteLimit))
        case .load(let key):
            if random.chance(readFailurePercent) { return late.append(.loadFailed(key)) }
            let job = (try? store.job(key)) ?? nil
            answers.append(
                .loaded(
                    key,
                    job.map {
                        QueuedJob(job: $0, requests: (try? store.requests(of: key)) ?? [])
                    }))
        case .promote(let limit, let byteLimit): promote(limit: limit, byteLimit: byteLimit)
        case .overdue(let limit): findOverdue(limit: limit)
        case .operations(let search): findOperations(search)
        }
    }

    private func findOperations(_ search: OperationSearch) {
        let wall = now.wallMilliseconds
        if random.chance(readFailurePercent) {
            return late.append(.operationsFound(.none(search, wall)))
        }
        var finds = OperationFinds(search)
        if let time = search.begunByMilliseconds {
            finds.overdue =
                (try? store.operations(
                    lane: search.lane, begunBy: time, limit: search.overdueLimit)) ?? []
            finds.firstBeginMilliseconds =
                (try? store.firstOperationMilliseconds(lane: search.lane)) ?? nil
        }
        if search.pollLimit > 0 {
            finds.due =
                (try? store.duePolls(
                    lane: search.lane, nowMilliseconds: wall, limit: search.pollLimit)) ?? []
            finds.nextPollMilliseconds =
                finds.due.count == search.pollLimit
                ? wall
                : (try? store.nextPollMilliseconds(lane: search.lane, after: wall)) ?? nil
        }
        answers.append(.operationsFound(finds))
    }

    private func promote(limit: Int, byteLimit: Int) {
        let wall = now.wallMilliseconds
        guard trouble == nil else {
            return late.append(.promoted([], nextDueMilliseconds: wall))
        }
        let jobs =
            (try? store.promoteDue(nowMilliseconds: wall, limit: limit, byteLimit: byteLimit))
            ?? []
        let next = (try? store.nextDueMilliseconds()) ?? nil
        answers.append(.promoted(jobs, nextDueMilliseconds: next))
    }

    private func findOverdue(limit: Int) {
        let wall = now.wallMilliseconds
        if random.chance(readFailurePercent) {
            return late.append(.overdue([], nextExpiryMilliseconds: wall))
        }
        let jobs = (try? store.overdue(nowMilliseconds: wall, limit: limit)) ?? []
        let next = jobs.count == limit ? wall : (try? store.nextExpiryMilliseconds()) ?? nil
        answers.append(
            .overdue(
                jobs, nextExpiryMilliseconds: next.map { max($0, wall + 10) }))
    }

    func deliverAnswer() {
        guard !answers.isEmpty else { return }
        deliver(answers.removeFirst())
    }

    func deliverLate() {
        guard !late.isEmpty else { return }
        deliver(late.remove(at: random.index(late.count)))
    }

    private func deliver(_ event: QueueEvent) {
        switch event {
        case .committed:
            isCommitting = false
            // the next batch may go before what this one set off, or after it
            if random.chance(50) {
                logic.noteOnDisk()
                startCommit()
            }
        case .commitFailed:
            isCommitting = false
            retryIsDue = true
        default: break
        }
        handle(event)
    }

    /// Nothing is on its way between the queue and its store.
    var isStoreQuiet: Bool {
        writer.isEmpty && answers.isEmpty && late.isEmpty && !isCommitting
            && logic.pending.isEmpty && logic.inCommit.isEmpty && logic.loads.isEmpty
    }
}
