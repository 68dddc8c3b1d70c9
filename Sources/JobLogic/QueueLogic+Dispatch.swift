// Who goes next, and to whom: lanes in turn, in each direct calls first in their priority, to the
// worker with most free places whose client of the target is ready. An unsafe call's mark is on
// disk before it leaves.

extension QueueLogic {
    mutating func dispatch() {
        guard lanes.count > 0, workers.hasFreePlace, lanes.hasBusyLane else { return }
        var idle = 0
        while idle < lanes.count, workers.hasFreePlace {
            idle = serve(lanes.nextInTurn()) ? 0 : idle + 1
        }
    }

    /// Durable jobs wait while commits fail, until every living worker has spoken, in safe mode.
    var mayDispatchDurable: Bool {
        trouble == nil && recovery.isOver && !isDraining && !configuration.isSafeMode
    }

    /// - Parameter place: of the lane in its table; the lane itself is large to copy.
    private mutating func serve(_ place: Int) -> Bool {
        guard let target = lanes.lanes[place].target, lanes.lanes[place].queuedInMemory > 0,
            !lanes.lanes[place].isPaused, !isDraining
        else { return false }
        let id = lanes.lanes[place].id
        let limit = configuration.targets[target].maxInFlight
        guard limit == 0 || lanes.lanes[place].inFlight < limit else { return false }
        if let call = nextDirect(at: place) {
            guard let worker = workers.freest(target: target, isDurable: false) else {
                return false
            }
            send(call, on: id, to: worker)
            return true
        }
        guard mayDispatchDurable, !lanes.lanes[place].window.isEmpty,
            let worker = workers.freest(target: target, isDurable: true)
        else { return false }
        startNextJob(of: id, target, with: worker)
        return true
    }

    /// The lane's first direct call, unless a durable job of higher priority waits.
    private func nextDirect(at place: Int) -> UInt64? {
        guard let number = lanes.lanes[place].directQueue.first, let call = direct[number]
        else { return nil }
        guard mayDispatchDurable, let first = lanes.lanes[place].window.first,
            let job = live[first.key]
        else { return number }
        return call.order.priority >= job.job.order.priority ? number : nil
    }

    private mutating func startNextJob(
        of lane: LaneID, _ target: Int, with worker: WorkerIdentity
    ) {
        let job = takeFirst(of: lane)
        let key = job.key
        if job.job.isOverdue(at: now.wallMilliseconds) {
            expire(job)
            return settle(job)
        }
        let isMarked = !job.job.order.safety.isSafe
        let pid = workers.pid(of: worker) ?? 0
        change(job, .dispatched(worker: worker, pid: pid, marked: isMarked))
        let lease = Lease(number: key.rawValue, attempt: job.job.progress.attemptCount)
        hold(lease, by: worker, lane: lane)
        observeWait(job, target)
        if isMarked {
            job.phase = .marking(worker)
            pending.append(
                PendingChange(
                    change: .update(
                        JobUpdate(
                            key: key, from: job.diskState, progress: job.job.progress,
                            order: job.job.order)),
                    key: key, purpose: .mark))
        } else {
            job.phase = .running(worker)
            lanes.change(lane) { $0.unmarkedRunning += 1 }
            queueDispatch(job, lease, to: worker)
        }
    }

    private mutating func takeFirst(of lane: LaneID) -> LiveJob {
        guard let first = lanes.firstInWindow(of: lane), let job = live[first.key] else {
            preconditionFailure("a job in a window is live")
        }
        lanes.change(lane) { _ = $0.window.takeFirst(bytes: job.requestBytes) }
        return job
    }

    private mutating func observeWait(_ job: LiveJob, _ target: Int) {
        guard job.job.progress.attemptCount == 1 else { return }
        let waited = max(0, now.wallMilliseconds - job.job.order.submittedAtMilliseconds)
        effects.append(
            .observed(.wait(target: target, nanoseconds: UInt64(waited) * 1_000_000)))
    }

    /// A mark is on disk: the call may leave, if its worker is still there.
    mutating func finishMark(_ update: JobUpdate) {
        guard let job = live[update.key], case .marking(let worker) = job.phase else {
            preconditionFailure("a job whose mark is being committed is marking")
        }
        noteStored(job, update)
        let lease = Lease(number: update.key.rawValue, attempt: job.job.progress.attemptCount)
        guard workers.isLinked(worker), job.cancels.isEmpty, !isDraining,
            !job.job.isOverdue(at: now.wallMilliseconds)
        else {
            // it never left, so it is as if it had not been dispatched
            takeBack(job, lease, from: worker)
            return
        }
        job.phase = .running(worker)
        queueDispatch(job, lease, to: worker)
    }

