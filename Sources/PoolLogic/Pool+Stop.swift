// Signals, scaling, and the orderly end.
//
// Order of a drain: all are told at once; the queue takes nothing new but stays until every worker
// is gone, because it commits their outcomes; the supervisor leaves last.

extension Pool {
    mutating func obey(_ signal: PoolSignal, _ moment: Moment) {
        switch signal {
        case .terminate where phase.isServing: drain(moment)
        case .terminate, .quit: stopNow(moment)
        case .more: scale(to: workersWanted + 1, moment)
        case .fewer: scale(to: workersWanted - 1, moment)
        case .dump: dump()
        case .hangUp: obeyHangUp(moment)
        }
    }

    private mutating func dump() {
        for name in names where self[name].child != nil {
            effects.append(.order(self[name].key, .dump))
        }
        effects.append(.pictureOfPool)
    }

    mutating func scale(to wanted: UInt32, _ moment: Moment) {
        guard phase.isServing else { return }
        let bounded = min(max(1, wanted), PoolLimits.workersMax)
        guard bounded != workersWanted else {
            return log(
                .notice, "there are \(workersWanted) workers already, or that is the bound",
                cause: "scale")
        }
        log(.notice, "workers: \(workersWanted) → \(bounded)")
        workersWanted = bounded
        resizeTable()
        for slot in workers where queue.generation > 0 {
            isWanted(slot.name) ? startIfEmpty(slot, moment) : dismiss(slot, moment)
        }
    }

    private mutating func startIfEmpty(_ slot: Slot, _ moment: Moment) {
        if case .empty = slot.state { fork(slot.name, moment) }
    }

    private mutating func dismiss(_ slot: Slot, _ moment: Moment) {
        switch slot.state {
        case .empty, .draining, .killed: break
        case .backingOff: self[slot.name].state = .empty
        case .starting(let child), .ready(let child): orderStop(slot.name, child, moment)
        }
    }

    private mutating func orderStop(_ name: ChildName, _ child: Child, _ moment: Moment) {
        self[name].state = .draining(child, cutAt: cutTime(of: name, moment.monotonicMilliseconds))
        effects.append(
            .order(self[name].key, .stop(drainMilliseconds: limits.drainMilliseconds)))
        publish(name)
    }

    /// When a draining child is killed: the queue after the last worker.
    func cutTime(of name: ChildName, _ now: UInt64) -> UInt64 {
        let workersCut = now + limits.drainMilliseconds + PoolLimits.cutGraceMilliseconds
        switch name {
        case .worker: return workersCut
        case .loader: return now
        case .queue: return workersCut + PoolLimits.commitGraceMilliseconds
        }
    }

    mutating func drain(_ moment: Moment) {
        phase = .draining
        log(
            .notice,
            "draining: no more jobs are taken, what runs has \(limits.drainMilliseconds) ms to end")
        effects.append(.notifyStopping)
        endLoader(moment.monotonicMilliseconds)
        for name in names { dismiss(self[name], moment) }
    }

    /// A queue that was made again during the drain learns of it.
    mutating func stopNewQueue(_ moment: Moment) {
        guard phase == .draining, case .starting(let child) = queue.state else { return }
        orderStop(.queue, child, moment)
    }

    /// Everybody leaves at once; the third time they are killed.
    mutating func stopNow(_ moment: Moment) {
        let isAgain = phase == .stopping
        if phase.isServing { effects.append(.notifyStopping) }
        phase = .stopping
        log(.notice, isAgain ? "stopping by force" : "stopping at once")
        let now = moment.monotonicMilliseconds
        endLoader(now)
        for name in names {
            switch self[name].state {
            case .empty: break
            case .backingOff: self[name].state = .empty
            case .killed: if isAgain { cut(name, now) }
            case .starting(let child), .ready(let child), .draining(let child, _):
                if isAgain { cut(name, now) } else { orderStopNow(name, child, now) }
            }
        }
    }

    private mutating func orderStopNow(_ name: ChildName, _ child: Child, _ now: UInt64) {
        var cutAt = now + PoolLimits.stopNowMilliseconds
        if name == .queue { cutAt += PoolLimits.commitGraceMilliseconds }
        self[name].state = .draining(child, cutAt: cutAt)
        effects.append(.order(self[name].key, .stopNow))
        publish(name)
    }

    /// SIGKILL.
    mutating func cut(_ name: ChildName, _ now: UInt64, reason: KillReason = .cut) {
        guard let child = self[name].child else { return }
        self[name].state = .killed(
            child,
            Ending(
                stage: .killed, reason: reason, nextAt: now + PoolLimits.reapMilliseconds))
        effects.append(.kill(self[name].key))
        publish(name)
    }
}
