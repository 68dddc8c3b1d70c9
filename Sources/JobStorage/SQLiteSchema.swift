// The tables, and how their file is made and recognised. A store that is not ours, or that a newer
// version made, is never written to.
//
// To add a version: raise `version`, append the statements that lead there from the one before to
// `migrations`, keep a dump of the old one among the tests' fixtures. A column is only ever added.
//
//   jobs      one row a job: what searches and lists need, then the rest of the order, then the
//             request where it is small. Rows are appended in order of time and, so that a change
//             of state rewrites as few pages as may be, hardly ever grow.
//   progress  what has become of a job, once something has: appended, too, in about that order.
//   marks     one row a job that is `running` on disk: a handful, on one page.
//   chunks    requests and responses that are not small or not one, cut into pieces.
//   keys      idempotency keys; they outlive their jobs.
//   counters  jobs by lane and state, batches: jobs by batch, user and state: no COUNT(*) ever.

import CSQLite
import Glibc
import JobLogic

enum SQLiteSchema {
    /// "PRNG" in the file's header (offset 68), so that file(1) and we know the file.
    static let applicationID: Int64 = 0x5052_4E47
    static let version: Int64 = 1

    /// A request or response of one message up to this many bytes lies in its job's row: a page
    /// then holds several, and small jobs touch no second table.
    static let inlineBytesMax = 512
    /// Bounds what one row, and one buffer of a reader, can cost.
    static let chunkBytesMax = 1 << 20

    static let createTables = """
        CREATE TABLE jobs(
            key INTEGER PRIMARY KEY, state INTEGER NOT NULL, lane INTEGER NOT NULL,
            orderKey INTEGER NOT NULL, priority INTEGER NOT NULL, uid INTEGER NOT NULL,
            target INTEGER NOT NULL, method INTEGER NOT NULL, notBefore INTEGER,
            expiresAt INTEGER, batch TEXT, salt INTEGER NOT NULL, rest BLOB NOT NULL,
            request BLOB) STRICT;
        CREATE INDEX queuedJobs ON jobs(lane, orderKey) WHERE state = 0;
        CREATE INDEX scheduledJobs ON jobs(notBefore) WHERE state = 1;
        CREATE INDEX expiringJobs ON jobs(expiresAt) WHERE state < 2 AND expiresAt IS NOT NULL;
        CREATE INDEX troubledJobs ON jobs(state) WHERE state IN (4, 11, 12, 13);
        CREATE INDEX batchedJobs ON jobs(batch) WHERE batch IS NOT NULL;
        CREATE TABLE progress(
            key INTEGER PRIMARY KEY, attemptCount INTEGER NOT NULL, crashes INTEGER NOT NULL,
            startedAt INTEGER, endedAt INTEGER, operationName TEXT, checkpoint BLOB, error BLOB,
            attempts BLOB, response BLOB) STRICT;
        CREATE TABLE marks(
            key INTEGER PRIMARY KEY, attempt INTEGER, instance INTEGER, slot INTEGER,
            generation INTEGER) STRICT;
        CREATE TABLE chunks(
            key INTEGER NOT NULL, kind INTEGER NOT NULL, message INTEGER NOT NULL,
            chunk INTEGER NOT NULL, bytes BLOB NOT NULL,
            PRIMARY KEY(key, kind, message, chunk)) STRICT, WITHOUT ROWID;
        CREATE TABLE keys(
            uid INTEGER NOT NULL, key TEXT NOT NULL, fingerprintHigh INTEGER,
            fingerprintLow INTEGER, job INTEGER NOT NULL, salt INTEGER NOT NULL,
            endedAt INTEGER, PRIMARY KEY(uid, key)) STRICT, WITHOUT ROWID;
        CREATE TABLE counters(
            lane INTEGER NOT NULL, state INTEGER NOT NULL, count INTEGER NOT NULL,
            PRIMARY KEY(lane, state)) STRICT, WITHOUT ROWID;
        CREATE TABLE batches(
            batch TEXT NOT NULL, uid INTEGER NOT NULL, state INTEGER NOT NULL,
            count INTEGER NOT NULL, PRIMARY KEY(batch, uid, state)) STRICT, WITHOUT ROWID;
        CREATE TABLE names(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
        CREATE TABLE lanes(id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
        CREATE TABLE pausedTargets(target TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
        CREATE TABLE facts(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        INSERT INTO facts VALUES('largestDeletedKey', 0), ('probes', 0);
        """
}

/// The first 100 bytes of a database file (sqlite.org/fileformat2.html, 1.3), read before SQLite
/// opens it: a file that is not ours gets no lock, no log and no index beside it.
enum FileLook: Equatable {
    /// Absent or empty.
    case new
    case ours
    case refused(StoreError)

    private static let headerBytes = 100
    private static let versionOffset = 60
    private static let applicationOffset = 68

