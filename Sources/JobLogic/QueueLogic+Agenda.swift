// When operations are asked for, and when they have lasted too long: lane by lane, so that no
// target can stand in the way of another's.
//
// - All polls together take at most half of the linked workers' places: other calls start whatever
//   hangs. (A single place is shared by all in turn.)
// - The targets whose methods begin operations have equal shares of that half, at most
//   `pollsPerTarget` polls each, whether the others use theirs or not: the polls of a target that
//   never answers take no place that another target's could have. Only where there are more such
//   targets than places in that half they take turns, and wait for each other's polls to end, a
//   minute at the longest.
// - A lane whose target is down or paused is not looked at: its polls stay due on disk, where each
//   lane has its own list, and cost nothing until it may be asked again.
// - `operation_timeout` needs no target: jobs fail at that time, asked for or not.

extension QueueLogic {
    /// Half the places that one worker has as the settings come. A poll takes a tenth of a second
    /// or two, so they follow thousands of operations, each asked for every 20 seconds.
    static var pollsPerTarget: Int { 32 }
    /// How often jobs are looked for whose method went away with a change of the settings.
    static var idlePollMilliseconds: Int64 { 60_000 }
    /// For what was found to be on disk before it is looked for again.
    private static var quietMilliseconds: Int64 { 100 }

    mutating func changeAgenda(of lane: LaneID, _ body: (inout OperationAgenda) -> Void) {
        guard let place = agendas.firstIndex(where: { $0.lane == lane }) else { return }
        body(&agendas[place])
    }

    /// When this job's operation is asked for next, and since when it goes on.
    mutating func noteOperation(_ progress: borrowing JobProgress, _ lane: LaneID) {
        guard let due = progress.notBeforeMilliseconds else { return }
        let begin = progress.state == .waiting ? progress.operationStartMilliseconds : nil
        changeAgenda(of: lane) { agenda in
            agenda.nextPollMilliseconds = min(agenda.nextPollMilliseconds ?? .max, due)
            guard let begin else { return }
            agenda.firstBeginMilliseconds = min(agenda.firstBeginMilliseconds ?? .max, begin)
        }
    }

    /// A target has one `operation_timeout`, which its methods tell.
    mutating func learnOperationTimeouts() {
        for place in agendas.indices {
            let methods = agendas[place].target.map { configuration.targets[$0].methods }
            agendas[place].timeoutMilliseconds =
                methods?.values.compactMap { $0.operation?.timeoutMilliseconds }.min()
        }
    }

    // MARK: looking

    private var maySearch: Bool { trouble == nil && recovery.isOver && !isDraining }

    private func mayPoll(at place: Int) -> Bool {
        guard let target = agendas[place].target, !configuration.isSafeMode else { return false }
        return !lanes.lanes[place].isPaused && workers.isReady(target: target)
            && hasPollPlace(at: place)
    }

    private func hasPollPlace(at place: Int) -> Bool {
        let half = max(1, workers.linkedPlaces / 2)
        let targets = max(1, agendas.count { $0.timeoutMilliseconds != nil })
        let share = min(QueueLogic.pollsPerTarget, max(1, half / targets))
        return agendas[place].underWay < share && polls.count < half
    }

    /// When a search is worth while next.
    var nextOperationMilliseconds: Int64? {
        guard maySearch else { return nil }
        var next: Int64?
        for place in agendas.indices where !agendas[place].isSearching {
            if let time = agendas[place].nextTimeoutMilliseconds { next = min(next ?? .max, time) }
            if let due = agendas[place].nextPollMilliseconds, mayPoll(at: place) {
                next = min(next ?? .max, due)
            }
        }
        return next
    }

    mutating func tickOperations() {
        guard maySearch else { return }
        let first = agendaInTurn
        for step in agendas.indices {
            let place = (first + step) % agendas.count
            let agenda = agendas[place]
            guard !agenda.isSearching else { continue }
            let isDue = agenda.nextPollMilliseconds.map { $0 <= now.wallMilliseconds } ?? false
            let isLate = agenda.nextTimeoutMilliseconds.map { $0 <= now.wallMilliseconds } ?? false
            let search = OperationSearch(
                lane: agenda.lane,
                pollLimit: isDue && mayPoll(at: place) ? QueueLogic.pollsPerTarget : 0,
                begunByMilliseconds: isLate
                    ? agenda.timeoutMilliseconds.map { now.wallMilliseconds - $0 } : nil,
                overdueLimit: QueueLogic.promotionLimit)
            guard search.pollLimit > 0 || isLate else { continue }
            agendas[place].isSearching = true
            effects.append(.findOperations(search))
        }
    }

    // MARK: what was found

    mutating func finishSearch(_ finds: OperationFinds) {
        changeAgenda(of: finds.search.lane) { $0.isSearching = false }
        if finds.search.begunByMilliseconds != nil { endOverdue(finds) }
        if finds.search.pollLimit > 0 { startPolls(finds) }
    }

    private mutating func endOverdue(_ finds: OperationFinds) {
        let lane = finds.search.lane
        let quietUntil = now.wall(afterMilliseconds: QueueLogic.quietMilliseconds)
        let begins = finds.overdue.first?.progress.operationStartMilliseconds
        changeAgenda(of: lane) { agenda in
            // there may be more than were looked for
            agenda.firstBeginMilliseconds = begins ?? finds.firstBeginMilliseconds
            if begins != nil { agenda.quietUntilMilliseconds = quietUntil }
        }
        guard let timeout = agendas.first(where: { $0.lane == lane })?.timeoutMilliseconds
        else { return }
        for job in finds.overdue
        where live[job.order.id.key] == nil && job.hasLasted(timeout, at: now) {
            forgetPoll(of: job.order.id.key, isCancel: false)
            settlePoll(job, .operationLost(.overtime(job)))
        }
    }

    private mutating func startPolls(_ finds: OperationFinds) {
        let lane = finds.search.lane
        guard let place = agendas.firstIndex(where: { $0.lane == lane }) else { return }
        var next = finds.nextPollMilliseconds
        // what cannot be asked for must not be all that is ever found
        let isCrowded = finds.due.count >= finds.search.pollLimit
        var isIdle = true
        for job in finds.due
        where live[job.order.id.key] == nil && pollOfJob[job.order.id.key] == nil {
            isIdle = false
            guard hasPollPlace(at: place) else {
                next = now.wallMilliseconds
                break
            }
            agendaInTurn = place + 1
            if !start(job) { next = putOff(job, onDisk: isCrowded, next) }
        }
        // all that was found is under way, or on its way to disk
        if isIdle, !finds.due.isEmpty, let time = next {
            next = max(time, now.wall(afterMilliseconds: QueueLogic.quietMilliseconds))
        }
        agendas[place].nextPollMilliseconds = next
    }

    /// - Returns: when a poll of the lane is due next.
    private mutating func putOff(_ job: Job, onDisk: Bool, _ next: Int64?) -> Int64 {
        let time = now.wall(afterMilliseconds: QueueLogic.idlePollMilliseconds)
        if onDisk { settlePoll(job, .operationPutOff(untilMilliseconds: time)) }
        return min(next ?? .max, time)
    }
}
