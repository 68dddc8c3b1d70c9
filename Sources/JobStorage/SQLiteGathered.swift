// Rows that wait until a statement of many rows can take them: a statement's start (a cursor for
// the table and each index) costs a third of a row (measured: a new job takes 4.1 µs with one row a
// statement, 2.7 with 16, 2.6 with 64). Whoever looks at the table must flush first. Rows that go
// are not gathered: SQLite looks a list of keys up no faster than one after the other.

/// - `Row`: what of a row is no blob; where its blobs lie in `scratch`.
final class SQLiteGathered<Row> {
    /// Binds a row behind a place; the blobs lie in the bytes.
    typealias Bind = (Row, SQLiteStatement, Int32, UnsafeRawBufferPointer) -> Void

    /// Of falling size, the last of one row.
    private let statements: [(rowCount: Int, statement: SQLiteStatement)]
    private let columnCount: Int
    private let bind: Bind
    private var waiting: [Row] = []
    /// The blobs of the rows that wait.
    var scratch = FieldEncoder()

    /// - Parameters:
    ///   - into: a table, with the columns where not all are given.
    ///   - onConflict: what follows the rows.
    init(
        _ connection: SQLiteConnection, into: String, columnCount: Int, onConflict: String = "",
        _ bind: @escaping Bind
    ) throws(StoreError) {
        self.columnCount = columnCount
        self.bind = bind
        let row = "(" + Array(repeating: "?", count: columnCount).joined(separator: ",") + ")"
        var statements: [(rowCount: Int, statement: SQLiteStatement)] = []
        for rowCount in SQLiteSchema.gatheredRows {
            let rows = Array(repeating: row, count: rowCount).joined(separator: ",")
            let sql = "INSERT INTO \(into) VALUES\(rows) \(onConflict)"
            statements.append((rowCount, try SQLiteStatement(connection, sql)))
        }
        self.statements = statements
        waiting.reserveCapacity(SQLiteSchema.gatheredRows[0])
    }

    func add(_ row: Row) throws(StoreError) {
        waiting.append(row)
        if waiting.count == SQLiteSchema.gatheredRows[0] { try flush() }
    }

    func flush() throws(StoreError) {
        if waiting.isEmpty { return }
        defer { drop() }
        // typed errors do not pass through the closure: the result carries them
        let result: Result<Void, StoreError> = scratch.bytes.withUnsafeBytes { bytes in
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
        var start = 0
        for (rowCount, statement) in statements {
            while waiting.count - start >= rowCount {
                for index in 0..<rowCount {
                    bind(waiting[start + index], statement, Int32(index * columnCount), bytes)
                }
                try statement.run()
                start += rowCount
            }
        }
    }

    func drop() {
        waiting.removeAll(keepingCapacity: true)
        scratch.removeAll()
    }
}