    static func at(_ path: String) -> FileLook {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        if descriptor < 0 {
            if errno == ENOENT { return .new }
            return .refused(failure(errno, "opening \(path)"))
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return .refused(.foreign("\(path) is not a regular file; it was left untouched"))
        }
        if status.st_size == 0 { return .new }
        var header = [UInt8](repeating: 0, count: headerBytes)
        let count = pread(descriptor, &header, headerBytes, 0)
        if count < 0 { return .refused(failure(errno, "reading \(path)")) }
        return judge(header, count: count, path: path)
    }

    private static func judge(_ header: [UInt8], count: Int, path: String) -> FileLook {
        let magic = Array("SQLite format 3\0".utf8)
        guard count == headerBytes, header.starts(with: magic) else {
            return .refused(.foreign("\(path) is not a store of prong's; it was left untouched"))
        }
        guard number(header, applicationOffset) == SQLiteSchema.applicationID else {
            return .refused(
                .foreign("\(path) is another program's database; it was left untouched"))
        }
        let version = number(header, versionOffset)
        if version > SQLiteSchema.version { return .refused(newer(version, path: path)) }
        return .ours
    }

    static func newer(_ version: Int64, path: String) -> StoreError {
        .foreign(
            "\(path) is from a newer prong (store version \(version), this one reads up to "
                + "\(SQLiteSchema.version)); it was left untouched: start the newer prong again")
    }

    private static func number(_ header: [UInt8], _ offset: Int) -> Int64 {
        header[offset..<offset + 4].reduce(0) { $0 << 8 | Int64($1) }
    }

    private static func failure(_ code: Int32, _ what: String) -> StoreError {
        let text = "\(what): \(String(cString: strerror(code))) (errno \(code))"
        return code == EACCES || code == EPERM ? .permission(text) : .inputOutput(text)
    }
}

extension SQLiteConnection {
    /// What the writer's pages may cost in memory; SQLite's own default is 2 MiB. Sixteen keep the
    /// hot ends of all trees with a million jobs queued.
    private static let writerCacheKibibytes = 8192
    private static let readerCacheKibibytes = 2048

    static func openWriter(path: String, vfs: String?) throws(StoreError) -> SQLiteConnection {
        let look = FileLook.at(path)
        switch look {
        case .refused(let error): throw error
        case .new: try createFile(path)
        case .ours: try refuseNewer(path: path, vfs: vfs)
        }
        let connection = try SQLiteConnection(path: path, mode: .readWrite, vfs: vfs)
        if look == .new {
            // these three go into the file's header before the log and the first table: later,
            // auto_vacuum is ignored, and a file cut short here is still known as ours
            try connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            try connection.execute("PRAGMA application_id = \(SQLiteSchema.applicationID)")
        }
        try connection.set(cacheKibibytes: writerCacheKibibytes)
        try connection.execute("PRAGMA wal_autocheckpoint = 0")
        let mode = try connection.text("PRAGMA journal_mode = WAL")
        guard mode == "wal" else {
            throw .inputOutput("\(path) cannot keep a write-ahead log (its mode stays \(mode))")
        }
        try connection.execute("PRAGMA synchronous = FULL")
        if try connection.integer("PRAGMA user_version") == 0 { try connection.create() }
        return connection
    }

    static func openReader(path: String, vfs: String?) throws(StoreError) -> SQLiteConnection {
        let connection = try SQLiteConnection(path: path, mode: .readOnly, vfs: vfs)
        try connection.set(cacheKibibytes: readerCacheKibibytes)
        try connection.execute("PRAGMA query_only = ON")
        return connection
    }

    private func set(cacheKibibytes: Int) throws(StoreError) {
        try execute("PRAGMA cache_size = -\(cacheKibibytes)")
        // a mapped file turns a failing disk into SIGBUS
        try execute("PRAGMA mmap_size = 0")
        try execute("PRAGMA temp_store = MEMORY")
    }

    /// The log may hold a newer version number than the file's header: look through a read-only
    /// connection, which moves nothing.
    private static func refuseNewer(path: String, vfs: String?) throws(StoreError) {
        let connection = try SQLiteConnection(path: path, mode: .readOnly, vfs: vfs)
        let version = try connection.integer("PRAGMA user_version")
        if version > SQLiteSchema.version { throw FileLook.newer(version, path: path) }
    }

    /// 0600 from its first moment; the log and its index inherit it (unix(7) VFS of SQLite).
    private static func createFile(_ path: String) throws(StoreError) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            let code = errno
            throw StoreError.of(
                code: SQLITE_CANTOPEN, systemError: code, what: "creating \(path)")
        }
        close(descriptor)
    }

    private func create() throws(StoreError) {
        try execute("BEGIN IMMEDIATE")
        do throws(StoreError) {
            try execute(SQLiteSchema.createTables)
            try execute("PRAGMA user_version = \(SQLiteSchema.version)")
            try execute("COMMIT")
        } catch {
            if !isAutocommit { try? execute("ROLLBACK") }
            throw error
        }
    }
}
