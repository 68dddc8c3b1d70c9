// Links that break, workers and queues that die: who still holds what, and who is told.

import JobStorage
import Testing

@testable import JobLogic

struct QueueRecoveryTests {
    private func running(_ safety: Safety, workers: Int = 1) -> (QueueWorld, JobID) {
        let world = QueueWorld.ready(workers: workers)
        let id = world.submit(safety).id
        world.settleStore()
        world.readInboxes()
        return (world, id)
    }

    @Test(arguments: [Safety.configured, .unsafe])
    func `a call outlives its link and its queue`(safety: Safety) {
        let (world, id) = running(safety)
        world.breakLink(0, isSeen: true)
        world.settle()
        world.killQueue()
        world.settle()
        #expect(world.workers[0].running.count == 1)
        world.endOnlyCall()
        world.settle()
        #expect(world.state(id) == .succeeded)
        #expect(world.ledger.startCount == 1)
        world.expectQuiet()
    }

    @Test(arguments: [Safety.configured, .unsafe])
    func `a worker's death gives a safe job to another and leaves an unsafe one unknown`(
        safety: Safety
    ) {
        let (world, id) = running(safety, workers: 2)
        let holder = world.workers.indices.first { !world.workers[$0].calls.isEmpty }
        world.kill(world.workers[holder ?? 0].identity)
        world.settle()
        #expect(world.state(id) == (safety.isSafe ? .queued : .unknown))
        #expect(world.ledger.startCount == (safety.isSafe ? 2 : 1))
        world.expectQuiet()
    }

    @Test func `a mark whose dispatch was lost with the link is taken back`() {
        let world = QueueWorld.ready()
        let id = world.submit(.unsafe).id
        world.settleStore()
        #expect(world.state(id) == .running)
        world.workers[0].disconnect()
        world.handle(.linkLost(world.workers[0].identity))
        world.connect(0)
        world.settle()
        #expect(world.ledger.startCount == 1)
        world.endOnlyCall()
        world.settle()
        #expect(world.state(id) == .succeeded)
        #expect(((try? world.store.job(id.key)) ?? nil)?.progress.attemptCount == 1)
        world.expectQuiet()
    }

    @Test func `a cancel reaches a worker that was without its link`() {
        let (world, id) = running(.unsafe)
        world.workers[0].disconnect()
        world.handle(.linkLost(world.workers[0].identity))
        world.act(.cancel, on: id)
        world.connect(0)
        world.readInboxes()
        #expect(world.workers[0].calls.values.first?.isCancelled == true)
        world.endOnlyCall(StatusCode.cancelled)
        world.settle()
        #expect(world.state(id) == .cancelled)
        world.expectQuiet()
    }

