// Both stores walk the same random way; after each step they must answer alike.

import JobLogic
import JobStorage
import Testing

@Suite struct StoreWalkTests {
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `both stores answer alike after every commit`(seed: UInt64) throws {
        let disk = try StoreFixture(.sqlite)
        let memory = try StoreFixture(.memory)
        var walk = StoreWalk(seed: seed)
        for step in 0..<150 {
            let changes = walk.commit()
            let outcomes = try memory.store.commit(changes)
            #expect(try disk.store.commit(changes) == outcomes, "seed \(seed) step \(step)")
            if step % 5 == 0 { try comparePromotion(disk, memory, now: walk.now()) }
            if step % 10 == 0 { try disk.store.checkpoint(truncate: step % 20 == 0) }
            if step % 25 == 0 { try disk.store.releaseFreePages(limit: 10) }
            #expect(disk.damage() == [], "seed \(seed) step \(step)")
            try compareQuestions(disk, memory, &walk)
        }
        let keys = 1...walk.lastKey
        #expect(
            try dump(disk.store, keys: keys, reader: disk.reader)
                == dump(memory.store, keys: keys, reader: memory.reader))
    }

    private func comparePromotion(
        _ disk: StoreFixture, _ memory: StoreFixture, now: Int64
    ) throws {
        let left = try disk.store.promoteDue(nowMilliseconds: now, limit: 5, byteLimit: 2000)
        let right = try memory.store.promoteDue(nowMilliseconds: now, limit: 5, byteLimit: 2000)
        #expect(left.map(\.job) == right.map(\.job))
        #expect(left.map(\.requests) == right.map(\.requests))
    }

    private func compareQuestions(
        _ disk: StoreFixture, _ memory: StoreFixture, _ walk: inout StoreWalk
    ) throws {
        let (left, right) = (disk.store, memory.store)
        #expect(try left.contents().counts == right.contents().counts)
        #expect(try left.nextDueMilliseconds() == right.nextDueMilliseconds())
        #expect(try left.nextExpiryMilliseconds() == right.nextExpiryMilliseconds())
        #expect(try left.marked(after: nil, limit: 9) == right.marked(after: nil, limit: 9))
        let now = walk.now()
        #expect(
            try left.overdue(nowMilliseconds: now, limit: 5)
                == right.overdue(nowMilliseconds: now, limit: 5))
        #expect(try disk.queuedKeys(byteLimit: 900) == memory.queuedKeys(byteLimit: 900))
        let batch = try disk.reader.batchCounts("b1", uid: 1).map { "\($0)" }
        #expect(try batch == memory.reader.batchCounts("b1", uid: 1).map { "\($0)" })
        let ages = try disk.reader.oldestQueued(besides: []).map { "\($0)" }
        #expect(try ages == memory.reader.oldestQueued(besides: []).map { "\($0)" })
        let states = JobState.allCases
        let filter = JobFilter(
            state: Bool.random(using: &walk.random)
                ? states[Int.random(in: 0..<states.count, using: &walk.random)] : nil,
            target: Bool.random(using: &walk.random) ? "t1" : nil, uid: 1)
        let before = walk.someKey()
        let page = try disk.reader.list(filter, before: before, limit: 1000)
        #expect(try page.jobs == memory.reader.list(filter, before: before, limit: 1000).jobs)
    }
}
