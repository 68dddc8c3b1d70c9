// One SQLite connection and its prepared statements: opening, running, closing. Knows SQLite, and
// nothing of jobs. Used by one thread at a time: it is opened without SQLite's own mutex.

import CSQLite

/// Runs SQLite's process-wide settings once, before the first connection.
private let configured: Int32 = CSQLite_configure()

final class SQLiteConnection {
    enum Mode {
        case readWrite
        case readOnly
    }

    let handle: OpaquePointer

    /// - Parameters:
    ///   - path: an existing file: nothing is created here.
    ///   - vfs: the name of a registered VFS (tests inject faults by one); nothing: the default.
    init(path: String, mode: Mode, vfs: String?) throws(StoreError) {
        // misuse here means that somebody initialised SQLite before; the defaults then serve too
        guard configured == SQLITE_OK || configured == SQLITE_MISUSE else {
            throw StoreError.of(code: configured, systemError: 0, what: "setting up sqlite")
        }
        let access = mode == .readWrite ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY
        var opened: OpaquePointer?
        let flags = access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let code = sqlite3_open_v2(path, &opened, flags, vfs)
        guard code == SQLITE_OK, let handle = opened else {
            let systemError = opened.map { sqlite3_system_errno($0) } ?? 0
            sqlite3_close_v2(opened)
            throw StoreError.of(code: code, systemError: systemError, what: "opening \(path)")
        }
        self.handle = handle
        _ = CSQLite_no_checkpoint_on_close(handle)
        sqlite3_busy_timeout(handle, SQLiteConnection.busyMilliseconds)
    }

    deinit {
        sqlite3_close_v2(handle)
    }

    /// There is one writer, so nobody waits in normal life: this is for a checkpoint that waits for
    /// a read to end, and for a person's sqlite3 shell.
    private static let busyMilliseconds: Int32 = 1000

    /// True outside of a transaction.
    var isAutocommit: Bool { sqlite3_get_autocommit(handle) != 0 }

    /// Rows that the last insert, update or delete changed.
    var changedRows: Int32 { sqlite3_changes(handle) }

    /// Pages that were not in the connection's cache when they were wanted.
    var pagesRead: Int {
        var count: Int32 = 0
        var unused: Int32 = 0
        sqlite3_db_status(handle, SQLITE_DBSTATUS_CACHE_MISS, &count, &unused, 0)
        return Int(count)
    }

    func error(_ code: Int32, what: String) -> StoreError {
        StoreError.of(code: code, systemError: sqlite3_system_errno(handle), what: what)
    }

    /// Runs statements that return nothing of interest.
    func execute(_ sql: String) throws(StoreError) {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw error(code, what: SQLiteConnection.head(of: sql)) }
    }

    func integer(_ sql: String) throws(StoreError) -> Int64 {
        let statement = try SQLiteStatement(self, sql)
        defer { statement.reset() }
        return try statement.step() ? statement.integer(0) : 0
    }

    func text(_ sql: String) throws(StoreError) -> String {
        let statement = try SQLiteStatement(self, sql)
        defer { statement.reset() }
        return try statement.step() ? statement.text(0) : ""
    }

    /// The first words of a statement, for a sentence: never a value, values are always bound.
    static func head(of sql: String) -> String {
        let line = sql.prefix { $0 != "\n" && $0 != ";" }
        return line.count > 60 ? line.prefix(60) + "…" : String(line)
    }
}
