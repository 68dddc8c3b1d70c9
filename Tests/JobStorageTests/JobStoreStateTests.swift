// A job's way through its states: what is known of it comes back at each, in the store's own order
// and in the reader's, however many rows tell it.

import JobLogic
import JobStorage
import Testing

@Suite struct JobStoreStateTests {
    private static let worker = WorkerIdentity(instance: UInt64.max - 1, slot: 4, generation: 2)

    private func attempt(_ number: Int32, ended: Bool = true) -> AttemptRecord {
        AttemptRecord(
            number: number, slot: 4, generation: 2, pid: 77,
            startedAtMilliseconds: Sample.start + Int64(number),
            endedAtMilliseconds: ended ? Sample.start + Int64(number) + 9 : 0,
            code: ended ? 14 : nil, message: ended ? "away" : "", peer: "")
    }

    /// As a dispatch of an unsafe call leaves it.
    private func dispatched(_ progress: JobProgress) -> JobProgress {
        var progress = progress
        progress.state = .running
        progress.notBeforeMilliseconds = nil
        progress.attemptCount += 1
        progress.startedAtMilliseconds = progress.startedAtMilliseconds ?? Sample.start + 1
        progress.mark = DispatchMark(attempt: progress.attemptCount, worker: Self.worker)
        progress.attempts.append(attempt(progress.attemptCount, ended: false))
        return progress
    }

    /// As an attempt leaves it that is to be made again, or is not.
    private func ended(_ progress: JobProgress, _ state: JobState) -> JobProgress {
        var progress = progress
        progress.state = state
        progress.mark = nil
        progress.attempts[progress.attempts.count - 1] = attempt(progress.attemptCount)
        if state.hasEnded { progress.endedAtMilliseconds = Sample.start + 50 }
        return progress
    }

    /// Changes the job, and finds it again wherever it is to be found.
    private func step(
        _ fixture: StoreFixture, _ job: inout Job, to progress: JobProgress, knows: Bool,
        responses: [[UInt8]]? = nil
    ) throws {
        let outcome = try fixture.store.commit([
            .update(
                JobUpdate(
                    key: job.order.id.key, from: job.progress.state, progress: progress,
                    responses: responses, order: knows ? job.order : nil))
        ])
        #expect(outcome == [.done])
        job.progress = progress
        try expect(fixture, job)
    }

    private func expect(_ fixture: StoreFixture, _ job: Job) throws {
        let key = job.order.id.key
        let state = job.progress.state
        #expect(try fixture.store.job(key) == job)
        #expect(try fixture.reader.job(key) == job)
        let listed = try fixture.reader.list(JobFilter(state: state), before: nil, limit: 9)
        #expect(listed.jobs == [job])
        let marked = try fixture.store.marked(after: nil, limit: 9)
        #expect(marked == (state == .running ? [job] : []))
        let window = try fixture.store.queued(
            lane: job.order.lane, after: nil, limit: 9, byteLimit: .max)
        #expect(window.map(\.job) == (state == .queued ? [job] : []))
        let positions = try fixture.reader.queuedPositions(
            lane: job.order.lane, after: nil, limit: 9)
        #expect(positions == (state == .queued ? [job.order.position] : []))
        let due = state == .scheduled ? job.progress.notBeforeMilliseconds : nil
        #expect(try fixture.store.nextDueMilliseconds() == due)
        #expect(try fixture.counts() == [state: 1])
        #expect(fixture.damage() == [])
    }

    private func wake(_ fixture: StoreFixture, _ job: inout Job) throws {
        let time = job.progress.notBeforeMilliseconds ?? 0
        job.progress.state = .queued
        job.progress.notBeforeMilliseconds = nil
        let woken = try fixture.store.promoteDue(nowMilliseconds: time, limit: 9, byteLimit: .max)
        #expect(woken.map(\.job) == [job])
        try expect(fixture, job)
    }

