// The same store without a disk, for tests of what stands on it: one plain value with everything,
// copied before each commit so that "all or none" needs no thought. Slow with many jobs, on
// purpose: it is the reference that the other is compared with.

package import JobLogic

package final class MemoryJobStore: JobStore {
    private struct Kept {
        var job: Job
        var requests: [[UInt8]]
        var responses: [[UInt8]] = []
    }

    private struct OwnedKey: Hashable {
        var uid: UInt32
        var key: String
    }

    private struct KeyOwner {
        var id: JobID
        var fingerprint: CallFingerprint?
    }

    private struct Contents {
        var jobs: [JobKey: Kept] = [:]
        var keys: [OwnedKey: KeyOwner] = [:]
        var lanes: [LaneID: String] = [:]
        var paused: Set<String> = []
        var largestKey: UInt64 = 0
    }

    private var now = Contents()
    /// A test sets it: the next commits fail with it and change nothing.
    package var failure: StoreError?
    package private(set) var commitCount = 0

    package init() {}

    package func commit(_ changes: [Change]) throws(StoreError) -> [ChangeOutcome] {
        if changes.isEmpty { return [] }
        if let failure { throw failure }
        var next = now
        var outcomes: [ChangeOutcome] = []
        for change in changes {
            outcomes.append(try MemoryJobStore.apply(change, to: &next))
        }
        now = next
        commitCount += 1
        return outcomes
    }

    private static func apply(
        _ change: Change, to next: inout Contents
    ) throws(StoreError) -> ChangeOutcome {
        switch change {
        case .insert(let new): return try insert(new, into: &next)
        case .update(let update): return self.update(update, in: &next)
        case .delete(let key): return next.jobs.removeValue(forKey: key) == nil ? .conflict : .done
        case .addLane(let lane, let name): next.lanes[lane] = name
        case .setPaused(let target, true): next.paused.insert(target)
        case .setPaused(let target, false): next.paused.remove(target)
        case .probe: break
        }
        return .done
    }

    private static func insert(
        _ new: NewJob, into next: inout Contents
    ) throws(StoreError) -> ChangeOutcome {
        let order = new.job.order
        if let key = order.idempotencyKey {
            let owned = OwnedKey(uid: order.submitter.uid, key: key)
            if let owner = next.keys[owned] {
                let isThere = next.jobs[owner.id.key]?.job.order.id == owner.id
                return .keyTaken(
                    id: isThere ? owner.id : nil, sameCall: owner.fingerprint == new.fingerprint)
            }
            if new.isReplayOnly { return .noRoom }
            next.keys[owned] = KeyOwner(id: order.id, fingerprint: new.fingerprint)
        }
        guard next.jobs[order.id.key] == nil else { throw .bug("a job's key is there already") }
        var job = new.job
        job.progress = job.progress.asKept
        next.jobs[order.id.key] = Kept(job: job, requests: new.requests)
        next.largestKey = max(next.largestKey, order.id.key.rawValue)
        return .done
    }

    private static func update(_ update: JobUpdate, in next: inout Contents) -> ChangeOutcome {
        guard var kept = next.jobs[update.key], kept.job.progress.state == update.from else {
            return .conflict
        }
        kept.job.progress = update.progress.asKept
        if update.progress.isExpiryMoved, let order = update.order {
            kept.job.order = kept.job.order.with(
                expiresAtMilliseconds: .some(order.expiresAtMilliseconds))
        }
        if let responses = update.responses { kept.responses = responses }
        next.jobs[update.key] = kept
        return .done
    }

    // MARK: Reads

    private func sorted<Position: Comparable>(
        by position: (Job) -> Position, where condition: (Job) -> Bool
    ) -> [Kept] {
        now.jobs.values.filter { condition($0.job) }
            .sorted { position($0.job) < position($1.job) }
    }

    package func contents() throws(StoreError) -> StoreContents {
        var counts: [JobCount] = []
        let lanes = Set(now.jobs.values.map { $0.job.order.lane.rawValue }).sorted()
        for lane in lanes.map({ LaneID(rawValue: $0) }) {
            for state in JobState.allCases {
                let count = now.jobs.values.count {
                    $0.job.order.lane == lane && $0.job.progress.state == state
                }
                if count == 0 { continue }
                counts.append(JobCount(lane: lane, state: state, count: Int64(count)))
            }
        }
        return StoreContents(
            lanes: now.lanes.sorted { $0.key.rawValue < $1.key.rawValue }
                .map { (id: $0.key, name: $0.value) },
            counts: counts, pausedTargets: now.paused.sorted(), largestKey: now.largestKey)
    }

    package func queued(
        lane: LaneID, after: LanePosition?, limit: Int, byteLimit: Int
    ) throws(StoreError) -> [QueuedJob] {
        let jobs = sorted(by: { $0.order.position }) { job in
            guard job.progress.state == .queued, job.order.lane == lane else { return false }
            return after.map { $0 < job.order.position } ?? true
        }
        return MemoryJobStore.take(jobs.prefix(max(0, limit)), byteLimit: byteLimit)
    }

    private static func take(_ jobs: ArraySlice<Kept>, byteLimit: Int) -> [QueuedJob] {
        var taken: [QueuedJob] = []
        var bytes = 0
        for kept in jobs where bytes <= byteLimit {
            taken.append(QueuedJob(job: kept.job, requests: kept.requests))
            for request in kept.requests { bytes += request.count }
        }
        return taken
    }

    private struct Timed: Comparable {
        var milliseconds: Int64
        var key: JobKey

        static func < (left: Timed, right: Timed) -> Bool {
            (left.milliseconds, left.key) < (right.milliseconds, right.key)
        }
    }

    private func scheduled() -> [Kept] {
        sorted(
            by: {
                Timed(milliseconds: $0.progress.notBeforeMilliseconds ?? 0, key: $0.order.id.key)
            },
            where: {
                $0.progress.state == .scheduled && $0.progress.notBeforeMilliseconds != nil
            })
    }

    package func promoteDue(
        nowMilliseconds: Int64, limit: Int, byteLimit: Int
    ) throws(StoreError) -> [QueuedJob] {
        if let failure { throw failure }
        let due = scheduled().prefix { kept in
            kept.job.progress.notBeforeMilliseconds.map { $0 <= nowMilliseconds } ?? false
        }
        let taken = MemoryJobStore.take(due.prefix(max(0, limit)), byteLimit: byteLimit)
        return taken.map { queued in
            var queued = queued
            queued.job.progress.state = .queued
            queued.job.progress.notBeforeMilliseconds = nil
            now.jobs[queued.job.order.id.key]?.job = queued.job
            return queued
        }
    }

    package func nextDueMilliseconds() throws(StoreError) -> Int64? {
        scheduled().first?.job.progress.notBeforeMilliseconds
    }

    private func expiring() -> [Kept] {
        sorted(
            by: { Timed(milliseconds: $0.order.expiresAtMilliseconds ?? 0, key: $0.order.id.key) },
            where: {
                $0.order.expiresAtMilliseconds != nil
                    && ($0.progress.state == .queued || $0.progress.state == .scheduled)
            })
    }

    package func overdue(nowMilliseconds: Int64, limit: Int) throws(StoreError) -> [Job] {
        expiring().filter { kept in
            kept.job.order.expiresAtMilliseconds.map { $0 <= nowMilliseconds } ?? false
        }.prefix(max(0, limit)).map(\.job)
    }

    package func nextExpiryMilliseconds() throws(StoreError) -> Int64? {
        expiring().first?.job.order.expiresAtMilliseconds
    }

    private func polled(_ lane: LaneID) -> [Kept] {
        sorted(
            by: {
                Timed(milliseconds: $0.progress.notBeforeMilliseconds ?? 0, key: $0.order.id.key)
            },
            where: { $0.order.lane == lane && ($0.progress.state == .waiting || $0.owesCancel) })
    }

    private func begun(_ lane: LaneID) -> [Kept] {
        sorted(
            by: {
                Timed(
                    milliseconds: $0.progress.operationStartMilliseconds, key: $0.order.id.key)
            }, where: { $0.order.lane == lane && $0.progress.state == .waiting })
    }

    package func duePolls(
        lane: LaneID, nowMilliseconds: Int64, limit: Int
    ) throws(StoreError) -> [Job] {
        polled(lane).map(\.job).filter {
            $0.progress.notBeforeMilliseconds.map { $0 <= nowMilliseconds } ?? false
        }.prefix(max(0, limit)).map { $0 }
    }

    package func nextPollMilliseconds(
        lane: LaneID, after time: Int64
    ) throws(StoreError) -> Int64? {
        polled(lane).lazy.compactMap(\.job.progress.notBeforeMilliseconds).first { $0 > time }
    }

    package func operations(
        lane: LaneID, begunBy time: Int64, limit: Int
    ) throws(StoreError) -> [Job] {
        begun(lane).map(\.job)
            .filter { $0.progress.operationStartMilliseconds <= time }
            .prefix(max(0, limit)).map { $0 }
    }

    package func firstOperationMilliseconds(lane: LaneID) throws(StoreError) -> Int64? {
        begun(lane).first?.job.progress.operationStartMilliseconds
    }

    package func marked(after key: JobKey?, limit: Int) throws(StoreError) -> [Job] {
        sorted(by: { $0.order.id.key }) { job in
            job.progress.state == .running && (key.map { $0 < job.order.id.key } ?? true)
        }.prefix(max(0, limit)).map(\.job)
    }

    package func job(_ key: JobKey) throws(StoreError) -> Job? {
        now.jobs[key]?.job
    }

    package func requests(of key: JobKey) throws(StoreError) -> [[UInt8]] {
        now.jobs[key]?.requests ?? []
    }

    package func responses(of key: JobKey) throws(StoreError) -> [[UInt8]] {
        now.jobs[key]?.responses ?? []
    }

    package func checkpoint(truncate: Bool) throws(StoreError) {
        if let failure { throw failure }
    }

    package func size() throws(StoreError) -> StoreSize {
        var bytes: Int64 = 0
        for kept in now.jobs.values {
            for message in kept.requests + kept.responses { bytes += Int64(message.count) }
        }
        return StoreSize(usedBytes: bytes)
    }

    package var logBytes: Int64 { 0 }

    package func releaseFreePages(limit: Int) throws(StoreError) {}

    /// All jobs, newest first.
    var newest: [Job] {
        now.jobs.values.map(\.job).sorted { $1.order.id.key < $0.order.id.key }
    }
}

extension JobProgress {
    /// What a store keeps of it: a mark stands beside the state `running` and nowhere else, and of
    /// the attempts the last twenty.
    var asKept: JobProgress {
        var kept = self
        if state != .running { kept.mark = nil }
        kept.attempts = attempts.suffix(AttemptRecord.keptCount)
        return kept
    }
}
