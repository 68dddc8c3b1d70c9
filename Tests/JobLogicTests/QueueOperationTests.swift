// Jobs that follow a long-running operation, one event at a time: one call, its name on disk before
// the worker may forget it, polls until the end, whatever dies meanwhile.

import Testing

@testable import JobLogic

struct QueueOperationTests {
    @Test func `the name is on disk before the worker may forget the call`() {
        var bench = OperationBench()
        let (job, effects) = bench.begin(OperationBench.operation(0))
        #expect(job.progress.state == .waiting)
        #expect(job.progress.operationName == "op/1")
        #expect(job.progress.mark == nil)
        #expect(job.progress.notBeforeMilliseconds != nil)
        #expect(effects.acknowledged == 1)
        #expect(bench.logic.liveCount == 0)
    }

    @Test func `a waiting job is polled until its operation ends well`() {
        var bench = OperationBench()
        var (job, _) = bench.begin(OperationBench.operation(0))
        for polls in UInt32(1)...UInt32(3) {
            let sent = bench.poll(job)
            #expect(sent.map(\.method) == ["s.Ops/Get"])
            #expect(sent.map(\.requests.first) == [Array("op/1".utf8)])
            bench.answer(sent[0], OperationBench.operation(0))
            let changes = bench.commit().changes
            job = OperationBench.job(job.order, changes)
            #expect(job.progress.state == .waiting)
            #expect(OperationCheckpoint(job.progress.checkpoint)?.polls == polls)
        }
        bench.answer(bench.poll(job)[0], OperationBench.operation(1))
        let (changes, effects) = bench.commit()
        guard case .update(let update)? = changes.last else { return #expect(Bool(false)) }
        #expect(update.progress.state == .succeeded)
        #expect(update.responses == [[42]])
        #expect(update.progress.attemptCount == 1)
        #expect(effects.settled == 1)
    }

    @Test func `an operation that fails fails its job with its own error`() {
        var bench = OperationBench()
        let (job, _) = bench.begin(OperationBench.operation(0))
        bench.answer(bench.poll(job)[0], OperationBench.operation(2))
        let ended = OperationBench.job(job.order, bench.commit().changes)
        #expect(ended.progress.state == .failed)
        #expect(ended.progress.error?.message == "broke")
    }

    @Test func `an operation that is done at once needs no poll`() {
        var bench = OperationBench()
        let (job, _) = bench.begin(OperationBench.operation(1))
        #expect(job.progress.state == .succeeded)
    }

    @Test func `an operation that disappears fails its job, and says what was begun`() {
        var bench = OperationBench()
        let (job, _) = bench.begin(OperationBench.operation(0))
        bench.answer(bench.poll(job)[0], code: 5, [])
        let ended = OperationBench.job(job.order, bench.commit().changes)
        #expect(ended.progress.state == .failed)
        #expect(ended.progress.error?.message.contains("op/1") == true)
    }

    @Test func `no answer now is asked again later, until operation_timeout`() {
        var bench = OperationBench()
        var (job, _) = bench.begin(OperationBench.operation(0))
        let sent = bench.poll(job)
        bench.answer(sent[0], code: StatusCode.internal, [])
        job = OperationBench.job(job.order, bench.commit().changes)
        #expect(job.progress.state == .waiting)
        bench.pass(600_000)
        #expect(bench.poll(job).isEmpty)
        let ended = OperationBench.job(job.order, bench.commit().changes)
        #expect(ended.progress.state == .failed)
        #expect(ended.progress.error?.code == StatusCode.deadlineExceeded)
    }

    @Test(arguments: [3, QueueLogic.pollsPerTarget])
    func `jobs of an unknown method stand in no other's way`(count: Int) {
        var bench = OperationBench()
        let (job, _) = bench.begin(OperationBench.operation(0))
        bench = OperationBench(knows: false, waiting: Int64(count))
        bench.pass(25_000)
        _ = bench.handle(.tick)
        let jobs = (1...count).map { number in
            let id = JobID(key: JobKey(rawValue: UInt64(number)), salt: 5)
            return Job(order: job.order.with(id: id), progress: job.progress)
        }
        // with so many found there may be more behind them
        _ = bench.find(jobs, next: bench.now.wallMilliseconds)
        let later = bench.now.wallMilliseconds + QueueLogic.idlePollMilliseconds
        let changes = bench.commit().changes
        guard count == QueueLogic.pollsPerTarget else { return #expect(changes.isEmpty) }
        #expect(changes.count == count)
        #expect(OperationBench.job(job.order, changes).progress.state == .waiting)
        #expect(OperationBench.job(job.order, changes).progress.notBeforeMilliseconds == later)
    }

    @Test func `a job that is to follow an operation waits while its method begins none`() {
        var bench = OperationBench()
        let order = Sample.order(9, safety: .unsafe).with(flags: .waitOperation)
        let queued = QueuedJob(
            job: Job(order: order, progress: JobProgress(state: .queued)), requests: [[1]])
        let without = OperationBench.target(cancels: true, begins: false)
        _ = bench.handle(.policies([without]))
        #expect(bench.logic.policy(of: order) == nil)
        #expect(bench.handle(.promoted([queued], nextDueMilliseconds: nil)).dispatches.isEmpty)
        #expect(bench.commit().changes.isEmpty)
        #expect(bench.logic.liveCount == 0)
        // once it begins one again the lane is read anew
        _ = bench.handle(.policies([OperationBench.target(cancels: true)]))
        _ = bench.handle(.fetched(order.lane, [queued], reachedEnd: true))
        #expect(bench.commit().effects.dispatches.map(\.method) == [Sample.unsafeMethod])
    }

    @Test(arguments: [true, false])
    func `a call's good end is never taken for its operation's`(learns: Bool) {
        var job = Sample.job(.running, safety: .unsafe)
        job.order = job.order.with(flags: .waitOperation)
        var bench = OperationBench(
            knows: false, running: QueuedJob(job: job, requests: [[1]]))
        if learns { _ = bench.handle(.policies([OperationBench.target(cancels: true)])) }
        let lease = Lease(number: job.order.id.key.rawValue, attempt: 1)
        let outcome = Outcome(lease: lease, code: 0, responses: [OperationBench.operation(0)])
        _ = bench.handle(.outcomes(Sample.worker, [outcome]))
        let ended = OperationBench.job(job.order, bench.commit().changes)
        #expect(ended.progress.state == (learns ? .waiting : .failed))
        let message = ended.progress.error?.message ?? ""
        #expect(message.contains("names no operation to follow") == !learns)
    }

    @Test func `a worker's death in a poll has it made by the next one`() {
        var bench = OperationBench()
        let (job, _) = bench.begin(OperationBench.operation(0))
        _ = bench.poll(job)
        let again = bench.replaceWorker()
        #expect(again.map(\.method) == ["s.Ops/Get"])
    }
}
