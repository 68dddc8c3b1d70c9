// Durable jobs come in: checked against the bounds, handed to the store, and answered only when the
// store has them. Then, and whenever a job becomes queued again, its lane decides whether it stays
// in memory.

extension QueueLogic {
    mutating func submit(_ submission: Submission, _ token: Token) {
        let refusal = refusalOfNewWork()
        // a known key names a job that is here already: the store looks
        let mayBeReplay = refusal?.kind == .queueFull && submission.order.idempotencyKey != nil
        if let refusal, !mayBeReplay {
            effects.append(.refused(token, refusal))
            return
        }
        let isScheduled = submission.notBeforeMilliseconds.map { $0 > now.wallMilliseconds }
        let progress = JobProgress(
            state: isScheduled == true ? .scheduled : .queued,
            notBeforeMilliseconds: isScheduled == true ? submission.notBeforeMilliseconds : nil)
        let job = Job(order: submission.order, progress: progress)
        counts.reserve(1)
        pending.append(
            PendingChange(
                change: .insert(
                    NewJob(
                        job: job, requests: submission.requests,
                        fingerprint: submission.fingerprint, isReplayOnly: mayBeReplay)),
                key: job.order.id.key, purpose: .accept(token, policy: submission.policy)))
    }

    func refusalOfNewWork() -> Refusal? {
        if isDraining {
            return Refusal(.draining, "prong is stopping and takes no more jobs; try again soon")
        }
        switch trouble {
        case .full(let text):
            return Refusal(.storeFull, "the store has no space (\(text)); nothing was kept")
        case .failing(let text):
            return Refusal(.storeFailing, "the store cannot write (\(text)); nothing was kept")
        case nil: break
        }
        return counts.open >= configuration.maxQueued ? queueFull : nil
    }

    private var queueFull: Refusal {
        Refusal(
            .queueFull,
            "the queue holds \(counts.open) jobs, as many as `store.max_queued` allows")
    }

    /// The insert is on disk.
    mutating func accept(
        _ job: NewJob, _ outcome: ChangeOutcome, _ token: Token, policy: MethodPolicy
    ) {
        counts.reserve(-1)
        let order = job.job.order
        switch outcome {
        case .done:
            counts.add(1, order.lane, job.job.progress.state)
            effects.append(.accepted(token, order.id, replayed: false))
            effects.append(.observed(.submitted(target: lanes.target(of: order.lane))))
            noteTimes(job.job.progress, job.job.order)
            // most of a long queue stays on disk: not even made here
            guard job.job.progress.state == .queued,
                !lanes.isBehindWindow(order.position, of: order.lane)
            else { return }
            settlePlace(
                LiveJob(
                    job: job.job, requests: job.requests, policy: policy, diskState: .queued,
                    phase: .committing))
        case .keyTaken(let id?, sameCall: true):
            effects.append(.accepted(token, id, replayed: true))
        case .keyTaken(nil, sameCall: true):
            effects.append(
                .refused(
                    token,
                    Refusal(
                        .keyOfAGoneJob,
                        "the key's job is gone, only the key is remembered; use another key")))
        case .keyTaken(_, sameCall: false):
            effects.append(
                .refused(
                    token,
                    Refusal(.keyOfAnotherCall, "the key was used for another call; use another")))
        case .noRoom:
            effects.append(.refused(token, queueFull))
        case .conflict:
            preconditionFailure("an insert has no state to conflict with")
        }
    }

    /// Where a job whose progress is on disk goes now: a window, the disk alone, or away.
    mutating func settlePlace(_ job: LiveJob) {
        let key = job.job.order.id.key
        switch job.diskState {
        case .queued:
            // its method went away with a change of settings: it waits on disk
            guard job.policy != nil else {
                live[key] = nil
                return
            }
            job.phase = .ready
            admit(job, key)
        case .scheduled, .waiting, .unknown, .succeeded, .failed, .cancelled, .expired:
            live[key] = nil
        case .running:
            preconditionFailure("a running job is with its worker")
        }
    }

    private mutating func admit(_ job: LiveJob, _ key: JobKey) {
        let position = job.job.order.position
        let lane = job.job.order.lane
        var mayEvict = false
        var admission = LaneWindow.Admission.onDiskOnly
        lanes.change(lane) {
            (admission, mayEvict) = $0.window.admit(position, bytes: job.requestBytes)
        }
        guard admission == .inWindow else {
            live[key] = nil
            return
        }
        live[key] = job
        if mayEvict { evict(from: lane) }
    }

    private mutating func evict(from lane: LaneID) {
        while let last = lanes[lane]?.window.evictable {
            let size = live.removeValue(forKey: last)?.requestBytes ?? 0
            lanes.change(lane) { $0.window.evictLast(bytes: size) }
        }
    }

    /// When the timers have to ring at the latest for this job.
    mutating func noteTimes(of job: LiveJob) {
        noteTimes(job.job.progress, job.job.order)
    }

    private mutating func noteTimes(_ progress: borrowing JobProgress, _ order: JobOrder) {
        switch progress.state {
        case .scheduled:
            if let due = progress.notBeforeMilliseconds {
                nextDueMilliseconds = min(nextDueMilliseconds ?? .max, due)
            }
        case .queued: break
        // a poll, or a cancel of its operation
        case .waiting, .cancelled:
            noteOperation(progress, order.lane)
            return
        case .running, .unknown, .succeeded, .failed, .expired: return
        }
        if let expiry = order.expiresAtMilliseconds {
            nextExpiryMilliseconds = min(nextExpiryMilliseconds ?? .max, expiry)
        }
    }
}
