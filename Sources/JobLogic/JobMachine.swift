// What a job may become, and why not. Every pair of state and event is named; an illegal one gives
// its reason, which users read in a 400. Only these functions change a job's progress.
//
//        submit                    dispatch                    status OK
//     ──────────▶ queued ─────────────────────────▶ running ───────────────▶ succeeded
//        │          ▲ ▲                              │ │ │ │
//        │ delay    │ │ never started, death (safe)  │ │ │ └── final status ▶ failed
//        ▼          │ └──────────────────────────────┘ │ │
//     scheduled ────┘ due                              │ └──── may have happened, not safe
//        ▲                                             │                 │
//        └──────── repeat after a wait ────────────────┘                 ▼
//                                                                     unknown
//     queued, scheduled ── cancel ▶ cancelled                            │
//     queued, scheduled ── expire ▶ expired        retry ▶ queued ◀──────┤
//     running ── repeat too late ▶ expired                               │
//     ended (not well)  ── retry ▶ queued          resolve ▶ succeeded | failed
//
// `waiting`, where a call has begun a long-running operation: JobMachine+Operation.swift.

package enum JobEvent: Equatable, Sendable {
    /// An attempt is about to leave for a worker; `marked`: its mark goes to disk first.
    case dispatched(worker: WorkerIdentity, pid: Int32, marked: Bool)
    case attemptEnded(AttemptReport, rule: UnknownRule, policy: RetryPolicy, random: UInt64)
    /// A mark is on disk, but the job never reached its worker.
    case neverArrived
    case due
    /// `total`: what its method's attempts may take together; `blocked`: why it could not start.
    case expired(totalMilliseconds: Int64?, blocked: String?)
    case cancel
    case retry(totalMilliseconds: Int64?)
    case resolve(succeeded: Bool)
    /// The attempt ended well, and what it began is followed; nil: its response is no operation.
    case operationBegan(AttemptReport, OperationReading?, random: UInt64)
    case operationPolled(OperationReading, random: UInt64)
    /// No answer now.
    case pollPostponed(random: UInt64)
    /// Nobody knows now how to ask for it, or to cancel it.
    case operationPutOff(untilMilliseconds: Int64)
    /// It cannot be followed any more, or not for longer.
    case operationLost(JobError)
    /// The job is cancelled, and its operation is to be cancelled too.
    case operationCancelWanted
    /// No answer now.
    case operationCancelPostponed(random: UInt64)
    /// The operation was told, or for this reason never will be.
    case operationCancelEnded(failure: String?)
}

package struct AttemptReport: Equatable, Sendable {
    package var end: AttemptEnd
    package var message: String
    package var statusDetails: [UInt8]
    package var fromTarget: Bool
    package var peer: String

    package init(
        end: AttemptEnd, message: String = "", statusDetails: [UInt8] = [],
        fromTarget: Bool = true, peer: String = ""
    ) {
        self.end = end
        self.message = message
        self.statusDetails = statusDetails
        self.fromTarget = fromTarget
        self.peer = peer
    }
}

/// Why an event is not possible in a state: for people.
package struct IllegalEvent: Error, Equatable, Sendable {
    package var reason: String

    package init(reason: String) {
        self.reason = reason
    }
}

extension Job {
    package mutating func handle(_ event: JobEvent, now: Moment) throws(IllegalEvent) {
        switch event {
        case .dispatched(let worker, let pid, let marked):
            try dispatch(to: worker, pid: pid, marked: marked, now: now)
        case .attemptEnded(let report, let rule, let policy, let random):
            try endAttempt(report, rule: rule, policy: policy, random: random, now: now)
        case .neverArrived: try undoDispatch()
        case .due: try becomeDue()
        case .expired(let total, let blocked):
            try expire(total: total, blocked: blocked, now: now)
        case .cancel: try cancel(now: now)
        case .retry(let total): try retry(total: total, now: now)
        case .resolve(let succeeded): try resolve(succeeded: succeeded, now: now)
        case .operationBegan(let report, let reading, let random):
            try beginOperation(report, reading, random: random, now: now)
        case .operationPolled(let reading, let random):
            try notePoll(reading, random: random, now: now)
        case .pollPostponed(let random): try postponePoll(random: random, now: now)
        case .operationPutOff(let time): try putOperationOff(until: time)
        case .operationLost(let error): try loseOperation(error, now: now)
        case .operationCancelWanted: try wantOperationCancel(now: now)
        case .operationCancelPostponed(let random):
            try postponeOperationCancel(random: random, now: now)
        case .operationCancelEnded(let failure): try endOperationCancel(failure: failure)
        }
    }

