// What people do to jobs: cancel, retry, resolve, purge. A job that is in memory is changed at
// once; one that is on disk only is read first, in the writer's order, so that nothing but its
// becoming due can change it between the reading and the change.

extension QueueLogic {
    mutating func act(_ action: JobAction, on id: JobID, _ token: Token) {
        if let trouble {
            effects.append(.refused(token, QueueLogic.refusal(of: trouble)))
            return
        }
        guard let job = live[id.key] else {
            load(id.key, for: .act(token, id, action))
            return
        }
        guard job.job.order.id.salt == id.salt else {
            refuseUnknown(token)
            return
        }
        act(action, onLive: job, token)
    }

    private static func refusal(of trouble: StoreTrouble) -> Refusal {
        Refusal(.storeFailing, "the store cannot write: \(trouble.message)")
    }

    private mutating func refuseUnknown(_ token: Token) {
        effects.append(.refused(token, Refusal(.notFound, "there is no such job")))
    }

    mutating func actOnLoaded(
        _ action: JobAction, _ id: JobID, _ queued: QueuedJob?, _ token: Token
    ) {
        if let job = live[id.key], job.job.order.id.salt == id.salt {
            // while commits fail its change stays on its way: waiting for it would never end
            if let trouble, job.phase == .committing {
                effects.append(.refused(token, QueueLogic.refusal(of: trouble)))
            } else {
                act(action, onLive: job, token)
            }
            return
        }
        guard let queued, queued.job.order.id.salt == id.salt else {
            refuseUnknown(token)
            return
        }
        let job = LiveJob(
            job: queued.job, requests: queued.requests, policy: policy(of: queued.job.order),
            diskState: queued.job.progress.state, phase: .committing)
        settleAction(action, job, token)
    }

    private mutating func act(_ action: JobAction, onLive job: LiveJob, _ token: Token) {
        switch job.phase {
        case .ready:
            if case .retry = action { return refuse(action, job, token) }
            if case .resolve = action { return refuse(action, job, token) }
            let position = job.job.order.position
            let size = job.requestBytes
            lanes.change(job.job.order.lane) { $0.window.remove(position, bytes: size) }
            settleAction(action, job, token)
        case .running(let worker):
            guard action == .cancel else { return refuse(action, job, token) }
            job.cancels.append(token)
            effects.append(
                .cancel(
                    worker,
                    [
                        Lease(
                            number: job.job.order.id.key.rawValue,
                            attempt: job.job.progress.attemptCount)
                    ]))
        case .marking, .awaited:
            guard action == .cancel else { return refuse(action, job, token) }
            job.cancels.append(token)
        case .committing:
            // its change reaches the disk first: the writer's order makes this read see it
            load(job.job.order.id.key, for: .act(token, job.job.order.id, action))
        }
    }

    private mutating func refuse(_ action: JobAction, _ job: LiveJob, _ token: Token) {
        guard action != .purge else { return refusePurge(job, token) }
        var copy = job.job
        do throws(IllegalEvent) {
            try copy.handle(event(of: action, job), now: now)
        } catch {
            effects.append(.refused(token, Refusal(.impossible, "not possible: \(error.reason)")))
            return
        }
        effects.append(
            .refused(
                token,
                Refusal(
                    .impossible, "not possible while the job is \(job.job.progress.state.name)")))
    }

    private mutating func refusePurge(_ job: LiveJob, _ token: Token) {
        effects.append(
            .refused(
                token,
                Refusal(
                    .impossible,
                    "not possible: only ended jobs are purged; it is "
                        + job.job.progress.state.name)))
    }

    private func event(of action: JobAction, _ job: LiveJob) -> JobEvent {
        let total = policy(of: job.job.order)?.jobRetry.totalMilliseconds
        return switch action {
        case .cancel: .cancel
        case .retry: .retry(totalMilliseconds: total)
        case .resolve(let succeeded): .resolve(succeeded: succeeded)
        case .purge: .expired(totalMilliseconds: nil, blocked: nil)
        }
    }

    /// The job is in nobody's hands: change it, or forget it.
    private mutating func settleAction(_ action: JobAction, _ job: LiveJob, _ token: Token) {
        let key = job.job.order.id.key
        if action == .purge {
            guard job.diskState.hasEnded || job.diskState == .unknown else {
                if job.diskState == .queued { settlePlace(job) }
                return refusePurge(job, token)
            }
            forgetPoll(of: job)
            job.phase = .committing
            live[key] = job
            pending.append(
                PendingChange(
                    change: .delete(key), key: key,
                    purpose: .delete(token, from: job.diskState)))
            return
        }
        do throws(IllegalEvent) {
            try job.job.handle(event(of: action, job), now: now)
        } catch {
            if job.diskState == .queued { settlePlace(job) }
            effects.append(.refused(token, Refusal(.impossible, "not possible: \(error.reason)")))
            return
        }
        forgetPoll(of: job)
        if action == .cancel, job.diskState == .waiting { wantCancel(of: job) }
        settle(job, tokens: [token])
    }
}
