// Jobs that follow a long-running operation, one event at a time: one call, its name on disk before
// the worker may forget it, polls until the end, whatever dies meanwhile.

import Testing

@testable import JobLogic

struct QueueOperationTests {
    /// An operation is one byte (0: under way, 1: done, 2: failed) and its name.
    static let rules = OperationRules(
        pollMethod: "s.Ops/Get", cancelMethod: "s.Ops/Cancel", timeoutMilliseconds: 600_000,
        pollPolicy: Sample.policy(.httpGet),
        read: { bytes, _ in
            guard let state = bytes.first else { return nil }
            let error = JobError(code: 9, message: "broke", fromTarget: true)
            return OperationReading(
                name: String(decoding: bytes.dropFirst(), as: UTF8.self), isDone: state != 0,
                error: state == 2 ? error : nil, response: [42], progress: [7])
        },
        ask: { name, method in
            (Array((method == "s.Ops/Cancel" ? "cancel \(name)" : name).utf8), [])
        })

    private struct Bench: ~Copyable {
        var logic: QueueLogic
        var now = Sample.now
        var tokens: [Token] = []

        init() {
            let policy = MethodPolicy(
                timeoutMilliseconds: 30_000, jobRetry: Sample.retry, callRetry: Sample.retry,
                safety: .unsafe, operation: QueueOperationTests.rules)
            let target = TargetPolicy(name: "t0", methods: [Sample.unsafeMethod: policy])
            logic = QueueLogic(
                configuration: QueueConfiguration(
                    instance: Sample.instance, targets: [target], maxQueued: 100),
                lanes: [(LaneID(rawValue: 1), "t0")], counts: [], pausedTargets: [], marked: [],
                now: Sample.now, seed: 1)
            _ = handle(.workersKnown([KnownWorker(identity: Sample.worker, pid: 100)]))
            _ = handle(.hello(Sample.worker, pid: 100, places: 8, holding: []))
            _ = handle(.targets(Sample.worker, [(target: 0, isReady: true)]))
            _ = handle(.fetched(LaneID(rawValue: 1), [], reachedEnd: true))
            _ = handle(.pollsDue([], nextPollMilliseconds: nil))
        }

        mutating func handle(_ event: QueueEvent) -> [QueueEffect] {
            logic.handle(event, now: now)
        }

        /// Carries out what there is to commit; the changes and what followed.
        mutating func commit() -> (changes: [Change], effects: [QueueEffect]) {
            guard let batch = logic.takeBatch() else { return ([], []) }
            return (batch, handle(.committed(batch.map { _ in .done })))
        }

        mutating func pass(_ milliseconds: Int64) {
            now = Moment(
                wallMilliseconds: now.wallMilliseconds + milliseconds,
                monotonicNanoseconds: now.monotonicNanoseconds + UInt64(milliseconds) * 1_000_000)
        }

        /// Submits the job and has its call end with this operation.
        mutating func begin(_ response: [UInt8]) -> (Job, [QueueEffect]) {
            var order = Sample.order(9, safety: .unsafe)
            order = order.with(flags: .waitOperation)
            let policy = logic.configuration.targets[0].methods[Sample.unsafeMethod]
            guard let policy else { preconditionFailure("the bench has its method") }
            let submission = Submission(
                order: order, requests: [[1]], fingerprint: nil, notBeforeMilliseconds: nil,
                policy: policy)
            _ = handle(.submit([(token: Token(1), submission: submission)]))
            _ = commit()  // the job; then its mark
            let sent = commit().effects.dispatches
            precondition(sent.count == 1, "the call is sent once its mark is on disk")
            _ = handle(
                .outcomes(
                    Sample.worker, [Outcome(lease: sent[0].lease, code: 0, responses: [response])]))
            let (changes, effects) = commit()
            return (Self.job(order, changes), effects)
        }

        static func job(_ order: JobOrder, _ changes: [Change]) -> Job {
            guard case .update(let update)? = changes.last else {
                preconditionFailure("the job has changed")
            }
            return Job(order: order, progress: update.progress)
        }

        /// The due poll goes out; what a worker got.
        mutating func poll(_ job: Job) -> [Dispatch] {
            pass(25_000)
            _ = handle(.tick)
            return handle(.pollsDue([job], nextPollMilliseconds: nil)).dispatches
        }

        mutating func answer(_ dispatch: Dispatch, code: Int32 = 0, _ response: [UInt8]) {
            _ = handle(
                .outcomes(
                    Sample.worker,
                    [Outcome(lease: dispatch.lease, code: code, responses: [response])]
                ))
        }
    }

    private static func operation(_ state: UInt8) -> [UInt8] { [state] + Array("op/1".utf8) }

    @Test func `the name is on disk before the worker may forget the call`() {
        var bench = Bench()
        let (job, effects) = bench.begin(Self.operation(0))
        #expect(job.progress.state == .waiting)
        #expect(job.progress.operationName == "op/1")
        #expect(job.progress.mark == nil)
        #expect(job.progress.notBeforeMilliseconds != nil)
        #expect(effects.acknowledged == 1)
        #expect(bench.logic.liveCount == 0)
    }

