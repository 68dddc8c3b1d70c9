// What the queue reads over the writer's own connection: windows of lanes, what is due, what the
// store holds. Every one of them follows an index or a counter.

package import JobLogic

final class SQLiteWriterReads {
    let rows: SQLiteRows
    let pageBytes: Int64
    private let queued: SQLiteStatement
    private let dueKeys: SQLiteStatement
    private let dueJobs: SQLiteStatement
    private let nextTime: SQLiteStatement
    private let marked: SQLiteStatement
    private let pages: SQLiteStatement
    private let freePages: SQLiteStatement

    init(_ rows: SQLiteRows) throws(StoreError) {
        self.rows = rows
        let connection = rows.connection
        func prepare(_ sql: String) throws(StoreError) -> SQLiteStatement {
            try SQLiteStatement(connection, sql)
        }
        let columns = SQLiteRows.jobColumns
        pageBytes = try connection.integer("PRAGMA page_size")
        queued = try prepare(
            """
            SELECT \(SQLiteRows.queuedColumns), request
            FROM queued CROSS JOIN jobs USING (key) LEFT JOIN progress USING (key)
            WHERE queued.lane = ? AND (queued.orderKey, queued.key) > (?, ?)
            ORDER BY queued.orderKey, queued.key LIMIT ?
            """)
        dueKeys = try prepare(
            "SELECT key FROM agenda WHERE kind = ? AND time <= ? ORDER BY time, key LIMIT ?")
        dueJobs = try prepare(
            """
            SELECT \(columns) FROM agenda CROSS JOIN jobs USING (key)
            LEFT JOIN progress USING (key) LEFT JOIN marks USING (key)
            WHERE kind = ? AND time <= ? ORDER BY time, agenda.key LIMIT ?
            """)
        nextTime = try prepare(
            "SELECT time FROM agenda WHERE kind = ? AND time > ? ORDER BY time LIMIT 1")
        marked = try prepare(
            """
            SELECT \(columns) FROM marks CROSS JOIN jobs USING (key) LEFT JOIN progress USING (key)
            WHERE marks.key > ? ORDER BY marks.key LIMIT ?
            """)
        pages = try prepare("PRAGMA page_count")
        freePages = try prepare("PRAGMA freelist_count")
    }

    func queued(
        lane: LaneID, after: LanePosition?, limit: Int, byteLimit: Int
    ) throws(StoreError) -> [QueuedJob] {
        queued.bind(1, Int64(lane.rawValue))
        queued.bind(2, after?.orderKey ?? Int64.min)
        queued.bind(3, after?.key.column ?? Int64.min)
        queued.bind(4, Int64(max(0, limit)))
        defer { queued.reset() }
        var jobs: [QueuedJob] = []
        var bytes = 0
        while bytes <= byteLimit, try queued.step() {
            let job = try rows.job(from: queued)
            let requests =
                queued.isNull(SQLiteRows.requestColumn)
                ? try rows.chunked(job.order.id.key, kind: .request)
                : [queued.bytes(SQLiteRows.requestColumn)]
            for request in requests { bytes += request.count }
            jobs.append(QueuedJob(job: job, requests: requests))
        }
        return jobs
    }

    func startingKeys(nowMilliseconds: Int64, limit: Int) throws(StoreError) -> [JobKey] {
        dueKeys.bind(1, SQLiteAgenda.Kind.start.column)
        dueKeys.bind(2, nowMilliseconds)
        dueKeys.bind(3, Int64(max(0, limit)))
        defer { dueKeys.reset() }
        var keys: [JobKey] = []
        while try dueKeys.step() { keys.append(JobKey(column: dueKeys.integer(0))) }
        return keys
    }

    /// Jobs whose time of this kind has come, oldest first.
    func due(
        _ kind: SQLiteAgenda.Kind, nowMilliseconds: Int64, limit: Int
    ) throws(StoreError) -> [Job] {
        dueJobs.bind(1, kind.column)
        dueJobs.bind(2, nowMilliseconds)
        dueJobs.bind(3, Int64(max(0, limit)))
        return try jobs(of: dueJobs)
    }

    /// The next time of this kind, or the next after another.
    func next(_ kind: SQLiteAgenda.Kind, after time: Int64 = .min) throws(StoreError) -> Int64? {
        nextTime.bind(1, kind.column)
        nextTime.bind(2, time)
        return try first(of: nextTime)
    }

    func marked(after key: JobKey?, limit: Int) throws(StoreError) -> [Job] {
        marked.bind(1, key?.column ?? Int64.min)
        marked.bind(2, Int64(max(0, limit)))
        return try jobs(of: marked)
    }

