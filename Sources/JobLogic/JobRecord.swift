// A job as the store keeps it: what was asked, what has become of it. Plain values; only
// JobMachine changes the part that changes. Never holds the request or the response: those lie in
// chunks beside it, so that a list of jobs never drags bodies along.

/// INTERFACE 2.3. The raw values are on disk: never renumber, only add.
package enum JobState: UInt8, Sendable, CaseIterable {
    case queued = 0
    case scheduled = 1
    case running = 2
    case waiting = 3
    case unknown = 4
    case succeeded = 10
    case failed = 11
    case cancelled = 12
    case expired = 13

    package var hasEnded: Bool { rawValue >= 10 }

    package var name: String {
        switch self {
        case .queued: "queued"
        case .scheduled: "scheduled"
        case .running: "running"
        case .waiting: "waiting"
        case .unknown: "unknown"
        case .succeeded: "succeeded"
        case .failed: "failed"
        case .cancelled: "cancelled"
        case .expired: "expired"
        }
    }

    package init?(name: some StringProtocol) {
        guard let state = JobState.allCases.first(where: { $0.name == name }) else { return nil }
        self = state
    }
}

/// A lane's key in the store. Today a lane is a target; rates and users may split it later, so
/// nothing but the lane table may assume so.
package struct LaneID: Hashable, Sendable {
    package let rawValue: Int32

    package init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    /// No lane's: for leases whose job is not known yet, or not any more.
    static let noLane = LaneID(rawValue: -1)
    /// No lane's: for leases whose call has ended and whose outcome is not committed yet.
    static let kept = LaneID(rawValue: -2)
}

/// Why a method may be repeated after a call that may have happened, or why not.
/// The raw values are on disk.
package enum Safety: UInt8, Sendable {
    case unsafe = 0
    case idempotencyLevel = 1
    case httpGet = 2
    case serviceConfig = 3
    case configured = 4

    package var isSafe: Bool { self != .unsafe }

    package var reason: String {
        switch self {
        case .unsafe: "nothing says that it is safe to repeat"
        case .idempotencyLevel: "its idempotency_level says so"
        case .httpGet: "its google.api.http rule is a get"
        case .serviceConfig: "its service config gives it a retry policy"
        case .configured: "the target's `idempotent` names it"
        }
    }
}

/// Which worker process holds a job: an instance of the daemon, a slot in it, and the how-manieth
/// process in that slot. Never a pid: pids are used again.
package struct WorkerIdentity: Hashable, Sendable {
    package var instance: UInt64
    package var slot: Int32
    package var generation: Int32

    package init(instance: UInt64, slot: Int32, generation: Int32) {
        self.instance = instance
        self.slot = slot
        self.generation = generation
    }
}

/// What is on disk before an unsafe call leaves: this attempt may have happened.
package struct DispatchMark: Equatable, Sendable {
    package var attempt: Int32
    package var worker: WorkerIdentity

    package init(attempt: Int32, worker: WorkerIdentity) {
        self.attempt = attempt
        self.worker = worker
    }
}

package struct MetadataEntry: Equatable, Sendable {
    package var name: String
    /// Raw bytes; base64 exists only in JSON and HTTP.
    package var value: [UInt8]

    package init(name: String, value: [UInt8]) {
        self.name = name
        self.value = value
    }
}

package struct Submitter: Equatable, Sendable {
    package var uid: UInt32
    package var gid: UInt32
    package var pid: Int32

    package init(uid: UInt32, gid: UInt32, pid: Int32) {
        self.uid = uid
        self.gid = gid
        self.pid = pid
    }
}

/// One attempt as `attempts` shows it.
package struct AttemptRecord: Equatable, Sendable {
    package var number: Int32
    package var slot: Int32
    package var generation: Int32
    package var pid: Int32
    package var startedAtMilliseconds: Int64
    /// 0 while it runs.
    package var endedAtMilliseconds: Int64
    /// A gRPC status code, or nothing for an attempt that a worker's death or a drain ended.
    package var code: Int32?
    package var message: String
    package var peer: String

    package init(
        number: Int32, slot: Int32, generation: Int32, pid: Int32, startedAtMilliseconds: Int64,
        endedAtMilliseconds: Int64, code: Int32?, message: String, peer: String
    ) {
        self.number = number
        self.slot = slot
        self.generation = generation
        self.pid = pid
        self.startedAtMilliseconds = startedAtMilliseconds
        self.endedAtMilliseconds = endedAtMilliseconds
        self.code = code
        self.message = message
        self.peer = peer
    }

    /// How many are kept with a job: INTERFACE 2.3.
    package static let keptCount = 20
}

