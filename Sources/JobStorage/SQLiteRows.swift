// Rows to jobs and back to messages: the reads that the writer and the reader have in common. Each
// owner has its own, over its own connection.

import JobLogic

final class SQLiteRows {
    let connection: SQLiteConnection
    private let jobByKey: SQLiteStatement
    private let requestByKey: SQLiteStatement
    private let responseByKey: SQLiteStatement
    private let chunks: SQLiteStatement
    private let nameByID: SQLiteStatement
    private var names: [Int64: String] = [:]

    /// The columns of `job(from:)`, in its order, then the request.
    static let jobColumns = """
        \(columns(state: state)), marks.attempt, instance, slot, generation, \
        marks.attemptCount, marks.crashes, marks.startedAt, marks.attempts
        """
    /// The same of a job that is known to be queued: a table less to look into.
    static let queuedColumns = """
        \(columns(state: "\(JobState.queued.rawValue)")), NULL, NULL, NULL, NULL, \
        NULL, NULL, NULL, NULL
        """
    static let jobTables = "jobs LEFT JOIN progress USING (key) LEFT JOIN marks USING (key)"
    /// What the state is now: the job's row tells what it was submitted as.
    static let state = """
        CASE WHEN marks.key IS NOT NULL THEN \(JobState.running.rawValue) \
        WHEN progress.key IS NOT NULL THEN progress.state ELSE jobs.state END
        """
    static let notBefore = """
        CASE WHEN marks.attemptCount IS NOT NULL THEN NULL \
        WHEN progress.key IS NOT NULL THEN progress.notBefore ELSE jobs.notBefore END
        """
    /// Tells when the operation of a `waiting` job began.
    static let operationAttempts =
        "CASE WHEN progress.state = \(JobState.waiting.rawValue) THEN progress.attempts END"
    static let requestColumn: Int32 = 32

    private static func columns(state: String) -> String {
        """
        jobs.key, \(state), jobs.lane, jobs.orderKey, priority, uid, target, method, \
        jobs.notBefore, expiresAt, batch, jobs.salt, rest, progress.key, progress.notBefore, \
        endedAt, operationName, checkpoint, error, forgiven, \
        progress.attemptCount, progress.crashes, progress.startedAt, progress.attempts
        """
    }

    enum Kind: Int64 {
        case request = 0
        case response = 1
    }

    init(_ connection: SQLiteConnection) throws(StoreError) {
        self.connection = connection
        jobByKey = try SQLiteStatement(
            connection,
            "SELECT \(SQLiteRows.jobColumns) FROM \(SQLiteRows.jobTables) WHERE jobs.key = ?")
        requestByKey = try SQLiteStatement(connection, "SELECT request FROM jobs WHERE key = ?")
        responseByKey = try SQLiteStatement(
            connection, "SELECT response FROM progress WHERE key = ?")
        chunks = try SQLiteStatement(
            connection,
            """
            SELECT message, chunk, bytes FROM chunks WHERE key = ? AND kind = ?
            ORDER BY message, chunk
            """)
        nameByID = try SQLiteStatement(connection, "SELECT name FROM names WHERE id = ?")
    }

    func job(_ key: JobKey) throws(StoreError) -> Job? {
        jobByKey.bind(1, key.column)
        guard try jobByKey.step() else { return nil }
        defer { jobByKey.reset() }
        return try job(from: jobByKey)
    }

    func messages(of key: JobKey, kind: Kind) throws(StoreError) -> [[UInt8]] {
        let inline = kind == .request ? requestByKey : responseByKey
        inline.bind(1, key.column)
        guard try inline.step() else { return [] }
        let small: [UInt8]? = inline.isNull(0) ? nil : inline.bytes(0)
        inline.reset()
        if let small { return [small] }
        return try chunked(key, kind: kind)
    }

    func chunked(_ key: JobKey, kind: Kind) throws(StoreError) -> [[UInt8]] {
        chunks.bind(1, key.column)
        chunks.bind(2, kind.rawValue)
        defer { chunks.reset() }
        var messages: [[UInt8]] = []
        while try chunks.step() {
            if chunks.integer(1) == 0 { messages.append([]) }
            guard chunks.integer(0) == Int64(messages.count - 1) else {
                throw .corrupt("chunks of job \(key.rawValue) are missing")
            }
            messages[messages.count - 1].append(contentsOf: chunks.blob(2))
        }
        return messages
    }

