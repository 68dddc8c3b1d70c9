// What users ask: lists with filters, batches, ages.

import JobLogic
import JobStorage
import Testing

@Suite struct JobReaderTests {
    private func keys(
        _ fixture: StoreFixture, _ filter: JobFilter, limit: Int = 1000
    ) throws -> [UInt64] {
        var keys: [UInt64] = []
        var before: JobKey?
        repeat {
            let page = try fixture.reader.list(filter, before: before, limit: limit)
            #expect(page.jobs.count <= limit)
            keys += page.jobs.map(\.order.id.key.rawValue)
            before = page.continueBefore
        } while before != nil
        return keys
    }

    private func filled(_ kind: StoreKind) throws -> StoreFixture {
        let fixture = try StoreFixture(kind)
        let states = JobState.allCases
        let jobs = (0..<90).map { index in
            Sample.job(
                UInt64(index + 1), state: states[index % states.count], lane: Int32(index % 2),
                priority: Int32(index % 5), submittedAt: Sample.start + Int64(index),
                batch: index % 4 == 0 ? "even" : nil, uid: UInt32(index % 3),
                target: index % 2 == 0 ? "a" : "b", method: "s.S/M\(index % 3)")
        }
        _ = try fixture.store.commit(jobs.map { .insert(NewJob(job: $0, requests: [])) })
        return fixture
    }

    @Test(arguments: StoreKind.allCases)
    func `a list is newest first, in pages, without gaps or repeats`(kind: StoreKind) throws {
        let fixture = try filled(kind)
        let all = (1...90 as ClosedRange<UInt64>).reversed().map { $0 }
        #expect(try keys(fixture, JobFilter()) == all)
        #expect(try keys(fixture, JobFilter(), limit: 7) == all)
        #expect(try keys(fixture, JobFilter(), limit: 90) == all)
    }

    @Test(arguments: StoreKind.allCases)
    func `filters restrict a list, each alone and together`(kind: StoreKind) throws {
        let fixture = try filled(kind)
        let all = try fixture.reader.list(JobFilter(), before: nil, limit: 1000).jobs
        var filters: [JobFilter] = JobState.allCases.map { JobFilter(state: $0) }
        filters += [
            JobFilter(target: "a"), JobFilter(method: "s.S/M1"), JobFilter(batch: "even"),
            JobFilter(batch: "odd"), JobFilter(sinceMilliseconds: Sample.start + 33),
            JobFilter(uid: 2), JobFilter(state: .failed, target: "a", uid: 1),
            JobFilter(state: .running, batch: "even", uid: 0),
            JobFilter(target: "never"), JobFilter(state: .unknown, sinceMilliseconds: .max),
        ]
        for filter in filters {
            let wanted = all.filter { filter.matches($0) }.map(\.order.id.key.rawValue)
            #expect(try keys(fixture, filter) == wanted, "\(filter)")
            #expect(try keys(fixture, filter, limit: 2) == wanted, "\(filter)")
        }
    }

    @Test(arguments: StoreKind.allCases)
    func `a batch is counted by state and user`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        let jobs = (1...6).map { Sample.job($0, batch: "b", uid: UInt32($0 % 2)) }
        _ = try fixture.store.commit(jobs.map { .insert(NewJob(job: $0, requests: [])) })
        _ = try fixture.store.commit([
            Sample.update(jobs[0], to: .succeeded), .delete(jobs[1].order.id.key),
        ])
        let all = try fixture.reader.batchCounts("b", uid: nil)
        #expect(all.map(\.0) == [.queued, .succeeded] && all.map(\.1) == [4, 1])
        let one = try fixture.reader.batchCounts("b", uid: 1)
        #expect(one.map(\.0) == [.queued, .succeeded] && one.map(\.1) == [2, 1])
        #expect(try fixture.reader.batchCounts("c", uid: nil).isEmpty)
    }

    @Test(arguments: StoreKind.allCases)
    func `the oldest queued job of each lane tells its age`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        try fixture.insert(
            Sample.job(1, lane: 1, submittedAt: 100), Sample.job(2, lane: 1, submittedAt: 200),
            Sample.job(3, lane: 2, priority: 5, submittedAt: 300),
            Sample.job(4, lane: 2, submittedAt: 250),
            Sample.job(5, state: .failed, lane: 3, submittedAt: 1))
        let ages = try fixture.reader.oldestQueued(besides: [])
        #expect(ages.map(\.0.rawValue) == [1, 2] && ages.map(\.1) == [100, 250])
        let held = try fixture.reader.oldestQueued(besides: [JobKey(rawValue: 1)])
        #expect(held.map(\.1) == [200, 250])
        let all = Set((1...4 as ClosedRange<UInt64>).map { JobKey(rawValue: $0) })
        #expect(try fixture.reader.oldestQueued(besides: all).isEmpty)
    }

    @Test(arguments: StoreKind.allCases)
    func `where a lane's queued jobs stand is told in pages, in order`(kind: StoreKind) throws {
        let fixture = try StoreFixture(kind)
        let jobs = (1...25).map { key in
            Sample.job(
                key, state: key % 5 == 0 ? .failed : .queued, lane: key % 4 == 0 ? 2 : 1,
                priority: Int32(key % 3), submittedAt: Sample.start + Int64(key % 7))
        }
        _ = try fixture.store.commit(jobs.map { .insert(NewJob(job: $0, requests: [[1]])) })
        let wanted = jobs.filter { $0.order.lane.rawValue == 1 && $0.progress.state == .queued }
            .map(\.order.position).sorted()
        var found: [LanePosition] = []
        while true {
            let page = try fixture.reader.queuedPositions(
                lane: LaneID(rawValue: 1), after: found.last, limit: 4)
            found += page
            guard page.count == 4 else { break }
        }
        #expect(found == wanted)
    }

    @Test func `where jobs stand is read off the index, without looking at a job`() throws {
        let folder = ScratchFolder()
        let store = try SQLiteJobStore(path: folder.file("store.db"))
        let rest = [UInt8](repeating: 7, count: 400)
        for start in stride(from: 1, to: 4000, by: 500) {
            let jobs = (start..<start + 500).map { Sample.job(UInt64($0)) }
            _ = try store.commit(jobs.map { .insert(NewJob(job: $0, requests: [rest])) })
        }
        try store.checkpoint(truncate: true)
        let reader = try SQLiteJobReader(path: folder.file("store.db"))
        let before = reader.pagesRead
        let positions = try reader.queuedPositions(
            lane: LaneID(rawValue: 1), after: nil, limit: 10_000)
        #expect(positions.count == 4000)
        // 4,000 rows fill some 500 pages, their places in the index some 25
        #expect(reader.pagesRead - before < 100)
    }
}