    @Test(arguments: StoreKind.allCases, [true, false])
    func `a scheduled job comes back whole at each step of its life`(
        kind: StoreKind, knows: Bool
    ) throws {
        let fixture = try StoreFixture(kind)
        var job = Sample.job(1, state: .scheduled, notBefore: 30, priority: 3)
        try fixture.insert(job)
        try expect(fixture, job)
        try wake(fixture, &job)
        try step(fixture, &job, to: dispatched(job.progress), knows: knows)
        var backOff = ended(job.progress, .scheduled)
        backOff.notBeforeMilliseconds = 80
        try step(fixture, &job, to: backOff, knows: knows)
        try wake(fixture, &job)
        // the second attempt's mark stands over what the first one left
        try step(fixture, &job, to: dispatched(job.progress), knows: knows)
        try step(
            fixture, &job, to: ended(job.progress, .succeeded), knows: knows, responses: [[7]])
        #expect(job.progress.attempts.count == 2)
        #expect(try fixture.reader.responses(of: job.order.id.key) == [[7]])
    }

    @Test(arguments: StoreKind.allCases, [true, false])
    func `a mark stands over all that was known before, and goes without a trace`(
        kind: StoreKind, knows: Bool
    ) throws {
        let fixture = try StoreFixture(kind)
        var job = Sample.job(1)
        try fixture.insert(job)
        var full = Sample.fullProgress(state: .failed)
        full.notBeforeMilliseconds = nil
        full.mark = nil
        try step(fixture, &job, to: full, knows: knows, responses: [[1]])
        try step(fixture, &job, to: JobProgress(state: .queued), knows: knows)
        try step(fixture, &job, to: dispatched(JobProgress(state: .queued)), knows: knows)
        // the call never left: as if there had been no attempt
        try step(fixture, &job, to: JobProgress(state: .queued), knows: knows)
        #expect(try fixture.reader.responses(of: job.order.id.key) == [[1]])
    }

    @Test(arguments: StoreKind.allCases, [true, false])
    func `a running job may have more to tell than a mark`(kind: StoreKind, knows: Bool) throws {
        let fixture = try StoreFixture(kind)
        var job = Sample.job(1)
        try fixture.insert(job)
        for change in 0...6 {
            var progress = dispatched(job.progress)
            switch change {
            case 0: progress.operationName = "operations/1"
            case 1: progress.checkpoint = [1]
            case 2: progress.error = JobError(code: 0, message: "", fromTarget: false)
            case 3: progress.endedAtMilliseconds = 0
            case 4: progress.notBeforeMilliseconds = 0
            case 5: progress.forgivenAttempts = 2
            default: progress.mark = nil
            }
            try step(fixture, &job, to: progress, knows: knows)
            try step(fixture, &job, to: dispatched(JobProgress(state: .queued)), knows: knows)
        }
        try step(
            fixture, &job, to: dispatched(job.progress), knows: knows,
            responses: [[1], Array(repeating: 2, count: 900)])
        try step(fixture, &job, to: dispatched(job.progress), knows: knows)
        #expect(try fixture.reader.responses(of: job.order.id.key).map(\.count) == [1, 900])
    }

    @Test(arguments: StoreKind.allCases, [true, false])
    func `a conflict leaves nothing behind, whatever the change would have been`(
        kind: StoreKind, knows: Bool
    ) throws {
        let fixture = try StoreFixture(kind)
        for (index, actual) in JobState.allCases.enumerated() {
            let notBefore: Int64? = actual == .scheduled ? 9000 : nil
            let job = Sample.job(
                UInt64(index + 1), state: actual, notBefore: notBefore, expiresAt: 7000)
            try fixture.insert(job)
            let before = try dump(fixture.store, keys: 1...20, reader: fixture.reader)
            for from in JobState.allCases where from != actual {
                for to in JobState.allCases {
                    let update = JobUpdate(
                        key: job.order.id.key, from: from, progress: Sample.fullProgress(state: to),
                        responses: [[1], [2]], order: knows ? job.order : nil)
                    #expect(try fixture.store.commit([.update(update)]) == [.conflict])
                }
            }
            #expect(try dump(fixture.store, keys: 1...20, reader: fixture.reader) == before)
            #expect(fixture.damage() == [])
        }
    }

    @Test(arguments: StoreKind.allCases, [1, 3, 16, 85, 200] as [UInt64])
    func `a commit of many changes is each of them`(kind: StoreKind, count: UInt64) throws {
        let fixture = try StoreFixture(kind)
        var jobs = (1...count).map { Sample.job($0) }
        _ = try fixture.store.commit(jobs.map { .insert(NewJob(job: $0, requests: [[1]])) })
        for round in 0..<2 {
            let marks = jobs.map { dispatched($0.progress) }
            try commit(fixture, &jobs, marks)
            let ends = jobs.map { job in
                ended(job.progress, round == 0 ? .queued : .succeeded)
            }
            try commit(fixture, &jobs, ends)
        }
        for job in jobs {
            let key = job.order.id.key
            #expect(try fixture.reader.responses(of: key) == [[UInt8(key.rawValue)]])
        }
    }

