// Who goes next, and to whom: lanes in turn, in each direct calls first in their priority, to the
// worker with most free places whose client of the target is ready. An unsafe call's mark is on
// disk before it leaves.

extension QueueLogic {
    mutating func dispatch() {
        guard lanes.count > 0, workers.hasFreePlace, lanes.busyCount > 0 else { return }
        var idle = 0
        while idle < lanes.count, workers.hasFreePlace {
            let lane = lanes.nextInTurn()
            idle = serve(lane) ? 0 : idle + 1
        }
    }

    /// Durable jobs wait while commits fail, until every living worker has spoken, in safe mode.
    var mayDispatchDurable: Bool {
        trouble == nil && recovery.isOver && !isDraining && !configuration.isSafeMode
    }

    private mutating func serve(_ lane: Lane) -> Bool {
        guard let target = lane.target, lane.queuedInMemory > 0, !lane.isPaused, !isDraining
        else { return false }
        let limit = configuration.targets[target].maxInFlight
        guard limit == 0 || lane.inFlight < limit else { return false }
        if let call = nextDirect(before: lane) {
            guard let worker = workers.freest(target: target, isDurable: false) else {
                return false
            }
            send(call, on: lane, to: worker)
            return true
        }
        guard mayDispatchDurable, !lane.window.isEmpty,
            let worker = workers.freest(target: target, isDurable: true)
        else { return false }
        return startNextJob(of: lane, with: worker)
    }

    /// The lane's first direct call, unless a durable job of higher priority waits.
    private func nextDirect(before lane: Lane) -> UInt64? {
        guard let number = lane.directQueue.first, let call = direct[number] else { return nil }
        guard mayDispatchDurable, let first = lane.window.first, let job = live[first.key] else {
            return number
        }
        return call.order.priority >= job.job.order.priority ? number : nil
    }

    private mutating func startNextJob(of lane: Lane, with worker: WorkerIdentity) -> Bool {
        let job = takeFirst(of: lane.id)
        let key = job.key
        if job.job.isOverdue(at: now.wallMilliseconds) {
            change(job, .expired)
            settle(job)
            return true
        }
        let isMarked = !job.job.order.safety.isSafe
        let pid = workers[worker]?.pid ?? 0
        change(job, .dispatched(worker: worker, pid: pid, marked: isMarked))
        let lease = Lease(number: key.rawValue, attempt: job.job.progress.attemptCount)
        hold(lease, by: worker, lane: lane.id)
        observeWait(job.job, lane)
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
            lanes.change(lane.id) { $0.unmarkedRunning += 1 }
            queueDispatch(job, lease, to: worker)
        }
        return true
    }

    private mutating func takeFirst(of lane: LaneID) -> LiveJob {
        guard let first = lanes.firstInWindow(of: lane), let job = live[first.key] else {
            preconditionFailure("a job in a window is live")
        }
        lanes.change(lane) { _ = $0.window.takeFirst(bytes: job.requestBytes) }
        return job
    }

    private mutating func observeWait(_ job: Job, _ lane: Lane) {
        guard job.progress.attemptCount == 1 else { return }
        let waited = max(0, now.wallMilliseconds - job.order.submittedAtMilliseconds)
        effects.append(
            .observed(.wait(target: lane.target, nanoseconds: UInt64(waited) * 1_000_000)))
    }

    /// A mark is on disk: the call may leave, if its worker is still there.
    mutating func finishMark(_ update: JobUpdate) {
        guard let job = live[update.key], case .marking(let worker) = job.phase else {
            preconditionFailure("a job whose mark is being committed is marking")
        }
        noteStored(job, update)
        let lease = Lease(number: update.key.rawValue, attempt: job.job.progress.attemptCount)
        guard let holder = workers[worker], holder.isLinked, job.cancels.isEmpty, !isDraining,
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
            noteTimes(of: job.job)
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
        for (worker, leases) in acknowledgements where workers[worker]?.isLinked == true {
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
        let timeout = order.timeoutMilliseconds ?? job.policy?.timeoutMilliseconds ?? 0
        let deadline = timeout > 0 ? now.monotonic(afterMilliseconds: timeout) : 0
        outgoing[worker, default: []].append(
            Dispatch(
                lease: lease, target: target, method: order.method,
                deadlineMonotonicNanoseconds: deadline, metadata: order.metadata,
                request: job.requests.first ?? []))
    }

    private mutating func send(_ number: UInt64, on lane: Lane, to worker: WorkerIdentity) {
        guard var call = direct[number] else { return }
        lanes.change(lane.id) { $0.directQueue.removeFirst() }
        call.attempts += 1
        call.phase = .running(worker)
        direct[number] = call
        let lease = Lease(number: number, attempt: call.attempts)
        hold(lease, by: worker, lane: lane.id)
        outgoing[worker, default: []].append(
            Dispatch(
                lease: lease, target: call.order.target, method: call.order.method,
                deadlineMonotonicNanoseconds: call.order.deadlineMonotonicNanoseconds,
                metadata: call.order.metadata, request: call.order.request))
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
