// Who goes first, and how many at once.

import JobStorage
import SeededRandom
import Testing

@testable import JobLogic

struct QueueOrderTests {
    /// One place, so that the order of starts is the order of the queue.
    private func order(of world: QueueWorld, count: Int) -> [JobID] {
        var started: [JobID] = []
        for _ in 0..<count * 3 where started.count < count {
            world.settle()
            for index in world.workers.indices {
                for lease in world.workers[index].running where !lease.isDirect {
                    started += world.ids.filter { $0.key == lease.key }
                }
            }
            world.endOnlyCall()
        }
        return started
    }

    @Test(arguments: UInt64(1)...8)
    func `jobs of a lane start by priority and age, through a small window`(seed: UInt64) {
        let world = QueueWorld.ready(workers: 0, seed: seed)
        var expected: [(LanePosition, JobID)] = []
        for _ in 0..<40 {
            world.pass(Int64(world.random.index(3)))
            let safety: Safety = world.random.chance(50) ? .configured : .unsafe
            let priority = Int32(world.random.index(5)) - 2
            let wall = world.now.wallMilliseconds
            let id = world.submit(safety, priority: priority, bytes: world.random.index(60)).id
            let step = JobOrder.priorityStepMilliseconds
            expected.append(
                (LanePosition(orderKey: wall - Int64(priority) * step, key: id.key), id))
            if world.random.chance(40) { world.settleStore() }
        }
        world.settleStore()
        world.fork(slot: 0, places: 1)
        #expect(order(of: world, count: 40) == expected.sorted { $0.0 < $1.0 }.map(\.1))
        world.expectQuiet()
    }

    @Test func `a direct call goes before jobs of its priority and behind higher ones`() {
        let world = QueueWorld.ready(workers: 0)
        let high = world.submit(.configured, priority: 1).id
        let same = world.submit(.configured, priority: 0).id
        world.settleStore()
        world.call(.configured, priority: 0)
        world.fork(slot: 0, places: 1)
        world.settle()
        #expect(world.workers[0].running.map(\.key) == [high.key])
        world.endOnlyCall()
        world.settle()
        #expect(world.workers[0].running.map(\.isDirect) == [true])
        world.endOnlyCall()
        world.settle()
        #expect(world.workers[0].running.map(\.key) == [same.key])
        world.expectQuiet()
    }

    @Test func `a paused or a down lane holds up no other`() {
        let world = QueueWorld.ready()
        world.handle(.setPaused(target: "t0", paused: true))
        world.workers[0].readyTargets = [0, 1]
        world.workers[0].tellTargets()
        world.settle()
        let paused = world.submit(.configured, target: 0).id
        let down = world.submit(.configured, target: 2).id
        let well = world.submit(.configured, target: 1).id
        world.settle()
        #expect(world.workers[0].running.map(\.key) == [well.key])
        #expect([paused, down].map(world.state) == [.queued, .queued])
        world.killQueue()
        #expect(world.logic.lanes.lane(target: 0)?.isPaused == true)
        world.expectQuiet()
    }

    @Test func `a target's limit counts over all workers`() {
        let world = QueueWorld.ready(workers: 2, places: 8)
        for _ in 0..<20 {
            world.submit(.configured, target: QueueWorld.limitedTarget)
            world.call(.configured, target: QueueWorld.limitedTarget)
        }
        world.settle()
        #expect(world.workers.reduce(0) { $0 + $1.calls.count } == QueueWorld.limit)
        world.expectQuiet()
    }

    @Test func `the queue is full at its bound, and what is on its way counts`() {
        let world = QueueWorld.ready(workers: 0)
        for _ in 0..<65 { world.submit(.configured) }
        world.settleStore()
        #expect(world.ledger.accepted.count == 60)
        world.expectQuiet()
    }

    @Test func `a known key gives its job also while the queue is full`() {
        let world = QueueWorld.ready(workers: 0)
        let first = world.submit(.configured, key: "k").id
        for _ in 0..<59 { world.submit(.configured) }
        world.settleStore()
        let known = world.submit(.configured, key: "k").token
        let new = world.submit(.configured, key: "l").token
        world.effects = []
        world.settleStore()
        var told: [Token: String] = [:]
        for effect in world.effects {
            if case .accepted(let token, let id, replayed: true) = effect, id == first {
                told[token] = "replayed"
            }
            if case .refused(let token, let refusal) = effect { told[token] = "\(refusal.kind)" }
        }
        #expect(told == [known: "replayed", new: "queueFull"])
        #expect(world.ledger.accepted.count == 60)
        world.expectQuiet()
    }

    @Test func `a key gives its job again, until it is purged`() {
        let world = QueueWorld.ready()
        let first = world.submit(.configured, key: "k").id
        world.submit(.configured, key: "k")
        world.settle()
        world.endOnlyCall()
        world.settle()
        world.submit(.configured, key: "k")
        world.settle()
        #expect(world.ledger.accepted == [first])
        #expect(world.ledger.startCount == 1)
        world.act(.purge, on: first)
        world.settle()
        world.effects = []
        world.submit(.configured, key: "k")
        world.settleStore()
        #expect(world.ledger.submits.isEmpty && world.state(first) == nil)
        world.expectQuiet()
    }

