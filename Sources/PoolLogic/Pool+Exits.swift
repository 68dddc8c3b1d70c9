// What follows when a process is gone, or could not be made.

extension Pool {
    mutating func exited(_ key: ChildKey, _ end: ChildEnd, _ moment: Moment) {
        // The table is our own: a process that it does not know is our bug, not the child's.
        precondition(isCurrent(key), "\(key) exited and is not in the table")
        guard key.name != .loader else { return loaderExited(end, moment) }
        guard let child = self[key.name].child else { return }
        let cause = reason(of: end, in: self[key.name])
        let wasStarting = isStarting(key.name)
        self[key.name].state = .empty
        publish(key.name, end: cause, of: child)
        if honoursExitCode(key, end, wasStarting) {
            return giveUpOnExit(key, end, moment)
        }
        let isCrash = cause != .drained
        countCrash(key, child, isCrash, moment)
        say(key, cause, isCrash)
        refill(key.name, child, isCrash, moment)
    }

    private func isStarting(_ name: ChildName) -> Bool {
        if case .starting = self[name].state { true } else { false }
    }

    private func reason(of end: ChildEnd, in slot: Slot) -> WorkerEnd {
        switch slot.state {
        case .killed(_, let ending) where ending.stage != .leaving:
            return .killed(ending.reason)
        case .draining where end == .exited(code: 0):
            return .drained
        case .killed(let child, _), .starting(let child), .ready(let child),
            .draining(let child, _):
            return child.saidGoodbye && end == .exited(code: 0) ? .drained : .ended(end)
        case .empty, .backingOff:
            preconditionFailure("\(slot.key) exited from an empty place")
        }
    }

    /// Exit codes by which a starting queue says that a successor would fail alike (sysexits: no
    /// service, IO, permission, configuration), should its report have been lost.
    private func honoursExitCode(_ key: ChildKey, _ end: ChildEnd, _ wasStarting: Bool) -> Bool {
        guard key.name == .queue, wasStarting, phase.isServing else { return false }
        guard case .exited(let code) = end else { return false }
        return [69, 74, 77, 78].contains(code)
    }

    private mutating func giveUpOnExit(_ key: ChildKey, _ end: ChildEnd, _ moment: Moment) {
        guard case .exited(let code) = end else { return }
        log(.error, "\(key) left while starting, so prongd stops with its \(end)")
        queueIsHopeless = true
        exitCode = Int32(code)
        stopNow(moment)
    }

    private mutating func countCrash(
        _ key: ChildKey, _ child: Child, _ isCrash: Bool, _ moment: Moment
    ) {
        guard isCrash else { return self[key.name].crashes = 0 }
        let now = moment.monotonicMilliseconds
        let readyFor = child.readyAt.map { now - min(now, $0) } ?? 0
        if readyFor >= Backoff.usefulLifeMilliseconds { self[key.name].crashes = 0 }
        self[key.name].crashes += 1
        if key.name == .queue { queueDeaths.add(now, at: now) }
    }

    private mutating func say(_ key: ChildKey, _ cause: WorkerEnd, _ isCrash: Bool) {
        guard isCrash else { return log(.info, "\(key) left as asked") }
        let text =
            switch cause {
            case .drained: "left as asked"
            case .ended(let end): "died: \(end)"
            case .killed(let reason): "is gone after its forced end (\(reason))"
            }
        let next = phase.isServing && isWanted(key.name) ? "; prong replaces it" : ""
        log(.warning, "\(key) \(text)\(next)", cause: "death of \(key.name)")
    }

    /// Decides when the empty place gets its next process, if ever.
    private mutating func refill(
        _ name: ChildName, _ gone: Child, _ isCrash: Bool, _ moment: Moment
    ) {
        guard isRefillDue(name) else { return }
        let now = moment.monotonicMilliseconds
        var due = now
        if isCrash {
            let slot = self[name]
            due += Backoff.milliseconds(crashes: slot.crashes, of: name, random: moment.random)
            if name != .queue, gone.readyAt == nil || slot.crashes > 1 {
                due = futileForks.allows(Backoff.futileForksMax, at: due)
                // the fork is counted when it is made: many that wait must not come together
                futileForks.add(due, at: now)
            }
        }
        schedule(name, at: due, moment)
    }

    /// While stopping, only a queue that living workers need is made again.
    func isRefillDue(_ name: ChildName) -> Bool {
        phase.isServing ? isWanted(name) : name == .queue && isQueueStillNeeded
    }

    /// Workers that drain must have somebody who commits their outcomes.
    var isQueueStillNeeded: Bool {
        phase == .draining && livingWorkers > 0 && !queueIsHopeless && !isQueueCrashing
    }

    private var isQueueCrashing: Bool {
        queueDeaths.times.count > PoolLimits.queueDeathsForSafeMode
    }

    private mutating func schedule(_ name: ChildName, at due: UInt64, _ moment: Moment) {
        if due <= moment.monotonicMilliseconds {
            fork(name, moment)
            if name == .queue { stopNewQueue(moment) }
        } else {
            self[name].state = .backingOff(until: due)
        }
    }

    /// A place whose time has come.
    mutating func endBackoff(_ name: ChildName, _ moment: Moment) {
        self[name].state = .empty
        guard isRefillDue(name) else { return }
        schedule(name, at: moment.monotonicMilliseconds, moment)
    }

    /// fork(2) refused: as if the child had died at once, and said.
    mutating func forkFailed(_ key: ChildKey, _ reason: String, _ moment: Moment) {
        precondition(isCurrent(key), "a fork failed that was not asked for")
        guard key.name != .loader else { return loaderForkFailed(reason, moment) }
        guard let child = self[key.name].child else { return }
        self[key.name].state = .empty
        publish(key.name, end: .ended(.exited(code: 71)), of: child)
        self[key.name].crashes += 1
        log(
            .error, "\(key) could not be forked and is tried again: \(reason)",
            cause: "fork failed")
        guard isRefillDue(key.name) else { return }
        let crashes = max(2, self[key.name].crashes)
        let wait = Backoff.milliseconds(crashes: crashes, of: key.name, random: moment.random)
        self[key.name].state = .backingOff(until: moment.monotonicMilliseconds + max(1, wait))
    }

    /// Without forks prongd cannot do its work, and a fork might hang for ever: it stops orderly.
    mutating func lawBroken(_ key: ChildKey, _ text: String, _ moment: Moment) {
        precondition(isCurrent(key), "a fork was refused that was not asked for")
        self[key.name].state = .empty
        log(.error, "\(key) was not forked, and prongd stops: \(text)")
        exitCode = 70  // EX_SOFTWARE
        queueIsHopeless = true
        if phase.isServing { drain(moment) }
    }
}
