// What the tests of the job logic build on: jobs and policies with short times.

import JobLogic

enum Sample {
    static let instance: UInt64 = 77
    static let wall: Int64 = 1_700_000_000_000

    static let now = Moment(wallMilliseconds: wall, monotonicNanoseconds: 1_000_000_000)

    static let retry = RetryPolicy(
        attempts: 3, initialMilliseconds: 10, maxMilliseconds: 100, multiplier: 2,
        codes: [StatusCode.unavailable])

    static func policy(_ safety: Safety) -> MethodPolicy {
        MethodPolicy(
            timeoutMilliseconds: 30_000, jobRetry: retry, callRetry: retry, safety: safety)
    }

    static let safeMethod = "s.S/Safe"
    static let unsafeMethod = "s.S/Unsafe"
    /// Unsafe too, and its calls begin operations.
    static let operationMethod = "s.S/Operate"
    static let methods = [safeMethod, unsafeMethod, operationMethod]

    static func method(_ safety: Safety) -> String {
        safety.isSafe ? safeMethod : unsafeMethod
    }

    static func target(
        _ name: String, maxInFlight: Int = 0, onUnknown: UnknownRule = .keep
    ) -> TargetPolicy {
        TargetPolicy(
            name: name, maxInFlight: maxInFlight, onUnknown: onUnknown,
            methods: [safeMethod: policy(.configured), unsafeMethod: policy(.unsafe)])
    }

    static func order(
        _ key: UInt64, salt: UInt64 = 5, lane: Int32 = 1, target: String = "t0",
        safety: Safety = .configured, priority: Int32 = 0, submittedAt: Int64 = wall,
        expiresAt: Int64? = nil, maxAttempts: Int32 = 3, idempotencyKey: String? = nil,
        awaitsOperation: Bool = false
    ) -> JobOrder {
        JobOrder(
            id: JobID(key: JobKey(rawValue: key), salt: salt), lane: LaneID(rawValue: lane),
            target: target, method: awaitsOperation ? operationMethod : method(safety),
            priority: priority,
            submittedAtMilliseconds: submittedAt, expiresAtMilliseconds: expiresAt,
            submitter: Submitter(uid: 1, gid: 1, pid: 1), idempotencyKey: idempotencyKey,
            maxAttempts: maxAttempts, safety: safety,
            flags: awaitsOperation ? .waitOperation : [])
    }

    /// A job in a state that it can have come to.
    static func job(
        _ state: JobState, safety: Safety = .configured, maxAttempts: Int32 = 3
    ) -> Job {
        var job = Job(
            order: order(9, safety: safety, maxAttempts: maxAttempts),
            progress: JobProgress(state: state))
        switch state {
        case .queued: break
        case .scheduled: job.progress.notBeforeMilliseconds = wall + 1000
        case .running:
            job.progress.attemptCount = 1
            job.progress.startedAtMilliseconds = wall
            job.progress.attempts = [
                AttemptRecord(
                    number: 1, slot: 0, generation: 1, pid: 100, startedAtMilliseconds: wall,
                    endedAtMilliseconds: 0, code: nil, message: "", peer: "")
            ]
            if !safety.isSafe { job.progress.mark = DispatchMark(attempt: 1, worker: worker) }
        case .waiting, .unknown: job.progress.attemptCount = 1
        case .succeeded, .failed, .cancelled, .expired:
            job.progress.attemptCount = 1
            job.progress.endedAtMilliseconds = wall
            if state == .cancelled { job.progress.operationName = "operations/9" }
        }
        return job
    }

    static let worker = WorkerIdentity(instance: instance, slot: 0, generation: 1)
}
