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
    static let jobColumns = "\(unmarkedColumns), marks.attempt, instance, slot, generation"
    /// The same of a job that is known to have no mark: a table less to look into.
    static let queuedColumns = "\(unmarkedColumns), NULL, NULL, NULL, NULL"
    private static let unmarkedColumns = """
        jobs.key, jobs.state, lane, orderKey, priority, uid, target, method, notBefore, expiresAt, \
        batch, jobs.salt, rest, attemptCount, crashes, startedAt, endedAt, operationName, \
        checkpoint, error, attempts
        """
    static let requestColumn: Int32 = 25
    static let jobTables = "jobs LEFT JOIN progress USING (key) LEFT JOIN marks USING (key)"

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

    private func progress(from row: SQLiteStatement) throws(FieldError) -> JobProgress {
        guard let state = JobState(rawValue: try row.narrow(1, UInt8.self)) else {
            throw FieldError()
        }
        var progress = JobProgress(state: state, notBeforeMilliseconds: row.optionalInteger(8))
        if row.isNull(13) { return progress }
        progress.attemptCount = try row.narrow(13, Int32.self)
        progress.crashes = try row.narrow(14, Int32.self)
        progress.startedAtMilliseconds = row.optionalInteger(15)
        progress.endedAtMilliseconds = row.optionalInteger(16)
        progress.operationName = row.optionalText(17)
        progress.checkpoint = row.bytes(18)
        if !row.isNull(19) { progress.error = try JobError(fields: row.blob(19)) }
        progress.attempts = try AttemptRecord.list(row.blob(20))
        if !row.isNull(21) {
            let worker = WorkerIdentity(
                instance: UInt64(bitPattern: row.integer(22)),
                slot: try row.narrow(23, Int32.self), generation: try row.narrow(24, Int32.self))
            progress.mark = DispatchMark(attempt: try row.narrow(21, Int32.self), worker: worker)
        }
        return progress
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
