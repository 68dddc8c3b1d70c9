// Methods that become known while the queue runs: what waited for them runs, nothing else notices.

import JobStorage
import Testing

@testable import JobLogic

extension QueueWorld {
    /// Whether a call of the job was made, however it ended.
    fileprivate func hasCome(to id: JobID) -> Bool {
        guard let state = state(id) else { return true }
        return state.hasEnded || state == .unknown
    }
}

@Suite struct LearnedMethodsTests {
    /// A queue that starts on a store with jobs, and knows no method of the first target.
    private func worldWithUnknownMethods(jobs count: Int) -> (QueueWorld, [JobID]) {
        let world = QueueWorld.ready(workers: 1)
        world.handle(.policies(world.policies(without: 0, Sample.methods)))
        let ids = (0..<count).map { _ in world.submit(.unsafe).id }
        world.settleStore()
        return (world, ids)
    }

    /// A queue and a worker that come after a restart to jobs of a paused target, and know none of
    /// its methods.
    private func restartedWorld() -> (QueueWorld, [JobID]) {
        let world = QueueWorld.ready(workers: 1)
        world.handle(.setPaused(target: "t0", paused: true))
        let ids = (0..<20).map { _ in world.submit(.unsafe).id }
        world.settle()
        world.restartAll()
        world.handle(.policies(world.policies(without: 0, Sample.methods)))
        world.fork(slot: 0, places: 3)
        return (world, ids)
    }

    @Test func `jobs of an unknown method wait on disk and run when it is known`() {
        let (world, ids) = restartedWorld()
        world.settle()
        world.handle(.setPaused(target: "t0", paused: false))
        world.settle()
        #expect(world.logic.liveCount == 0, "what cannot run is not in memory")
        #expect(ids.allSatisfy { world.state($0) == .queued })
        world.handle(.policies(QueueWorld.targets))
        world.expectQuiet()
        #expect(ids.allSatisfy { world.hasCome(to: $0) })
    }

    @Test func `a fetch that was on its way when the methods became known loses nothing`() {
        let (world, ids) = restartedWorld()
        world.handle(.setPaused(target: "t0", paused: false))
        for _ in 0..<5 {
            world.handle(.policies(QueueWorld.targets))
            if !world.writer.isEmpty { world.runWriter() }
            world.handle(.policies(world.policies(without: 0, Sample.methods)))
            if !world.answers.isEmpty { world.deliverAnswer() }
        }
        world.expectQuiet()
        #expect(ids.allSatisfy { world.hasCome(to: $0) })
    }

    @Test func `what runs when methods become known goes on, and is made once`() {
        let (world, _) = worldWithUnknownMethods(jobs: 0)
        let id = world.submit(.unsafe, target: 1).id
        world.settleStore()
        world.readInboxes()
        #expect(world.state(id) == .running)
        world.handle(.policies(world.policies(without: 1, Sample.methods)))
        world.handle(.policies(QueueWorld.targets))
        world.settleStore()
        #expect(world.state(id) == .running)
        world.endOnlyCall()
        world.expectQuiet()
    }

    @Test func `the methods of one target change nothing for another's lane`() {
        let world = QueueWorld.ready(workers: 1)
        world.handle(.setPaused(target: "t1", paused: true))
        for _ in 0..<3 { _ = world.submit(.configured, target: 1) }
        world.settle()
        let before = world.logic.liveCount
        world.handle(.policies(world.policies(without: 0, [Sample.safeMethod])))
        world.handle(.policies(QueueWorld.targets))
        #expect(world.logic.liveCount == before)
        world.expectQuiet()
    }
}
