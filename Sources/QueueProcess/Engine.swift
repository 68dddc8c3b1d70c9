// The queue's heart on the event loop: hands events to the logic and carries its effects out. Holds
// who waits for what; decides nothing. Everything here runs on the loop; the store works elsewhere.

import JobLogic
import JobStorage
import Kernel
import NIOCore
import Ops

/// What a submission became.
typealias SubmissionAnswer = Result<(id: JobID, isReplay: Bool), Refusal>

final class Engine {
    let loop: any EventLoop
    let store: StoreThread
    let log: Log
    private(set) var logic: QueueLogic
    var measures = Measures()

    /// How the engine reaches workers and the supervisor; set once at start.
    var deliver: (WorkerIdentity, WorkerDelivery) -> Void = { _, _ in }
    /// What a method's descriptor adds to each of its calls; nil: nothing to any.
    var addExtras: ((inout Dispatch) -> Void)?
    var askReplace: (WorkerIdentity) -> Void = { _ in }
    var onDrained: () -> Void = {}
    /// The store's disk cannot be trusted any more: the process ends.
    var onFatal: (StoreError) -> Void = { _ in }

    private var waiters = WaiterTable()
    private var watchers: [JobKey: [Token: (SettledJob) -> Void]] = [:]
    private var nextWatch: Token = 1

    private var events: [QueueEvent] = []
    private var isHandling = false
    private var isCommitting = false
    private var isCommitPlanned = false
    var isCheckpointing = false
    private var timer: Scheduled<Void>?
    private var timerNanoseconds: UInt64 = .max
    private var timedFor: (wallMilliseconds: Int64?, monotonicNanoseconds: UInt64?) = (nil, nil)
    /// The log of a former queue whose fsync may have failed is not settled yet.
    var needsSettling = false
    /// Committed when it is settled, before anything that may name them.
    var newLanes: [Change] = []

    init(
        loop: any EventLoop, store: StoreThread, logic: consuming QueueLogic, log: Log
    ) {
        self.loop = loop
        self.store = store
        self.logic = logic
        self.log = log
    }

    static func moment() -> Moment {
        Moment(
            wallMilliseconds: Int64(Clock.wallMilliseconds()),
            monotonicNanoseconds: Clock.monotonicNanoseconds())
    }

    // MARK: what handlers ask

    func submit(_ submission: Submission, _ answer: @escaping (SubmissionAnswer) -> Void) {
        handle(.submit([(waiters.add(.submission(answer)), submission)]))
    }

    /// Several at once, in their order; each is answered by itself.
    func submit(_ lines: [SubmittedLine], for owner: any LineOwner) {
        handle(
            .submit(
                lines.map { line in
                    (
                        waiters.add(.line(owner, place: line.place, bytes: line.bytes)),
                        line.submission
                    )
                }))
    }

    func call(_ order: DirectOrder, _ answer: @escaping (CallEnd) -> Void) -> Token {
        let token = waiters.add(.call(answer))
        handle(.call(token, order))
        return token
    }

    /// A direct call whose messages are handed on as they come.
    func stream(_ order: DirectOrder, to owner: any StreamOwner) -> Token {
        let token = waiters.add(.stream(owner))
        handle(.call(token, order))
        return token
    }

    /// The caller of a streamed call has taken so much of it.
    func grant(_ token: Token, bytes: UInt32) {
        handle(.grant(token, bytes: bytes))
    }

    /// The caller of a direct call is gone: nobody waits for its end.
    func abandon(_ token: Token) {
        switch waiters.remove(token) {
        case .call, .stream: handle(.callerGone(token))
        case .submission, .line, .action, nil: break
        }
    }

    func act(
        _ action: JobAction, on id: JobID, _ answer: @escaping (Result<Job?, Refusal>) -> Void
    ) {
        let token = waiters.add(.action(answer))
        handle(.act(token, id, action))
    }

    /// Calls back once, when the job has ended or is `unknown`, unless `unwatch` comes before.
    func watch(_ key: JobKey, _ notify: @escaping (SettledJob) -> Void) -> Token {
        let token = nextWatch
        nextWatch += 1
        watchers[key, default: [:]][token] = notify
        return token
    }

    func unwatch(_ key: JobKey, _ token: Token) {
        watchers[key]?[token] = nil
        if watchers[key]?.isEmpty == true { watchers[key] = nil }
    }

    // MARK: events in, effects out

    /// Events that effects cause are handled after them, never inside.
    func handle(_ event: QueueEvent) {
        guard !isHandling else { return events.append(event) }
        isHandling = true
        perform(event)
        var next = 0
        while next < events.count {
            perform(events[next])
            next += 1
        }
        if next > 0 { events.removeAll(keepingCapacity: true) }
        isHandling = false
        setTimer()
    }

