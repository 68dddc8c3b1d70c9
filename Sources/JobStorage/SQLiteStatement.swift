// A prepared statement: bind, step, read columns, reset. Values that are bound without a copy must
// live until the reset; whoever binds them sees to it.

import CSQLite

final class SQLiteStatement {
    private let handle: OpaquePointer
    private let connection: SQLiteConnection
    private let head: String

    init(_ connection: SQLiteConnection, _ sql: String) throws(StoreError) {
        var prepared: OpaquePointer?
        let flags = UInt32(SQLITE_PREPARE_PERSISTENT)
        let code = sqlite3_prepare_v3(connection.handle, sql, -1, flags, &prepared, nil)
        head = SQLiteConnection.head(of: sql)
        guard code == SQLITE_OK, let handle = prepared else {
            if code == SQLITE_ERROR {
                // every statement is a constant: it does not fit because the tables do not
                let reason = String(cString: sqlite3_errmsg(connection.handle))
                throw .corrupt("the store's tables are not as they should be: \(reason)")
            }
            throw connection.error(code, what: head)
        }
        self.handle = handle
        self.connection = connection
    }

    deinit {
        sqlite3_finalize(handle)
    }

    // MARK: Running

    /// True: a row is there. Resets itself after an error or the last row.
    func step() throws(StoreError) -> Bool {
        let code = sqlite3_step(handle)
        if code == SQLITE_ROW { return true }
        let systemError = code == SQLITE_DONE ? 0 : sqlite3_system_errno(connection.handle)
        sqlite3_reset(handle)
        if code == SQLITE_DONE { return false }
        throw StoreError.of(code: code, systemError: systemError, what: head)
    }

    /// For statements without rows.
    func run() throws(StoreError) {
        if try step() { reset() }
    }

    func reset() {
        sqlite3_reset(handle)
    }

    // MARK: Binding: places count from 1

    func bind(_ place: Int32, _ value: Int64) {
        sqlite3_bind_int64(handle, place, value)
    }

    func bind(_ place: Int32, _ value: Int64?) {
        if let value {
            sqlite3_bind_int64(handle, place, value)
        } else {
            sqlite3_bind_null(handle, place)
        }
    }

    func bindNull(_ place: Int32) {
        sqlite3_bind_null(handle, place)
    }

    /// Copies.
    func bind(_ place: Int32, _ value: String) {
        var value = value
        value.withUTF8 { bytes in
            _ = bytes.withMemoryRebound(to: CChar.self) { characters in
                CSQLite_bind_text_copy(
                    handle, place, characters.baseAddress, Int32(clamping: characters.count))
            }
        }
    }

    /// Copies.
    func bind(_ place: Int32, _ value: String?) {
        if let value { bind(place, value) } else { bindNull(place) }
    }

    /// Without a copy: the bytes must stay where they are until the reset.
    func bind(_ place: Int32, unowned bytes: UnsafeRawBufferPointer) {
        if bytes.count == 0 {
            sqlite3_bind_zeroblob(handle, place, 0)
        } else {
            sqlite3_bind_blob64(handle, place, bytes.baseAddress, UInt64(bytes.count), nil)
        }
    }

    // MARK: Columns: places count from 0, valid until the next step or reset

    func isNull(_ place: Int32) -> Bool {
        sqlite3_column_type(handle, place) == SQLITE_NULL
    }

    func integer(_ place: Int32) -> Int64 {
        sqlite3_column_int64(handle, place)
    }

    func optionalInteger(_ place: Int32) -> Int64? {
        isNull(place) ? nil : integer(place)
    }

    func text(_ place: Int32) -> String {
        guard let start = sqlite3_column_text(handle, place) else { return "" }
        let count = Int(sqlite3_column_bytes(handle, place))
        return String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
    }

    func optionalText(_ place: Int32) -> String? {
        isNull(place) ? nil : text(place)
    }

    /// Points into SQLite's page: do not keep it.
    func blob(_ place: Int32) -> UnsafeRawBufferPointer {
        let start = sqlite3_column_blob(handle, place)
        return UnsafeRawBufferPointer(
            start: start, count: start == nil ? 0 : Int(sqlite3_column_bytes(handle, place)))
    }

    func bytes(_ place: Int32) -> [UInt8] {
        [UInt8](blob(place))
    }
}