    /// Attempts that count against the policy: those that crashed are counted apart, those before
    /// a retry by hand are forgiven.
    package var countedAttempts: Int32 {
        progress.attemptCount - progress.forgivenAttempts - progress.crashes
    }

    // MARK: attempts

    private mutating func dispatch(
        to worker: WorkerIdentity, pid: Int32, marked: Bool, now: Moment
    ) throws(IllegalEvent) {
        switch progress.state {
        case .queued: break
        case .scheduled: throw IllegalEvent(reason: "its time has not come")
        case .running: throw IllegalEvent(reason: "it runs already")
        case .waiting: throw IllegalEvent(reason: "its operation is under way")
        case .unknown: throw IllegalEvent(reason: "its call may have happened")
        case .succeeded, .failed, .cancelled, .expired:
            throw IllegalEvent(reason: "it has ended")
        }
        progress.state = .running
        progress.attemptCount += 1
        progress.notBeforeMilliseconds = nil
        progress.startedAtMilliseconds = progress.startedAtMilliseconds ?? now.wallMilliseconds
        if marked {
            progress.mark = DispatchMark(attempt: progress.attemptCount, worker: worker)
        }
        if progress.attempts.count == AttemptRecord.keptCount { progress.attempts.removeFirst() }
        progress.attempts.append(
            AttemptRecord(
                number: progress.attemptCount, slot: worker.slot, generation: worker.generation,
                pid: pid, startedAtMilliseconds: now.wallMilliseconds, endedAtMilliseconds: 0,
                code: nil, message: "", peer: ""))
    }

    private mutating func endAttempt(
        _ report: AttemptReport, rule: UnknownRule, policy: RetryPolicy, random: UInt64,
        now: Moment
    ) throws(IllegalEvent) {
        guard progress.state == .running else {
            throw IllegalEvent(reason: "no attempt of it runs: it is \(progress.state.name)")
        }
        let verdict = Verdict.of(
            report.end, isSafe: order.safety.isSafe, policy: policy,
            attemptsLeft: countedAttempts < order.maxAttempts)
        if case .queued(counted: false) = verdict {
            try undoDispatch()
            return
        }
        closeAttempt(report, now: now)
        progress.mark = nil
        if report.end == .workerDied { progress.crashes += 1 }
        apply(verdict, report, rule: rule, policy: policy, random: random, now: now)
    }

    private mutating func apply(
        _ verdict: Verdict, _ report: AttemptReport, rule: UnknownRule, policy: RetryPolicy,
        random: UInt64, now: Moment
    ) {
        switch verdict {
        case .succeeded:
            end(.succeeded, error: nil, now: now)
        case .failed:
            end(.failed, error: report.error, now: now)
        case .queued:
            progress.state = .queued
        case .scheduled(let asked):
            schedule(report, after: asked, policy: policy, random: random, now: now)
        case .cancelled:
            end(.cancelled, error: report.error, now: now)
        case .unknown:
            applyUnknown(report, rule: rule, policy: policy, random: random, now: now)
        }
    }

    private mutating func applyUnknown(
        _ report: AttemptReport, rule: UnknownRule, policy: RetryPolicy, random: UInt64,
        now: Moment
    ) {
        switch rule {
        case .keep:
            progress.state = .unknown
            progress.error = report.error
        case .fail:
            end(.failed, error: report.error, now: now)
        case .retry where countedAttempts < order.maxAttempts:
            schedule(report, after: nil, policy: policy, random: random, now: now)
        case .retry:
            end(.failed, error: report.error, now: now)
        }
    }

    private mutating func schedule(
        _ report: AttemptReport, after asked: Int64?, policy: RetryPolicy, random: UInt64,
        now: Moment
    ) {
        let wait =
            asked
            ?? policy.backOffMilliseconds(made: max(1, countedAttempts), random: random)
        let time = now.wall(afterMilliseconds: wait)
        guard !isOverdue(at: time) else {
            return expireEarly(report, total: policy.totalMilliseconds, now: now)
        }
        progress.state = .scheduled
        progress.notBeforeMilliseconds = time
    }