    private func perform(_ event: QueueEvent) {
        for effect in logic.handle(event, now: Engine.moment()) { carryOut(effect) }
    }

    private func carryOut(_ effect: QueueEffect) {
        switch effect {
        case .commitWanted: planCommit()
        case .fetch(let lane, let after, let limit, let byteLimit):
            fetch(lane, after: after, limit: limit, byteLimit: byteLimit)
        case .load(let key): load(key)
        case .promote(let limit, let byteLimit): promote(limit: limit, byteLimit: byteLimit)
        case .findOverdue(let limit): findOverdue(limit: limit)
        case .findOperations(let search): findOperations(search)
        case .send(let worker, let dispatches):
            FaultPoint.reach(.queueBeforeSend)
            deliver(worker, .jobs(withExtras(dispatches)))
        case .acknowledge(let worker, let leases):
            FaultPoint.reach(.queueBeforeAcknowledge)
            deliver(worker, .committed(leases))
        case .cancel(let worker, let leases): deliver(worker, .cancel(leases))
        case .window(let worker, let lease, let bytes):
            deliver(worker, .window(lease, bytes: bytes))
        case .replace(let worker): askReplace(worker)
        case .accepted(let token, let id, let replayed):
            accept(token, id, replayed)
        case .refused(let token, let refusal): refuse(token, refusal)
        case .acted(let token, let job):
            if case .action(let answer)? = waiters.remove(token) { answer(.success(job)) }
        case .callEnded(let token, let end):
            finishCall(token, end)
        case .streamed(let token, let part): waiters.stream(token)?.take(part)
        case .settled(let settled): notify(settled)
        case .observed(let observation): measures.note(observation)
        case .drained: onDrained()
        }
    }

    private func withExtras(_ dispatches: [Dispatch]) -> [Dispatch] {
        guard let addExtras else { return dispatches }
        var dispatches = dispatches
        for index in dispatches.indices { addExtras(&dispatches[index]) }
        return dispatches
    }

    private func accept(_ token: Token, _ id: JobID, _ isReplay: Bool) {
        switch waiters.remove(token) {
        case .submission(let answer): answer(.success((id, isReplay)))
        case .line(let owner, let place, let bytes):
            owner.take(.success((id, isReplay)), ofLineAt: place, bytes: bytes)
        case .call, .stream, .action, nil: break
        }
    }

    private func finishCall(_ token: Token, _ end: CallEnd) {
        switch waiters.remove(token) {
        case .call(let answer): answer(end)
        case .stream(let owner): owner.end(end)
        case .submission, .line, .action, nil: break
        }
    }

    private func refuse(_ token: Token, _ refusal: Refusal) {
        switch waiters.remove(token) {
        case .submission(let answer): answer(.failure(refusal))
        case .line(let owner, let place, let bytes):
            owner.take(.failure(refusal), ofLineAt: place, bytes: bytes)
        case .action(let answer): answer(.failure(refusal))
        case .call, .stream, nil: break
        }
    }

    private func notify(_ settled: SettledJob) {
        guard !watchers.isEmpty,
            let waiting = watchers.removeValue(forKey: settled.job.order.id.key)
        else { return }
        for notify in waiting.values { notify(settled) }
    }

    // MARK: the store

    /// At the end of this turn of the loop, so that all that arrived in it shares one commit.
    private func planCommit() {
        guard !isCommitPlanned, !isCommitting else { return }
        isCommitPlanned = true
        loop.assumeIsolated().execute { [self] in
            isCommitPlanned = false
            commit()
        }
    }

    private func commit() {
        guard !isCommitting, let batch = logic.takeBatch() else { return }
        isCommitting = true
        let mustSettle = needsSettling
        let lanes = newLanes
        let started = Clock.monotonicNanoseconds()
        FaultPoint.reach(.queueBeforeCommit)
        store.write({ store throws(StoreError) in
            if mustSettle {
                try store.checkpoint(truncate: true)
                _ = try store.commit(lanes)
            }
            return (try store.commit(batch), store.logBytes)
        }) { [self] result in
            isCommitting = false
            measures.noteCommit(nanoseconds: Clock.monotonicNanoseconds() - started)
            switch result {
            case .success(let (outcomes, logBytes)):
                FaultPoint.reach(.queueAfterCommit)
                if logic.trouble != nil {
                    log.notice("the store can write again; jobs are accepted and dispatched")
                }
                needsSettling = false
                logic.noteOnDisk()
                if logBytes > Engine.logBytesMax { checkpoint() }
                commit()
                handle(.committed(outcomes))
            case .failure(.syncFailed(let text)) where mustSettle:
                // the successor stays up and tries again; nothing was accepted meanwhile
                suspend(.failing(text))
            case .failure(let error): failCommit(error)
            }
        }
    }

