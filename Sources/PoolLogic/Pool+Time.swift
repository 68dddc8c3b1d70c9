// What time does: silence, deadlines, back-off. Nothing here happens to a child that the
// supervisor could not have heard.

extension Pool {
    /// When `tick` is needed at the latest; nil while nothing waits for time.
    package var nextDeadline: UInt64? {
        (names.compactMap { deadline(of: self[$0]) } + [loaderDeadline].compactMap(\.self)).min()
    }

    private func deadline(of slot: Slot) -> UInt64? {
        switch slot.state {
        case .empty: nil
        case .backingOff(let until): until
        case .starting(let child): readyDeadline(slot.name, child)
        case .ready(let child): child.lastHeard + limits.stuckMilliseconds
        case .draining(let child, let cutAt):
            min(cutAt, child.lastHeard + limits.stuckMilliseconds)
        case .killed(_, let ending): ending.nextAt
        }
    }

    /// A worker must be ready in time. A queue may recover for long, or wait for a disk that fails
    /// (it stays up and refuses), as long as it beats.
    private func readyDeadline(_ name: ChildName, _ child: Child) -> UInt64 {
        switch name {
        case .worker: child.spawnDeadline
        case .queue: max(child.spawnDeadline, child.lastHeard + limits.stuckMilliseconds)
        case .loader: child.spawnDeadline
        }
    }

    mutating func checkTime(_ moment: Moment) {
        let now = moment.monotonicMilliseconds
        queueDeaths.drop(before: now)
        futileForks.drop(before: now)
        for name in names {
            guard let deadline = deadline(of: self[name]), deadline <= now else { continue }
            expire(name, moment)
        }
        dropUnneededQueue()
        checkLoaderTime(moment)
    }

    private mutating func expire(_ name: ChildName, _ moment: Moment) {
        let now = moment.monotonicMilliseconds
        switch self[name].state {
        case .empty: break
        case .backingOff: endBackoff(name, moment)
        case .starting:
            abort(name, .spawnTimeout, "not ready within \(limits.spawnMilliseconds) ms", moment)
        case .ready: abortSilent(name, moment)
        case .draining(_, let cutAt):
            if cutAt <= now {
                log(.warning, "\(self[name].key) is killed: its time to stop is over")
                cut(name, now)
            } else {
                abortSilent(name, moment)
            }
        case .killed(_, let ending): escalate(name, ending, now)
        }
    }

    private mutating func abortSilent(_ name: ChildName, _ moment: Moment) {
        abort(name, .stuck, "no heartbeat for \(limits.stuckMilliseconds) ms", moment)
    }

    mutating func escalate(_ name: ChildName, _ ending: Ending, _ now: UInt64) {
        switch ending.stage {
        case .leaving, .aborted:
            log(.warning, "\(self[name].key) is killed: it did not leave by itself")
            cut(name, now, reason: ending.reason)
        case .killed:
            log(
                .error, "\(self[name].key) was killed and is still there; the kernel holds it",
                cause: "unkillable \(name)")
            guard let child = self[name].child else { return }
            var late = ending
            late.nextAt = now + PoolLimits.reapMilliseconds
            late.isOverdue = true
            self[name].state = .killed(child, late)
        }
    }

    /// A queue that was to come back for draining workers is not needed when they are gone.
    private mutating func dropUnneededQueue() {
        if case .backingOff = queue.state, !isRefillDue(.queue) { queue.state = .empty }
    }

    /// After a standstill of the supervisor itself (it was stopped, the host slept) nobody is
    /// blamed for silence: all deadlines that measure a child move on by what was missed.
    mutating func forgiveStandstill(_ moment: Moment) {
        let now = moment.monotonicMilliseconds
        defer { lastMoment = max(now, lastMoment ?? 0) }
        guard let lastMoment, now > lastMoment + PoolLimits.standstillMilliseconds else { return }
        let missed = now - lastMoment
        log(
            .warning,
            "the supervisor stood still for \(missed) ms; nobody is blamed for silence in it")
        postponeForks(after: lastMoment, until: now)
        for name in names + [.loader] {
            change(name) { child in
                child.lastHeard += missed
                child.spawnDeadline += missed
            }
            if case .killed(let child, var ending) = self[name].state {
                ending.nextAt += missed
                self[name].state = .killed(child, ending)
            }
        }
    }

    /// Forks that were to be spread over the missed time must not all be made at its end: the first
    /// of them is made now, and all others keep their distance from it.
    private mutating func postponeForks(after moment: UInt64, until now: UInt64) {
        let missed = workers.compactMap { slot -> UInt64? in
            if case .backingOff(let until) = slot.state, until > moment { until } else { nil }
        }
        guard let first = missed.min(), first < now else { return }
        futileForks.postpone(after: moment, by: now - first)
        for name in workers.map(\.name) {
            guard case .backingOff(let until) = self[name].state, until > moment else { continue }
            self[name].state = .backingOff(until: until + now - first)
        }
    }

    /// Whether a watchdog should leave prongd alone: within this time the queue was heard, and a
    /// worker where one lives; and no killed process stays. Crashing workers are being dealt with,
    /// a restart of all would not help. While stopping, the cut times are the bound.
    package func isAnswering(at now: UInt64, within window: UInt64) -> Bool {
        guard phase.isServing else { return true }
        let isAnyoneOverdue = names.contains { name in
            if case .killed(_, let ending) = self[name].state { ending.isOverdue } else { false }
        }
        guard !isAnyoneOverdue, let child = queue.child else { return false }
        let crew = workers.compactMap(\.child)
        return now <= child.lastHeard + window
            && (crew.isEmpty || crew.contains { now <= $0.lastHeard + window })
    }
}
