// Any order of events that callers, workers, the store and the clock can produce keeps prong's
// promises, and when all is well again everything accepted comes to its end. The seed is in the
// test's arguments; PRONG_WALK_SEED=N walks one seed alone and tells each event, PRONG_WALKS=N
// walks that many blocks instead of the usual number, naming each seed before it is walked.

import Foundation
import Testing

@testable import JobLogic

private func variable(_ name: String) -> UInt64? {
    ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
}

struct QueueWalkTests {
    /// How many walks one argument stands for.
    static let walksPerBlock: UInt64 = 10

    @Test(arguments: 0..<(variable("PRONG_WALKS") ?? 40))
    func `every walk keeps every promise`(block: UInt64) {
        guard variable("PRONG_WALK_SEED") == nil else { return }
        var starts = 0
        var operationCalls: [String: Int] = [:]
        for seed in block * Self.walksPerBlock..<(block + 1) * Self.walksPerBlock {
            if variable("PRONG_WALKS") != nil { print("walk \(seed)") }
            let world = QueueWorld(seed: seed)
            world.walk()
            starts += world.ledger.startCount
            operationCalls.merge(world.operationCalls, uniquingKeysWith: +)
            for violation in Set(world.ledger.violations.prefix(5)) {
                Issue.record("seed \(seed): \(violation)")
            }
        }
        #expect(starts > 100, "walks that hardly make a call show nothing")
        let polls = operationCalls["s.Ops/Get"] ?? 0
        #expect(polls > 20, "walks that hardly follow an operation show nothing of it")
    }

    @Test(.enabled(if: variable("PRONG_WALK_SEED") != nil))
    func `one walk, told event by event`() {
        let world = QueueWorld(seed: variable("PRONG_WALK_SEED") ?? 0)
        world.isTold = true
        world.walk()
        #expect(world.ledger.violations == [])
    }
}