    func usedPages() throws(StoreError) -> Int64 {
        (try first(of: pages) ?? 0) - (try first(of: freePages) ?? 0)
    }

    private func jobs(of statement: SQLiteStatement) throws(StoreError) -> [Job] {
        defer { statement.reset() }
        var jobs: [Job] = []
        while try statement.step() { jobs.append(try rows.job(from: statement)) }
        return jobs
    }

    private func first(of statement: SQLiteStatement) throws(StoreError) -> Int64? {
        defer { statement.reset() }
        return try statement.step() ? statement.integer(0) : nil
    }

    // MARK: At the start

    func contents() throws(StoreError) -> StoreContents {
        StoreContents(
            lanes: try lanes(), counts: try counts(), pausedTargets: try pausedTargets(),
            largestKey: try largestKey())
    }

    private func lanes() throws(StoreError) -> [(id: LaneID, name: String)] {
        let statement = try SQLiteStatement(
            rows.connection, "SELECT id, name FROM lanes ORDER BY id")
        defer { statement.reset() }
        var lanes: [(id: LaneID, name: String)] = []
        while try statement.step() {
            let id = LaneID(rawValue: Int32(truncatingIfNeeded: statement.integer(0)))
            lanes.append((id: id, name: statement.text(1)))
        }
        return lanes
    }

    private func counts() throws(StoreError) -> [JobCount] {
        let statement = try SQLiteStatement(
            rows.connection,
            "SELECT lane, state, count FROM counters WHERE count > 0 ORDER BY lane, state")
        defer { statement.reset() }
        var counts: [JobCount] = []
        while try statement.step() {
            guard let state = JobState(rawValue: UInt8(clamping: statement.integer(1))) else {
                throw .corrupt("a counter counts a state that is none")
            }
            let lane = LaneID(rawValue: Int32(truncatingIfNeeded: statement.integer(0)))
            counts.append(JobCount(lane: lane, state: state, count: statement.integer(2)))
        }
        return counts
    }

    private func pausedTargets() throws(StoreError) -> [String] {
        let statement = try SQLiteStatement(
            rows.connection, "SELECT target FROM pausedTargets ORDER BY target")
        defer { statement.reset() }
        var targets: [String] = []
        while try statement.step() { targets.append(statement.text(0)) }
        return targets
    }

    private func largestKey() throws(StoreError) -> UInt64 {
        let kept = try rows.connection.integer("SELECT max(key) FROM jobs")
        let deleted = try rows.connection.integer(
            "SELECT value FROM facts WHERE name = 'largestDeletedKey'")
        return UInt64(bitPattern: max(kept, deleted))
    }
}

extension SQLiteJobStore {
    package func contents() throws(StoreError) -> StoreContents {
        try reads.contents()
    }

    package func queued(
        lane: LaneID, after: LanePosition?, limit: Int, byteLimit: Int
    ) throws(StoreError) -> [QueuedJob] {
        try reads.queued(lane: lane, after: after, limit: limit, byteLimit: byteLimit)
    }

    package func nextDueMilliseconds() throws(StoreError) -> Int64? {
        try reads.next(.start)
    }

    package func duePolls(
        lane: LaneID, nowMilliseconds: Int64, limit: Int
    ) throws(StoreError) -> [Job] {
        try reads.due(
            .poll(lane: Int64(lane.rawValue)), nowMilliseconds: nowMilliseconds, limit: limit)
    }

    package func nextPollMilliseconds(
        lane: LaneID, after time: Int64
    ) throws(StoreError) -> Int64? {
        try reads.next(.poll(lane: Int64(lane.rawValue)), after: time)
    }

    package func operations(
        lane: LaneID, begunBy time: Int64, limit: Int
    ) throws(StoreError) -> [Job] {
        try reads.due(.operation(lane: Int64(lane.rawValue)), nowMilliseconds: time, limit: limit)
    }

    package func firstOperationMilliseconds(lane: LaneID) throws(StoreError) -> Int64? {
        try reads.next(.operation(lane: Int64(lane.rawValue)))
    }

    package func overdue(nowMilliseconds: Int64, limit: Int) throws(StoreError) -> [Job] {
        try reads.due(.expiry, nowMilliseconds: nowMilliseconds, limit: limit)
    }

    package func nextExpiryMilliseconds() throws(StoreError) -> Int64? {
        try reads.next(.expiry)
    }

    package func marked(after key: JobKey?, limit: Int) throws(StoreError) -> [Job] {
        try reads.marked(after: key, limit: limit)
    }

    package func job(_ key: JobKey) throws(StoreError) -> Job? {
        try rows.job(key)
    }

    package func requests(of key: JobKey) throws(StoreError) -> [[UInt8]] {
        try rows.messages(of: key, kind: .request)
    }
}
