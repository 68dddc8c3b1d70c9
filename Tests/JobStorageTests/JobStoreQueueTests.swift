// What the queue reads: lanes in their order, what is due, what has expired, what was marked; and
// idempotency keys.

import JobLogic
import JobStorage
import Testing

@Suite struct JobStoreQueueTests {
    @Test(arguments: StoreKind.allCases)
    func `a lane is served by priority, then by age, and nobody starves`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        let hour = JobOrder.priorityStepMilliseconds
        try fixture.insert(
            Sample.job(1, priority: 0), Sample.job(2, priority: 5),
            Sample.job(3, priority: 1, submittedAt: Sample.start + hour + 1),
            Sample.job(4, priority: 1, submittedAt: Sample.start + hour),
            Sample.job(5, lane: 2), Sample.job(6, priority: -100))
        #expect(try fixture.queuedKeys() == [2, 1, 4, 3, 6])
        #expect(try fixture.queuedKeys(lane: 2) == [5])
        #expect(try fixture.queuedKeys(lane: 3) == [])
    }

    @Test(arguments: StoreKind.allCases)
    func `a window continues behind a position`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        let jobs = (1...20).map { Sample.job($0, priority: Int32($0 % 2)) }
        _ = try fixture.store.commit(jobs.map { .insert(NewJob(job: $0, requests: [[0]])) })
        var seen: [UInt64] = []
        var after: LanePosition?
        while true {
            let window = try fixture.store.queued(
                lane: LaneID(rawValue: 1), after: after, limit: 3, byteLimit: .max)
            guard let last = window.last else { break }
            after = last.job.order.position
            seen += window.map(\.job.order.id.key.rawValue)
        }
        let odd: [UInt64] = Array(stride(from: 1, through: 19, by: 2))
        let even: [UInt64] = Array(stride(from: 2, through: 20, by: 2))
        #expect(seen == odd + even)
    }

    @Test(arguments: StoreKind.allCases)
    func `a window ends once its bytes pass the limit`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        for key in 1...5 as ClosedRange<UInt64> {
            try fixture.insert(
                Sample.job(key), requests: [Array(repeating: 1, count: key == 1 ? 4000 : 100)])
        }
        #expect(try fixture.queuedKeys(byteLimit: 0) == [1])
        #expect(try fixture.queuedKeys(byteLimit: 4000) == [1, 2])
        #expect(try fixture.queuedKeys(byteLimit: 4150) == [1, 2, 3])
        #expect(try fixture.queuedKeys(limit: 2) == [1, 2])
    }

    @Test(arguments: StoreKind.allCases)
    func `jobs whose time has come are queued, the oldest due first`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        try fixture.insert(
            Sample.job(1, state: .scheduled, notBefore: 30),
            Sample.job(2, state: .scheduled, notBefore: 10),
            Sample.job(3, state: .scheduled, notBefore: 20),
            Sample.job(4, state: .scheduled, notBefore: 21), requests: [[1, 2]])
        #expect(try fixture.store.nextDueMilliseconds() == 10)
        #expect(try fixture.store.promoteDue(nowMilliseconds: 9, limit: 9, byteLimit: 9).isEmpty)
        let due = try fixture.store.promoteDue(nowMilliseconds: 20, limit: 9, byteLimit: 9)
        #expect(due.map(\.job.order.id.key.rawValue) == [2, 3])
        #expect(due.allSatisfy { $0.job.progress == JobProgress(state: .queued) })
        #expect(due.allSatisfy { $0.requests == [[1, 2]] })
        #expect(try fixture.queuedKeys() == [2, 3])
        #expect(try fixture.counts() == [.queued: 2, .scheduled: 2])
        let first = try fixture.store.promoteDue(nowMilliseconds: 99, limit: 9, byteLimit: 1)
        #expect(first.map(\.job.order.id.key.rawValue) == [4])
        #expect(try fixture.store.nextDueMilliseconds() == 30)
    }

    @Test(arguments: StoreKind.allCases)
    func `only waiting jobs expire`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        let jobs = [
            Sample.job(1, expiresAt: 50), Sample.job(2, state: .scheduled, expiresAt: 40),
            Sample.job(3, state: .running, expiresAt: 30), Sample.job(4),
            Sample.job(5, state: .failed, expiresAt: 20), Sample.job(6, expiresAt: 51),
        ]
        _ = try fixture.store.commit(jobs.map { .insert(NewJob(job: $0, requests: [])) })
        #expect(try fixture.store.nextExpiryMilliseconds() == 40)
        let overdue = try fixture.store.overdue(nowMilliseconds: 50, limit: 10)
        #expect(overdue == [jobs[1], jobs[0]])
        #expect(try fixture.store.overdue(nowMilliseconds: 50, limit: 1) == [jobs[1]])
        _ = try fixture.store.commit([Sample.update(jobs[1], to: .expired)])
        #expect(try fixture.store.nextExpiryMilliseconds() == 50)
    }

    @Test(arguments: StoreKind.allCases)
    func `polls and cancels of operations are found when they are due`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        let lane = LaneID(rawValue: 1)
        let jobs = [
            Sample.job(1, state: .waiting, notBefore: 30),
            Sample.job(2, state: .waiting, notBefore: 10),
            Sample.job(3, state: .waiting, notBefore: 20),
            Sample.job(4, state: .cancelled), Sample.job(5, state: .scheduled, notBefore: 5),
            Sample.job(6, expiresAt: 5),
            Sample.job(7, state: .waiting, notBefore: 1, lane: 2),
        ]
        _ = try fixture.store.commit(jobs.map { .insert(NewJob(job: $0, requests: [])) })
        func due(_ time: Int64, limit: Int = 9) throws -> [UInt64] {
            try fixture.store.duePolls(lane: lane, nowMilliseconds: time, limit: limit)
                .map(\.order.id.key.rawValue)
        }
        #expect(try due(9) == [])
        #expect(try due(30) == [2, 3, 1])
        #expect(try due(30, limit: 1) == [2])
        #expect(try fixture.store.nextPollMilliseconds(lane: lane, after: 0) == 10)
        #expect(try fixture.store.nextPollMilliseconds(lane: lane, after: 20) == 30)
        // its operation is still to be cancelled, and then it is
        var cancelled = jobs[1]
        cancelled.progress = JobProgress(state: .cancelled, notBeforeMilliseconds: 25)
        func commit(_ job: Job, from state: JobState) throws {
            let update = JobUpdate(key: job.order.id.key, from: state, progress: job.progress)
            #expect(try fixture.store.commit([.update(update)]) == [.done])
        }
        try commit(cancelled, from: .waiting)
        #expect(try due(30) == [3, 2, 1])
        #expect(
            try fixture.store.duePolls(lane: lane, nowMilliseconds: 25, limit: 9).last == cancelled)
        cancelled.progress.notBeforeMilliseconds = nil
        try commit(cancelled, from: .cancelled)
        #expect(try due(30) == [3, 1])
        // a purge takes what is owed away
        cancelled.progress.notBeforeMilliseconds = 25
        try commit(cancelled, from: .cancelled)
        #expect(try fixture.store.commit([.delete(cancelled.order.id.key)]) == [.done])
        #expect(try due(30) == [3, 1])
        #expect(fixture.damage().isEmpty)
    }

    @Test(arguments: StoreKind.allCases)
    func `operations are found by when they began, lane by lane`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        func waiting(_ key: UInt64, began: Int64, lane: Int32 = 1) -> Job {
            var job = Sample.job(key, state: .waiting, notBefore: 99, lane: lane)
            job.progress.attemptCount = 1
            job.progress.attempts = [
                AttemptRecord(
                    number: 1, slot: 0, generation: 1, pid: 1, startedAtMilliseconds: 3,
                    endedAtMilliseconds: began, code: 0, message: "", peer: "")
            ]
            return job
        }
        let jobs = [
            waiting(1, began: 30), waiting(2, began: 10), waiting(3, began: 20),
            waiting(4, began: 5, lane: 2),
        ]
        _ = try fixture.store.commit(jobs.map { .insert(NewJob(job: $0, requests: [])) })
        let lane = LaneID(rawValue: 1)
        func begun(by time: Int64, limit: Int = 9) throws -> [UInt64] {
            try fixture.store.operations(lane: lane, begunBy: time, limit: limit)
                .map(\.order.id.key.rawValue)
        }
        #expect(try begun(by: 9) == [])
        #expect(try begun(by: 20) == [2, 3])
        #expect(try begun(by: 30, limit: 1) == [2])
        #expect(try fixture.store.firstOperationMilliseconds(lane: lane) == 10)
        // a poll moves nothing, an end takes it away
        var polled = jobs[1].progress
        polled.notBeforeMilliseconds = 120
        var ended = jobs[2].progress
        ended.state = .succeeded
        ended.notBeforeMilliseconds = nil
        for (key, progress) in [(UInt64(2), polled), (3, ended)] {
            let update = JobUpdate(
                key: JobKey(rawValue: key), from: .waiting, progress: progress)
            #expect(try fixture.store.commit([.update(update)]) == [.done])
        }
        #expect(try begun(by: 30) == [2, 1])
        #expect(
            try fixture.store.firstOperationMilliseconds(lane: LaneID(rawValue: 2)) == 5)
        #expect(fixture.damage().isEmpty)
    }

    @Test(arguments: StoreKind.allCases)
    func `a job whose expiry was lifted by a retry is never overdue again`(
        kind: StoreKind
    ) throws {
        let fixture = try StoreFixture(kind)
        var job = Sample.job(1)
        job.order = job.order.with(expiresAtMilliseconds: 40)
        let key = job.order.id.key
        _ = try fixture.store.commit([.insert(NewJob(job: job, requests: []))])
        _ = try fixture.store.commit([
            .update(JobUpdate(key: key, from: .queued, progress: JobProgress(state: .expired)))
        ])
        let retried = JobProgress(state: .queued, isExpiryMoved: true)
        func retry(order: JobOrder?) throws {
            let update = JobUpdate(key: key, from: .expired, progress: retried, order: order)
            _ = try fixture.store.commit([.update(update)])
        }
        // without an order nothing says that it was lifted
        try retry(order: nil)
        #expect(try fixture.store.nextExpiryMilliseconds() == 40)
        _ = try fixture.store.commit([
            .update(JobUpdate(key: key, from: .queued, progress: JobProgress(state: .expired)))
        ])
        try retry(order: job.order.with(expiresAtMilliseconds: .some(nil)))
        #expect(try fixture.store.overdue(nowMilliseconds: 50, limit: 10).isEmpty)
        #expect(try fixture.store.nextExpiryMilliseconds() == nil)
    }

    @Test(arguments: StoreKind.allCases)
    func `a job whose expiry was moved by a retry is overdue at its new one`(
        kind: StoreKind
    ) throws {
        let fixture = try StoreFixture(kind)
        let first = Sample.job(1, expiresAt: 40)
        let key = first.order.id.key
        let order = first.order.with(expiresAtMilliseconds: 70)
        _ = try fixture.store.commit([.insert(NewJob(job: first, requests: []))])
        func commit(_ progress: JobProgress, from state: JobState, _ order: JobOrder) throws {
            let update = JobUpdate(key: key, from: state, progress: progress, order: order)
            #expect(try fixture.store.commit([.update(update)]) == [.done])
        }
        try commit(JobProgress(state: .expired), from: .queued, first.order)
        let retried = JobProgress(state: .queued, isExpiryMoved: true)
        try commit(retried, from: .expired, order)
        #expect(try fixture.store.job(key)?.order == order)
        #expect(try fixture.store.overdue(nowMilliseconds: 69, limit: 10).isEmpty)
        #expect(try fixture.store.nextExpiryMilliseconds() == 70)
        #expect(fixture.damage().isEmpty)
        // what the queue keeps in memory says so again and again
        var waiting = retried
        waiting.state = .scheduled
        waiting.notBeforeMilliseconds = 60
        try commit(waiting, from: .queued, order)
        #expect(try fixture.store.nextExpiryMilliseconds() == 70)
        try commit(JobProgress(state: .expired, isExpiryMoved: true), from: .scheduled, order)
        #expect(try fixture.store.nextExpiryMilliseconds() == nil)
        #expect(fixture.damage().isEmpty)
    }

    @Test(arguments: StoreKind.allCases)
    func `marks are found page by page and go with their state`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        let jobs = (1...10).map { Sample.job($0) }
        _ = try fixture.store.commit(jobs.map { .insert(NewJob(job: $0, requests: [])) })
        for job in jobs {
            var progress = Sample.fullProgress(state: .running)
            progress.mark?.attempt = Int32(job.order.id.key.rawValue)
            _ = try fixture.store.commit([
                .update(JobUpdate(key: job.order.id.key, from: .queued, progress: progress))
            ])
        }
        let first = try fixture.store.marked(after: nil, limit: 7)
        let second = try fixture.store.marked(after: first.last?.order.id.key, limit: 7)
        #expect((first + second).map(\.progress.mark?.attempt) == (1...10).map { Int32($0) })
        var ended = first[0]
        ended.progress.state = .succeeded
        _ = try fixture.store.commit([
            .update(JobUpdate(key: ended.order.id.key, from: .running, progress: ended.progress))
        ])
        ended.progress.mark = nil
        #expect(try fixture.store.job(ended.order.id.key) == ended)
        #expect(try fixture.store.marked(after: nil, limit: 99).count == 9)
    }

    @Test(arguments: StoreKind.allCases)
    func `of many attempts the last twenty are kept`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        var job = Sample.job(1)
        try fixture.insert(job)
        job.progress.attempts = (1...30).map {
            AttemptRecord(
                number: $0, slot: 1, generation: 1, pid: 1, startedAtMilliseconds: 1,
                endedAtMilliseconds: 2, code: 14, message: "m", peer: "p")
        }
        _ = try fixture.store.commit([Sample.update(job, to: .failed)])
        let attempts = try fixture.store.job(job.order.id.key)?.progress.attempts
        #expect(attempts?.map(\.number) == Array(11...30))
    }

    // MARK: Keys

    private static let call = CallFingerprint(high: UInt64.max, low: 7)

    private func insert(
        _ key: UInt64, named name: String, uid: UInt32 = 1, _ call: CallFingerprint? = call,
        into fixture: StoreFixture
    ) throws -> ChangeOutcome {
        let job = Sample.job(key, idempotencyKey: name, uid: uid)
        return try fixture.store.commit([
            .insert(NewJob(job: job, requests: [], fingerprint: call))
        ])[0]
    }

    @Test(arguments: StoreKind.allCases)
    func `a key belongs to one job of a user`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        let other = CallFingerprint(high: 1, low: 7)
        let id = Sample.job(1).order.id
        #expect(try insert(1, named: "a", into: fixture) == .done)
        #expect(try insert(2, named: "a", into: fixture) == .keyTaken(id: id, sameCall: true))
        #expect(
            try insert(3, named: "a", other, into: fixture) == .keyTaken(id: id, sameCall: false))
        #expect(try insert(4, named: "A", into: fixture) == .done)
        #expect(try insert(5, named: "a", uid: 2, into: fixture) == .done)
        #expect(try fixture.counts() == [.queued: 3])
        #expect(try fixture.store.job(JobKey(rawValue: 2)) == nil)
    }

    @Test(arguments: StoreKind.allCases)
    func `two jobs of one commit cannot share a key`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        let outcomes = try fixture.insert(
            Sample.job(1, idempotencyKey: "a"), Sample.job(2, idempotencyKey: "a"))
        #expect(outcomes == [.done, .keyTaken(id: Sample.job(1).order.id, sameCall: true)])
    }

    @Test(arguments: StoreKind.allCases)
    func `where there is no room, a key only finds the job that has it`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        func ask(_ key: UInt64, _ name: String) -> Change {
            .insert(
                NewJob(
                    job: Sample.job(key, idempotencyKey: name), requests: [], isReplayOnly: true))
        }
        let first = Change.insert(
            NewJob(job: Sample.job(1, idempotencyKey: "a"), requests: []))
        let outcomes = try fixture.store.commit([first, ask(2, "a"), ask(3, "b")])
        let id = Sample.job(1).order.id
        #expect(outcomes == [.done, .keyTaken(id: id, sameCall: true), .noRoom])
        #expect(try insert(4, named: "b", into: fixture) == .done)
        #expect(try fixture.counts() == [.queued: 2])
        #expect(fixture.damage() == [])
    }

    @Test(arguments: StoreKind.allCases)
    func `a key is remembered when its job is gone`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        #expect(try insert(1, named: "a", into: fixture) == .done)
        _ = try fixture.store.commit([.delete(JobKey(rawValue: 1))])
        #expect(try insert(2, named: "a", into: fixture) == .keyTaken(id: nil, sameCall: true))
    }
}
