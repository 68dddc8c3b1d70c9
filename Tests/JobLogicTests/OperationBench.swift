// A queue with one worker and one target whose calls begin operations: what the tests of operations
// stand on. Never decides whether what it sees is right.

@testable import JobLogic

struct OperationBench: ~Copyable {
    /// An operation is one byte (0: under way, 1: done, 2: failed) and its name.
    static func rules(
        cancels: Bool, timeoutMilliseconds: Int64 = 600_000
    ) -> OperationRules {
        OperationRules(
            pollMethod: "s.Ops/Get", cancelMethod: cancels ? "s.Ops/Cancel" : nil,
            timeoutMilliseconds: timeoutMilliseconds,
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
    }

    static func operation(_ state: UInt8) -> [UInt8] { [state] + Array("op/1".utf8) }

    var logic: QueueLogic
    var now = Sample.now
    var tokens: [Token] = []

    /// - Parameters:
    ///   - cancels: whether the target asks for its operations to be cancelled.
    ///   - knows: whether it has the method.
    ///   - waiting: jobs that a former queue left waiting.
    ///   - running: one that it left running, at the worker.
    init(
        cancels: Bool = true, knows: Bool = true, waiting: Int64 = 0, running: QueuedJob? = nil
    ) {
        let lane = LaneID(rawValue: 1)
        let target = OperationBench.target(cancels: cancels, knows: knows)
        logic = QueueLogic(
            configuration: QueueConfiguration(
                instance: Sample.instance, targets: [target], maxQueued: 100),
            lanes: [(lane, "t0")],
            counts: [(lane, .waiting, waiting), (lane, .running, running == nil ? 0 : 1)],
            pausedTargets: [],
            marked: running.map { [$0] } ?? [], now: Sample.now, seed: 1)
        let lease = running.map {
            Lease(number: $0.job.order.id.key.rawValue, attempt: $0.job.progress.attemptCount)
        }
        _ = handle(.workersKnown([KnownWorker(identity: Sample.worker, pid: 100)]))
        _ = handle(
            .hello(Sample.worker, pid: 100, places: 8, holding: lease.map { [$0] } ?? []))
        _ = handle(.targets(Sample.worker, [(target: 0, isReady: true)]))
        _ = handle(.fetched(LaneID(rawValue: 1), [], reachedEnd: true))
        _ = find([])
    }

    static func target(
        cancels: Bool, knows: Bool = true, begins: Bool = true
    ) -> TargetPolicy {
        let policy = MethodPolicy(
            timeoutMilliseconds: 30_000, jobRetry: Sample.retry, callRetry: Sample.retry,
            safety: .unsafe, operation: begins ? rules(cancels: cancels) : nil)
        return TargetPolicy(name: "t0", methods: knows ? [Sample.unsafeMethod: policy] : [:])
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
        return find([job]).dispatches
    }

    /// What the store has found of the first lane.
    mutating func find(
        _ due: [Job], next: Int64? = nil, overdue: [Job] = [], firstBegin: Int64? = nil
    ) -> [QueueEffect] {
        var finds = OperationFinds(
            OperationSearch(
                lane: LaneID(rawValue: 1), pollLimit: QueueLogic.pollsPerTarget,
                begunByMilliseconds: now.wallMilliseconds, overdueLimit: 256))
        finds.due = due
        finds.nextPollMilliseconds = next
        finds.overdue = overdue
        finds.firstBeginMilliseconds = firstBegin
        return handle(.operationsFound(finds))
    }

    var nextPollMilliseconds: Int64? { logic.agendas[0].nextPollMilliseconds }

    mutating func answer(
        _ dispatch: Dispatch, code: Int32 = 0, message: String = "", _ response: [UInt8]
    ) {
        _ = handle(
            .outcomes(
                Sample.worker,
                [
                    Outcome(
                        lease: dispatch.lease, code: code, message: message,
                        responses: [response])
                ]
            ))
    }

    /// The worker dies and another comes; what that one got.
    mutating func replaceWorker() -> [Dispatch] {
        _ = handle(.workerGone(Sample.worker))
        let next = WorkerIdentity(instance: Sample.instance, slot: 0, generation: 2)
        _ = handle(.workersKnown([KnownWorker(identity: next, pid: 101)]))
        _ = handle(.hello(next, pid: 101, places: 8, holding: []))
        return handle(.targets(next, [(target: 0, isReady: true)])).dispatches
    }
}

extension [QueueEffect] {
    var dispatches: [Dispatch] {
        flatMap { (effect: QueueEffect) -> [Dispatch] in
            if case .send(_, let dispatches) = effect { dispatches } else { [] }
        }
    }

    var refused: [Refusal] {
        compactMap { if case .refused(_, let refusal) = $0 { refusal } else { nil } }
    }

    var acted: Int {
        count { if case .acted = $0 { true } else { false } }
    }

    /// Jobs counted as ended.
    var ended: Int {
        count { if case .observed(.ended) = $0 { true } else { false } }
    }

    /// Searches of the store for polls that are due.
    var finds: Int { searches.count { $0.pollLimit > 0 } }

    var searches: [OperationSearch] {
        compactMap { if case .findOperations(let search) = $0 { search } else { nil } }
    }

    /// Calls that workers are told to give up.
    var cancelled: Int {
        reduce(0) { sum, effect in
            if case .cancel(_, let leases) = effect { sum + leases.count } else { sum }
        }
    }

    var acknowledged: Int {
        reduce(0) { sum, effect in
            if case .acknowledge(_, let leases) = effect { sum + leases.count } else { sum }
        }
    }

    var settled: Int {
        count { if case .settled = $0 { true } else { false } }
    }
}
