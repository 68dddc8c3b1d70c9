// What the queue asks of its store, as values: the logic makes them, the store carries them out,
// and neither knows the other. The large ones are references, since each is handed on six times.

/// One thing to do; a commit does a list of them in one transaction, all or none.
package enum Change: Sendable {
    /// A new job. With a key: only if (uid, key) is free, else the outcome names who has it.
    case insert(NewJob)
    /// The progress of a job that is in state `from` on disk.
    case update(JobUpdate)
    /// Forget the job and its bodies; its key stays remembered.
    case delete(JobKey)
    /// Make a lane's key known: lanes live as long as the store.
    case addLane(LaneID, name: String)
    /// Remember (or forget) that an operator paused the target.
    case setPaused(target: String, paused: Bool)
    /// Write something, whatever it is, that costs a page and an fsync: shows that commits work.
    case probe
}

package final class NewJob: Sendable {
    package let job: Job
    /// One message for a unary call; several for client streaming.
    package let requests: [[UInt8]]
    /// Names the call (method, target, request bytes) where the job has an idempotency key.
    package let fingerprint: CallFingerprint?
    /// The queue is full: only if the key names a job already is there anything to answer with.
    package let isReplayOnly: Bool

    package init(
        job: Job, requests: [[UInt8]], fingerprint: CallFingerprint? = nil,
        isReplayOnly: Bool = false
    ) {
        self.job = job
        self.requests = requests
        self.fingerprint = fingerprint
        self.isReplayOnly = isReplayOnly
    }
}

package final class JobUpdate: Sendable {
    package let key: JobKey
    /// The state on disk before this change; another one there is a bug, reported in the outcome.
    package let from: JobState
    package let progress: JobProgress
    /// Written beside the job when it is given; replaces what was there.
    package let responses: [[UInt8]]?
    /// What was asked, where it is known: then the store need not read it again.
    package let order: JobOrder?

    package init(
        key: JobKey, from: JobState, progress: JobProgress, responses: [[UInt8]]? = nil,
        order: JobOrder? = nil
    ) {
        self.key = key
        self.order = order
        self.from = from
        self.progress = progress
        self.responses = responses
    }
}

package enum ChangeOutcome: Equatable, Sendable {
    case done
    /// The key has this job already; nothing was inserted. `id` is nothing when the job is gone and
    /// only its key is remembered.
    case keyTaken(id: JobID?, sameCall: Bool)
    /// A new job's key is free, but the queue was full: nothing was inserted.
    case noRoom
    /// An update or a delete found no job in that state; nothing was changed for it.
    case conflict
}

/// A queued job with all that its dispatch needs.
package struct QueuedJob: Sendable {
    package var job: Job
    package var requests: [[UInt8]]

    package init(job: Job, requests: [[UInt8]]) {
        self.job = job
        self.requests = requests
    }
}

/// Names a call so that a key used again can be told from a key used for another call.
package struct CallFingerprint: Hashable, Sendable {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}
