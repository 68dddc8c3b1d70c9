// Opens the store's file for the writer and for the reader, with the settings of each. A store that
// is not ours, or that a newer version made, is never written to.

extension SQLiteConnection {
    /// What the writer's pages may cost in memory; SQLite's own default is 2 MiB. Eight keep the
    /// hot ends of all trees: with a million jobs queued an insert costs what it costs without.
    private static let writerCacheKibibytes = 8192
    private static let readerCacheKibibytes = 2048

    static func openWriter(path: String, vfs: String?) throws(StoreError) -> SQLiteConnection {
        switch StoreFile.Look(path) {
        case .refused(let error): throw error
        case .new: try StoreFile.create(path, vfs: vfs)
        case .ours: try refuseNewer(path: path, vfs: vfs)
        }
        let connection = try SQLiteConnection(path: path, mode: .readWrite, vfs: vfs)
        try connection.set(cacheKibibytes: writerCacheKibibytes)
        try connection.execute("PRAGMA wal_autocheckpoint = 0")
        let mode = try connection.text("PRAGMA journal_mode = WAL")
        guard mode == "wal" else {
            throw .inputOutput("\(path) cannot keep a write-ahead log (its mode stays \(mode))")
        }
        try connection.execute("PRAGMA synchronous = FULL")
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
        if version > SQLiteSchema.version { throw StoreFile.newer(version, path: path) }
    }
}
