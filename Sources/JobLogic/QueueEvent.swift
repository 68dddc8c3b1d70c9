// What the queue's logic is told, and what it answers. Both are plain values: the queue process
// turns requests, frames and finished commits into events, and carries the effects out.

/// A number that the queue process gives to whoever waits for an answer; means nothing here.
package typealias Token = UInt64

/// One attempt of one durable job, or one direct call.
package struct Lease: Hashable, Sendable {
    /// A job's key, or for a direct call a number with the highest bit set.
    package var number: UInt64
    package var attempt: Int32

    package init(number: UInt64, attempt: Int32) {
        self.number = number
        self.attempt = attempt
    }

    package static let directBit: UInt64 = 1 << 63
    package var isDirect: Bool { number & Lease.directBit != 0 }
    package var key: JobKey { JobKey(rawValue: number) }
}

package enum QueueEvent: Sendable {
    // callers
    /// Several at once cost less each than one by one: a twentieth of a job's acceptance.
    case submit([(token: Token, submission: Submission)])
    indirect case call(Token, DirectOrder)
    case callerGone(Token)
    /// The caller of a streamed call has taken so much of it.
    case grant(Token, bytes: UInt32)
    case act(Token, JobID, JobAction)
    case setPaused(target: String, paused: Bool)
    // the store
    case committed([ChangeOutcome])
    case commitFailed(StoreTrouble)
    case fetched(LaneID, [QueuedJob], reachedEnd: Bool)
    case fetchFailed(LaneID)
    case loaded(JobKey, QueuedJob?)
    case loadFailed(JobKey)
    case promoted([QueuedJob], nextDueMilliseconds: Int64?)
    /// Without their requests, which nobody needs any more.
    case overdue([Job], nextExpiryMilliseconds: Int64?)
    case operationsFound(OperationFinds)
    // workers
    case workersKnown([KnownWorker])
    case workerGone(WorkerIdentity)
    case hello(WorkerIdentity, pid: Int32, places: Int, holding: [Lease])
    case linkLost(WorkerIdentity)
    case places(WorkerIdentity, Int)
    case targets(WorkerIdentity, [(target: Int, isReady: Bool)])
    case outcomes(WorkerIdentity, [Outcome])
    case streamed(WorkerIdentity, Lease, StreamPart)
    case notStarted(WorkerIdentity, [Lease])
    case goodbye(WorkerIdentity)
    /// Other methods are known of the same targets in the same order.
    case policies([TargetPolicy])
    // time, and the supervisor
    case tick
    case retryCommit
    case drain
}

/// A worker that the supervisor says is alive.
package struct KnownWorker: Equatable, Sendable {
    package var identity: WorkerIdentity
    package var pid: Int32

    package init(identity: WorkerIdentity, pid: Int32) {
        self.identity = identity
        self.pid = pid
    }
}

package struct Submission: Sendable {
    package var order: JobOrder
    package var requests: [[UInt8]]
    package var fingerprint: CallFingerprint?
    /// The wall-clock time before which it must not start.
    package var notBeforeMilliseconds: Int64?
    package var policy: MethodPolicy

    package init(
        order: JobOrder, requests: [[UInt8]], fingerprint: CallFingerprint?,
        notBeforeMilliseconds: Int64?, policy: MethodPolicy
    ) {
        self.order = order
        self.requests = requests
        self.fingerprint = fingerprint
        self.notBeforeMilliseconds = notBeforeMilliseconds
        self.policy = policy
    }
}

/// A call that lives only as long as its caller waits.
package struct DirectOrder: Sendable {
    package var target: Int
    package var method: String
    package var priority: Int32
    package var metadata: [MetadataEntry]
    package var request: [UInt8]
    /// Of the whole call, attempts and queue included.
    package var deadlineMonotonicNanoseconds: UInt64
    package var maxAttempts: Int32
    package var policy: MethodPolicy
    package var form: CallForm

    package init(
        target: Int, method: String, priority: Int32, metadata: [MetadataEntry],
        request: [UInt8], deadlineMonotonicNanoseconds: UInt64, maxAttempts: Int32,
        policy: MethodPolicy, form: CallForm = .unary
    ) {
        self.target = target
        self.method = method
        self.priority = priority
        self.metadata = metadata
        self.request = request
        self.deadlineMonotonicNanoseconds = deadlineMonotonicNanoseconds
        self.maxAttempts = maxAttempts
        self.policy = policy
        self.form = form
    }
}

package enum JobAction: Equatable, Sendable {
    case cancel
    case retry
    case resolve(succeeded: Bool)
    case purge
}

