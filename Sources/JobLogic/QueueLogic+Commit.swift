// Group commit: whatever came while the last commit ran goes into the next one. What a commit
// settles is carried out only after it, in the order in which it was asked for.

extension QueueLogic {
    /// A batch is bounded so that one commit's time stays near a fsync's and answers keep flowing.
    static var batchChanges: Int { 1024 }

    /// What the next commit shall do; nothing when one is under way or nothing is there to do.
    /// The caller commits it and hands in `committed` or `commitFailed`.
    package mutating func takeBatch() -> [Change]? {
        guard inCommit.isEmpty, !pending.isEmpty else { return nil }
        if pending.count <= QueueLogic.batchChanges {
            swap(&inCommit, &pending)
        } else {
            inCommit = Array(pending[0..<QueueLogic.batchChanges])
            pending.removeSubrange(0..<QueueLogic.batchChanges)
        }
        return inCommit.map { $0.change }
    }

    /// The batch is on disk: the next one may be taken before `committed` is handed in, so that the
    /// store does not wait for what its last commit has set off (measured: a quarter of its time).
    package mutating func noteOnDisk() {
        precondition(onDisk.isEmpty, "one commit after the other")
        swap(&inCommit, &onDisk)
    }

    mutating func finishCommit(_ outcomes: [ChangeOutcome]) {
        if onDisk.isEmpty { noteOnDisk() }
        precondition(outcomes.count == onDisk.count, "a commit answers each of its changes")
        var batch: [PendingChange] = []
        swap(&batch, &onDisk)
        trouble = nil
        for (pending, outcome) in zip(batch, outcomes) { carryOut(pending, outcome) }
    }

    private mutating func carryOut(_ pending: PendingChange, _ outcome: ChangeOutcome) {
        switch (pending.change, pending.purpose) {
        case (.insert(let job), .accept(let token, let policy)):
            accept(job, outcome, token, policy: policy)
        case (.update(let update), .mark):
            precondition(outcome == .done, "the store and the queue differ about a job's state")
            finishMark(update)
        case (.update(let update), .settle(let job)):
            if outcome == .conflict, wasPromotedMeanwhile(job, update) {
                settle(
                    job, acknowledge: job.acknowledgement, tokens: job.told,
                    responses: update.responses)
                return
            }
            precondition(outcome == .done, "the store and the queue differ about a job's state")
            finishSettle(job, update)
        case (.delete(let key), .delete(let token, let from)):
            finishDelete(key, from: from, token)
        case (_, .housekeeping):
            break
        case (_, _):
            preconditionFailure("a change was queued for a purpose that it cannot have")
        }
    }

    /// A new progress of a job is to be made durable; until then it is nobody's.
    mutating func settle(
        _ job: LiveJob, acknowledge: LiveJob.Acknowledgement? = nil, tokens: [Token] = [],
        responses: [[UInt8]]? = nil
    ) {
        let key = job.key
        job.phase = .committing
        job.acknowledgement = acknowledge
        job.told = tokens
        live[key] = job
        pending.append(
            PendingChange(
                change: .update(
                    JobUpdate(
                        key: key, from: job.diskState, progress: job.job.progress,
                        responses: responses, order: job.job.order)),
                key: key, purpose: .settle(job)))
    }

    /// The one difference that may be: a job was read as `scheduled`, and became due in the store
    /// before its change arrived there. What may be done to one may be done to the other.
    private func wasPromotedMeanwhile(_ job: LiveJob, _ update: JobUpdate) -> Bool {
        update.from == .scheduled && job.diskState == .queued
    }

    private mutating func finishSettle(_ job: LiveJob, _ update: JobUpdate) {
        noteStored(job, update)
        if let ended = job.acknowledgement.take() {
            release(ended.lease, of: ended.worker, acknowledge: true)
        }
        for token in job.told { effects.append(.acted(token, job.job)) }
        job.told = []
        let state = job.diskState
        // a cancelled job whose operation was told has not ended once more
        if state.hasEnded || state == .unknown, state != update.from {
            effects.append(
                .settled(SettledJob(live: job, responses: update.responses)))
            effects.append(
                .observed(.ended(target: lanes.target(of: job.job.order.lane), state: state)))
        }
        noteTimes(of: job)
        settlePlace(job)
    }

    mutating func noteStored(_ job: LiveJob, _ update: JobUpdate) {
        counts.add(-1, job.job.order.lane, update.from)
        counts.add(1, job.job.order.lane, update.progress.state)
        job.diskState = update.progress.state
    }

    private mutating func finishDelete(_ key: JobKey, from: JobState, _ token: Token) {
        if let job = live.removeValue(forKey: key) {
            counts.add(-1, job.job.order.lane, from)
        }
        effects.append(.acted(token, nil))
    }

    // MARK: failure

    /// Nothing of the batch is on disk: new jobs are refused, calls that wait for their marks are
    /// taken back, all else stays to be tried again.
    mutating func failCommit(_ trouble: StoreTrouble) {
        self.trouble = trouble
        let batch = inCommit
        inCommit = []
        let waiting = pending
        pending = []
        for change in batch + waiting {
            switch change.purpose {
            case .accept(let token, _):
                counts.reserve(-1)
                if let refusal = refusalOfNewWork() { effects.append(.refused(token, refusal)) }
            case .mark: unmark(change.key)
            case .housekeeping:
                // nobody waits for a probe: the next try makes its own
                if case .probe = change.change { continue }
                pending.append(change)
            case .settle, .delete: pending.append(change)
            }
        }
    }

    /// The call never left: its place is for direct calls while commits fail.
    private mutating func unmark(_ key: JobKey) {
        guard let job = live[key], case .marking(let worker) = job.phase else {
            preconditionFailure("a job whose mark is on its way is marking")
        }
        let lease = Lease(number: key.rawValue, attempt: job.job.progress.attemptCount)
        takeBack(job, lease, from: worker)
    }

    /// A second has passed: is the store well again? An empty batch would prove nothing.
    mutating func retryCommit() {
        guard trouble != nil, inCommit.isEmpty else { return }
        if pending.isEmpty {
            pending.append(
                PendingChange(
                    change: .probe, key: JobKey(rawValue: 0), purpose: .housekeeping))
        }
        effects.append(.commitWanted)
    }

    mutating func setPaused(_ target: String, _ paused: Bool) {
        let lanesOfTarget = lanes.lanes.filter { $0.name == target }.map(\.id)
        for lane in lanesOfTarget { lanes.change(lane) { $0.isPaused = paused } }
        pending.append(
            PendingChange(
                change: .setPaused(target: target, paused: paused), key: JobKey(rawValue: 0),
                purpose: .housekeeping))
    }
}
