// The store's file before SQLite opens it: whose it is, and how a new one comes to be. A new store
// is made beside its place and renamed into it whole: whenever the machine dies, there is none or a
// good one.

import CSQLite
import Glibc
import WireFormat

enum StoreFile {
    /// The first 100 bytes of a database file (sqlite.org/fileformat2.html, 1.3), read before
    /// SQLite opens it: a file that is not ours gets no lock, no log and no index beside it.
    enum Look {
        /// Absent or empty.
        case new
        case ours
        case refused(StoreError)

        init(_ path: String) {
            do throws(StoreError) {
                self = try StoreFile.isNew(path) ? .new : .ours
            } catch {
                self = .refused(error)
            }
        }
    }

    private static func isNew(_ path: String) throws(StoreError) -> Bool {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 {
            if errno == ENOENT { return try refuseLoneLog(path) }
            throw failure("opening \(path)")
        }
        // no connection of this process has the file open: closing drops nobody's lock
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw .foreign("\(path) is not a regular file; it was left untouched")
        }
        if status.st_size == 0 { return try refuseLoneLog(path) }
        var header = [UInt8](repeating: 0, count: StoreHeader.byteCount)
        let count = pread(descriptor, &header, header.count, 0)
        if count < 0 { throw failure("reading \(path)") }
        if let refusal = StoreHeader.refusal(of: Array(header.prefix(count))) {
            throw .foreign("\(path) \(refusal)")
        }
        return false
    }

    /// A log without its file holds jobs, and would be played into a new file that it does not fit.
    private static func refuseLoneLog(_ path: String) throws(StoreError) -> Bool {
        var status = stat()
        if stat(path + "-wal", &status) == 0, status.st_size > 0 {
            throw .foreign(
                "\(path) is missing or empty, but its log \(path)-wal is not; both were left "
                    + "untouched: put the store back, or move the log away")
        }
        return true
    }

    static func newer(_ version: Int64, path: String) -> StoreError {
        .foreign("\(path) \(StoreHeader.newer(version))")
    }

    // MARK: Making

    /// Mode 0600 from its first moment; the log and its index inherit it.
    static func create(_ path: String, vfs: String?) throws(StoreError) {
        try refuseLink(path)
        let draft = path + ".new"
        removeDraft(draft)
        let descriptor = open(draft, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("creating \(draft)") }
        close(descriptor)
        do throws(StoreError) {
            try fill(draft, vfs: vfs)
            // nothing was written through the log: it is empty and goes
            for suffix in ["-wal", "-shm"] { unlink(draft + suffix) }
            guard rename(draft, path) == 0 else { throw failure("renaming \(draft)") }
            try syncFolder(of: path)
        } catch {
            removeDraft(draft)
            throw error
        }
    }

    private static func refuseLink(_ path: String) throws(StoreError) {
        var status = stat()
        if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK {
            throw .foreign("\(path) is a link to nothing; it was left untouched")
        }
    }

    private static func fill(_ draft: String, vfs: String?) throws(StoreError) {
        let connection = try SQLiteConnection(path: draft, mode: .readWrite, vfs: vfs)
        // auto_vacuum before the first table and before the log: later, it is ignored
        try connection.execute(
            """
            BEGIN; PRAGMA auto_vacuum = INCREMENTAL;
            PRAGMA application_id = \(SQLiteSchema.applicationID);
            PRAGMA user_version = \(SQLiteSchema.version);
            \(SQLiteSchema.createTables)
            COMMIT
            """)
        let mode = try connection.text("PRAGMA journal_mode = WAL")
        guard mode == "wal" else {
            throw .inputOutput("\(draft) cannot keep a write-ahead log (its mode stays \(mode))")
        }
    }

    private static func removeDraft(_ draft: String) {
        for suffix in ["", "-wal", "-shm", "-journal"] { unlink(draft + suffix) }
    }

    /// A new name is on disk when its folder is (fsync(2)).
    private static func syncFolder(of path: String) throws(StoreError) {
        let slash = path.lastIndex(of: "/")
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("opening \(folder)") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw .syncFailed("syncing \(folder): errno \(errno)")
        }
    }

    private static func failure(_ what: String) -> StoreError {
        .of(code: SQLITE_CANTOPEN, systemError: errno, what: what)
    }
}