/// How a job ended, if not well. A reference, for most jobs have none and all carry its place.
package final class JobError: Equatable, Sendable {
    package let code: Int32
    package let message: String
    /// A serialized google.rpc.Status, as `grpc-status-details-bin` carries it; may be empty.
    package let statusDetails: [UInt8]
    /// Who says so: true for the target, false for prong.
    package let fromTarget: Bool

    package init(code: Int32, message: String, statusDetails: [UInt8] = [], fromTarget: Bool) {
        self.code = code
        self.message = message
        self.statusDetails = statusDetails
        self.fromTarget = fromTarget
    }

    package static func == (left: JobError, right: JobError) -> Bool {
        left === right
            || left.code == right.code && left.message == right.message
                && left.statusDetails == right.statusDetails
                && left.fromTarget == right.fromTarget
    }
}

/// Options that later parts read; stored from the first version so that no store needs a rewrite.
package struct JobFlags: OptionSet, Sendable, Equatable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    package static let waitOperation = JobFlags(rawValue: 1 << 0)
    package static let allPages = JobFlags(rawValue: 1 << 1)
    /// The method's requests, or its responses, are a stream: so are the job's, whatever
    /// descriptors say later.
    package static let clientStreams = JobFlags(rawValue: 1 << 2)
    package static let serverStreams = JobFlags(rawValue: 1 << 3)
    /// Nobody said when it expires: it does when its method's attempts have had their total time.
    package static let totalTime = JobFlags(rawValue: 1 << 4)
}

/// What was asked. Changes after submission only where a retry by hand moves when it expires, and
/// then as a whole, so all who hold the job share it: copying its
/// parts with every step of a job cost a third of the queue's time.
package final class JobOrder: Equatable, Sendable {
    package let id: JobID
    package let lane: LaneID
    package let target: String
    /// `package.Service/Method`.
    package let method: String
    package let priority: Int32
    package let submittedAtMilliseconds: Int64
    package let expiresAtMilliseconds: Int64?
    /// Per attempt; nothing: the settings decide when the attempt starts.
    package let timeoutMilliseconds: Int64?
    package let submitter: Submitter
    package let idempotencyKey: String?
    package let batch: String?
    package let metadata: [MetadataEntry]
    package let maxAttempts: Int32
    package let safety: Safety
    package let cost: Int32
    package let flags: JobFlags

    package init(
        id: JobID, lane: LaneID, target: String, method: String, priority: Int32 = 0,
        submittedAtMilliseconds: Int64, expiresAtMilliseconds: Int64? = nil,
        timeoutMilliseconds: Int64? = nil, submitter: Submitter, idempotencyKey: String? = nil,
        batch: String? = nil, metadata: [MetadataEntry] = [], maxAttempts: Int32,
        safety: Safety, cost: Int32 = 1, flags: JobFlags = JobFlags(rawValue: 0)
    ) {
        self.id = id
        self.lane = lane
        self.target = target
        self.method = method
        self.priority = priority
        self.submittedAtMilliseconds = submittedAtMilliseconds
        self.expiresAtMilliseconds = expiresAtMilliseconds
        self.timeoutMilliseconds = timeoutMilliseconds
        self.submitter = submitter
        self.idempotencyKey = idempotencyKey
        self.batch = batch
        self.metadata = metadata
        self.maxAttempts = maxAttempts
        self.safety = safety
        self.cost = cost
        self.flags = flags
    }

    /// The same order with some parts changed.
    package func with(
        id: JobID? = nil, expiresAtMilliseconds: Int64?? = nil,
        timeoutMilliseconds: Int64?? = nil, idempotencyKey: String?? = nil,
        metadata: [MetadataEntry]? = nil, maxAttempts: Int32? = nil, safety: Safety? = nil,
        cost: Int32? = nil, flags: JobFlags? = nil
    ) -> JobOrder {
        JobOrder(
            id: id ?? self.id, lane: lane, target: target, method: method, priority: priority,
            submittedAtMilliseconds: submittedAtMilliseconds,
            expiresAtMilliseconds: expiresAtMilliseconds ?? self.expiresAtMilliseconds,
            timeoutMilliseconds: timeoutMilliseconds ?? self.timeoutMilliseconds,
            submitter: submitter, idempotencyKey: idempotencyKey ?? self.idempotencyKey,
            batch: batch, metadata: metadata ?? self.metadata,
            maxAttempts: maxAttempts ?? self.maxAttempts, safety: safety ?? self.safety,
            cost: cost ?? self.cost, flags: flags ?? self.flags)
    }

    package static func == (left: JobOrder, right: JobOrder) -> Bool {
        left === right
            || left.id == right.id && left.lane == right.lane && left.target == right.target
                && left.method == right.method && left.priority == right.priority
                && left.submittedAtMilliseconds == right.submittedAtMilliseconds
                && left.expiresAtMilliseconds == right.expiresAtMilliseconds
                && left.timeoutMilliseconds == right.timeoutMilliseconds
                && left.submitter == right.submitter
                && left.idempotencyKey == right.idempotencyKey && left.batch == right.batch
                && left.metadata == right.metadata && left.maxAttempts == right.maxAttempts
                && left.safety == right.safety && left.cost == right.cost
                && left.flags == right.flags
    }

    /// What one step of priority is worth in time: a job of priority p goes before one of
    /// priority p−1 unless that one has waited an hour longer. One index orders a lane, and no job
    /// starves.
    package static let priorityStepMilliseconds: Int64 = 3_600_000

    /// Where the job stands in its lane: smaller goes first, the key breaks ties.
    package var position: LanePosition {
        LanePosition(
            orderKey: submittedAtMilliseconds - Int64(priority) * JobOrder.priorityStepMilliseconds,
            key: id.key)
    }
}

