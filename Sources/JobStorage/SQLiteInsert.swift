// Puts new jobs into the tables. Rows of small jobs are gathered and inserted sixteen a statement:
// a statement's start (a cursor for the table and each index) costs a third of a row (measured: 3.8
// µs a job with one row a statement, 2.8 with 16, 2.4 with 64, which fewer commits fill).

import JobLogic

final class SQLiteInsert {
    private let rows: SQLiteRows
    private let connection: SQLiteConnection
    private let one: SQLiteStatement
    private let many: SQLiteStatement
    private let nameByText: SQLiteStatement
    private let addName: SQLiteStatement
    private var nameIDs: [String: Int64] = [:]
    /// The names of the job before, which the next one mostly has too.
    private var lastTarget: (name: String, id: Int64)?
    private var lastMethod: (name: String, id: Int64)?
    private var addedNames: [String] = []

    /// Rows that wait for a full statement; their bytes lie in `scratch`.
    private var waiting: [Row] = []
    private var scratch = FieldEncoder()

    private struct Row {
        var order: JobOrder
        var state: JobState
        var notBefore: Int64?
        var target: Int64
        var method: Int64
        var rest: Range<Int>
        var request: Range<Int>?
    }

    private static let rowsPerStatement = 16
    private static let columnCount: Int32 = 14

    init(_ rows: SQLiteRows) throws(StoreError) {
        self.rows = rows
        connection = rows.connection
        one = try SQLiteStatement(connection, SQLiteInsert.sql(rows: 1))
        many = try SQLiteStatement(
            connection, SQLiteInsert.sql(rows: SQLiteInsert.rowsPerStatement))
        nameByText = try SQLiteStatement(connection, "SELECT id FROM names WHERE name = ?")
        addName = try SQLiteStatement(
            connection, "INSERT INTO names(name) VALUES(?) RETURNING id")
        waiting.reserveCapacity(SQLiteInsert.rowsPerStatement)
    }

    private static func sql(rows: Int) -> String {
        let row = "(" + Array(repeating: "?", count: Int(columnCount)).joined(separator: ",") + ")"
        return "INSERT INTO jobs VALUES" + Array(repeating: row, count: rows).joined(separator: ",")
    }

    /// - Parameter request: lies in the row when it is given.
    func add(_ job: Job, request: [UInt8]?) throws(StoreError) {
        let start = scratch.count
        scratch.order(job.order)
        let middle = scratch.count
        if let request { scratch.raw(request) }
        waiting.append(
            Row(
                order: job.order, state: job.progress.state,
                notBefore: job.progress.notBeforeMilliseconds,
                target: try id(ofName: job.order.target, &lastTarget),
                method: try id(ofName: job.order.method, &lastMethod),
                rest: start..<middle, request: request == nil ? nil : middle..<scratch.count))
        if waiting.count == SQLiteInsert.rowsPerStatement { try flush() }
    }

    /// Must run before anything else looks at the tables.
    func flush() throws(StoreError) {
        if waiting.isEmpty { return }
        defer { dropWaiting() }
        let bytes = scratch.bytes
        // typed errors do not pass through the closure: the result carries them
        let result: Result<Void, StoreError> = bytes.withUnsafeBytes { bytes in
            do throws(StoreError) {
                try insert(bytes)
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    private func insert(_ bytes: UnsafeRawBufferPointer) throws(StoreError) {
        if waiting.count == SQLiteInsert.rowsPerStatement {
            for (index, row) in waiting.enumerated() {
                bind(row, to: many, place: Int32(index) * SQLiteInsert.columnCount, bytes)
            }
            return try many.run()
        }
        for row in waiting {
            bind(row, to: one, place: 0, bytes)
            try one.run()
        }
    }

    private func bind(
        _ row: Row, to statement: SQLiteStatement, place: Int32, _ bytes: UnsafeRawBufferPointer
    ) {
        let position = row.order.position
        statement.bind(place + 1, position.key.column)
        statement.bind(place + 2, Int64(row.state.rawValue))
        statement.bind(place + 3, Int64(row.order.lane.rawValue))
        statement.bind(place + 4, position.orderKey)
        statement.bind(place + 5, Int64(row.order.priority))
        statement.bind(place + 6, Int64(row.order.submitter.uid))
        statement.bind(place + 7, row.target)
        statement.bind(place + 8, row.method)
        statement.bind(place + 9, row.notBefore)
        statement.bind(place + 10, row.order.expiresAtMilliseconds)
        statement.bind(place + 11, row.order.batch)
        statement.bind(place + 12, Int64(bitPattern: row.order.id.salt))
        statement.bind(place + 13, unowned: UnsafeRawBufferPointer(rebasing: bytes[row.rest]))
        if let request = row.request {
            statement.bind(place + 14, unowned: UnsafeRawBufferPointer(rebasing: bytes[request]))
        } else {
            statement.bindNull(place + 14)
        }
    }

    private func dropWaiting() {
        waiting.removeAll(keepingCapacity: true)
        scratch.removeAll()
    }

    // MARK: Names

    private func id(
        ofName name: String, _ last: inout (name: String, id: Int64)?
    ) throws(StoreError) -> Int64 {
        if let last, last.name == name { return last.id }
        let id = try id(ofName: name)
        last = (name, id)
        return id
    }

    private func id(ofName name: String) throws(StoreError) -> Int64 {
        if let id = nameIDs[name] { return id }
        nameByText.bind(1, name)
        if try nameByText.step() {
            let id = nameByText.integer(0)
            nameByText.reset()
            nameIDs[name] = id
            return id
        }
        addName.bind(1, name)
        guard try addName.step() else { throw .bug("a new name got no number") }
        let id = addName.integer(0)
        // RETURNING hands out its row first and ends with the next step
        _ = try addName.step()
        addedNames.append(name)
        nameIDs[name] = id
        return id
    }

    // MARK: The end of a transaction

    func committed() {
        addedNames.removeAll()
    }

    func rolledBack() {
        for name in addedNames {
            if let id = nameIDs.removeValue(forKey: name) { rows.forgetName(id) }
        }
        addedNames.removeAll()
        lastTarget = nil
        lastMethod = nil
        dropWaiting()
    }
}
