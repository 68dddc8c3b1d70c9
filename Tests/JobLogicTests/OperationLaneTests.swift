// Operations of several targets beside each other: what one target does to its own polls, it does
// to no other's; and an operation's time passes whether its target can be asked or not.

import Testing

@testable import JobLogic

struct OperationLaneTests {
    private static let sick = LaneID(rawValue: 1)
    private static let well = LaneID(rawValue: 2)

    /// Two targets, of which only the second is ready; each has jobs that wait.
    private struct Pair: ~Copyable {
        var logic: QueueLogic
        var now = Sample.now

        init(isSickReady: Bool = false) {
            var targets = [
                OperationBench.target(cancels: true), OperationBench.target(cancels: true),
            ]
            targets[0].name = "sick"
            targets[1].name = "well"
            logic = QueueLogic(
                configuration: QueueConfiguration(
                    instance: Sample.instance, targets: targets, maxQueued: 100),
                lanes: [(sick, "sick"), (well, "well")],
                counts: [(sick, .waiting, 5000), (well, .waiting, 5000)], pausedTargets: [],
                marked: [], now: Sample.now, seed: 1)
            _ = handle(.workersKnown([KnownWorker(identity: Sample.worker, pid: 100)]))
            _ = handle(.hello(Sample.worker, pid: 100, places: 256, holding: []))
            setReady(sick: isSickReady)
        }

        mutating func handle(_ event: QueueEvent) -> [QueueEffect] {
            logic.handle(event, now: now)
        }

        mutating func setReady(sick: Bool) {
            _ = handle(
                .targets(
                    Sample.worker, [(target: 0, isReady: sick), (target: 1, isReady: true)]))
        }

        /// Answers each search with as many due jobs of its lane as it wants.
        mutating func answer(_ searches: [OperationSearch], from key: UInt64) -> [QueueEffect] {
            searches.flatMap { search in
                var finds = OperationFinds(search)
                finds.due = (0..<search.pollLimit).map {
                    OperationLaneTests.waiting(key + UInt64($0), search.lane, now)
                }
                finds.nextPollMilliseconds = now.wallMilliseconds
                return handle(.operationsFound(finds))
            }
        }

        mutating func pass(_ milliseconds: Int64) {
            now = Moment(
                wallMilliseconds: now.wallMilliseconds + milliseconds,
                monotonicNanoseconds: now.monotonicNanoseconds + UInt64(milliseconds) * 1_000_000)
        }
    }

    static func waiting(_ key: UInt64, _ lane: LaneID, _ now: Moment) -> Job {
        let order = JobOrder(
            id: JobID(key: JobKey(rawValue: key), salt: 5), lane: lane,
            target: lane == sick ? "sick" : "well", method: Sample.unsafeMethod,
            submittedAtMilliseconds: Sample.wall, submitter: Submitter(uid: 1, gid: 1, pid: 1),
            maxAttempts: 3, safety: .unsafe, flags: .waitOperation)
        var progress = JobProgress(
            state: .waiting, notBeforeMilliseconds: now.wallMilliseconds,
            startedAtMilliseconds: Sample.wall, attemptCount: 1, operationName: "op/\(key)")
        progress.checkpoint = OperationCheckpoint(polls: 0, progress: []).bytes
        return Job(order: order, progress: progress)
    }

    @Test func `a target that is down is not looked at, and does not wake the queue`() {
        var pair = Pair()
        let searches = pair.handle(.tick).searches
        #expect(searches.map(\.lane) == [Self.sick, Self.well])
        #expect(searches.map(\.pollLimit) == [0, QueueLogic.pollsPerTarget])
        for search in searches { _ = pair.handle(.operationsFound(OperationFinds(search))) }
        // what is due at the sick one stays due
        #expect(pair.logic.agendas[0].nextPollMilliseconds == 0)
        #expect(pair.logic.nextOperationMilliseconds == nil)
        #expect(pair.handle(.tick).searches.isEmpty)
        pair.setReady(sick: true)
        #expect(pair.logic.nextOperationMilliseconds == 0)
        #expect(pair.handle(.tick).searches.map(\.lane) == [Self.sick])
    }

    @Test func `a paused target is not looked at until it is resumed`() {
        var pair = Pair(isSickReady: true)
        _ = pair.handle(.setPaused(target: "sick", paused: true))
        let searches = pair.handle(.tick).searches
        #expect(searches.map(\.pollLimit) == [0, QueueLogic.pollsPerTarget])
        for search in searches { _ = pair.handle(.operationsFound(OperationFinds(search))) }
        #expect(pair.handle(.tick).searches.isEmpty)
        _ = pair.handle(.setPaused(target: "sick", paused: false))
        #expect(pair.handle(.tick).searches.map(\.lane) == [Self.sick])
    }

