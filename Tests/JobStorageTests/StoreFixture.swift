// Both stores behind one face, jobs to put into them, and a scratch folder that goes away.

import Foundation
import JobLogic
import JobStorage

/// A folder under the system's temporary one, removed with its owner.
final class ScratchFolder {
    let path: String

    init() {
        var template = Array((NSTemporaryDirectory() + "/job-storage-XXXXXX").utf8CString)
        path = template.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress, let made = mkdtemp(start) else {
                fatalError("mkdtemp: \(errno)")
            }
            return String(cString: made)
        }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func file(_ name: String) -> String { path + "/" + name }
}

enum StoreKind: String, CaseIterable, Sendable {
    case sqlite
    case memory
}

/// A store and a reader of it.
struct StoreFixture {
    let store: any JobStore
    let reader: any JobReader
    private let kind: StoreKind
    private let folder: ScratchFolder

    init(_ kind: StoreKind) throws {
        folder = ScratchFolder()
        self.kind = kind
        switch kind {
        case .sqlite:
            let path = folder.file("store.db")
            store = try SQLiteJobStore(path: path)
            reader = try SQLiteJobReader(path: path)
        case .memory:
            let memory = MemoryJobStore()
            store = memory
            reader = MemoryJobReader(memory)
        }
    }

    @discardableResult
    func insert(_ jobs: Job..., requests: [[UInt8]] = [[1, 2, 3]]) throws -> [ChangeOutcome] {
        try store.commit(jobs.map { .insert(NewJob(job: $0, requests: requests)) })
    }

    /// What is wrong with the store's file, if it has one.
    func damage() -> [String] {
        guard kind == .sqlite else { return [] }
        return integrity(ofFileAt: folder.file("store.db")).filter { $0 != "ok" }
    }

    func state(_ job: Job) throws -> JobState? {
        try store.job(job.order.id.key)?.progress.state
    }

    func counts() throws -> [JobState: Int64] {
        var counts: [JobState: Int64] = [:]
        for count in try store.contents().counts { counts[count.state, default: 0] += count.count }
        return counts
    }

    func queuedKeys(
        lane: Int32 = 1, after: LanePosition? = nil, limit: Int = 100, byteLimit: Int = .max
    ) throws -> [UInt64] {
        try store.queued(
            lane: LaneID(rawValue: lane), after: after, limit: limit, byteLimit: byteLimit
        ).map(\.job.order.id.key.rawValue)
    }
}

enum Sample {
    static let start: Int64 = 1_700_000_000_000

    static func order(
        _ key: UInt64, lane: Int32 = 1, priority: Int32 = 0, submittedAt: Int64 = start,
        expiresAt: Int64? = nil, idempotencyKey: String? = nil, batch: String? = nil,
        uid: UInt32 = 1000, target: String = "echo", method: String = "test.Echo/Call"
    ) -> JobOrder {
        JobOrder(
            id: JobID(key: JobKey(rawValue: key), salt: key &* 0x9E37_79B9_7F4A_7C15),
            lane: LaneID(rawValue: lane), target: target, method: method, priority: priority,
            submittedAtMilliseconds: submittedAt, expiresAtMilliseconds: expiresAt,
            submitter: Submitter(uid: uid, gid: 100, pid: 4711), idempotencyKey: idempotencyKey,
            batch: batch, maxAttempts: 5, safety: .unsafe)
    }

    static func job(
        _ key: UInt64, state: JobState = .queued, notBefore: Int64? = nil, lane: Int32 = 1,
        priority: Int32 = 0, submittedAt: Int64 = start, expiresAt: Int64? = nil,
        idempotencyKey: String? = nil, batch: String? = nil, uid: UInt32 = 1000,
        target: String = "echo", method: String = "test.Echo/Call"
    ) -> Job {
        Job(
            order: order(
                key, lane: lane, priority: priority, submittedAt: submittedAt,
                expiresAt: expiresAt, idempotencyKey: idempotencyKey, batch: batch, uid: uid,
                target: target, method: method),
            progress: JobProgress(state: state, notBeforeMilliseconds: notBefore))
    }

    /// Every field of a job filled in.
    static func fullJob(_ key: UInt64) -> Job {
        var job = job(
            key, state: .running, lane: 3, priority: -7, expiresAt: start + 9, idempotencyKey: "k",
            batch: "nightly", uid: 4_294_967_295)
        job.order = job.order.with(
            timeoutMilliseconds: 0,
            metadata: [
                MetadataEntry(name: "x-team", value: Array("web".utf8)),
                MetadataEntry(name: "x-empty-bin", value: []),
            ], maxAttempts: Int32.max, safety: .configured, cost: 0,
            flags: [.waitOperation, .allPages])
        job.progress = fullProgress(state: .running)
        return job
    }

    static func fullProgress(state: JobState) -> JobProgress {
        let worker = WorkerIdentity(instance: UInt64.max - 5, slot: 3, generation: 17)
        return JobProgress(
            state: state, notBeforeMilliseconds: start + 5, startedAtMilliseconds: start + 1,
            endedAtMilliseconds: start + 2, attemptCount: 2, crashes: 1, forgivenAttempts: 3,
            mark: DispatchMark(attempt: 2, worker: worker),
            attempts: [
                AttemptRecord(
                    number: 1, slot: 3, generation: 16, pid: 99, startedAtMilliseconds: start + 1,
                    endedAtMilliseconds: start + 1, code: nil, message: "the worker died",
                    peer: ""),
                AttemptRecord(
                    number: 2, slot: 3, generation: 17, pid: 100, startedAtMilliseconds: start + 2,
                    endedAtMilliseconds: 0, code: 0, message: "", peer: "unix:/run/echo.sock"),
            ],
            error: JobError(
                code: 14, message: "täuscht", statusDetails: [0, 255, 7], fromTarget: true),
            operationName: "operations/7", checkpoint: [0, 1, 2, 255])
    }

    static func update(
        _ job: Job, to state: JobState, from: JobState? = nil, responses: [[UInt8]]? = nil
    ) -> Change {
        var progress = job.progress
        progress.state = state
        return .update(
            JobUpdate(
                key: job.order.id.key, from: from ?? job.progress.state, progress: progress,
                responses: responses))
    }
}
