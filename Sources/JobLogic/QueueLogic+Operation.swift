// Calls about long-running operations: polls of jobs that wait, and the cancels of operations whose
// jobs were cancelled, where the target asks for that. Both are found on disk when they are due,
// made as small calls by any worker, and what they say is committed. Such a job is on disk only;
// between its calls nothing of it is in memory. They take a place like a call but count as no
// attempt.
//
//     waiting on disk ── due ──▶ poll in flight ── its end ──▶ committing ──▶ waiting, or ended
//       │
//       └─ cancel ──▶ committing ──▶ cancelled on disk, and answered; its operation to be told
//                                      │         ▲
//                                     due        │ no answer now, later
//                                      ▼         │
//                                cancel in flight ── its end ──▶ committing ──▶ cancelled
//
// One that is lost with the queue or a worker is simply made again: a poll changes nothing, and an
// operation that was cancelled twice is cancelled.

/// A poll, or a cancel, under way.
struct Poll {
    var job: Job
    var rules: OperationRules
}

extension QueueLogic {
    static var pollTimeoutMilliseconds: Int64 { 60_000 }
    /// An outage under a million operations must not fill the memory with its reasons.
    private static var pollTroublesMax: Int { 1_000 }

    func mayBeginOperation(_ outcome: Outcome, _ job: LiveJob) -> Bool {
        outcome.code == StatusCode.ok && job.job.order.flags.contains(.waitOperation)
    }

    /// What the call has begun; nil: nothing that could be followed. A job whose method was not
    /// known when it was read may have one by now.
    func operation(begunBy outcome: Outcome, _ job: LiveJob) -> OperationReading? {
        let rules = (job.policy ?? policy(of: job.job.order))?.operation
        return rules?.read(outcome.responses.first ?? [], job.requests.first)
    }

    // MARK: due

    /// - Returns: false where its method is not known now: it waits until it is.
    mutating func start(_ job: Job) -> Bool {
        let rules = policy(of: job.order)?.operation
        if let end = endUnasked(job, rules) {
            settlePoll(job, end)
            return true
        }
        guard let rules, let name = job.progress.operationName,
            let method = job.owesCancel ? rules.cancelMethod : rules.pollMethod,
            let target = lanes.target(of: job.order.lane)
        else { return false }
        let token = Poll.tokenBit | nextPollToken
        nextPollToken += 1
        polls[token] = Poll(job: job, rules: rules)
        pollOfJob[job.order.id.key] = token
        changeAgenda(of: job.order.lane) { $0.underWay += 1 }
        let (request, metadata) = rules.ask(name, method)
        call(
            DirectOrder(
                target: target, method: method, priority: job.order.priority, metadata: metadata,
                request: request,
                deadlineMonotonicNanoseconds: now.monotonic(
                    afterMilliseconds: pollMilliseconds(job, rules)),
                maxAttempts: RetryPolicy.unlimited, policy: rules.pollPolicy), token)
        return true
    }

    /// A poll has no use after the end of its operation's time.
    private func pollMilliseconds(_ job: Job, _ rules: OperationRules) -> Int64 {
        guard !job.owesCancel else { return QueueLogic.pollTimeoutMilliseconds }
        let age = now.wallMilliseconds - job.progress.operationStartMilliseconds
        return min(QueueLogic.pollTimeoutMilliseconds, max(1, rules.timeoutMilliseconds - age))
    }

    /// What has come to its end without another call.
    private func endUnasked(_ job: Job, _ rules: OperationRules?) -> JobEvent? {
        guard job.owesCancel else {
            guard let rules, job.hasLasted(rules.timeoutMilliseconds, at: now) else { return nil }
            return .operationLost(.overtime(job))
        }
        // the target does not ask for it, or not any more
        if let rules, rules.cancelMethod == nil {
            return .operationCancelEnded(failure: "its target has no cancel_operation now")
        }
        let age = now.wallMilliseconds - (job.progress.endedAtMilliseconds ?? 0)
        // one that is not looked at, as its target cannot be asked, is given up once it is
        return age < OperationRules.cancelTimeoutMilliseconds
            ? nil : .operationCancelEnded(failure: "no answer came for a day")
    }

    // MARK: ends