    @Test func `a waiting job is polled until its operation ends well`() {
        var bench = Bench()
        var (job, _) = bench.begin(Self.operation(0))
        for polls in UInt32(1)...UInt32(3) {
            let sent = bench.poll(job)
            #expect(sent.map(\.method) == ["s.Ops/Get"])
            #expect(sent.map(\.requests.first) == [Array("op/1".utf8)])
            bench.answer(sent[0], Self.operation(0))
            let changes = bench.commit().changes
            job = Bench.job(job.order, changes)
            #expect(job.progress.state == .waiting)
            #expect(OperationCheckpoint(job.progress.checkpoint)?.polls == polls)
        }
        bench.answer(bench.poll(job)[0], Self.operation(1))
        let (changes, effects) = bench.commit()
        guard case .update(let update)? = changes.last else { return #expect(Bool(false)) }
        #expect(update.progress.state == .succeeded)
        #expect(update.responses == [[42]])
        #expect(update.progress.attemptCount == 1)
        #expect(effects.settled == 1)
    }

    @Test func `an operation that fails fails its job with its own error`() {
        var bench = Bench()
        let (job, _) = bench.begin(Self.operation(0))
        bench.answer(bench.poll(job)[0], Self.operation(2))
        let ended = Bench.job(job.order, bench.commit().changes)
        #expect(ended.progress.state == .failed)
        #expect(ended.progress.error?.message == "broke")
    }

    @Test func `an operation that is done at once needs no poll`() {
        var bench = Bench()
        let (job, _) = bench.begin(Self.operation(1))
        #expect(job.progress.state == .succeeded)
    }

    @Test func `an operation that disappears fails its job, and says what was begun`() {
        var bench = Bench()
        let (job, _) = bench.begin(Self.operation(0))
        bench.answer(bench.poll(job)[0], code: 5, [])
        let ended = Bench.job(job.order, bench.commit().changes)
        #expect(ended.progress.state == .failed)
        #expect(ended.progress.error?.message.contains("op/1") == true)
    }

    @Test func `no answer now is asked again later, until operation_timeout`() {
        var bench = Bench()
        var (job, _) = bench.begin(Self.operation(0))
        let sent = bench.poll(job)
        bench.answer(sent[0], code: StatusCode.internal, [])
        job = Bench.job(job.order, bench.commit().changes)
        #expect(job.progress.state == .waiting)
        bench.pass(600_000)
        #expect(bench.poll(job).isEmpty)
        let ended = Bench.job(job.order, bench.commit().changes)
        #expect(ended.progress.state == .failed)
        #expect(ended.progress.error?.code == StatusCode.deadlineExceeded)
    }

    @Test func `a worker's death in a poll has it made by the next one`() {
        var bench = Bench()
        let (job, _) = bench.begin(Self.operation(0))
        _ = bench.poll(job)
        _ = bench.handle(.workerGone(Sample.worker))
        let next = WorkerIdentity(instance: Sample.instance, slot: 0, generation: 2)
        _ = bench.handle(.workersKnown([KnownWorker(identity: next, pid: 101)]))
        _ = bench.handle(.hello(next, pid: 101, places: 8, holding: []))
        let again = bench.handle(.targets(next, [(target: 0, isReady: true)])).dispatches
        #expect(again.map(\.method) == ["s.Ops/Get"])
    }

    @Test func `a cancel ends the job, and the operation too where the target says so`() {
        var bench = Bench()
        let (job, _) = bench.begin(Self.operation(0))
        let sent = bench.poll(job)
        _ = bench.handle(.act(5, job.order.id, .cancel))
        let effects = bench.handle(
            .loaded(job.order.id.key, QueuedJob(job: job, requests: [[1]])))
        #expect(effects.dispatches.map(\.method) == ["s.Ops/Cancel"])
        let name = job.progress.operationName ?? ""
        #expect(effects.dispatches.map(\.requests) == [[Array("cancel \(name)".utf8)]])
        let ended = Bench.job(job.order, bench.commit().changes)
        #expect(ended.progress.state == .cancelled)
        // the poll's late answer changes nothing any more
        bench.answer(sent[0], Self.operation(1))
        #expect(bench.commit().changes.isEmpty)
    }
}

extension [QueueEffect] {
    fileprivate var dispatches: [Dispatch] {
        flatMap { (effect: QueueEffect) -> [Dispatch] in
            if case .send(_, let dispatches) = effect { dispatches } else { [] }
        }
    }

    fileprivate var acknowledged: Int {
        reduce(0) { sum, effect in
            if case .acknowledge(_, let leases) = effect { sum + leases.count } else { sum }
        }
    }

    fileprivate var settled: Int {
        count { if case .settled = $0 { true } else { false } }
    }
}
