// SQLite's extended result codes, mapped to what the queue does about them. Never guesses from a
// message's text: only codes and errno count.

import CSQLite
import Glibc

extension StoreError {
    /// - Parameters:
    ///   - code: an extended result code (sqlite.org/rescode.html).
    ///   - systemError: errno of the failed system call, or 0.
    ///   - what: what was being done, for the sentence.
    static func of(code: Int32, systemError: Int32, what: String) -> StoreError {
        let text = describe(code: code, systemError: systemError, what: what)
        switch code {
        case SQLITE_IOERR_FSYNC_CODE, SQLITE_IOERR_DIR_FSYNC_CODE:
            return .syncFailed(text)
        case SQLITE_IOERR_CORRUPTFS_CODE:
            return .corrupt(text)
        default:
            return ofPrimary(code & 0xff, systemError: systemError, text: text)
        }
    }

    private static func ofPrimary(_ code: Int32, systemError: Int32, text: String) -> StoreError {
        switch code {
        case SQLITE_FULL, SQLITE_TOOBIG:
            return .full(text)
        case SQLITE_IOERR:
            return noSpace(systemError) ? .full(text) : .inputOutput(text)
        // busy: somebody's sqlite3 shell holds a lock; it will go away
        case SQLITE_NOMEM, SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL, SQLITE_INTERRUPT:
            return .inputOutput(text)
        case SQLITE_CORRUPT, SQLITE_NOTADB:
            return .corrupt(text)
        case SQLITE_CANTOPEN:
            if noSpace(systemError) { return .full(text) }
            return isPassing(systemError) ? .inputOutput(text) : .permission(text)
        case SQLITE_PERM, SQLITE_READONLY, SQLITE_AUTH:
            return .permission(text)
        default:
            return .bug(text)
        }
    }

    private static func noSpace(_ systemError: Int32) -> Bool {
        systemError == ENOSPC || systemError == EDQUOT || systemError == EFBIG
    }

    /// Nobody forbids it: descriptors or memory have run out, or the disk fails.
    private static func isPassing(_ systemError: Int32) -> Bool {
        [EMFILE, ENFILE, ENOMEM, EIO, EINTR].contains(systemError)
    }

    private static func describe(code: Int32, systemError: Int32, what: String) -> String {
        var text = "\(what): \(String(cString: sqlite3_errstr(code))) (sqlite \(code)"
        if systemError != 0 {
            text += ", errno \(systemError): \(String(cString: strerror(systemError)))"
        }
        return text + ")"
    }
}

// The extended codes are macros with an expression in them, which Swift does not import.
private let SQLITE_IOERR_FSYNC_CODE: Int32 = SQLITE_IOERR | (4 << 8)
private let SQLITE_IOERR_DIR_FSYNC_CODE: Int32 = SQLITE_IOERR | (5 << 8)
private let SQLITE_IOERR_CORRUPTFS_CODE: Int32 = SQLITE_IOERR | (33 << 8)