    /// Where the ends of direct calls go: to a caller, or to the job whose operation was asked for.
    mutating func tell(_ token: Token, _ end: CallEnd) {
        guard token & Poll.tokenBit != 0 else {
            effects.append(.callEnded(token, end))
            return
        }
        guard let poll = endPoll(token) else { return }
        let key = poll.job.order.id.key
        pollOfJob[key] = nil
        // meanwhile somebody has changed it
        guard live[key] == nil else { return }
        if isDraining, end.code != StatusCode.ok { return }
        settlePoll(
            poll.job,
            poll.job.owesCancel ? event(ofCancel: end) : event(of: end, poll.job, poll.rules))
        if !poll.job.owesCancel { noteTrouble(end, key) }
    }

    private mutating func noteTrouble(_ end: CallEnd, _ key: JobKey) {
        guard OperationRules.isPassing(end.code), pollTroubles.count < QueueLogic.pollTroublesMax
        else { return }
        pollTroubles[key] = "\(StatusCode.name(of: end.code)): \(end.message.prefix(500))"
    }

    private mutating func endPoll(_ token: Token) -> Poll? {
        guard let poll = polls.removeValue(forKey: token) else { return nil }
        changeAgenda(of: poll.job.order.lane) { $0.underWay -= 1 }
        return poll
    }

    private mutating func event(ofCancel end: CallEnd) -> JobEvent {
        if end.code == StatusCode.ok { return .operationCancelEnded(failure: nil) }
        return OperationRules.isPassing(end.code)
            ? .operationCancelPostponed(random: random.next())
            : .operationCancelEnded(failure: end.message)
    }

    private mutating func event(
        of end: CallEnd, _ job: Job, _ rules: OperationRules
    ) -> JobEvent {
        if end.code == StatusCode.ok {
            if let reading = rules.read(end.response, nil) {
                return .operationPolled(reading, random: random.next())
            }
            return .operationLost(
                JobError(
                    code: StatusCode.internal,
                    message: "the answer to a poll of \(job.progress.operationName ?? "") is no"
                        + " operation; it may still go on",
                    fromTarget: false))
        }
        if OperationRules.isPassing(end.code) { return .pollPostponed(random: random.next()) }
        return .operationLost(
            JobError(
                code: end.code,
                message: "the operation \(job.progress.operationName ?? "") was begun but cannot be"
                    + " followed: \(end.message)",
                statusDetails: end.statusDetails, fromTarget: end.fromTarget))
    }

    mutating func settlePoll(_ job: Job, _ event: JobEvent) {
        let live = LiveJob(
            job: job, requests: nil, policy: policy(of: job.order), diskState: job.progress.state,
            phase: .committing)
        change(live, event)
        var response: [UInt8]?
        if live.job.progress.state == .succeeded, case .operationPolled(let reading, _) = event {
            response = reading.response
        }
        settle(live, responses: response.map { [$0] })
    }

    // MARK: what people do

    /// The job is cancelled, and its operation is to be cancelled too where the target asks for
    /// that. The wish goes to disk with the job's end; what carries it out finds it there.
    mutating func wantCancel(of job: LiveJob) {
        // where its method is not known now, what the target asks for is seen once it is
        if let rules = job.policy?.operation, rules.cancelMethod == nil { return }
        change(job, .operationCancelWanted)
    }

    /// The job changes: the end of what is asked about its operation now is not waited for.
    mutating func forgetPoll(of job: LiveJob) {
        forgetPoll(of: job.key, isCancel: job.diskState != .waiting)
    }

    mutating func forgetPoll(of key: JobKey, isCancel: Bool) {
        pollTroubles[key] = nil
        guard let token = pollOfJob.removeValue(forKey: key) else { return }
        _ = endPoll(token)
        // a cancel may still be made
        if !isCancel { abandon(token) }
    }
}

extension Job {
    func hasLasted(_ milliseconds: Int64, at now: Moment) -> Bool {
        now.wallMilliseconds - progress.operationStartMilliseconds >= milliseconds
    }
}

extension JobError {
    static func overtime(_ job: Job) -> JobError {
        JobError(
            code: StatusCode.deadlineExceeded,
            message: "the operation \(job.progress.operationName ?? "") did not end within its"
                + " operation_timeout; it may still go on: ask the target how it ends, and give it"
                + " a longer operation_timeout if it needs one",
            fromTarget: false)
    }
}

extension Poll {
    /// Set in the tokens of the logic's own calls; no caller's has it.
    static let tokenBit: Token = 1 << 63
}