    @Test func `an id with another's salt names nothing`() {
        let world = QueueWorld.ready(workers: 0)
        let id = world.submit(.configured, delay: 10).id
        world.settleStore()
        let forged = JobID(key: id.key, salt: id.salt &+ 1)
        world.act(.cancel, on: forged)
        world.settleStore()
        world.pass(20)
        world.handle(.tick)
        // due before it is read
        world.act(.cancel, on: forged)
        world.settleStore()
        world.act(.cancel, on: forged)
        world.settleStore()
        #expect(world.ledger.acts.isEmpty && world.state(id) == .queued)
        world.expectQuiet()
    }

    @Test func `a direct call's end by the clock comes once`() {
        let world = QueueWorld.ready(workers: 0)
        world.call(.configured, deadlineMilliseconds: 10)
        world.call(.configured, deadlineMilliseconds: nil)
        world.pass(20)
        world.handle(.tick)
        world.handle(.tick)
        #expect(world.ledger.calls.count == 1)
        world.expectQuiet()
    }

    @Test func `a worker that stands still does not hold a caller beyond the deadline`() {
        let world = QueueWorld.ready(places: 1)
        let token = world.call(.unsafe, deadlineMilliseconds: 10)
        world.readInboxes()
        world.pass(20)
        world.handle(.tick)
        #expect(world.ledger.calls.contains(token), "the worker may still tell the end")
        world.pass(500)
        world.handle(.tick)
        #expect(!world.ledger.calls.contains(token))
        #expect(world.logic.nextWake.monotonicNanoseconds == nil)
        // what the worker says at last is told to nobody, and frees its place
        world.readInboxes()
        world.endOnlyCall()
        world.settle()
        #expect(world.logic.workers.leaseCount == 0 && world.logic.direct.isEmpty)
        world.expectQuiet()
    }

    @Test(arguments: [Safety.configured, .unsafe])
    func `direct calls go on while commits fail, however many jobs wait`(safety: Safety) {
        let world = QueueWorld.ready(places: 2)
        for _ in 0..<8 { world.submit(safety) }
        world.settleStore()
        world.readInboxes()
        world.trouble = .failing("it fails")
        for _ in 0..<4 {
            world.endOnlyCall()
            world.readOutbox(0, upTo: 9)
            world.settleStore()
            world.readInboxes()
        }
        let token = world.call(.configured)
        world.readInboxes()
        #expect(world.workers[0].running.contains { $0.isDirect })
        world.endOnlyCall()
        world.readOutbox(0, upTo: 9)
        #expect(!world.ledger.calls.contains(token))
        world.expectQuiet()
    }

    @Test func `a call whose caller left is counted as cancelled, and so is its attempt`() throws {
        let world = QueueWorld.ready(workers: 1)
        let token = world.call(.unsafe)
        world.readInboxes()
        world.abandonCall(token)
        world.readInboxes()
        world.endOnlyCall(StatusCode.cancelled)
        world.readOutbox(0, upTo: 9)
        var (calls, attempts): ([Int32], [Int32]) = ([], [])
        for case .observed(let observation) in world.effects {
            switch observation {
            case .call(_, let code): calls.append(code)
            case .attempt(_, _, let code, _): attempts.append(code)
            default: break
            }
        }
        #expect(calls == [StatusCode.cancelled])
        #expect(attempts == [StatusCode.cancelled])
    }

    @Test(arguments: [Safety.configured, .unsafe])
    func `a stream whose caller has a message of it is not made again`(_ safety: Safety) throws {
        let world = QueueWorld.ready(workers: 2)
        let token = world.call(safety)
        world.readInboxes()
        let index = try #require(world.workers.firstIndex { !$0.running.isEmpty })
        let lease = try #require(world.workers[index].running.first)
        world.handle(.streamed(world.workers[index].identity, lease, .message([1])))
        // another worker's word on it is not believed
        world.handle(.streamed(world.workers[1 - index].identity, lease, .message([2])))
        world.handle(.grant(token, bytes: 7))
        let messages = world.effects.compactMap { effect -> StreamPart? in
            if case .streamed(token, let part) = effect { part } else { nil }
        }
        #expect(messages == [.message([1])])
        let windows = world.effects.filter {
            if case .window(_, lease, bytes: 7) = $0 { true } else { false }
        }
        #expect(windows.count == 1)
        world.kill(world.workers[index].identity)
        world.settle()
        #expect(!world.ledger.calls.contains(token))
        #expect(world.ledger.startCount == 1)
        let codes = world.effects.compactMap { effect -> Int32? in
            if case .callEnded(token, let end) = effect { end.code } else { nil }
        }
        #expect(codes == [safety.isSafe ? StatusCode.unavailable : StatusCode.unknown])
        world.expectQuiet()
    }

    @Test func `a call to a target without a lane is refused at once`() {
        let world = QueueWorld.ready()
        let token = world.call(.configured, target: 9)
        #expect(!world.ledger.calls.contains(token))
        world.expectQuiet()
    }
}
