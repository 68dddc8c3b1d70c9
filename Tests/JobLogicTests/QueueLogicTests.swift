// Single stories of the queue's logic, told step by step: who is answered what, who gets what, when
// the store, the workers and the callers do the awkward thing at the awkward moment.

import JobStorage
import Testing

@testable import JobLogic

extension QueueWorld {
    /// A queue with workers that are linked and ready.
    static func ready(workers count: Int = 1, places: Int = 3, seed: UInt64 = 1) -> QueueWorld {
        let world = QueueWorld(seed: seed)
        world.handBackPercent = 0
        for slot in 0..<count { world.fork(slot: slot, places: places) }
        world.settle()
        return world
    }

    func state(_ id: JobID) -> JobState? {
        ((try? store.job(id.key)) ?? nil)?.progress.state
    }

    /// What is on its way to the store and back, and nothing else.
    func settleStore() {
        for _ in 0..<20 {
            planCommit()
            while !writer.isEmpty { runWriter() }
            while !answers.isEmpty { deliverAnswer() }
        }
    }

    func readInboxes() {
        for index in workers.indices { while !workers[index].inbox.isEmpty { readInbox(index) } }
    }

    /// Ends the only call that runs.
    func endOnlyCall(_ code: Int32 = 0, hint: RetryHint = .none) {
        for index in workers.indices {
            for lease in workers[index].running {
                endCall(index, lease, Outcome(lease: lease, code: code, hint: hint))
            }
        }
    }

    var sentCancels: [Lease] {
        effects.flatMap { effect -> [Lease] in
            if case .cancel(_, let leases) = effect { leases } else { [] }
        }
    }

    func expectQuiet(_ location: SourceLocation = #_sourceLocation) {
        heal()
        #expect(ledger.violations == [], sourceLocation: location)
    }
}

struct QueueLogicTests {
    @Test func `a job is queued, marked, made, acknowledged and forgotten`() {
        let world = QueueWorld.ready()
        let id = world.submit(.unsafe).id
        #expect(world.ledger.accepted.isEmpty)
        world.settleStore()
        #expect(world.ledger.accepted == [id])
        #expect(world.state(id) == .running)
        world.readInboxes()
        world.endOnlyCall()
        world.settle()
        #expect(world.state(id) == .succeeded)
        #expect(world.workers[0].calls.isEmpty)
        world.expectQuiet()
    }

    @Test func `a worker hears what is committed before it gets the next job`() {
        let world = QueueWorld.ready(places: 1)
        for _ in 0..<5 { world.submit(.configured) }
        for _ in 0..<5 {
            world.settle()
            world.endOnlyCall()
        }
        // the simulated worker finds fault with a job for which it has no place
        world.expectQuiet()
        #expect(world.ledger.startCount == 5)
    }

    @Test(arguments: [JobAction.cancel, .purge, .retry])
    func `an action on a job that becomes due meanwhile sees it as it is`(action: JobAction) {
        let world = QueueWorld.ready(workers: 0)
        let id = world.submit(.configured, delay: 50).id
        world.settleStore()
        world.act(action, on: id)
        world.runWriter()
        world.pass(100)
        world.handle(.tick)
        world.settleStore()
        #expect(world.state(id) == (action == .cancel ? .cancelled : .queued))
        world.expectQuiet()
    }

    @Test func `a cancel on its way to disk survives that the job becomes due`() {
        let world = QueueWorld.ready(workers: 0)
        let id = world.submit(.configured, delay: 50).id
        world.settleStore()
        world.act(.cancel, on: id)
        world.runWriter()
        world.deliverAnswer()
        world.pass(100)
        world.handle(.tick)
        // the store makes it due before the cancel's commit is asked for
        world.runWriter()
        world.settleStore()
        #expect(world.state(id) == .cancelled)
        world.expectQuiet()
    }

    @Test func `a job that is due and overdue at once expires`() {
        let world = QueueWorld.ready(workers: 0)
        let id = world.submit(.configured, delay: 50, expires: 40).id
        world.settleStore()
        world.pass(45)
        world.handle(.tick)
        world.runWriter()
        world.pass(10)
        world.handle(.tick)
        world.settleStore()
        #expect(world.state(id) == .expired)
        world.expectQuiet()
    }

    @Test func `a job that was retried by hand does not expire again`() {
        let world = QueueWorld.ready(workers: 0)
        let id = world.submit(.configured, expires: 10).id
        world.settleStore()
        world.pass(20)
        world.handle(.tick)
        world.settleStore()
        #expect(world.state(id) == .expired)
        world.act(.retry, on: id)
        world.settleStore()
        for _ in 0..<5 {
            world.pass(2000)
            world.handle(.tick)
            world.settleStore()
        }
        #expect(world.state(id) == .queued)
        world.expectQuiet()
        #expect(world.state(id)?.hasEnded == true && world.state(id) != .expired)
    }

    @Test func `a job that was retried by hand does not expire in its back-off`() {
        let world = QueueWorld.ready()
        let id = world.submit(.configured, expires: 10).id
        world.settle()
        world.endOnlyCall(5)
        world.settle()
        world.pass(20)
        world.act(.retry, on: id)
        world.settle()
        world.endOnlyCall(StatusCode.unavailable, hint: .after(milliseconds: 5000))
        world.settle()
        world.handle(.tick)
        world.submit(.configured, delay: 10, expires: 5)
        world.settle()
        world.pass(2000)
        world.handle(.tick)
        world.settle()
        #expect(world.state(id) == .scheduled)
        world.expectQuiet()
    }

    @Test func `a job that expired while its mark was written does not start`() {
        let world = QueueWorld.ready()
        let id = world.submit(.unsafe, expires: 10).id
        world.planCommit()
        world.runWriter()
        world.deliverAnswer()
        world.pass(20)
        world.settleStore()
        world.handle(.tick)
        world.settle()
        #expect(world.state(id) == .expired)
        #expect(world.ledger.startCount == 0)
        world.expectQuiet()
    }

    @Test func `an action on a job on its way to a failing store is refused, not asked for ever`() {
        let world = QueueWorld.ready(workers: 0)
        let id = world.submit(.configured).id
        world.settleStore()
        world.act(.cancel, on: id)
        world.act(.cancel, on: id)
        world.trouble = .failing("it fails")
        world.settleStore()
        #expect(world.writer.isEmpty && world.answers.isEmpty)
        #expect(world.ledger.acts.count == 1)
        world.expectQuiet()
        #expect(world.state(id) == .cancelled)
    }

    @Test func `while commits fail nothing durable is sent, and what is asked is refused`() {
        let world = QueueWorld.ready()
        let kept = world.submit(.unsafe).id
        world.settleStore()
        world.readInboxes()
        world.trouble = .full("no space")
        world.submit(.configured)
        world.settleStore()
        #expect(world.ledger.submits.isEmpty && world.ledger.accepted == [kept])
        world.endOnlyCall()
        world.call(.unsafe)
        for _ in 0..<3 { world.settle() }
        #expect(world.state(kept) == .running)
        world.endOnlyCall()
        world.readOutbox(0, upTo: 9)
        #expect(world.ledger.calls.isEmpty)
        world.expectQuiet()
        #expect(world.state(kept) == .succeeded)
    }
}
