// What users ask of the store, over a read-only connection of its own: it sees what was committed,
// and holds up nobody. Each question is one short read transaction, so that the log can be
// checkpointed between them.

package import JobLogic

package final class SQLiteJobReader: JobReader {
    private let rows: SQLiteRows
    private let begin: SQLiteStatement
    private let end: SQLiteStatement
    private let newest: SQLiteStatement
    private let newestInState: SQLiteStatement
    private let newestRunning: SQLiteStatement
    private let newestOfBatch: SQLiteStatement
    private let batch: SQLiteStatement
    private let batchOfUser: SQLiteStatement
    private let lanes: SQLiteStatement
    private let oldest: SQLiteStatement
    private let positions: SQLiteStatement

    /// How many rows one page of a list may look at: at most some milliseconds.
    package static let scannedRowsMax = 10_000
    /// How many jobs at a lane's head are looked at for the oldest: with one priority the first is
    /// it, with several the oldest may stand behind newer ones.
    package static let oldestScannedMax = 256

    /// The file must have been opened by a writer before.
    package init(path: String, vfs: String? = nil) throws(StoreError) {
        let connection = try SQLiteConnection.openReader(path: path, vfs: vfs)
        rows = try SQLiteRows(connection)
        func prepare(_ sql: String) throws(StoreError) -> SQLiteStatement {
            try SQLiteStatement(connection, sql)
        }
        func list(_ source: String, _ condition: String, _ key: String) -> String {
            """
            SELECT \(SQLiteRows.jobColumns) FROM \(source)
            WHERE \(key) < ? AND \(condition) ORDER BY \(key) DESC LIMIT ?
            """
        }
        begin = try prepare("BEGIN")
        end = try prepare("COMMIT")
        let tables = SQLiteRows.jobTables
        newest = try prepare(list(tables, "?2 = ?2", "jobs.key"))
        newestInState = try prepare(
            list(
                """
                troubled CROSS JOIN jobs USING (key) LEFT JOIN progress USING (key)
                LEFT JOIN marks USING (key)
                """, "troubled.state = ?2", "troubled.key"))
        newestRunning = try prepare(
            list(
                "marks CROSS JOIN jobs USING (key) LEFT JOIN progress USING (key)", "?2 = ?2",
                "marks.key"))
        newestOfBatch = try prepare(list(tables, "batch = ?2", "jobs.key"))
        batch = try prepare(
            "SELECT state, sum(count) FROM batches WHERE batch = ? GROUP BY state")
        batchOfUser = try prepare(
            "SELECT state, sum(count) FROM batches WHERE batch = ? AND uid = ? GROUP BY state")
        lanes = try prepare("SELECT lane FROM counters WHERE state = 0 AND count > 0 ORDER BY lane")
        oldest = try prepare(
            """
            SELECT queued.orderKey + priority * \(JobOrder.priorityStepMilliseconds), queued.key
            FROM queued CROSS JOIN jobs USING (key) WHERE queued.lane = ?
            ORDER BY queued.orderKey, queued.key LIMIT \(Self.oldestScannedMax)
            """)
        positions = try prepare(
            """
            SELECT orderKey, key FROM queued WHERE lane = ? AND (orderKey, key) > (?, ?)
            ORDER BY orderKey, key LIMIT ?
            """)
    }

    package func job(_ key: JobKey) throws(StoreError) -> Job? {
        try rows.job(key)
    }

    package func requests(of key: JobKey) throws(StoreError) -> [[UInt8]] {
        try reading { () throws(StoreError) in try rows.messages(of: key, kind: .request) }
    }

    package func responses(of key: JobKey) throws(StoreError) -> [[UInt8]] {
        try reading { () throws(StoreError) in try rows.messages(of: key, kind: .response) }
    }

    package func list(
        _ filter: JobFilter, before: JobKey?, limit: Int
    ) throws(StoreError) -> JobPage {
        try reading { () throws(StoreError) in
            let statement = source(of: filter)
            statement.bind(1, before?.column ?? Int64.max)
            statement.bind(3, Int64(SQLiteJobReader.scannedRowsMax))
            defer { statement.reset() }
            return try page(of: statement, filter, limit: limit)
        }
    }

    /// The narrowest way to the filter's jobs.
    private func source(of filter: JobFilter) -> SQLiteStatement {
        if let batch = filter.batch {
            newestOfBatch.bind(2, batch)
            return newestOfBatch
        }
        switch filter.state {
        case .running:
            newestRunning.bind(2, 0)
            return newestRunning
        case .unknown?, .failed?, .cancelled?, .expired?:
            newestInState.bind(2, filter.state.map { Int64($0.rawValue) })
            return newestInState
        case .queued, .scheduled, .waiting, .succeeded, nil:
            newest.bind(2, 0)
            return newest
        }
    }

    private func page(
        of statement: SQLiteStatement, _ filter: JobFilter, limit: Int
    ) throws(StoreError) -> JobPage {
        var page = JobPage(jobs: [], continueBefore: nil)
        var scanned = 0
        while page.jobs.count < limit, try statement.step() {
            scanned += 1
            page.continueBefore = JobKey(column: statement.integer(0))
            if try matches(statement, filter) { page.jobs.append(try rows.job(from: statement)) }
        }
        let isAll = page.jobs.count < limit && scanned < SQLiteJobReader.scannedRowsMax
        if isAll { page.continueBefore = nil }
        return page
    }

    /// Looks at the columns only: blobs are read for what is shown.
    private func matches(
        _ row: SQLiteStatement, _ filter: JobFilter
    ) throws(StoreError) -> Bool {
        if let state = filter.state, row.integer(1) != Int64(state.rawValue) { return false }
        if let uid = filter.uid, row.integer(5) != Int64(uid) { return false }
        if let since = filter.sinceMilliseconds {
            let step = row.integer(4) &* JobOrder.priorityStepMilliseconds
            if row.integer(3) &+ step < since { return false }
        }
        if let batch = filter.batch, row.optionalText(10) != batch { return false }
        if let target = filter.target, try rows.name(row.integer(6)) != target { return false }
        if let method = filter.method, try rows.name(row.integer(7)) != method { return false }
        return true
    }

    package func batchCounts(
        _ name: String, uid: UInt32?
    ) throws(StoreError) -> [(JobState, Int64)] {
        let statement = uid == nil ? batch : batchOfUser
        statement.bind(1, name)
        if let uid { statement.bind(2, Int64(uid)) }
        defer { statement.reset() }
        var counts: [(JobState, Int64)] = []
        while try statement.step() {
            guard let state = JobState(rawValue: UInt8(clamping: statement.integer(0))) else {
                throw .corrupt("a batch counts a state that is none")
            }
            let count = statement.integer(1)
            if count > 0 { counts.append((state, count)) }
        }
        return counts
    }

    package func oldestQueued(
        besides held: Set<JobKey>
    ) throws(StoreError) -> [(LaneID, Int64)] {
        try reading { () throws(StoreError) in
            var result: [(LaneID, Int64)] = []
            defer { lanes.reset() }
            while try lanes.step() {
                let lane = lanes.integer(0)
                if let time = try oldestSubmission(lane, besides: held) {
                    result.append((LaneID(rawValue: Int32(truncatingIfNeeded: lane)), time))
                }
            }
            return result
        }
    }

    private func oldestSubmission(
        _ lane: Int64, besides held: Set<JobKey>
    ) throws(StoreError) -> Int64? {
        oldest.bind(1, lane)
        defer { oldest.reset() }
        var time: Int64?
        while try oldest.step() {
            guard !held.contains(JobKey(column: oldest.integer(1))) else { continue }
            time = min(time ?? Int64.max, oldest.integer(0))
        }
        return time
    }

    package func queuedPositions(
        lane: LaneID, after: LanePosition?, limit: Int
    ) throws(StoreError) -> [LanePosition] {
        positions.bind(1, Int64(lane.rawValue))
        positions.bind(2, after?.orderKey ?? Int64.min)
        positions.bind(3, after?.key.column ?? Int64.min)
        positions.bind(4, Int64(max(0, limit)))
        defer { positions.reset() }
        var found: [LanePosition] = []
        while try positions.step() {
            found.append(
                LanePosition(
                    orderKey: positions.integer(0), key: JobKey(column: positions.integer(1))))
        }
        return found
    }

    /// Pages that were not in memory when they were wanted: what a read costs a disk, for tests.
    package var pagesRead: Int { rows.connection.pagesRead }

    /// One view of the store for several statements.
    private func reading<Value>(
        _ body: () throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        try begin.run()
        do throws(StoreError) {
            let value = try body()
            try end.run()
            return value
        } catch {
            if !rows.connection.isAutocommit { try? rows.connection.execute("ROLLBACK") }
            throw error
        }
    }
}