    private func failCommit(_ error: StoreError) {
        switch error {
        case .full(let text):
            suspend(.full(text))
        case .inputOutput(let text), .permission(let text), .bug(let text):
            suspend(.failing(text))
        case .syncFailed, .corrupt, .foreign:
            onFatal(error)
        }
    }

    /// Commits fail: refuse new jobs, dispatch none, try again every second.
    func suspend(_ trouble: StoreTrouble) {
        log.error(
            "the store cannot write: \(trouble.message); new jobs are refused, running calls go"
                + " on, and prong tries again every second",
            cause: "store")
        handle(.commitFailed(trouble))
        loop.assumeIsolated().scheduleTask(in: .seconds(1)) { [self] in handle(.retryCommit) }
    }

    private func fetch(_ lane: LaneID, after: LanePosition?, limit: Int, byteLimit: Int) {
        store.write({ store throws(StoreError) in
            try store.queued(lane: lane, after: after, limit: limit, byteLimit: byteLimit)
        }) { [self] result in
            switch result {
            case .success(let jobs):
                let size = jobs.reduce(0) { $0 + $1.requests.reduce(0) { $0 + $1.count } }
                handle(.fetched(lane, jobs, reachedEnd: jobs.count < limit && size < byteLimit))
            case .failure(let error):
                noteReadFailure(error)
                retryLater { self.handle(.fetchFailed(lane)) }
            }
        }
    }

    private func load(_ key: JobKey) {
        store.write({ store throws(StoreError) -> QueuedJob? in
            guard let job = try store.job(key) else { return nil }
            return QueuedJob(job: job, requests: try store.requests(of: key))
        }) { [self] result in
            switch result {
            case .success(let job): handle(.loaded(key, job))
            case .failure(let error):
                noteReadFailure(error)
                retryLater { self.handle(.loadFailed(key)) }
            }
        }
    }

    private func promote(limit: Int, byteLimit: Int) {
        let now = Int64(Clock.wallMilliseconds())
        store.write({ store throws(StoreError) -> ([QueuedJob], Int64?) in
            let jobs = try store.promoteDue(
                nowMilliseconds: now, limit: limit, byteLimit: byteLimit)
            return (jobs, try store.nextDueMilliseconds())
        }) { [self] result in
            switch result {
            case .success(let (jobs, next)):
                handle(.promoted(jobs, nextDueMilliseconds: next))
            case .failure(let error):
                noteReadFailure(error)
                retryLater { self.handle(.promoted([], nextDueMilliseconds: now)) }
            }
        }
    }

    private func findOverdue(limit: Int) {
        let now = Int64(Clock.wallMilliseconds())
        store.write({ store throws(StoreError) -> ([Job], Int64?) in
            let jobs = try store.overdue(nowMilliseconds: now, limit: limit)
            // those found are changed by what follows; more may be overdue already
            let next = jobs.count == limit ? now : try store.nextExpiryMilliseconds()
            return (jobs, next)
        }) { [self] result in
            switch result {
            case .success(let (jobs, next)):
                let later = next.map { max($0, now + 10) }
                handle(.overdue(jobs, nextExpiryMilliseconds: later))
            case .failure(let error):
                noteReadFailure(error)
                retryLater { self.handle(.overdue([], nextExpiryMilliseconds: now)) }
            }
        }
    }

    func noteReadFailure(_ error: StoreError) {
        switch error {
        case .corrupt, .foreign, .syncFailed: return onFatal(error)
        case .full, .inputOutput, .permission, .bug: break
        }
        log.error(
            "the store cannot be read: \(error.message); prong tries again", cause: "store read")
    }

    func retryLater(_ work: @escaping () -> Void) {
        loop.assumeIsolated().scheduleTask(in: .seconds(1)) { work() }
    }

    // MARK: time

    private func setTimer() {
        let next = logic.nextWake
        // most events leave the times as they were
        if timer != nil, next == timedFor { return }
        timedFor = next
        var due = next.monotonicNanoseconds
        let now = Clock.monotonicNanoseconds()
        if let wall = next.wallMilliseconds {
            // looked at again at least once a minute, so that a jump of the wall clock is seen
            let wait = min(max(0, wall - Int64(Clock.wallMilliseconds())), 60_000)
            due = min(due ?? .max, now + UInt64(wait) * 1_000_000)
        }
        guard let due else { return }
        if timer != nil, timerNanoseconds <= due { return }
        timer?.cancel()
        timerNanoseconds = due
        let wait = due > now ? due - now : 0
        timer = loop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(clamping: wait))) {
            [self] in
            timer = nil
            timerNanoseconds = .max
            handle(.tick)
        }
    }
}
