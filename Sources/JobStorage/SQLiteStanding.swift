// The two tables in which a row is a state: the `queued` jobs in their lanes' order, and the marks
// of those that are `running`. A change of state takes its job's row away, and that one row went
// away proves the state that it started from, without reading anything.

import JobLogic

final class SQLiteStanding {
    private let connection: SQLiteConnection
    private let queued: SQLiteGathered<QueuedRow>
    private let marks: SQLiteGathered<MarkRow>
    private let dequeue: SQLiteStatement
    private let unmark: SQLiteStatement

    /// Where a job stands when it is queued.
    struct QueuedRow {
        var lane: Int64
        var orderKey: Int64
        var key: JobKey

        init(lane: Int64, orderKey: Int64, key: JobKey) {
            self.lane = lane
            self.orderKey = orderKey
            self.key = key
        }

        init(_ order: JobOrder) {
            let position = order.position
            self.init(
                lane: Int64(order.lane.rawValue), orderKey: position.orderKey, key: position.key)
        }
    }

    private struct MarkRow {
        var key: Int64
        var mark: DispatchMark?
        /// Nothing: the progress has its own row.
        var attemptCount: Int64?
        var crashes: Int64?
        var startedAt: Int64?
        var attempts: Range<Int>?
    }

    init(_ connection: SQLiteConnection) throws(StoreError) {
        self.connection = connection
        queued = try SQLiteGathered(connection, into: "queued", columnCount: 3) {
            row, statement, place, _ in
            statement.bind(place + 1, row.lane)
            statement.bind(place + 2, row.orderKey)
            statement.bind(place + 3, row.key.column)
        }
        marks = try SQLiteGathered(connection, into: "marks", columnCount: 9) {
            row, statement, place, bytes in
            SQLiteStanding.bind(row, statement, place, bytes)
        }
        dequeue = try SQLiteStatement(
            connection, "DELETE FROM queued WHERE lane = ? AND orderKey = ? AND key = ?")
        unmark = try SQLiteStatement(connection, "DELETE FROM marks WHERE key = ?")
    }

    func enqueue(_ row: QueuedRow) throws(StoreError) {
        try queued.add(row)
    }

    /// False: it was not queued.
    func dequeue(_ row: QueuedRow) throws(StoreError) -> Bool {
        try queued.flush()
        dequeue.bind(1, row.lane)
        dequeue.bind(2, row.orderKey)
        dequeue.bind(3, row.key.column)
        try dequeue.run()
        return connection.changedRows == 1
    }

    /// - Parameter isWhole: nothing of the progress need be written elsewhere.
    func mark(_ key: JobKey, _ progress: JobProgress, isWhole: Bool) throws(StoreError) {
        var row = MarkRow(key: key.column, mark: progress.mark)
        if isWhole {
            row.attemptCount = Int64(progress.attemptCount)
            row.crashes = Int64(progress.crashes)
            row.startedAt = progress.startedAtMilliseconds
            let start = marks.scratch.count
            marks.scratch.attempts(progress.attempts)
            row.attempts = start..<marks.scratch.count
        }
        try marks.add(row)
    }

    /// False: it was not running.
    func unmark(_ key: JobKey) throws(StoreError) -> Bool {
        try marks.flush()
        unmark.bind(1, key.column)
        try unmark.run()
        return connection.changedRows == 1
    }

    private static func bind(
        _ row: MarkRow, _ statement: SQLiteStatement, _ place: Int32,
        _ bytes: UnsafeRawBufferPointer
    ) {
        statement.bind(place + 1, row.key)
        statement.bind(place + 2, row.mark.map { Int64($0.attempt) })
        statement.bind(place + 3, row.mark.map { Int64(bitPattern: $0.worker.instance) })
        statement.bind(place + 4, row.mark.map { Int64($0.worker.slot) })
        statement.bind(place + 5, row.mark.map { Int64($0.worker.generation) })
        statement.bind(place + 6, row.attemptCount)
        statement.bind(place + 7, row.crashes)
        statement.bind(place + 8, row.startedAt)
        statement.bind(place + 9, row.attempts, of: bytes)
    }

    func flush() throws(StoreError) {
        try queued.flush()
        try marks.flush()
    }

    func rolledBack() {
        queued.drop()
        marks.drop()
    }
}

extension JobProgress {
    /// A mark can hold all of it: what the dispatch of a call changes is set, and nothing else.
    var fitsMark: Bool {
        notBeforeMilliseconds == nil && endedAtMilliseconds == nil && error == nil
            && operationName == nil && checkpoint.isEmpty && forgivenAttempts == 0
    }
}
