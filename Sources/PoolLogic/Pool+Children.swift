// A child's birth, what it reports, and its death.

extension Pool {
    /// Puts a new process into a place that has none.
    mutating func fork(_ name: ChildName, _ moment: Moment) {
        precondition(self[name].child == nil, "\(name) has a process already")
        let now = moment.monotonicMilliseconds
        self[name].generation += 1
        self[name].state = .starting(
            Child(
                forkedAt: now, forkedAtWall: moment.wallMilliseconds,
                spawnDeadline: now + limits.spawnMilliseconds, lastHeard: now))
        forks += 1
        let safeMode = name == .queue && isQueueInTrouble
        effects.append(.fork(self[name].key, safeMode: safeMode))
        switch name {
        case .queue: introduceWorkers(safeMode: safeMode)
        case .worker: publish(name)
        case .loader: preconditionFailure("the loader is forked when it is asked for")
        }
    }

    private var isQueueInTrouble: Bool {
        queueDeaths.times.count >= PoolLimits.queueDeathsForSafeMode
    }

    private mutating func introduceWorkers(safeMode: Bool) {
        if safeMode {
            log(
                .error,
                "\(queueDeaths.times.count) queues died within a minute: the next one starts in "
                    + "safe mode and dispatches nothing")
        }
        for worker in workers where worker.child != nil { publish(worker.name) }
        effects.append(.publishComplete)
    }

    /// Tells the queue about a worker. A queue that is not there will be told when it comes.
    mutating func publish(_ name: ChildName, end: WorkerEnd? = nil, of gone: Child? = nil) {
        guard case .worker(let slot) = name, queue.child != nil else { return }
        guard let child = gone ?? self[name].child else { return }
        effects.append(
            .publish(
                WorkerFacts(
                    slot: slot, generation: self[name].generation, state: factsState(name, end),
                    forkedAtWallMilliseconds: child.forkedAtWall,
                    readyAtWallMilliseconds: child.readyAtWall, end: end)))
    }

    private func factsState(_ name: ChildName, _ end: WorkerEnd?) -> WorkerFacts.State {
        if end != nil { return .dead }
        switch self[name].state {
        case .empty, .backingOff: return .dead
        case .starting: return .starting
        case .ready: return .ready
        case .draining: return .draining
        case .killed: return .killed
        }
    }

    /// Notes a sign of life and goes on; a report from a process that is not there any more, or
    /// was never, is dropped.
    mutating func heard(_ key: ChildKey, _ moment: Moment, then act: (inout Pool) -> Void) {
        // the loader has no say in the pool's life
        guard key.name != .loader else { return }
        guard isCurrent(key) else {
            log(
                .info, "a report of \(key) came after its end and was dropped", cause: "late report"
            )
            return
        }
        change(key.name) { $0.lastHeard = moment.monotonicMilliseconds }
        act(&self)
    }

    mutating func becomeReady(_ key: ChildKey, _ moment: Moment) {
        change(key.name) { child in
            guard child.readyAt == nil else { return }
            child.readyAt = moment.monotonicMilliseconds
            child.readyAtWall = moment.wallMilliseconds
        }
        switch self[key.name].state {
        case .starting(let child):
            self[key.name].state = .ready(child)
            publish(key.name)
            log(.info, "\(key) is ready")
        case .ready:
            break  // said twice: harmless
        case .draining, .killed:
            break  // overtaken by an order
        case .empty, .backingOff:
            preconditionFailure("\(key) is current without a process")
        }
    }

    /// A child that drains by its own decision gets the same bound as an ordered one.
    mutating func becomeDraining(_ key: ChildKey, _ moment: Moment) {
        switch self[key.name].state {
        case .starting(let child), .ready(let child):
            self[key.name].state = .draining(
                child, cutAt: cutTime(of: key.name, moment.monotonicMilliseconds))
            publish(key.name)
            log(.notice, "\(key) drains by its own decision")
        case .draining, .killed:
            break
        case .empty, .backingOff:
            preconditionFailure("\(key) is current without a process")
        }
    }

    /// The queue cannot start and no successor could: prongd stops with the queue's exit code.
    mutating func giveUp(_ key: ChildKey, _ code: UInt8, _ text: String, _ moment: Moment) {
        guard key.name == .queue, case .starting = queue.state else {
            log(
                .warning, "\(key) reports that it cannot go on: \(text)", cause: "fatal \(key.name)"
            )
            return
        }
        log(.error, "\(key) cannot start, so prongd stops with exit code \(code): \(text)")
        queueIsHopeless = true
        exitCode = Int32(code)
        stopNow(moment)
    }

    /// A child whose link ended has a moment to exit by itself; its exit usually comes with it.
    mutating func linkClosed(_ key: ChildKey, _ moment: Moment) {
        // the loader's end comes with its exit, which its patience bounds
        guard isCurrent(key), key.name != .loader else { return }
        let soon = moment.monotonicMilliseconds + PoolLimits.leavingMilliseconds
        switch self[key.name].state {
        case .starting(let child), .ready(let child):
            self[key.name].state = .killed(
                child, Ending(stage: .leaving, reason: .linkClosed, nextAt: soon))
        case .draining(let child, let cutAt):
            self[key.name].state = .draining(child, cutAt: min(cutAt, soon))
        case .killed:
            break
        case .empty, .backingOff:
            preconditionFailure("\(key) is current without a process")
        }
    }

    mutating func replace(_ key: ChildKey, _ moment: Moment) {
        guard isCurrent(key), case .worker = key.name else { return }
        guard self[key.name].isReady else { return }
        abort(
            key.name, .replaced, "the queue has not heard from it since the queue's start", moment)
    }

    /// Begins the forced end of a child that should be able to write a backtrace.
    mutating func abort(
        _ name: ChildName, _ reason: KillReason, _ why: String, _ moment: Moment
    ) {
        guard let child = self[name].child else { return }
        let key = self[name].key
        log(.error, "\(key) is ended by ABRT, then KILL, and replaced: \(why)")
        self[name].state = .killed(
            child,
            Ending(
                stage: .aborted, reason: reason,
                nextAt: moment.monotonicMilliseconds + PoolLimits.abortMilliseconds))
        effects += [.picture(key), .abort(key)]
        publish(name)
    }
}