    @Test(arguments: [true, false])
    func `a cancel during recovery is answered, whether the worker lives or not`(lives: Bool) {
        let (world, id) = running(.unsafe)
        world.killQueue()
        world.act(.cancel, on: id)
        if !lives {
            world.kill(world.workers[0].identity)
            world.deaths = []
        }
        world.nameWorkers()
        world.connect(0)
        world.readInboxes()
        if lives { #expect(world.workers[0].calls.values.first?.isCancelled == true) }
        world.endOnlyCall(StatusCode.cancelled)
        world.settle()
        #expect(world.ledger.acts.isEmpty)
        #expect(world.state(id) == .cancelled)
        world.expectQuiet()
    }

    @Test func `a cancel that comes before the hello finds the safe call that runs`() {
        let (world, id) = running(.configured)
        world.killQueue()
        world.nameWorkers()
        world.act(.cancel, on: id)
        world.connect(0)
        world.settleStore()
        #expect(world.ledger.acts.count == 1)
        world.readInboxes()
        #expect(world.workers[0].calls.values.first?.isCancelled == true)
        world.endOnlyCall(StatusCode.cancelled)
        world.settle()
        #expect(world.ledger.acts.isEmpty && world.state(id) == .cancelled)
        world.expectQuiet()
    }

    @Test(arguments: [Safety.configured, .unsafe])
    func `a new link without the end of the old one gives direct calls up`(safety: Safety) {
        let world = QueueWorld.ready()
        let token = world.call(safety)
        world.readInboxes()
        world.breakLink(0, isSeen: false)
        #expect(world.ledger.calls.contains(token) == safety.isSafe)
        world.settle()
        #expect(world.ledger.startCount == (safety.isSafe ? 2 : 1))
        world.expectQuiet()
    }

    @Test func `a call handed back while its job is being read stays queued`() {
        let (world, id) = running(.configured)
        world.killQueue()
        world.nameWorkers()
        world.connect(0)
        let lease = Lease(number: id.key.rawValue, attempt: 1)
        world.workers[0].calls[lease] = nil
        world.handle(.notStarted(world.workers[0].identity, [lease]))
        world.settle()
        #expect(world.logic.workers.leaseCount == 1)
        #expect(world.ledger.startCount == 2)
        world.expectQuiet()
    }

    @Test func `a worker that forgot a call while its job was being read does not get it back`() {
        let (world, id) = running(.configured)
        world.killQueue()
        world.nameWorkers()
        world.connect(0)
        world.workers[0].calls[Lease(number: id.key.rawValue, attempt: 1)] = nil
        world.workers[0].disconnect()
        world.handle(.linkLost(world.workers[0].identity))
        world.connect(0)
        world.settle()
        #expect(world.ledger.startCount == 2)
        world.expectQuiet()
    }

    @Test func `an outcome that comes while its job is being read is kept`() {
        let (world, id) = running(.configured)
        world.killQueue()
        world.nameWorkers()
        world.connect(0)
        world.endOnlyCall()
        world.readOutbox(0, upTo: 9)
        world.kill(world.workers[0].identity)
        world.settleStore()
        #expect(world.state(id) == .succeeded)
        world.expectQuiet()
    }

    @Test func `an outcome of a given-up attempt is acknowledged while its job is changed`() {
        let (world, id) = running(.unsafe)
        world.endOnlyCall(5)
        world.readOutbox(0, upTo: 9)
        world.planCommit()
        world.runWriter()
        // committed, but the acknowledgement is lost with the link
        world.breakLink(0, isSeen: true)
        world.deliverAnswer()
        #expect(world.state(id) == .failed)
        world.act(.retry, on: id)
        world.runWriter()
        world.deliverAnswer()
        // the retry is on its way to disk, and somebody asks once more
        world.act(.cancel, on: id)
        world.connect(0)
        #expect(world.logic.workers.leaseCount == 1)
        world.readOutbox(0, upTo: 9)
        world.readInboxes()
        #expect(world.workers[0].calls.isEmpty)
        world.expectQuiet()
    }

    @Test func `a silent worker is replaced after two seconds, and then others get its jobs`() {
        let (world, id) = running(.configured)
        world.fork(slot: 1)
        world.killQueue()
        world.nameWorkers()
        world.connect(1)
        world.settleStore()
        #expect(world.logic.liveCount == 0)
        world.pass(1999)
        world.handle(.tick)
        #expect(world.workers[0].isAlive)
        world.pass(1)
        world.handle(.tick)
        #expect(!world.workers[0].isAlive)
        world.settle()
        #expect(world.workers[1].running.map(\.key) == [id.key])
        world.expectQuiet()
    }

    @Test func `nothing expires before it is known what runs`() {
        let world = QueueWorld.ready()
        let id = world.submit(.configured, expires: 10).id
        world.settleStore()
        world.readInboxes()
        world.killQueue()
        world.pass(100)
        world.handle(.tick)
        world.settleStore()
        world.settle()
        world.endOnlyCall()
        world.settle()
        #expect(world.state(id) == .succeeded)
        world.expectQuiet()
    }

    @Test func `the drain ends once, with everybody answered`() {
        let world = QueueWorld.ready(workers: 2)
        let safe = world.submit(.configured).id
        let unsafe = world.submit(.unsafe).id
        let call = world.call(.unsafe)
        world.settleStore()
        world.readInboxes()
        world.handle(.drain)
        #expect(world.ledger.calls == [call])
        let late = world.submit(.configured)
        #expect(world.ledger.submits[late.token] == nil)
        for index in world.workers.indices {
            world.workers[index].drain()
            world.workers[index].cutOff()
            world.leaveIfDone(index)
        }
        world.settle()
        #expect(world.ledger.drainedCount == 1)
        #expect(!world.ledger.hasOpenTokens)
        #expect(world.state(safe) == .queued && world.state(unsafe) == .unknown)
        world.handle(.tick)
        #expect(world.ledger.drainedCount == 1)
        #expect(world.ledger.violations == [])
    }

    @Test func `the drain waits for an answer that waits for the store`() {
        let world = QueueWorld.ready(workers: 0)
        let id = world.submit(.configured, delay: 1000).id
        world.settleStore()
        world.act(.cancel, on: id)
        world.handle(.drain)
        #expect(world.ledger.drainedCount == 0)
        world.settleStore()
        #expect(world.ledger.drainedCount == 1)
        #expect(world.state(id) == .cancelled)
        #expect(world.ledger.violations == [])
    }

    @Test func `a drain that comes before the workers are named waits for them`() {
        let (world, id) = running(.unsafe)
        world.killQueue()
        world.handle(.drain)
        #expect(world.ledger.drainedCount == 0)
        world.settle()
        #expect(world.ledger.drainedCount == 0)
        world.endOnlyCall()
        world.workers[0].drain()
        world.settle()
        world.leaveIfDone(0)
        world.settle()
        #expect(world.ledger.drainedCount == 1)
        #expect(world.state(id) == .succeeded)
        #expect(world.ledger.violations == [])
    }

    @Test func `a drain does not wait for a disk that fails, if nothing waits for it`() {
        let world = QueueWorld.ready(workers: 0)
        world.trouble = .failing("broken")
        let refused = world.submit(.configured)
        world.settleStore()
        #expect(world.ledger.submits[refused.token] == nil)
        world.handle(.retryCommit)
        world.settleStore()
        world.handle(.drain)
        #expect(world.ledger.drainedCount == 1)
        #expect(world.ledger.violations == [])
    }

    @Test func `a drain of a queue that is told of no worker ends`() {
        let world = QueueWorld.ready(workers: 0)
        world.killQueue()
        world.handle(.drain)
        #expect(world.ledger.drainedCount == 0)
        world.nameWorkers()
        #expect(world.ledger.drainedCount == 1)
    }

    @Test func `an attempt cut off by the drain is on disk: its number is not used again`() {
        let (world, id) = running(.configured)
        world.workers[0].drain()
        world.workers[0].cutOff()
        world.leaveIfDone(0)
        world.settle()
        #expect(((try? world.store.job(id.key)) ?? nil)?.progress.attemptCount == 1)
        world.expectQuiet()
    }
}