package struct LanePosition: Hashable, Comparable, Sendable {
    package var orderKey: Int64
    package var key: JobKey

    package init(orderKey: Int64, key: JobKey) {
        self.orderKey = orderKey
        self.key = key
    }

    package static func < (left: LanePosition, right: LanePosition) -> Bool {
        left.orderKey != right.orderKey ? left.orderKey < right.orderKey : left.key < right.key
    }
}

/// What has become of it. This, and nothing else of a job, changes on disk.
package struct JobProgress: Equatable, Sendable {
    package var state: JobState
    /// When a `scheduled` job may start, wall clock.
    package var notBeforeMilliseconds: Int64?
    /// Of the first attempt.
    package var startedAtMilliseconds: Int64?
    package var endedAtMilliseconds: Int64?
    package var attemptCount: Int32
    package var crashes: Int32
    /// Attempts before the last retry by hand: they no longer count against `maxAttempts`.
    package var forgivenAttempts: Int32
    /// A retry by hand has given the order another `expiresAt`, or none.
    package var isExpiryMoved: Bool
    package var mark: DispatchMark?
    package var attempts: [AttemptRecord]
    package var error: JobError?
    package var operationName: String?
    package var checkpoint: [UInt8]

    package init(
        state: JobState, notBeforeMilliseconds: Int64? = nil, startedAtMilliseconds: Int64? = nil,
        endedAtMilliseconds: Int64? = nil, attemptCount: Int32 = 0, crashes: Int32 = 0,
        forgivenAttempts: Int32 = 0, isExpiryMoved: Bool = false,
        mark: DispatchMark? = nil, attempts: [AttemptRecord] = [], error: JobError? = nil,
        operationName: String? = nil, checkpoint: [UInt8] = []
    ) {
        self.state = state
        self.notBeforeMilliseconds = notBeforeMilliseconds
        self.startedAtMilliseconds = startedAtMilliseconds
        self.endedAtMilliseconds = endedAtMilliseconds
        self.attemptCount = attemptCount
        self.crashes = crashes
        self.forgivenAttempts = forgivenAttempts
        self.isExpiryMoved = isExpiryMoved
        self.mark = mark
        self.attempts = attempts
        self.error = error
        self.operationName = operationName
        self.checkpoint = checkpoint
    }
}

package struct Job: Equatable, Sendable {
    package var order: JobOrder
    package var progress: JobProgress

    package init(order: JobOrder, progress: JobProgress) {
        self.order = order
        self.progress = progress
    }
}
