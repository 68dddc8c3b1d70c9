// Polls of long-running operations: found on disk when they are due, made as small calls by any
// worker, and what they say committed. A job that waits is on disk only; between its polls nothing
// of it is in memory. A poll takes a place like a call but counts as no attempt.
//
//     waiting on disk ── due ──▶ poll in flight ── its end ──▶ committing ──▶ waiting, or ended
//
// A poll that is lost with the queue or a worker is simply made again: it changes nothing.

/// A poll under way.
struct Poll {
    var job: Job
    /// Nil: a cancel that nobody waits for.
    var rules: OperationRules?
}

extension QueueLogic {
    /// Polls at once: more would be no help to anybody.
    static var pollsMax: Int { 256 }
    static var pollTimeoutMilliseconds: Int64 { 60_000 }
    /// How often jobs are looked for whose method went away with a change of the settings.
    static var idlePollMilliseconds: Int64 { 60_000 }

    /// What the end of a call has begun; nil: it is no call whose operation is awaited.
    func operation(
        begunBy outcome: Outcome, _ job: LiveJob
    ) -> (rules: OperationRules, reading: OperationReading?)? {
        guard outcome.code == StatusCode.ok, job.job.order.flags.contains(.waitOperation),
            let rules = job.policy?.operation
        else { return nil }
        return (rules, rules.read(outcome.responses.first ?? [], job.requests.first))
    }

    // MARK: due

    var mayPoll: Bool {
        !isFindingPolls && trouble == nil && recovery.isOver && !isDraining
            && !configuration.isSafeMode && polls.count < QueueLogic.pollsMax
    }

    mutating func tickPolls() {
        guard mayPoll, let due = nextPollMilliseconds, due <= now.wallMilliseconds else { return }
        isFindingPolls = true
        effects.append(.findDuePolls(limit: QueueLogic.pollsMax + polls.count))
    }

    mutating func startPolls(_ jobs: [Job], next: Int64?) {
        isFindingPolls = false
        nextPollMilliseconds = next
        for job in jobs where live[job.order.id.key] == nil && pollOfJob[job.order.id.key] == nil {
            start(job)
        }
    }

    private mutating func start(_ job: Job) {
        guard let rules = policy(of: job.order)?.operation, let name = job.progress.operationName,
            let target = lanes.target(of: job.order.lane)
        else {
            // its method is not known now: it waits until it is
            nextPollMilliseconds = min(
                nextPollMilliseconds ?? .max,
                now.wall(afterMilliseconds: QueueLogic.idlePollMilliseconds))
            return
        }
        guard now.wallMilliseconds - job.operationStartMilliseconds < rules.timeoutMilliseconds
        else { return settlePoll(job, .operationLost(QueueLogic.overtime(job, rules))) }
        let token = ask(
            rules.pollMethod, rules, name, target, priority: job.order.priority, job: job)
        pollOfJob[job.order.id.key] = token
        call(order(rules.pollMethod, rules, name, target, job.order.priority), token)
    }

    private static func overtime(_ job: Job, _ rules: OperationRules) -> JobError {
        JobError(
            code: StatusCode.deadlineExceeded,
            message: "the operation \(job.progress.operationName ?? "") did not end within its"
                + " operation_timeout; it may still go on",
            fromTarget: false)
    }

    private mutating func ask(
        _ method: String, _ rules: OperationRules?, _ name: String, _ target: Int,
        priority: Int32, job: Job
    ) -> Token {
        let token = Poll.tokenBit | nextPollToken
        nextPollToken += 1
        polls[token] = Poll(job: job, rules: rules)
        return token
    }

    private func order(
        _ method: String, _ rules: OperationRules, _ name: String, _ target: Int,
        _ priority: Int32
    ) -> DirectOrder {
        let (request, metadata) = rules.ask(name, method)
        return DirectOrder(
            target: target, method: method, priority: priority, metadata: metadata,
            request: request,
            deadlineMonotonicNanoseconds: now.monotonic(
                afterMilliseconds: QueueLogic.pollTimeoutMilliseconds),
            maxAttempts: RetryPolicy.unlimited, policy: rules.pollPolicy)
    }

    // MARK: ends

    /// Where the ends of direct calls go: to a caller, or to the job whose operation was asked for.
    mutating func tell(_ token: Token, _ end: CallEnd) {
        guard token & Poll.tokenBit != 0 else {
            effects.append(.callEnded(token, end))
            return
        }
        guard let poll = polls.removeValue(forKey: token), let rules = poll.rules else { return }
        let key = poll.job.order.id.key
        pollOfJob[key] = nil
        // meanwhile somebody has cancelled it
        guard live[key] == nil else { return }
        if isDraining, end.code != StatusCode.ok { return }
        settlePoll(poll.job, event(of: end, poll.job, rules), end, rules)
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

    private mutating func settlePoll(
        _ job: Job, _ event: JobEvent, _ end: CallEnd? = nil, _ rules: OperationRules? = nil
    ) {
        let live = LiveJob(
            job: job, requests: nil, policy: policy(of: job.order), diskState: .waiting,
            phase: .committing)
        change(live, event)
        var response: [UInt8]?
        if live.job.progress.state == .succeeded, case .operationPolled(let reading, _) = event {
            response = reading.response
        }
        settle(live, responses: response.map { [$0] })
    }

    /// The job is cancelled: its poll is not waited for, and the operation is told where the target
    /// asks for that.
    mutating func stopFollowing(_ job: LiveJob) {
        if let token = pollOfJob.removeValue(forKey: job.key) {
            polls[token] = nil
            abandon(token)
        }
        guard let rules = job.policy?.operation, let method = rules.cancelMethod,
            let name = job.job.progress.operationName,
            let target = lanes.target(of: job.job.order.lane), !isDraining
        else { return }
        let token = ask(
            method, nil, name, target, priority: job.job.order.priority, job: job.job)
        call(order(method, rules, name, target, job.job.order.priority), token)
    }
}

extension Poll {
    /// Set in the tokens of the logic's own calls; no caller's has it.
    static let tokenBit: Token = 1 << 63
}
