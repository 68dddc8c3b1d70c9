// A waiting job is cancelled and its operation with it: the wish is on disk with the job's end, and
// is carried out from there, whoever dies, until the target has answered or a day has passed.

import Testing

@testable import JobLogic

struct OperationCancelTests {
    /// A waiting job is cancelled, up to the commit of that: the job, and what came before and
    /// after it was on disk.
    private func cancel(
        _ bench: inout OperationBench
    ) -> (job: Job, before: [QueueEffect], after: [QueueEffect]) {
        let (job, _) = bench.begin(OperationBench.operation(0))
        return cancel(job, &bench)
    }

    private func cancel(
        _ job: Job, _ bench: inout OperationBench
    ) -> (job: Job, before: [QueueEffect], after: [QueueEffect]) {
        var before = bench.handle(.act(5, job.order.id, .cancel))
        before += bench.handle(.loaded(job.order.id.key, QueuedJob(job: job, requests: [[1]])))
        let (changes, after) = bench.commit()
        return (OperationBench.job(job.order, changes), before, after)
    }

    private func message(_ job: Job) -> String { job.progress.error?.message ?? "" }

    @Test func `a cancel is answered, and its operation told, once the wish is on disk`() {
        var bench = OperationBench()
        let (job, before, after) = cancel(&bench)
        #expect(job.progress.state == .cancelled)
        #expect(job.owesCancel)
        #expect(before.dispatches.isEmpty)
        #expect(before.acted == 0)
        #expect(after.acted == 1)
        #expect(after.settled == 1)
        // it is due now, and found where every poll is found
        #expect(bench.nextPollMilliseconds == bench.now.wallMilliseconds)
        #expect(bench.handle(.tick).finds == 1)
        let sent = bench.find([job]).dispatches
        #expect(sent.map(\.method) == ["s.Ops/Cancel"])
        #expect(sent.map(\.requests) == [[Array("cancel op/1".utf8)]])
        #expect(sent.map(\.lease.isDirect) == [true])
    }

    @Test func `an operation that was told is not told again, and its job ends once`() {
        var bench = OperationBench()
        var (job, _, _) = cancel(&bench)
        bench.answer(bench.poll(job)[0], [])
        let (changes, effects) = bench.commit()
        job = OperationBench.job(job.order, changes)
        #expect(job.progress.state == .cancelled)
        #expect(!job.owesCancel)
        #expect(message(job).contains("op/1 was told to stop"))
        #expect(effects.settled == 0)
        #expect(effects.ended == 0)
        #expect(bench.logic.liveCount == 0)
    }

    @Test func `a successor of the queue tells the operation from what is on disk`() {
        var bench = OperationBench()
        let (job, _, _) = cancel(&bench)
        var successor = OperationBench()
        #expect(successor.poll(job).map(\.method) == ["s.Ops/Cancel"])
    }

    @Test func `a worker's death in a cancel has it made by the next one`() {
        var bench = OperationBench()
        let (job, _, _) = cancel(&bench)
        #expect(bench.poll(job).count == 1)
        let again = bench.replaceWorker()
        #expect(again.map(\.method) == ["s.Ops/Cancel"])
    }

    @Test(arguments: [StatusCode.unavailable, StatusCode.deadlineExceeded, StatusCode.internal])
    func `no answer now has it told again later`(code: Int32) {
        var bench = OperationBench()
        var (job, _, _) = cancel(&bench)
        let sent = bench.poll(job)
        // what the call's own retry policy repeats has not ended for the job
        if code == StatusCode.unavailable { bench.pass(60_000) }
        bench.answer(sent[0], code: code, [])
        job = OperationBench.job(job.order, bench.commit().changes)
        #expect(job.owesCancel)
        let due = job.progress.notBeforeMilliseconds ?? 0
        #expect(due > bench.now.wallMilliseconds)
        #expect(bench.nextPollMilliseconds == due)
        #expect(bench.poll(job).map(\.method) == ["s.Ops/Cancel"])
    }

    @Test func `a refusal is the target's last word, and the job tells it`() {
        var bench = OperationBench()
        var (job, _, _) = cancel(&bench)
        bench.answer(bench.poll(job)[0], code: 7, message: "not yours", [])
        job = OperationBench.job(job.order, bench.commit().changes)
        #expect(!job.owesCancel)
        #expect(job.progress.state == .cancelled)
        #expect(message(job).contains("op/1 may still end well"))
        #expect(message(job).contains("not yours"))
    }

