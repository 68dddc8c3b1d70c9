// Puts the rows of new jobs into their table, gathered. Such a row is never written again, but for
// an expiry that a retry moves.

import JobLogic

final class SQLiteInsert {
    private let rows: SQLiteRows
    private let gathered: SQLiteGathered<Row>
    /// No job of a smaller key waits.
    private var smallestKey = JobKey(rawValue: UInt64.max)
    private let nameByText: SQLiteStatement
    private let addName: SQLiteStatement
    private var nameIDs: [String: Int64] = [:]
    /// The names of the job before, which the next one mostly has too.
    private var lastTarget: (name: String, id: Int64)?
    private var lastMethod: (name: String, id: Int64)?
    private var addedNames: [String] = []

    private struct Row {
        var order: JobOrder
        var state: JobState
        var notBefore: Int64?
        var target: Int64
        var method: Int64
        var rest: Range<Int>
        var request: Range<Int>?
    }

    init(_ rows: SQLiteRows) throws(StoreError) {
        self.rows = rows
        let connection = rows.connection
        gathered = try SQLiteGathered(connection, into: "jobs", columnCount: 14) {
            row, statement, place, bytes in
            SQLiteInsert.bind(row, statement, place, bytes)
        }
        nameByText = try SQLiteStatement(connection, "SELECT id FROM names WHERE name = ?")
        addName = try SQLiteStatement(
            connection, "INSERT INTO names(name) VALUES(?) RETURNING id")
    }

    /// - Parameter request: lies in the row when it is given.
    func add(_ job: Job, request: [UInt8]?) throws(StoreError) {
        let target = try id(ofName: job.order.target, &lastTarget)
        let method = try id(ofName: job.order.method, &lastMethod)
        let start = gathered.scratch.count
        gathered.scratch.order(job.order)
        let middle = gathered.scratch.count
        if let request { gathered.scratch.raw(request) }
        let end = gathered.scratch.count
        smallestKey = min(smallestKey, job.order.id.key)
        try gathered.add(
            Row(
                order: job.order, state: job.progress.state,
                notBefore: job.progress.notBeforeMilliseconds, target: target, method: method,
                rest: start..<middle, request: request == nil ? nil : middle..<end))
    }

    /// Must run before anything else looks at the table.
    func flush() throws(StoreError) {
        smallestKey = JobKey(rawValue: UInt64.max)
        try gathered.flush()
    }

    /// Must run before anything looks at this job: new ones have the largest keys, and changes of
    /// older ones leave them waiting for more.
    func flush(_ key: JobKey) throws(StoreError) {
        if key >= smallestKey { try flush() }
    }

    private static func bind(
        _ row: Row, _ statement: SQLiteStatement, _ place: Int32, _ bytes: UnsafeRawBufferPointer
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
        statement.bind(place + 13, row.rest, of: bytes)
        statement.bind(place + 14, row.request, of: bytes)
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
        gathered.drop()
        smallestKey = JobKey(rawValue: UInt64.max)
    }
}