    /// From a row of `jobColumns`.
    func job(from row: SQLiteStatement) throws(StoreError) -> Job {
        let target = try name(row.integer(6))
        let method = try name(row.integer(7))
        do throws(FieldError) {
            let order = try order(from: row, target: target, method: method)
            return Job(order: order, progress: try progress(from: row))
        } catch {
            throw .corrupt("the row of job \(UInt64(bitPattern: row.integer(0))) cannot be read")
        }
    }

    private func order(
        from row: SQLiteStatement, target: String, method: String
    ) throws(FieldError) -> JobOrder {
        let priority = try row.narrow(4, Int32.self)
        let (step, far) = Int64(priority).multipliedReportingOverflow(
            by: JobOrder.priorityStepMilliseconds)
        if far { throw FieldError() }
        let rest = try OrderRest(fields: row.blob(12))
        return JobOrder(
            id: JobID(
                key: JobKey(column: row.integer(0)), salt: UInt64(bitPattern: row.integer(11))),
            lane: LaneID(rawValue: try row.narrow(2, Int32.self)),
            target: target, method: method, priority: priority,
            submittedAtMilliseconds: row.integer(3) &+ step,
            expiresAtMilliseconds: row.optionalInteger(9),
            timeoutMilliseconds: rest.timeoutMilliseconds,
            submitter: Submitter(
                uid: try row.narrow(5, UInt32.self), gid: rest.gid, pid: rest.pid),
            idempotencyKey: rest.idempotencyKey, batch: row.optionalText(10),
            metadata: rest.metadata, maxAttempts: rest.maxAttempts, safety: rest.safety,
            cost: rest.cost, flags: rest.flags)
    }

    /// What was submitted, or the progress in place of that, or the mark in place of both.
    private func progress(from row: SQLiteStatement) throws(FieldError) -> JobProgress {
        guard let state = JobState(rawValue: try row.narrow(1, UInt8.self)) else {
            throw FieldError()
        }
        var progress = JobProgress(state: state)
        if !row.isNull(28) {
            try attempts(from: row, 28, into: &progress)
        } else if row.isNull(13) {
            progress.notBeforeMilliseconds = row.optionalInteger(8)
        } else {
            progress.notBeforeMilliseconds = row.optionalInteger(14)
            progress.endedAtMilliseconds = row.optionalInteger(15)
            progress.operationName = row.optionalText(16)
            progress.checkpoint = row.bytes(17)
            if !row.isNull(18) { progress.error = try JobError(fields: row.blob(18)) }
            progress.forgivenAttempts = try row.narrow(19, Int32.self)
            try attempts(from: row, 20, into: &progress)
        }
        if !row.isNull(24) {
            let worker = WorkerIdentity(
                instance: UInt64(bitPattern: row.integer(25)),
                slot: try row.narrow(26, Int32.self), generation: try row.narrow(27, Int32.self))
            progress.mark = DispatchMark(attempt: try row.narrow(24, Int32.self), worker: worker)
        }
        return progress
    }

    /// What progress and marks both have, from their first column on.
    private func attempts(
        from row: SQLiteStatement, _ first: Int32, into progress: inout JobProgress
    ) throws(FieldError) {
        progress.attemptCount = try row.narrow(first, Int32.self)
        progress.crashes = try row.narrow(first + 1, Int32.self)
        progress.startedAtMilliseconds = row.optionalInteger(first + 2)
        progress.attempts = try AttemptRecord.list(row.blob(first + 3))
    }

    // MARK: Names

    /// Methods and targets are few and long: rows hold a number, and so does this process.
    func name(_ id: Int64) throws(StoreError) -> String {
        if let name = names[id] { return name }
        nameByID.bind(1, id)
        guard try nameByID.step() else {
            throw .corrupt("a job's row names a method or target that is not in the store")
        }
        let name = nameByID.text(0)
        nameByID.reset()
        names[id] = name
        return name
    }

    func forgetName(_ id: Int64) {
        names[id] = nil
    }
}

extension SQLiteStatement {
    func narrow<Number: FixedWidthInteger>(
        _ place: Int32, _: Number.Type
    ) throws(FieldError) -> Number {
        guard let number = Number(exactly: integer(place)) else { throw FieldError() }
        return number
    }
}

extension JobKey {
    /// A key is below 2^63 until the year 2248, so its order is the column's order.
    var column: Int64 { Int64(bitPattern: rawValue) }

    init(column: Int64) {
        self.init(rawValue: UInt64(bitPattern: column))
    }
}
