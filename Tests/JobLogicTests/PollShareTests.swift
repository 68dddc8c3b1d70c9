// What polls may take of the workers' places: never so much that other calls wait for a target that
// hangs, nor one target so much that another's polls do.

import Testing

@testable import JobLogic

struct PollShareTests {
    private static let lanes = (1...3).map { LaneID(rawValue: $0) }

    /// One worker and three targets, each with more waiting jobs due than can be asked for.
    private struct Trio: ~Copyable {
        var logic: QueueLogic

        init(places: Int) {
            let targets = lanes.map { lane in
                var target = OperationBench.target(cancels: true)
                target.name = "t\(lane.rawValue)"
                return target
            }
            logic = QueueLogic(
                configuration: QueueConfiguration(
                    instance: Sample.instance, targets: targets, maxQueued: 100),
                lanes: zip(lanes, targets).map { ($0, $1.name) },
                counts: lanes.map { ($0, .waiting, 50) }, pausedTargets: [], marked: [],
                now: Sample.now, seed: 1)
            _ = handle(.workersKnown([KnownWorker(identity: Sample.worker, pid: 100)]))
            _ = handle(.hello(Sample.worker, pid: 100, places: places, holding: []))
            _ = handle(.targets(Sample.worker, (0..<3).map { (target: $0, isReady: true) }))
        }

        mutating func handle(_ event: QueueEvent) -> [QueueEffect] {
            logic.handle(event, now: Sample.now)
        }

        /// What is due is looked for once; the polls that went out.
        mutating func poll() -> [Dispatch] {
            handle(.tick).searches.flatMap { search in
                var finds = OperationFinds(search)
                let first = UInt64(search.lane.rawValue) * 100
                finds.due = (first..<first + 50).map {
                    OperationLaneTests.waiting($0, search.lane, Sample.now)
                }
                finds.nextPollMilliseconds = Sample.wall
                return handle(.operationsFound(finds)).dispatches
            }
        }

        mutating func answer(_ poll: Dispatch) {
            let outcome = Outcome(
                lease: poll.lease, code: 0, responses: [OperationBench.operation(0)])
            _ = handle(.outcomes(Sample.worker, [outcome]))
            if let batch = logic.takeBatch() {
                _ = handle(.committed(batch.map { _ in .done }))
            }
        }

        mutating func call(_ token: Token) -> [QueueEffect] {
            let order = DirectOrder(
                target: 2, method: Sample.unsafeMethod, priority: 0, metadata: [], request: [],
                deadlineMonotonicNanoseconds: Sample.now.monotonic(afterMilliseconds: 1000),
                maxAttempts: 1, policy: Sample.policy(.unsafe))
            return handle(.call(token, order))
        }
    }

    @Test func `two targets that hang leave a third its polls, and calls their places`() {
        var trio = Trio(places: 12)
        let sent = trio.poll()
        #expect(sent.map(\.target).sorted() == [0, 0, 1, 1, 2, 2])
        #expect(trio.poll().isEmpty)
        // the first two hang; the third's go on
        for dispatch in sent where dispatch.target == 2 { trio.answer(dispatch) }
        let more = trio.poll()
        #expect(more.map(\.target) == [2, 2])
        for dispatch in more { trio.answer(dispatch) }
        #expect(trio.poll().map(\.target) == [2, 2])
        for token in Token(1)...6 { #expect(trio.call(token).dispatches.count == 1) }
    }

    @Test func `targets take turns where there are more of them than places for polls`() {
        var trio = Trio(places: 2)
        var asked: [Int] = []
        for _ in 0..<6 {
            let sent = trio.poll()
            #expect(sent.count == 1)
            asked += sent.map(\.target)
            if let first = sent.first { trio.answer(first) }
        }
        #expect(asked == [0, 1, 2, 0, 1, 2])
    }
}