    /// Undoes a dispatch that is known not to have reached anybody.
    mutating func takeBack(_ job: LiveJob, _ lease: Lease, from worker: WorkerIdentity) {
        release(lease, of: worker, acknowledge: false)
        forgetUnmarked(job)
        change(job, .neverArrived)
        let tokens = job.takeCancels()
        if !tokens.isEmpty { change(job, .cancel) }
        if job.diskState == .queued, job.job.progress.state == .queued {
            noteTimes(of: job)
            settlePlace(job)
        } else {
            settle(job, tokens: tokens)
        }
    }

    mutating func forgetUnmarked(_ job: LiveJob) {
        guard case .running = job.phase, job.diskState == .queued else { return }
        lanes.change(job.job.order.lane) { $0.unmarkedRunning -= 1 }
    }

    // MARK: leases

    mutating func hold(_ lease: Lease, by worker: WorkerIdentity, lane: LaneID) {
        workers.change(worker) { $0.hold(lease, lane: lane) }
        lanes.change(lane) { $0.inFlight += 1 }
    }

    /// The call has ended: its place is free, and the outcome waits for the disk.
    mutating func keep(_ lease: Lease, of worker: WorkerIdentity) {
        var lane: LaneID?
        workers.change(worker) { lane = $0.keep(lease) }
        if let lane { lanes.change(lane) { $0.inFlight -= 1 } }
    }

    mutating func release(_ lease: Lease, of worker: WorkerIdentity, acknowledge: Bool) {
        var lane: LaneID?
        workers.change(worker) { lane = $0.release(lease) }
        if let lane { lanes.change(lane) { $0.inFlight -= 1 } }
        if acknowledge { acknowledgements[worker, default: []].append(lease) }
    }

    mutating func flushAcknowledgements() {
        for (worker, leases) in acknowledgements where workers.isLinked(worker) {
            effects.append(.acknowledge(worker, leases))
        }
        acknowledgements.removeAll(keepingCapacity: true)
    }

    // MARK: what is sent

    private mutating func queueDispatch(
        _ job: LiveJob, _ lease: Lease, to worker: WorkerIdentity
    ) {
        let order = job.job.order
        guard let target = lanes.target(of: order.lane) else {
            preconditionFailure("a lane without a target dispatches nothing")
        }
        let timeout = attemptTimeout(of: job)
        let form = order.form(job.policy, timeoutMilliseconds: timeout)
        // of pages each has its own
        let hasDeadline = timeout > 0 && form.pages == nil
        let deadline = hasDeadline ? now.monotonic(afterMilliseconds: timeout) : 0
        outgoing[worker, default: []].append(
            Dispatch(
                lease: lease, target: target, method: order.method,
                deadlineMonotonicNanoseconds: deadline, metadata: order.metadata,
                requests: job.requests, form: form))
    }

    /// Where a total time bounds a method's attempts, each gets what is left of it; a moment before
    /// its end the whole once more, as Google's clients do (google-api-core, `timeout.py`).
    private func attemptTimeout(of job: LiveJob) -> Int64 {
        let order = job.job.order
        if let own = order.timeoutMilliseconds { return own }
        let whole = job.policy?.timeoutMilliseconds ?? 0
        guard job.policy?.jobRetry.totalMilliseconds != nil,
            let expiry = order.expiresAtMilliseconds
        else { return whole }
        let left = expiry - now.wallMilliseconds
        return left < 1000 ? whole : min(whole, left)
    }

    private mutating func send(_ number: UInt64, on lane: LaneID, to worker: WorkerIdentity) {
        guard var call = direct[number] else { return }
        lanes.change(lane) { $0.directQueue.removeFirst() }
        call.attempts += 1
        call.phase = .running(worker)
        direct[number] = call
        let lease = Lease(number: number, attempt: call.attempts)
        hold(lease, by: worker, lane: lane)
        outgoing[worker, default: []].append(
            Dispatch(
                lease: lease, target: call.order.target, method: call.order.method,
                deadlineMonotonicNanoseconds: call.order.deadlineMonotonicNanoseconds,
                metadata: call.order.metadata, requests: [call.order.request],
                form: call.order.form))
    }

    mutating func flushDispatches() {
        for (worker, dispatches) in outgoing where !dispatches.isEmpty {
            effects.append(.send(worker, dispatches))
        }
        outgoing.removeAll(keepingCapacity: true)
    }

    /// An event that the logic itself knows to be legal: an illegal one is a bug of ours.
    mutating func change(_ job: LiveJob, _ event: JobEvent) {
        do throws(IllegalEvent) {
            try job.job.handle(event, now: now)
        } catch {
            preconditionFailure("\(event) for a job that cannot have it: \(error.reason)")
        }
    }
}
