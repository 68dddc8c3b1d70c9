// What was put into the stores whose dumps lie in Fixtures. Must never change: an old store does
// not change either.

import JobLogic
import JobStorage

enum OldFormatScene {
    static let start: Int64 = 1_700_000_000_000

    static func job(_ key: UInt64, _ state: JobState) -> Job {
        let order = JobOrder(
            id: JobID(key: JobKey(rawValue: key), salt: key + 5), lane: LaneID(rawValue: 2),
            target: "echo", method: "test.Echo/Call", priority: -3,
            submittedAtMilliseconds: start, expiresAtMilliseconds: start + 60_000,
            timeoutMilliseconds: 1500, submitter: Submitter(uid: 1000, gid: 100, pid: 4711),
            idempotencyKey: "key-\(key)", batch: "nightly",
            metadata: [MetadataEntry(name: "x-team", value: [119, 101, 98])], maxAttempts: 7,
            safety: .idempotencyLevel, cost: 3, flags: .waitOperation)
        return Job(order: order, progress: JobProgress(state: state))
    }

    static let queued = job(1, .queued)
    static let deleted = job(5, .queued)

    static let scheduled: Job = {
        var scheduled = job(2, .scheduled)
        scheduled.progress.notBeforeMilliseconds = start + 30_000
        return scheduled
    }()

    static let running: Job = {
        var running = job(3, .running)
        running.progress.attemptCount = 1
        running.progress.startedAtMilliseconds = start + 10
        running.progress.mark = DispatchMark(
            attempt: 1, worker: WorkerIdentity(instance: UInt64.max, slot: 2, generation: 9))
        return running
    }()

    static let failed: Job = {
        var failed = job(4, .failed)
        failed.progress.attemptCount = 1
        failed.progress.crashes = 1
        failed.progress.startedAtMilliseconds = start + 10
        failed.progress.endedAtMilliseconds = start + 20
        failed.progress.operationName = "operations/4"
        failed.progress.checkpoint = [9, 8]
        failed.progress.error = JobError(
            code: 5, message: "no such thing", statusDetails: [8, 5], fromTarget: true)
        failed.progress.attempts = [
            AttemptRecord(
                number: 1, slot: 2, generation: 9, pid: 812, startedAtMilliseconds: start + 10,
                endedAtMilliseconds: start + 20, code: 5, message: "no such thing",
                peer: "unix:/run/echo.sock")
        ]
        return failed
    }()

    static let fingerprint = CallFingerprint(high: UInt64.max - 1, low: 2)
    static let largeRequest = (0..<700).map { UInt8(truncatingIfNeeded: $0) }
    static let response: [[UInt8]] = [[1, 2], [], [3]]

    static func fill(_ store: any JobStore) throws(StoreError) {
        let jobs = [queued, scheduled, running, failed, deleted]
        var changes: [Change] = [
            .addLane(LaneID(rawValue: 2), name: "echo"),
            .setPaused(target: "echo", paused: true),
        ]
        for job in jobs {
            let request = job == scheduled ? largeRequest : [7, 7]
            changes.append(
                .insert(NewJob(job: job, requests: [request], fingerprint: fingerprint)))
        }
        _ = try store.commit(changes)
        _ = try store.commit([
            .update(
                JobUpdate(
                    key: failed.order.id.key, from: .failed, progress: failed.progress,
                    responses: response)),
            .delete(deleted.order.id.key),
        ])
    }
}
