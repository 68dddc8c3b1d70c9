// Writes what has become of a job: the whole of it, each time, so that nothing of the row that was
// there need be read. Rows are gathered; whoever reads the table flushes first.

import JobLogic

final class SQLiteProgress {
    private let gathered: SQLiteGathered<Row>
    private let wake: SQLiteStatement
    private let dropResponse: SQLiteStatement
    private let delete: SQLiteStatement

    private struct Row {
        var key: Int64
        var state: Int64
        var notBefore: Int64?
        var forgiven: Int64
        var attemptCount: Int64
        var crashes: Int64
        var startedAt: Int64?
        var endedAt: Int64?
        var operationName: String?
        var checkpoint: Range<Int>
        /// Nothing is no error; an error of no bytes is one.
        var error: Range<Int>?
        var attempts: Range<Int>
        var response: Range<Int>?
    }

    private static let columns = [
        "state", "notBefore", "forgiven", "attemptCount", "crashes", "startedAt", "endedAt",
        "operationName", "checkpoint", "error", "attempts",
    ]

    init(_ connection: SQLiteConnection) throws(StoreError) {
        let columns = SQLiteProgress.columns
        let sets = columns.map { "\($0) = excluded.\($0)" }.joined(separator: ", ")
        gathered = try SQLiteGathered(
            connection, into: "progress", columnCount: columns.count + 2,
            onConflict: """
                ON CONFLICT(key) DO UPDATE SET \(sets),
                response = coalesce(excluded.response, response)
                """
        ) { row, statement, place, bytes in
            SQLiteProgress.bind(row, statement, place, bytes)
        }
        let queued = JobState.queued.rawValue
        wake = try SQLiteStatement(
            connection,
            """
            INSERT INTO progress(key, state, forgiven, attemptCount, crashes)
            VALUES(?, \(queued), 0, 0, 0)
            ON CONFLICT(key) DO UPDATE SET state = excluded.state, notBefore = NULL
            """)
        dropResponse = try SQLiteStatement(
            connection, "UPDATE progress SET response = NULL WHERE key = ?")
        delete = try SQLiteStatement(connection, "DELETE FROM progress WHERE key = ?")
    }

    /// - Parameter response: replaces what was there; nothing leaves it.
    func put(_ progress: JobProgress, response: [UInt8]?, key: JobKey) throws(StoreError) {
        let start = gathered.scratch.count
        gathered.scratch.raw(progress.checkpoint)
        let checkpointEnd = gathered.scratch.count
        if let error = progress.error { gathered.scratch.error(error) }
        let errorEnd = gathered.scratch.count
        gathered.scratch.attempts(progress.attempts)
        let attemptsEnd = gathered.scratch.count
        if let response { gathered.scratch.raw(response) }
        let end = gathered.scratch.count
        try gathered.add(
            Row(
                key: key.column, state: Int64(progress.state.rawValue),
                notBefore: progress.notBeforeMilliseconds,
                forgiven: Int64(progress.forgivenAttempts),
                attemptCount: Int64(progress.attemptCount), crashes: Int64(progress.crashes),
                startedAt: progress.startedAtMilliseconds, endedAt: progress.endedAtMilliseconds,
                operationName: progress.operationName, checkpoint: start..<checkpointEnd,
                error: progress.error == nil ? nil : checkpointEnd..<errorEnd,
                attempts: errorEnd..<attemptsEnd,
                response: response == nil ? nil : attemptsEnd..<end))
    }

    private static func bind(
        _ row: Row, _ statement: SQLiteStatement, _ place: Int32, _ bytes: UnsafeRawBufferPointer
    ) {
        statement.bind(place + 1, row.key)
        statement.bind(place + 2, row.state)
        statement.bind(place + 3, row.notBefore)
        statement.bind(place + 4, row.forgiven)
        statement.bind(place + 5, row.attemptCount)
        statement.bind(place + 6, row.crashes)
        statement.bind(place + 7, row.startedAt)
        statement.bind(place + 8, row.endedAt)
        statement.bind(place + 9, row.operationName)
        statement.bind(place + 10, row.checkpoint.isEmpty ? nil : row.checkpoint, of: bytes)
        statement.bind(place + 11, row.error, of: bytes)
        statement.bind(place + 12, row.attempts.isEmpty ? nil : row.attempts, of: bytes)
        statement.bind(place + 13, row.response, of: bytes)
    }

    /// From `scheduled` to `queued`, all else as it is; flushes nothing: the head was read before.
    func wake(_ key: JobKey) throws(StoreError) {
        wake.bind(1, key.column)
        try wake.run()
    }

    /// What the row holds of an older response. Flushes.
    func dropResponse(_ key: JobKey) throws(StoreError) {
        try flush()
        dropResponse.bind(1, key.column)
        try dropResponse.run()
    }

    /// Flushes.
    func remove(_ key: JobKey) throws(StoreError) {
        try flush()
        delete.bind(1, key.column)
        try delete.run()
    }

    func flush() throws(StoreError) { try gathered.flush() }
    func rolledBack() { gathered.drop() }
}
