// What the queue asks of a store, and nothing of how it is kept: no SQL passes this protocol, so
// that another store (several machines on one queue) can stand behind it. One suite of tests runs
// over every implementation.
//
// A store is used by one thread at a time; calls block. Reads that users ask for go through a
// `JobReader`, which may live on another thread and sees what was committed.

package import JobLogic

package struct JobCount: Equatable, Sendable {
    package var lane: LaneID
    package var state: JobState
    package var count: Int64

    package init(lane: LaneID, state: JobState, count: Int64) {
        self.lane = lane
        self.state = state
        self.count = count
    }
}

/// What a store knows when it is opened, read from counters and small tables: never a scan.
package struct StoreContents: Sendable {
    package var lanes: [(id: LaneID, name: String)]
    package var counts: [JobCount]
    package var pausedTargets: [String]
    package var largestKey: UInt64

    package init(
        lanes: [(id: LaneID, name: String)], counts: [JobCount], pausedTargets: [String],
        largestKey: UInt64
    ) {
        self.lanes = lanes
        self.counts = counts
        self.pausedTargets = pausedTargets
        self.largestKey = largestKey
    }
}

package struct StoreSize: Equatable, Sendable {
    /// Pages in use and the write-ahead log, in bytes.
    package var usedBytes: Int64

    package init(usedBytes: Int64) {
        self.usedBytes = usedBytes
    }
}

/// The writer's side. All calls come from one thread, in the order in which their results count.
package protocol JobStore: AnyObject {
    func contents() throws(StoreError) -> StoreContents

    /// All or none, on disk (synchronous=FULL) when it returns. One outcome a change, in order.
    /// After an error nothing of it is there; `StoreError.syncFailed` alone leaves that open, and
    /// after it this store must not be used again.
    func commit(_ changes: [Change]) throws(StoreError) -> [ChangeOutcome]

    /// The next `queued` jobs of a lane behind a position (from its head without one), in order;
    /// ends early once the requests' bytes pass `byteLimit` (at least one job is returned).
    func queued(
        lane: LaneID, after: LanePosition?, limit: Int, byteLimit: Int
    ) throws(StoreError) -> [QueuedJob]

    /// Turns `scheduled` jobs whose time has come into `queued`, oldest due first, durably.
    /// Returns them as they are now, with their requests; ends early once these pass `byteLimit`
    /// (at least one job is returned).
    func promoteDue(
        nowMilliseconds: Int64, limit: Int, byteLimit: Int
    ) throws(StoreError) -> [QueuedJob]

    /// When the next `scheduled` job is due, if there is one.
    func nextDueMilliseconds() throws(StoreError) -> Int64?

    /// Jobs `queued` or `scheduled` whose `expiresAt` has passed, oldest first. Changes nothing.
    func overdue(nowMilliseconds: Int64, limit: Int) throws(StoreError) -> [Job]

    /// When the next of them expires, if one does.
    func nextExpiryMilliseconds() throws(StoreError) -> Int64?

    /// The lane's jobs `waiting` whose next poll is due, and `cancelled` ones whose operation is to
    /// be told so (`Job.owesCancel`), oldest first. Changes nothing.
    func duePolls(lane: LaneID, nowMilliseconds: Int64, limit: Int) throws(StoreError) -> [Job]

    /// When the next of them is due after this time, if one is.
    func nextPollMilliseconds(lane: LaneID, after: Int64) throws(StoreError) -> Int64?

    /// The lane's jobs `waiting` whose operation began at this time or before, oldest first.
    func operations(lane: LaneID, begunBy: Int64, limit: Int) throws(StoreError) -> [Job]

    /// When the first of them began, if there is one.
    func firstOperationMilliseconds(lane: LaneID) throws(StoreError) -> Int64?

    /// Every job in state `running` on disk, that is, with a dispatch mark, after `key`.
    func marked(after key: JobKey?, limit: Int) throws(StoreError) -> [Job]

    /// As of now, in the writer's own order.
    func job(_ key: JobKey) throws(StoreError) -> Job?
    func requests(of key: JobKey) throws(StoreError) -> [[UInt8]]

    /// Moves the log's pages into the database; `truncate` also proves a good fsync of both: what
    /// a successor needs after a failed one.
    func checkpoint(truncate: Bool) throws(StoreError)
    func size() throws(StoreError) -> StoreSize

    /// What lies in the write-ahead log and not in the database yet, for the decision when to
    /// checkpoint.
    var logBytes: Int64 { get }

    /// Gives pages that deletes left empty back to the file system, at most so many. Costs a
    /// transaction when there are some.
    func releaseFreePages(limit: Int) throws(StoreError)
}

/// INTERFACE 2.3's filters of a list.
package struct JobFilter: Equatable, Sendable {
    package var state: JobState?
    package var target: String?
    package var method: String?
    package var batch: String?
    /// Submitted at or after, wall milliseconds.
    package var sinceMilliseconds: Int64?
    /// Only this user's jobs; nothing: everybody's.
    package var uid: UInt32?

    package init(
        state: JobState? = nil, target: String? = nil, method: String? = nil,
        batch: String? = nil, sinceMilliseconds: Int64? = nil, uid: UInt32? = nil
    ) {
        self.state = state
        self.target = target
        self.method = method
        self.batch = batch
        self.sinceMilliseconds = sinceMilliseconds
        self.uid = uid
    }
}

package struct JobPage: Sendable {
    /// Newest first.
    package var jobs: [Job]
    /// Continue with jobs older than this key; nothing: that was all. A page may be short, even
    /// empty, and still continue: a read looks at a bounded number of rows.
    package var continueBefore: JobKey?

    package init(jobs: [Job], continueBefore: JobKey?) {
        self.jobs = jobs
        self.continueBefore = continueBefore
    }
}

/// The reader's side, for what users ask; its own connection, another thread than the writer's.
package protocol JobReader: AnyObject {
    func job(_ key: JobKey) throws(StoreError) -> Job?
    func requests(of key: JobKey) throws(StoreError) -> [[UInt8]]
    func responses(of key: JobKey) throws(StoreError) -> [[UInt8]]
    func list(
        _ filter: JobFilter, before: JobKey?, limit: Int
    ) throws(StoreError) -> JobPage
    /// Jobs of a batch by state; a uid restricts it to one user's.
    func batchCounts(_ batch: String, uid: UInt32?) throws(StoreError) -> [(JobState, Int64)]
    /// When the oldest `queued` job of each lane was submitted. Jobs that are `held` do not count:
    /// a safe call runs without the store knowing.
    func oldestQueued(besides held: Set<JobKey>) throws(StoreError) -> [(LaneID, Int64)]
    /// Where the `queued` jobs of a lane stand, in order, behind a position (from its head without
    /// one). Reads an index and no job: 2,000 of them cost a millisecond.
    func queuedPositions(
        lane: LaneID, after: LanePosition?, limit: Int
    ) throws(StoreError) -> [LanePosition]
}
