// What the clock does: jobs become due, expire; windows are filled from disk; workers that stay
// silent are replaced; the drain comes to its end.

extension QueueLogic {
    static var promotionLimit: Int { 256 }
    static var byteLimit: Int { 4 << 20 }

    mutating func tick() {
        tickDirect()
        tickOperations()
        if mayPromote, let due = nextDueMilliseconds, due <= now.wallMilliseconds {
            isPromoting = true
            effects.append(
                .promote(limit: QueueLogic.promotionLimit, byteLimit: QueueLogic.byteLimit))
        }
        if mayExpire, let expiry = nextExpiryMilliseconds, expiry <= now.wallMilliseconds {
            isExpiring = true
            effects.append(.findOverdue(limit: QueueLogic.promotionLimit))
        }
        for identity in recovery.silent(at: now) {
            recovery.forget(identity)
            effects.append(.replace(identity))
        }
    }

    private var mayPromote: Bool { !isPromoting && trouble == nil }

    /// Before every worker has spoken, a job that is `queued` on disk may run.
    private var mayExpire: Bool { !isExpiring && trouble == nil && recovery.isOver }

    mutating func finishPromotion(_ jobs: [QueuedJob], next: Int64?) {
        isPromoting = false
        nextDueMilliseconds = next
        for queued in jobs {
            let order = queued.job.order
            counts.add(-1, order.lane, .scheduled)
            counts.add(1, order.lane, .queued)
            if let job = live[order.id.key] {
                // a change of it is on its way: it starts from another state now
                if job.diskState == .scheduled { job.diskState = .queued }
                continue
            }
            settlePlace(
                LiveJob(
                    job: queued.job, requests: queued.requests, policy: policy(of: order),
                    diskState: .queued, phase: .committing))
        }
    }

    mutating func finishExpiry(_ jobs: [Job], next: Int64?) {
        isExpiring = false
        let isIdle = jobs.reduce(true) { isIdle, job in !expire(job) && isIdle }
        // those that were found but run, or are on their way to disk, will be found again
        let pause = isIdle && !jobs.isEmpty ? QueueLogic.expiryPauseMilliseconds : 0
        nextExpiryMilliseconds = next.map {
            max($0, now.wall(afterMilliseconds: pause))
        }
    }

    private static var expiryPauseMilliseconds: Int64 { 1000 }

    /// - Returns: whether it could expire now.
    private mutating func expire(_ overdue: Job) -> Bool {
        let order = overdue.order
        guard overdue.isOverdue(at: now.wallMilliseconds) else { return false }
        let job: LiveJob
        if let here = live[order.id.key] {
            // held or on its way to disk: looked at again when it comes back
            guard here.phase == .ready, here.job.isOverdue(at: now.wallMilliseconds) else {
                return false
            }
            job = here
            let size = here.requestBytes
            lanes.change(order.lane) { $0.window.remove(order.position, bytes: size) }
        } else {
            job = LiveJob(
                job: overdue, requests: nil, policy: nil,
                diskState: overdue.progress.state, phase: .committing)
        }
        expire(job, blocked: obstacle(to: order))
        settle(job)
        return true
    }

    mutating func expire(_ job: LiveJob, blocked: String? = nil) {
        let policy = policy(of: job.job.order)
        change(
            job,
            .expired(totalMilliseconds: policy?.jobRetry.totalMilliseconds, blocked: blocked))
    }

    /// Why no attempt of it could start just now; nil: it only waited its turn.
    private func obstacle(to order: JobOrder) -> String? {
        guard let lane = lanes[order.lane], let target = lane.target else {
            return "target `\(order.target)` was not in the settings"
        }
        if lane.isPaused { return "target `\(lane.name)` was paused" }
        if policy(of: order) == nil {
            return "target `\(lane.name)` did not offer the method as it was asked for"
        }
        if configuration.isSafeMode { return "the queue was in safe mode" }
        return workers.isReady(target: target) ? nil : "target `\(lane.name)` was down"
    }

    mutating func wantWindows() {
        guard recovery.isOver, trouble == nil, !isDraining else { return }
        for place in lanes.lanes.indices where lanes.wantsFetch(at: place) {
            let id = lanes.lanes[place].id
            let limits = lanes.lanes[place].window.limits
            effects.append(
                .fetch(
                    id, after: lanes.lanes[place].window.cursor, limit: max(1, limits.jobs / 2),
                    byteLimit: limits.bytes / 2))
            lanes.change(id) { $0.window.beginFetch() }
        }
    }

    mutating func finishFetch(_ id: LaneID, _ jobs: [QueuedJob], reachedEnd: Bool) {
        var isUsable = false
        lanes.change(id) {
            isUsable = $0.window.endFetch(
                reach: reachedEnd ? nil : jobs.last?.job.order.position)
        }
        guard isUsable else { return }
        for queued in jobs where live[queued.job.order.id.key] == nil {
            let order = queued.job.order
            guard let policy = policy(of: order) else { continue }
            let job = LiveJob(
                job: queued.job, requests: queued.requests, policy: policy, diskState: .queued,
                phase: .ready)
            live[order.id.key] = job
            lanes.change(id) { $0.window.add(order.position, bytes: job.requestBytes) }
        }
    }

    /// When `tick` is wanted next, on both clocks.
    package var nextWake: (wallMilliseconds: Int64?, monotonicNanoseconds: UInt64?) {
        var wall: Int64?
        if mayPromote { wall = nextDueMilliseconds }
        if let due = nextOperationMilliseconds { wall = min(wall ?? .max, due) }
        if mayExpire, let expiry = nextExpiryMilliseconds {
            wall = min(wall ?? .max, expiry)
        }
        var monotonic = directWake
        if let deadline = recovery.nextDeadlineNanoseconds {
            monotonic = min(monotonic ?? .max, deadline)
        }
        return (wall, monotonic)
    }

    // MARK: drain

    mutating func beginDrain() {
        guard !isDraining else { return }
        isDraining = true
        for (number, call) in direct where !call.isAbandoned {
            guard call.phase != .queued else {
                abandonAtDrain(number, call)
                continue
            }
            if case .backingOff = call.phase { abandonAtDrain(number, call) }
        }
    }

    private mutating func abandonAtDrain(_ number: UInt64, _ call: DirectCall) {
        abandon(call.token)
        observeEnd(call.token, call.order.target, StatusCode.unavailable)
        tell(
            call.token,
            CallEnd(
                code: StatusCode.unavailable,
                message: "prong is stopping; the call was not made",
                statusDetails: [], response: [], headers: [], trailers: [],
                fromTarget: false))
    }

    /// Changes that a commit under way or the next one carries.
    package var hasUncommitted: Bool {
        !pending.isEmpty || !inCommit.isEmpty || !onDisk.isEmpty
    }

    /// Before the supervisor has named the workers, each that it will name may hold an outcome.
    mutating func reportDrained() {
        guard isDraining, !hasReportedDrained, recovery.knowsWorkers, workers.workers.isEmpty,
            !hasUncommitted, loads.isEmpty
        else { return }
        hasReportedDrained = true
        effects.append(.drained)
    }
}