    /// Changes all the jobs in one commit, with a conflict in the midst of them.
    private func commit(
        _ fixture: StoreFixture, _ jobs: inout [Job], _ progress: [JobProgress]
    ) throws {
        var changes: [Change] = []
        for (job, progress) in zip(jobs, progress) {
            let key = job.order.id.key
            changes.append(
                .update(
                    JobUpdate(
                        key: key, from: job.progress.state, progress: progress,
                        responses: progress.state.hasEnded ? [[UInt8(key.rawValue)]] : nil,
                        order: job.order)))
        }
        let wrong = JobUpdate(
            key: jobs[0].order.id.key, from: .failed, progress: JobProgress(state: .cancelled))
        changes.insert(.update(wrong), at: changes.count / 2)
        let outcomes = try fixture.store.commit(changes)
        #expect(outcomes.count { $0 == .conflict } == 1)
        #expect(outcomes[(changes.count - 1) / 2] == .conflict)
        for index in jobs.indices {
            jobs[index].progress = progress[index]
            #expect(try fixture.store.job(jobs[index].order.id.key) == jobs[index])
        }
        #expect(fixture.damage() == [])
    }

    /// One change of each field. `state` is told by the tables themselves, a lifted expiry by the
    /// job's own row.
    private static let changes: [(name: String, change: @Sendable (inout JobProgress) -> Void)] = [
        ("notBeforeMilliseconds", { $0.notBeforeMilliseconds = Sample.start + 7 }),
        ("startedAtMilliseconds", { $0.startedAtMilliseconds = 5 }),
        ("endedAtMilliseconds", { $0.endedAtMilliseconds = 6 }),
        ("attemptCount", { $0.attemptCount = 9 }),
        ("crashes", { $0.crashes = 2 }),
        ("forgivenAttempts", { $0.forgivenAttempts = 3 }),
        ("mark", { $0.mark = DispatchMark(attempt: 9, worker: worker) }),
        (
            "attempts",
            {
                $0.attempts = [
                    AttemptRecord(
                        number: 1, slot: 1, generation: 1, pid: 1, startedAtMilliseconds: 1,
                        endedAtMilliseconds: 2, code: 14, message: "m", peer: "p")
                ]
            }
        ),
        ("error", { $0.error = JobError(code: 3, message: "no", fromTarget: true) }),
        ("operationName", { $0.operationName = "operations/1" }),
        ("checkpoint", { $0.checkpoint = [1, 2] }),
    ]

    @Test(arguments: StoreKind.allCases)
    func `no field of a job's progress is lost`(_ kind: StoreKind) throws {
        let known = Set(Self.changes.map(\.name) + ["state", "isExpiryMoved"])
        let fields = Mirror(reflecting: JobProgress(state: .queued)).children.compactMap(\.label)
        #expect(Set(fields) == known, "a field is new: say here how it changes")
        for (name, change) in Self.changes {
            let fixture = try StoreFixture(kind)
            var inserted = Sample.job(1, state: name == "mark" ? .running : .scheduled)
            inserted.progress.notBeforeMilliseconds = name == "mark" ? nil : Sample.start
            change(&inserted.progress)
            try fixture.insert(inserted)
            #expect(try fixture.store.job(inserted.order.id.key) == inserted, "\(name)")
            var marked = Sample.job(2)
            try fixture.insert(marked)
            var progress = marked.progress
            progress.state = .running
            progress.mark = DispatchMark(attempt: 1, worker: Self.worker)
            change(&progress)
            let outcome = try fixture.store.commit([
                .update(
                    JobUpdate(
                        key: marked.order.id.key, from: .queued, progress: progress,
                        order: marked.order))
            ])
            #expect(outcome == [.done])
            marked.progress = progress
            #expect(try fixture.store.job(marked.order.id.key) == marked, "\(name), marked")
            #expect(fixture.damage() == [])
        }
    }
}