/// What a server has sent of a streamed call. With the first part of either kind its caller has
/// heard of the call, and it is not made again.
package enum StreamPart: Equatable, Sendable {
    /// Its metadata; at most once, before all messages.
    case head([MetadataEntry])
    case message([UInt8])
}

/// How a call that a worker made ended.
package struct Outcome: Sendable {
    package var lease: Lease
    package var code: Int32
    package var message: String
    package var statusDetails: [UInt8]
    /// The error is the target's, or what gRPC makes of the connection; no: prong's own.
    package var fromTarget: Bool
    package var hint: RetryHint
    /// One message, or as many as the server streamed.
    package var responses: [[UInt8]]
    package var headers: [MetadataEntry]
    package var trailers: [MetadataEntry]
    package var peer: String
    package var durationNanoseconds: UInt64

    package init(
        lease: Lease, code: Int32, message: String = "", statusDetails: [UInt8] = [],
        fromTarget: Bool = true, hint: RetryHint = .none, responses: [[UInt8]] = [],
        headers: [MetadataEntry] = [],
        trailers: [MetadataEntry] = [], peer: String = "", durationNanoseconds: UInt64 = 0
    ) {
        self.lease = lease
        self.code = code
        self.message = message
        self.statusDetails = statusDetails
        self.fromTarget = fromTarget
        self.hint = hint
        self.responses = responses
        self.headers = headers
        self.trailers = trailers
        self.peer = peer
        self.durationNanoseconds = durationNanoseconds
    }
}

package enum StoreTrouble: Equatable, Sendable {
    /// No space: 429 to submitters.
    case full(String)
    case failing(String)

    package var message: String {
        switch self {
        case .full(let text), .failing(let text): text
        }
    }
}

// MARK: -

package enum QueueEffect {
    // the store
    /// There is something to commit: take a batch when no commit is under way.
    case commitWanted
    case fetch(LaneID, after: LanePosition?, limit: Int, byteLimit: Int)
    case load(JobKey)
    case promote(limit: Int, byteLimit: Int)
    case findOverdue(limit: Int)
    case findOperations(OperationSearch)
    // workers
    case send(WorkerIdentity, [Dispatch])
    case acknowledge(WorkerIdentity, [Lease])
    case cancel(WorkerIdentity, [Lease])
    /// A streamed call may go on by so much.
    case window(WorkerIdentity, Lease, bytes: UInt32)
    /// Alive, but it has not spoken: the supervisor shall replace it.
    case replace(WorkerIdentity)
    // callers
    case accepted(Token, JobID, replayed: Bool)
    case refused(Token, Refusal)
    indirect case acted(Token, Job?)
    /// Its end follows by `callEnded`.
    case streamed(Token, StreamPart)
    indirect case callEnded(Token, CallEnd)
    /// A durable job has ended, or is `unknown` now; committed.
    case settled(SettledJob)
    // measures
    case observed(Observation)
    /// Every worker is gone and everything is committed: the drain is over.
    case drained
}

/// An attempt to make, for one worker.
package struct Dispatch: Sendable {
    package var lease: Lease
    package var target: Int
    package var method: String
    package var deadlineMonotonicNanoseconds: UInt64
    package var metadata: [MetadataEntry]
    /// One message, but where the client streams.
    package var requests: [[UInt8]]
    package var form: CallForm
    /// The worker says at the call which client makes it, as Google's own do.
    package var isGoogle = false
}

package struct SettledJob {
    let live: LiveJob
    /// Nothing: no response came with this end.
    package let responses: [[UInt8]]?

    package var job: Job { live.job }
    /// Nothing: they were not read, the store has them.
    package var requests: [[UInt8]]? { live.hasRequests ? live.requests : nil }
}

package struct Refusal: Error, Equatable, Sendable {
    package enum Kind: Equatable, Sendable {
        case queueFull
        case storeFull
        case storeFailing
        case draining
        case keyOfAnotherCall
        case keyOfAGoneJob
        case notFound
        case impossible
    }

    package var kind: Kind
    package var message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }
}

/// How a direct call ended.
package struct CallEnd: Sendable {
    package var code: Int32
    package var message: String
    package var statusDetails: [UInt8]
    package var response: [UInt8]
    package var headers: [MetadataEntry]
    package var trailers: [MetadataEntry]
    /// Who says so: true for the target, false for prong.
    package var fromTarget: Bool
}

package enum Observation: Sendable {
    case attempt(target: Int?, method: String, code: Int32, nanoseconds: UInt64)
    case wait(target: Int?, nanoseconds: UInt64)
    case call(target: Int, code: Int32)
    case submitted(target: Int?)
    case ended(target: Int?, state: JobState)
}
