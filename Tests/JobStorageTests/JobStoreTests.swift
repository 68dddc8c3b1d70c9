// What every store promises: one suite over all of them.

import JobLogic
import JobStorage
import Testing

@Suite struct JobStoreTests {
    @Test(arguments: StoreKind.allCases)
    func `a new store is empty`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        let contents = try fixture.store.contents()
        #expect(contents.lanes.isEmpty && contents.counts.isEmpty)
        #expect(contents.pausedTargets.isEmpty && contents.largestKey == 0)
        #expect(try fixture.store.nextDueMilliseconds() == nil)
        #expect(try fixture.store.nextExpiryMilliseconds() == nil)
        #expect(try fixture.reader.list(JobFilter(), before: nil, limit: 10).jobs.isEmpty)
    }

    @Test(arguments: StoreKind.allCases)
    func `a job comes back with every field as it was`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        let job = Sample.fullJob(77)
        try fixture.insert(job)
        #expect(try fixture.store.job(job.order.id.key) == job)
        #expect(try fixture.reader.job(job.order.id.key) == job)
        #expect(try fixture.store.marked(after: nil, limit: 10) == [job])
        let plain = Sample.job(78)
        try fixture.insert(plain)
        #expect(try fixture.store.job(plain.order.id.key) == plain)
    }

    @Test(arguments: StoreKind.allCases)
    func `requests and responses of any size and number come back`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        let sizes = [0, 1, 512, 513, 5000, 1 << 20, (1 << 20) + 1, 3 << 20]
        for (index, size) in sizes.enumerated() {
            let job = Sample.job(UInt64(index + 1))
            let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            try fixture.insert(job, requests: [body])
            let key = job.order.id.key
            #expect(try fixture.store.requests(of: key) == [body])
            #expect(try fixture.reader.requests(of: key) == [body])
            _ = try fixture.store.commit([Sample.update(job, to: .succeeded, responses: [body])])
            #expect(try fixture.reader.responses(of: key) == [body])
        }
        let several = Sample.job(100)
        let messages: [[UInt8]] = [[], [1], Array(repeating: 7, count: 2_000_000), []]
        try fixture.insert(several, requests: messages)
        #expect(try fixture.store.requests(of: several.order.id.key) == messages)
        #expect(try fixture.reader.responses(of: several.order.id.key) == [])
        #expect(
            try fixture.store.queued(
                lane: LaneID(rawValue: 1), after: nil, limit: 1, byteLimit: 0
            )[0].requests == messages)
    }

    @Test(arguments: StoreKind.allCases)
    func `responses replace what was there and stay without new ones`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        let job = Sample.job(1)
        let key = job.order.id.key
        try fixture.insert(job)
        let large = Array(repeating: UInt8(1), count: 9000)
        for responses in [[large], [[5]], [[1], [2]], [large, large], []] as [[[UInt8]]] {
            _ = try fixture.store.commit([Sample.update(job, to: .queued, responses: responses)])
            #expect(try fixture.reader.responses(of: key) == responses)
            _ = try fixture.store.commit([Sample.update(job, to: .queued)])
            #expect(try fixture.reader.responses(of: key) == responses)
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `an update from another state than the one on disk changes nothing`(
        kind: StoreKind
    ) throws {
        let fixture = try StoreFixture(kind)
        let job = Sample.job(1)
        try fixture.insert(job)
        let outcomes = try fixture.store.commit([
            Sample.update(job, to: .succeeded, from: .running, responses: [[9]]),
            Sample.update(Sample.job(2), to: .succeeded),
            .delete(JobKey(rawValue: 2)),
            .probe,
        ])
        #expect(outcomes == [.conflict, .conflict, .conflict, .done])
        #expect(try fixture.store.job(job.order.id.key) == job)
        #expect(try fixture.reader.responses(of: job.order.id.key) == [])
    }

    @Test(arguments: StoreKind.allCases)
    func `a commit sees its own changes in their order`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        let job = Sample.job(1)
        let outcomes = try fixture.store.commit([
            .insert(NewJob(job: job, requests: [[1]])),
            Sample.update(job, to: .running),
            Sample.update(job, to: .succeeded, from: .running),
            .delete(job.order.id.key),
            .insert(NewJob(job: Sample.job(2), requests: [])),
        ])
        #expect(outcomes == [.done, .done, .done, .done, .done])
        #expect(try fixture.counts() == [.queued: 1])
        #expect(try fixture.store.requests(of: JobKey(rawValue: 2)) == [])
    }

    @Test(arguments: StoreKind.allCases)
    func `a commit that fails leaves nothing of itself`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        let job = Sample.job(1, idempotencyKey: "a", batch: "b", method: "new.Name/A")
        #expect(throws: StoreError.self) {
            try fixture.store.commit([
                .insert(NewJob(job: job, requests: [[1]])),
                .addLane(LaneID(rawValue: 1), name: "one"),
                .insert(NewJob(job: job.with(idempotencyKey: nil), requests: [[1]])),
            ])
        }
        let contents = try fixture.store.contents()
        #expect(contents.counts.isEmpty && contents.lanes.isEmpty && contents.largestKey == 0)
        #expect(try fixture.reader.batchCounts("b", uid: nil).isEmpty)
        // the names that it would have added are not taken for added
        #expect(try fixture.insert(job) == [.done])
        #expect(try fixture.reader.job(job.order.id.key) == job)
    }

    @Test(arguments: StoreKind.allCases)
    func `counters follow every change`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        let jobs = (1...40).map { Sample.job($0, lane: Int32($0 % 3)) }
        _ = try fixture.store.commit(jobs.map { .insert(NewJob(job: $0, requests: [])) })
        #expect(try fixture.counts() == [.queued: 40])
        _ = try fixture.store.commit(jobs[0..<10].map { Sample.update($0, to: .running) })
        _ = try fixture.store.commit(
            jobs[0..<4].map { Sample.update($0, to: .unknown, from: .running) })
        _ = try fixture.store.commit(jobs[30..<40].map { .delete($0.order.id.key) })
        #expect(try fixture.counts() == [.queued: 20, .running: 6, .unknown: 4])
        let lanes = try fixture.store.contents().counts.filter { $0.state == .queued }
        #expect(lanes.map(\.lane.rawValue) == [0, 1, 2])
    }

    @Test(arguments: StoreKind.allCases)
    func `lanes and pauses are remembered`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        _ = try fixture.store.commit([
            .addLane(LaneID(rawValue: 2), name: "b"), .addLane(LaneID(rawValue: 1), name: "a"),
            .setPaused(target: "x", paused: true), .setPaused(target: "x", paused: true),
            .setPaused(target: "y", paused: true), .setPaused(target: "y", paused: false),
        ])
        let contents = try fixture.store.contents()
        #expect(contents.lanes.map(\.name) == ["a", "b"])
        #expect(contents.pausedTargets == ["x"])
    }

    @Test(arguments: StoreKind.allCases)
    func `the largest key survives the delete of its job`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        try fixture.insert(Sample.job(5), Sample.job(9))
        _ = try fixture.store.commit([.delete(JobKey(rawValue: 9))])
        _ = try fixture.store.commit([.delete(JobKey(rawValue: 5))])
        #expect(try fixture.store.contents().largestKey == 9)
    }
}

extension Job {
    func with(idempotencyKey: String?) -> Job {
        var job = self
        job.order = job.order.with(idempotencyKey: .some(idempotencyKey))
        return job
    }
}
