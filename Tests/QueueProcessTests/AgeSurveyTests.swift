// The survey of ages: what it counts, and that nobody can make it read more than it should.

import JobLogic
import JobStorage
import NIOCore
import QueueProcess
import Synchronization
import Testing

/// Answers with made-up positions, and counts what it is asked.
private final class CountingReader: JobReader, Sendable {
    struct Asked: Equatable {
        var slices = 0
        var positions = 0
        var largest = 0
    }

    let lanes: [LaneID: [LanePosition]]
    let broken: LaneID?
    let asked = Mutex(Asked())

    init(_ lanes: [LaneID: [LanePosition]], broken: LaneID? = nil) {
        self.lanes = lanes
        self.broken = broken
    }

    func queuedPositions(
        lane: LaneID, after: LanePosition?, limit: Int
    ) throws(StoreError) -> [LanePosition] {
        if lane == broken { throw .inputOutput("a bad sector") }
        let all = lanes[lane] ?? []
        let start = after.map { last in all.firstIndex { $0 > last } ?? all.count } ?? 0
        let page = Array(all[start...].prefix(limit))
        asked.withLock { asked in
            asked.slices += 1
            asked.positions += page.count
            asked.largest = max(asked.largest, page.count)
        }
        return page
    }

    func job(_ key: JobKey) throws(StoreError) -> Job? { nil }
    func requests(of key: JobKey) throws(StoreError) -> [[UInt8]] { [] }
    func responses(of key: JobKey) throws(StoreError) -> [[UInt8]] { [] }
    func list(
        _ filter: JobFilter, before: JobKey?, limit: Int
    ) throws(StoreError) -> JobPage { JobPage(jobs: [], continueBefore: nil) }
    func batchCounts(
        _ batch: String, uid: UInt32?
    ) throws(StoreError) -> [(JobState, Int64)] { [] }
    func oldestQueued(
        besides held: Set<JobKey>
    ) throws(StoreError) -> [(LaneID, Int64)] { [] }
}

@Suite struct AgeSurveyTests {
    private static let now: Int64 = 1_700_000_000_000
    private static let one = LaneID(rawValue: 1)
    private static let two = LaneID(rawValue: 2)

    /// A position for each age in seconds; the keys differ.
    private static func positions(_ agesSeconds: [Int64]) -> [LanePosition] {
        agesSeconds.enumerated().map { index, age in
            let time = now - age * 1000
            let key = UInt64(time) << JobKey.sequenceBits | UInt64(index)
            return LanePosition(orderKey: time, key: JobKey(rawValue: key))
        }.sorted()
    }

    /// A survey on its loop.
    private final class Stage: @unchecked Sendable {
        let thread = LoopThread()
        let reader: CountingReader
        let survey: AgeSurvey

        init(_ reader: CountingReader, positionsMax: Int = AgeSurvey.positionsMax) {
            self.reader = reader
            let store = StoreThread(
                store: MemoryJobStore(), reader: reader, loop: thread.loop)
            // A store's threads end with the process.
            _ = Unmanaged.passRetained(store)
            survey = AgeSurvey(store: store, positionsMax: positionsMax)
        }

        func ages(besides held: Set<JobKey> = []) throws -> [LaneID: AgeTable] {
            try thread.ask { [self] answer in ask(held, answer) }
        }

        func ask(_ held: Set<JobKey>, _ answer: @escaping ([LaneID: AgeTable]) -> Void) {
            survey.ages(
                of: reader.lanes.map { .init(id: $0.key, queued: Int64($0.value.count)) },
                besides: held, nowMilliseconds: AgeSurveyTests.now, then: answer)
        }
    }

    @Test func `each lane has its own table, and an empty one has zeros`() throws {
        let stage = Stage(
            CountingReader([
                Self.one: Self.positions([0, 5, 5, 30, 300, 3000, 7200, 90_000]), Self.two: [],
            ]))
        let ages = try stage.ages()
        #expect(ages[Self.one]?.counts == [1, 2, 1, 1, 1, 2])
        #expect(ages[Self.one]?.isPartial == false)
        #expect(ages[Self.two] == AgeTable())
    }

    @Test func `a job that runs is not counted as queued`() throws {
        let positions = Self.positions([5, 5, 30])
        let stage = Stage(CountingReader([Self.one: positions]))
        #expect(try stage.ages(besides: [positions[0].key])[Self.one]?.total == 2)
    }

    @Test func `what is read comes in slices, and is all`() throws {
        let positions = Self.positions((0..<12_345).map { $0 % 100 })
        let stage = Stage(CountingReader([Self.one: positions]))
        #expect(try stage.ages()[Self.one]?.counts == [124, 1116, 6185, 4920, 0, 0])
        let asked = stage.reader.asked.withLock { $0 }
        #expect(asked == .init(slices: 3, positions: 12_345, largest: AgeSurvey.sliceMax))
    }

    @Test func `a long lane is cut, says so, and leaves the short ones their share`() throws {
        let stage = Stage(
            CountingReader([
                Self.one: Self.positions((0..<1000).map { $0 }),
                Self.two: Self.positions([5, 5, 5]),
            ]), positionsMax: 103)
        let ages = try stage.ages()
        #expect(ages[Self.two]?.counts == [0, 3, 0, 0, 0, 0])
        #expect(ages[Self.two]?.isPartial == false)
        #expect(ages[Self.one]?.total == 100)
        #expect(ages[Self.one]?.isPartial == true)
        #expect(stage.reader.asked.withLock { $0.positions } == 103)
    }

    @Test func `whoever asks while a survey runs, or soon after, shares its answer`() throws {
        let stage = Stage(CountingReader([Self.one: Self.positions((0..<20_000).map { $0 })]))
        let tables: [AgeTable?] = try stage.thread.ask { answer in
            var told: [AgeTable?] = []
            for _ in 0..<50 {
                stage.ask([]) { ages in
                    told.append(ages[Self.one])
                    if told.count == 50 { answer(told) }
                }
            }
        }
        #expect(tables.allSatisfy { $0?.total == 20_000 })
        // reading took milliseconds in a debug build: twenty times that is more than this moment
        _ = try stage.ages()
        #expect(stage.reader.asked.withLock { $0.positions } == 20_000)
    }

    @Test func `a lane that cannot be read has no table, and the others have theirs`() throws {
        let stage = Stage(
            CountingReader(
                [Self.one: Self.positions([5]), Self.two: Self.positions([5, 5])],
                broken: Self.two))
        let ages = try stage.ages()
        #expect(ages[Self.two] == nil)
        #expect(ages[Self.one]?.total == 1)
    }
}