    @Test(arguments: [true, false])
    func `after a day without an answer it is given up`(knows: Bool) {
        var bench = OperationBench()
        var (job, _, _) = cancel(&bench)
        bench = OperationBench(knows: knows)
        bench.pass(OperationRules.cancelTimeoutMilliseconds)
        #expect(bench.poll(job).isEmpty)
        job = OperationBench.job(job.order, bench.commit().changes)
        #expect(!job.owesCancel)
        #expect(message(job).contains("no answer came for a day"))
    }

    @Test func `a target that does not ask for it is told nothing`() {
        var bench = OperationBench(cancels: false)
        let (job, _, _) = cancel(&bench)
        #expect(job.progress.state == .cancelled)
        #expect(!job.owesCancel)
        #expect(message(job).contains("op/1 may still end well"))
        // nor one that did when the job was cancelled
        var other = OperationBench()
        var (owing, _, _) = cancel(&other)
        #expect(bench.poll(owing).isEmpty)
        owing = OperationBench.job(owing.order, bench.commit().changes)
        #expect(!owing.owesCancel)
    }

    @Test func `a job whose method is not known has its operation told when it is`() {
        var bench = OperationBench()
        let (waiting, _) = bench.begin(OperationBench.operation(0))
        bench = OperationBench(knows: false, waiting: 1)
        let (job, _, _) = cancel(waiting, &bench)
        #expect(job.owesCancel)
        #expect(bench.poll(job).isEmpty)
        #expect(bench.commit().changes.isEmpty)
        _ = bench.handle(.policies([OperationBench.target(cancels: true)]))
        #expect(bench.poll(job).map(\.method) == ["s.Ops/Cancel"])
    }

    @Test func `a poll under way when its job is cancelled is given up`() {
        var bench = OperationBench()
        let (job, _) = bench.begin(OperationBench.operation(0))
        let sent = bench.poll(job)
        let (cancelled, before, _) = cancel(job, &bench)
        #expect(before.cancelled == 1)
        #expect(cancelled.progress.state == .cancelled)
        // its late answer changes nothing any more
        bench.answer(sent[0], OperationBench.operation(1))
        #expect(bench.commit().changes.isEmpty)
    }

    @Test func `a job is not tried again before its operation was told`() throws {
        var bench = OperationBench()
        var (job, _, _) = cancel(&bench)
        func retry() -> [QueueEffect] {
            bench.handle(.act(6, job.order.id, .retry))
                + bench.handle(.loaded(job.order.id.key, QueuedJob(job: job, requests: [[1]])))
        }
        #expect(retry().refused.map(\.kind) == [.impossible])
        bench.answer(bench.poll(job)[0], [])
        job = OperationBench.job(job.order, bench.commit().changes)
        #expect(retry().refused.isEmpty)
        #expect(OperationBench.job(job.order, bench.commit().changes).progress.state == .queued)
    }

    @Test func `a day after its end a job is tried again though its target stayed down`() {
        var bench = OperationBench()
        let (job, _, _) = cancel(&bench)
        _ = bench.handle(.targets(Sample.worker, [(target: 0, isReady: false)]))
        func retry() -> [QueueEffect] {
            bench.handle(.act(6, job.order.id, .retry))
                + bench.handle(.loaded(job.order.id.key, QueuedJob(job: job, requests: [[1]])))
        }
        bench.pass(OperationRules.cancelTimeoutMilliseconds - 1)
        #expect(retry().refused.map(\.kind) == [.impossible])
        bench.pass(1)
        #expect(retry().refused.isEmpty)
        let again = OperationBench.job(job.order, bench.commit().changes)
        #expect(again.progress.state == .queued)
        #expect(again.progress.notBeforeMilliseconds == nil)
    }

    @Test func `a purge forgets the wish, and the end of a cancel under way`() {
        var bench = OperationBench()
        let (job, _, _) = cancel(&bench)
        let sent = bench.poll(job)
        _ = bench.handle(.act(6, job.order.id, .purge))
        let effects = bench.handle(
            .loaded(job.order.id.key, QueuedJob(job: job, requests: [[1]])))
        #expect(effects.cancelled == 0)
        #expect(bench.commit().changes.count == 1)
        bench.answer(sent[0], [])
        #expect(bench.commit().changes.isEmpty)
    }
}