    @Test func `polls that hang take no place of another target's`() {
        var pair = Pair(isSickReady: true)
        let first = pair.handle(.tick).searches
        let hanging = pair.answer(first.filter { $0.lane == Self.sick }, from: 1).dispatches
        #expect(hanging.count == QueueLogic.pollsPerTarget)
        for search in first where search.lane == Self.well {
            _ = pair.handle(.operationsFound(OperationFinds(search)))
        }
        // thousands more are due there
        pair.pass(1)
        #expect(pair.handle(.tick).searches.isEmpty)
        let job = Self.waiting(9_000, Self.well, pair.now)
        pair.logic.noteOperation(job.progress, Self.well)
        let searches = pair.handle(.tick).searches
        #expect(searches.map(\.lane) == [Self.well])
        #expect(pair.answer(searches, from: 9_000).dispatches.count == QueueLogic.pollsPerTarget)
        // an end makes room for the next
        let outcome = Outcome(lease: hanging[0].lease, code: 5)
        _ = pair.handle(.outcomes(Sample.worker, [outcome]))
        #expect(pair.handle(.tick).searches.map(\.lane) == [Self.sick])
    }

    @Test func `what was found once is not looked for in a hot loop`() {
        var pair = Pair(isSickReady: true)
        let searches = pair.handle(.tick).searches.filter { $0.lane == Self.sick }
        _ = pair.answer(searches, from: 1)
        let outcome = Outcome(
            lease: Lease(number: Lease.directBit, attempt: 1), code: 0,
            responses: [OperationBench.operation(0)])
        _ = pair.handle(.outcomes(Sample.worker, [outcome]))
        let again = pair.handle(.tick).searches.filter { $0.lane == Self.sick }
        #expect(again.count == 1)
        // all of them are under way, but for one that is on its way to disk
        #expect(pair.answer(again, from: 1).dispatches.isEmpty)
        #expect(pair.handle(.tick).searches.isEmpty)
        #expect((pair.logic.nextOperationMilliseconds ?? 0) > pair.now.wallMilliseconds)
    }

    // MARK: operation_timeout

    @Test(arguments: [false, true])
    func `an operation's time ends while its target cannot be asked`(isPaused: Bool) {
        var bench = OperationBench()
        let (job, _) = bench.begin(OperationBench.operation(0))
        if isPaused {
            _ = bench.handle(.setPaused(target: "t0", paused: true))
        } else {
            _ = bench.handle(.targets(Sample.worker, [(target: 0, isReady: false)]))
        }
        _ = bench.find([], firstBegin: Sample.wall)
        #expect(bench.logic.nextOperationMilliseconds == Sample.wall + 600_000)
        bench.pass(599_999)
        #expect(bench.handle(.tick).searches.isEmpty)
        bench.pass(1)
        let searches = bench.handle(.tick).searches
        #expect(searches.map(\.pollLimit) == [0])
        #expect(searches.map(\.begunByMilliseconds) == [Sample.wall])
        var finds = OperationFinds(searches[0])
        finds.overdue = [job]
        _ = bench.handle(.operationsFound(finds))
        let ended = bench.ended(job)
        #expect(ended.progress.state == .failed)
        #expect(ended.progress.error?.code == StatusCode.deadlineExceeded)
        #expect(ended.progress.error?.message.contains("operation_timeout") == true)
    }

    @Test func `a poll lasts no longer than its operation's time`() {
        var bench = OperationBench()
        let (job, _) = bench.begin(OperationBench.operation(0))
        let first = bench.poll(job)[0]
        let start = bench.now.monotonicNanoseconds
        #expect(first.deadlineMonotonicNanoseconds == start + 60_000_000_000)
        bench.answer(first, OperationBench.operation(0))
        let later = OperationBench.job(job.order, bench.commit().changes)
        bench.pass(600_000 - 50_000 - 7_000)
        let last = bench.poll(later)[0]
        let left = last.deadlineMonotonicNanoseconds - bench.now.monotonicNanoseconds
        #expect(left == 7_000_000_000)
    }

    @Test func `a poll under way at the end of its operation's time is given up`() {
        var bench = OperationBench()
        let (job, _) = bench.begin(OperationBench.operation(0))
        bench.pass(560_000)
        let sent = bench.poll(job)
        bench.pass(15_000)
        let effects = bench.find([], overdue: [job], firstBegin: Sample.wall)
        #expect(effects.cancelled == 1)
        #expect(bench.logic.agendas[0].underWay == 0)
        #expect(bench.ended(job).progress.state == .failed)
        bench.answer(sent[0], OperationBench.operation(1))
        #expect(bench.commit().changes.isEmpty)
    }

    @Test func `an operation that is young is left alone, whatever was found`() {
        var bench = OperationBench()
        let (job, _) = bench.begin(OperationBench.operation(0))
        bench.pass(599_999)
        _ = bench.find([], overdue: [job], firstBegin: Sample.wall)
        #expect(bench.commit().changes.isEmpty)
    }
}

extension OperationBench {
    /// The job as the next commit leaves it.
    fileprivate mutating func ended(_ job: Job) -> Job {
        OperationBench.job(job.order, commit().changes)
    }
}
