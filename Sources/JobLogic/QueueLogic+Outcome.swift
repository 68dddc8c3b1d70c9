// What comes back from workers: outcomes, calls handed back, and calls whose worker died. The table
// in Verdict.swift decides; this file only finds the job and carries the verdict to disk.

extension QueueLogic {
    mutating func finish(_ outcome: Outcome, from worker: WorkerIdentity) {
        guard !outcome.lease.isDirect else {
            finishDirect(outcome, from: worker)
            return
        }
        let key = outcome.lease.key
        guard let job = live[key], isHolder(worker, of: job, outcome.lease) else {
            if loads[key]?.contains(.adopt(worker, outcome.lease)) == true {
                earlyOutcomes[outcome.lease] = outcome
            } else {
                settleUnheld(outcome, from: worker)
            }
            return
        }
        let report = AttemptReport(
            end: end(of: outcome, job), message: outcome.message,
            statusDetails: outcome.statusDetails, fromTarget: outcome.fromTarget,
            peer: outcome.peer)
        forgetUnmarked(job)
        let tokens = job.takeCancels()
        keep(outcome.lease, of: worker)
        var responses = outcome.code == StatusCode.ok ? outcome.responses : nil
        if mayBeginOperation(outcome, job) {
            let reading = operation(begunBy: outcome, job)
            change(job, .operationBegan(report, reading, random: random.next()))
            let isOver = job.job.progress.state == .succeeded
            responses = isOver ? (reading?.response).map { [$0] } : nil
        } else {
            endAttempt(job, report)
        }
        observe(outcome, job)
        if !tokens.isEmpty { finishCancel(job) }
        settle(
            job, acknowledge: LiveJob.Acknowledgement(worker: worker, lease: outcome.lease),
            tokens: tokens, responses: responses)
    }

    /// A code that our own cancel or cut-off made is not the target's word.
    private func end(of outcome: Outcome, _ job: LiveJob) -> AttemptEnd {
        if outcome.code == StatusCode.cancelled || outcome.code == StatusCode.unavailable {
            if !job.cancels.isEmpty { return .cancelledByUser }
        }
        if outcome.code == StatusCode.cancelled, isDraining { return .drained }
        return .status(code: outcome.code, hint: outcome.hint)
    }

    /// The call ended some other way than by the cancel, and the job would go on: it shall not.
    private mutating func finishCancel(_ job: LiveJob) {
        switch job.job.progress.state {
        case .queued, .scheduled: change(job, .cancel)
        case .waiting:
            change(job, .cancel)
            wantCancel(of: job)
        case .running, .unknown, .succeeded, .failed, .cancelled, .expired: break
        }
    }

    func isHolder(_ worker: WorkerIdentity, of job: LiveJob, _ lease: Lease) -> Bool {
        guard job.job.progress.attemptCount == lease.attempt else { return false }
        switch job.phase {
        case .running(let holder), .awaited(let holder): return holder == worker
        case .ready, .marking, .committing: return false
        }
    }

    mutating func endAttempt(_ job: LiveJob, _ report: AttemptReport) {
        let target = lanes.target(of: job.job.order.lane)
        let rule = target.map { configuration.targets[$0].onUnknown } ?? .keep
        let policy = job.policy?.jobRetry ?? QueueLogic.noRetry
        change(
            job,
            .attemptEnded(report, rule: rule, policy: policy, random: random.next()))
    }

    /// For jobs whose method went away while they ran: nothing says that it may be repeated.
    static var noRetry: RetryPolicy {
        RetryPolicy(
            attempts: 1, initialMilliseconds: 1000, maxMilliseconds: 1000, multiplier: 1,
            codes: [])
    }

    private mutating func observe(_ outcome: Outcome, _ job: LiveJob) {
        effects.append(
            .observed(
                .attempt(
                    target: lanes.target(of: job.job.order.lane), method: job.job.order.method,
                    code: outcome.code, nanoseconds: outcome.durationNanoseconds)))
    }

    /// An outcome of a call that this queue does not know to run. Committed before a crash, and
    /// only the acknowledgement was lost; or of an attempt that was given up: either way the
    /// worker may forget it. A change on its way to disk acknowledges it when it is there.
    private mutating func settleUnheld(_ outcome: Outcome, from worker: WorkerIdentity) {
        guard !isOnItsWay(outcome.lease, of: worker) else { return }
        release(outcome.lease, of: worker, acknowledge: true)
    }

    /// Whether a change that waits for the disk acknowledges the lease.
    private func isOnItsWay(_ lease: Lease, of worker: WorkerIdentity) -> Bool {
        guard let job = live[lease.key], job.phase == .committing else { return false }
        return job.acknowledgement == LiveJob.Acknowledgement(worker: worker, lease: lease)
    }

    // MARK: handed back, or lost

    mutating func handBack(_ lease: Lease, from worker: WorkerIdentity) {
        if lease.isDirect {
            handBackDirect(lease, from: worker)
            return
        }
        guard let job = live[lease.key], isHolder(worker, of: job, lease) else {
            release(lease, of: worker, acknowledge: false)
            return
        }
        takeBack(job, lease, from: worker)
    }

    /// The worker is gone: each of its leases ends by its death, or by the drain's cut-off.
    mutating func loseWorker(_ identity: WorkerIdentity, died: Bool) {
        recovery.forget(identity)
        guard let worker = workers.remove(identity) else { return }
        for (lease, lane) in worker.leases {
            lanes.change(lane) { $0.inFlight -= 1 }
            if lease.isDirect {
                loseDirect(lease, died: died)
            } else {
                loseLease(lease, of: identity, died: died)
            }
        }
    }

    private mutating func loseLease(_ lease: Lease, of worker: WorkerIdentity, died: Bool) {
        earlyOutcomes[lease] = nil
        guard let job = live[lease.key], isHolder(worker, of: job, lease) else { return }
        forgetUnmarked(job)
        loseAttempt(
            job, died && !isDraining ? .workerDied : .drained,
            message: died ? "the worker died" : "drained")
    }

    /// The end of a lost attempt goes to disk in every case: its number must not come again.
    mutating func loseAttempt(_ job: LiveJob, _ end: AttemptEnd, message: String) {
        let tokens = job.takeCancels()
        endAttempt(
            job,
            AttemptReport(end: tokens.isEmpty ? end : .cancelledByUser, message: message))
        settle(job, tokens: tokens)
    }

    /// The connection is gone, the worker is not: its durable leases stay, its direct calls have
    /// been cancelled by itself.
    mutating func loseLink(_ identity: WorkerIdentity) {
        guard let worker = workers[identity] else { return }
        workers.change(identity) {
            $0.isLinked = false
            $0.readyTargets = []
        }
        for lease in worker.leases.keys where lease.isDirect {
            release(lease, of: identity, acknowledge: false)
            loseDirect(lease, died: true)
        }
        recovery.await(identity, from: now)
    }
}