    mutating func closeAttempt(_ report: AttemptReport, now: Moment) {
        guard let last = progress.attempts.indices.last else { return }
        progress.attempts[last].endedAtMilliseconds = now.wallMilliseconds
        progress.attempts[last].message = report.message
        progress.attempts[last].peer = report.peer
        if case .status(let code, _) = report.end { progress.attempts[last].code = code }
    }

    /// The attempt never left, so it leaves no trace: no attempt, no mark.
    private mutating func undoDispatch() throws(IllegalEvent) {
        guard progress.state == .running else {
            throw IllegalEvent(reason: "no attempt of it runs: it is \(progress.state.name)")
        }
        progress.state = .queued
        progress.mark = nil
        progress.attemptCount -= 1
        if !progress.attempts.isEmpty { progress.attempts.removeLast() }
        if progress.attemptCount == 0 { progress.startedAtMilliseconds = nil }
    }

    mutating func end(_ state: JobState, error: JobError?, now: Moment) {
        progress.state = state
        progress.error = error
        progress.endedAtMilliseconds = now.wallMilliseconds
        progress.notBeforeMilliseconds = nil
    }

    // MARK: time and people

    private mutating func becomeDue() throws(IllegalEvent) {
        guard progress.state == .scheduled else {
            throw IllegalEvent(reason: "it waits for no time: it is \(progress.state.name)")
        }
        progress.state = .queued
        progress.notBeforeMilliseconds = nil
    }

    private mutating func cancel(now: Moment) throws(IllegalEvent) {
        switch progress.state {
        case .queued, .scheduled:
            let error = JobError(
                code: StatusCode.cancelled, message: "cancelled before it was started",
                fromTarget: false)
            end(.cancelled, error: error, now: now)
        case .running: throw IllegalEvent(reason: "it runs: its worker is asked first")
        case .waiting: cancelWaiting(now: now)
        case .unknown:
            throw IllegalEvent(
                reason: "its call may have happened: use retry, resolve or purge")
        case .succeeded, .failed, .cancelled, .expired:
            throw IllegalEvent(reason: "it has ended: it is \(progress.state.name)")
        }
    }

    private mutating func retry(total: Int64?, now: Moment) throws(IllegalEvent) {
        switch progress.state {
        case .cancelled where mayTellOperation(at: now):
            // another call while the first one's operation still runs is what nobody wants
            throw IllegalEvent(reason: "its operation is still to be cancelled: try again later")
        case .failed, .cancelled, .expired, .unknown: break
        case .queued, .scheduled, .running, .waiting:
            throw IllegalEvent(reason: "it has not ended: it is \(progress.state.name)")
        case .succeeded: throw IllegalEvent(reason: "it has succeeded")
        }
        progress.state = .queued
        progress.error = nil
        progress.endedAtMilliseconds = nil
        // a cancel of its operation that was never answered
        progress.notBeforeMilliseconds = nil
        renewExpiry(total: total, now: now)
        // a whole new budget of attempts; numbers and history go on
        progress.forgivenAttempts = progress.attemptCount - progress.crashes
        progress.operationName = nil
        progress.checkpoint = []
    }

    private mutating func resolve(succeeded: Bool, now: Moment) throws(IllegalEvent) {
        guard progress.state == .unknown else {
            throw IllegalEvent(
                reason: "only an unknown job is resolved: it is \(progress.state.name)")
        }
        if succeeded {
            end(.succeeded, error: nil, now: now)
        } else {
            end(.failed, error: progress.error, now: now)
        }
    }
}

extension AttemptReport {
    /// The report as the error that a user sees.
    package var error: JobError {
        switch end {
        case .status(let code, _):
            JobError(
                code: code, message: message, statusDetails: statusDetails,
                fromTarget: fromTarget)
        case .workerDied:
            JobError(
                code: StatusCode.unknown,
                message: "the worker died while it made the call: it may have happened",
                fromTarget: false)
        case .drained:
            JobError(
                code: StatusCode.unavailable,
                message: "prong stopped while the call ran: it may have happened",
                fromTarget: false)
        case .cancelledByUser:
            JobError(
                code: StatusCode.cancelled, message: "cancelled while it ran: it may have happened",
                fromTarget: false)
        case .neverStarted:
            JobError(
                code: StatusCode.unavailable, message: "the call was never started",
                fromTarget: false)
        }
    }
}
