// The write-ahead log: how long it is, and moving its pages into the file.
//
//     commit ──▶ log ──passive checkpoint──▶ file     the next commit starts the log anew, if no
//                                                     read is under way in it
//     longer than `restartBytes` ──▶ the checkpoint waits for the reads

import CSQLite
import Glibc

/// How much of the log is not in the file yet.
final class SQLiteLog {
    private let connection: SQLiteConnection
    private let path: String
    private let frameBytes: Int64
    /// Frames in the log, and how many of them are in the file already.
    private var frames: Int64
    private var movedFrames: Int64 = 0

    /// A reader that always has a read under way would let the log grow for ever.
    private static let restartBytes: Int64 = 64 << 20
    /// What a frame has before its page (sqlite.org/fileformat2.html, 4.1).
    private static let frameHeaderBytes: Int64 = 24

    init(_ connection: SQLiteConnection, path: String, pageBytes: Int64) {
        self.connection = connection
        self.path = path
        frameBytes = pageBytes + SQLiteLog.frameHeaderBytes
        frames = SQLiteLog.fileBytes(path) / frameBytes
        let context = Unmanaged.passUnretained(self).toOpaque()
        // called by SQLite after each commit with the frames that now are in the log
        sqlite3_wal_hook(
            connection.handle,
            { context, _, _, frames in
                guard let context else { return SQLITE_OK }
                Unmanaged<SQLiteLog>.fromOpaque(context).takeUnretainedValue()
                    .committed(frames: Int64(frames))
                return SQLITE_OK
            }, context)
    }

    deinit {
        sqlite3_wal_hook(connection.handle, nil, nil)
    }

    private func committed(frames: Int64) {
        if frames < self.frames { movedFrames = 0 }
        self.frames = frames
    }

    var unmovedBytes: Int64 { (frames - movedFrames) * frameBytes }
    var fileBytes: Int64 { SQLiteLog.fileBytes(path) }

    private static func fileBytes(_ path: String) -> Int64 {
        var status = stat()
        return stat(path + "-wal", &status) == 0 ? Int64(status.st_size) : 0
    }

    func checkpoint(truncate: Bool) throws(StoreError) {
        var mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE
        if !truncate && frames * frameBytes > SQLiteLog.restartBytes {
            mode = SQLITE_CHECKPOINT_RESTART
        }
        var log: Int32 = 0
        var moved: Int32 = 0
        let code = sqlite3_wal_checkpoint_v2(connection.handle, nil, mode, &log, &moved)
        if log >= 0 && moved >= 0 { (frames, movedFrames) = (Int64(log), Int64(moved)) }
        // busy, not truncating: a reader holds a part of the log; the next checkpoint takes it
        if code == SQLITE_OK || (!truncate && code & 0xff == SQLITE_BUSY) { return }
        throw connection.error(code, what: "moving the log into \(path)")
    }
}
