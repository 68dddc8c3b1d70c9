// Random, but legal, changes: what the walk and the fault tests feed to the stores.

import JobLogic
import JobStorage
import SeededRandom

struct StoreWalk {
    var random: SeededRandom
    private(set) var lastKey: UInt64 = 0
    private var clock: Int64 = Sample.start
    private var orders: [JobKey: JobOrder] = [:]
    /// What the walk takes the jobs' states to be: mostly right, so that jobs get on.
    private var states: [JobKey: JobState] = [:]

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
    }

    mutating func commit(upTo count: Int = 12) -> [Change] {
        (0..<Int.random(in: 1...count, using: &random)).map { _ in change() }
    }

    private mutating func change() -> Change {
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<8: .insert(newJob())
        case 8..<16: update()
        case 16, 17: .delete(someKey())
        case 18:
            .setPaused(
                target: "t\(Int.random(in: 0..<3, using: &random))",
                paused: Bool.random(using: &random))
        default: .addLane(LaneID(rawValue: Int32.random(in: 0..<3, using: &random)), name: "l")
        }
    }

    mutating func someKey() -> JobKey {
        JobKey(rawValue: UInt64.random(in: 1...max(1, lastKey + 1), using: &random))
    }

    mutating func body() -> [UInt8] {
        let sizes = [0, 3, 100, 512, 513, 3000]
        let size = sizes[Int.random(in: 0..<sizes.count, using: &random)]
        return Array(repeating: UInt8.random(in: 0...255, using: &random), count: size)
    }

    mutating func messages() -> [[UInt8]] {
        let count = [1, 1, 1, 1, 0, 3][Int.random(in: 0..<6, using: &random)]
        return (0..<count).map { _ in body() }
    }

    private mutating func newJob() -> NewJob {
        lastKey += UInt64.random(in: 1...2, using: &random)
        clock += Int64.random(in: 0...5000, using: &random)
        let first: [JobState] = [.queued, .queued, .queued, .scheduled]
        let state = first[Int.random(in: 0..<4, using: &random)]
        let small = Int.random(in: 0..<6, using: &random)
        var order = Sample.order(
            lastKey, lane: Int32.random(in: 0..<3, using: &random),
            priority: Int32.random(in: -2...2, using: &random), submittedAt: clock,
            expiresAt: small == 0 ? clock + 9000 : nil,
            idempotencyKey: small == 1 ? "k\(Int.random(in: 0..<20, using: &random))" : nil,
            batch: small == 2 ? "b\(Int.random(in: 0..<3, using: &random))" : nil,
            uid: UInt32.random(in: 0..<2, using: &random),
            target: "t\(Int.random(in: 0..<3, using: &random))",
            method: "s.S/M\(Int.random(in: 0..<4, using: &random))")
        if small == 3 {
            order = order.with(metadata: [MetadataEntry(name: "x", value: body())])
        }
        orders[order.id.key] = order
        states[order.id.key] = state
        let notBefore = clock + Int64.random(in: 0...9000, using: &random)
        let progress = JobProgress(
            state: state, notBeforeMilliseconds: state == .scheduled ? notBefore : nil)
        let call = CallFingerprint(high: random.next() % 2, low: 0)
        return NewJob(
            job: Job(order: order, progress: progress), requests: messages(), fingerprint: call)
    }

    private mutating func update() -> Change {
        let all = JobState.allCases
        let from: [JobState] = [.queued, .queued, .running, .scheduled, .unknown]
        let state = all[Int.random(in: 0..<all.count, using: &random)]
        var progress = JobProgress(
            state: state, attemptCount: Int32.random(in: 0..<4, using: &random))
        if Bool.random(using: &random) { progress = Sample.fullProgress(state: state) }
        progress.notBeforeMilliseconds = state == .scheduled ? clock + 100 : nil
        let key = Bool.random(using: &random) ? recentKey() : someKey()
        var start = from[Int.random(in: 0..<from.count, using: &random)]
        if let known = states[key], Int.random(in: 0..<4, using: &random) > 0 { start = known }
        if states[key] == start { states[key] = state }
        // with what was asked, as the queue does it, and without
        let order = Bool.random(using: &random) ? orders[key] : nil
        return .update(
            JobUpdate(
                key: key, from: start, progress: progress,
                responses: state.hasEnded ? messages() : nil, order: order))
    }

    private mutating func recentKey() -> JobKey {
        let first = lastKey > 12 ? lastKey - 12 : 1
        return JobKey(rawValue: UInt64.random(in: first...max(first, lastKey), using: &random))
    }

    mutating func now() -> Int64 { clock }
}
