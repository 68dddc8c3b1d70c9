// All that a store holds, as one text: two stores hold the same when their texts are equal.

import CSQLite
import JobLogic
import JobStorage

func dump(
    _ store: any JobStore, keys: some Sequence<UInt64>, reader: (any JobReader)? = nil
) throws -> [String] {
    let contents = try store.contents()
    var lines = ["lanes \(contents.lanes)", "paused \(contents.pausedTargets)"]
    lines += contents.counts.map { "count \($0.lane.rawValue) \($0.state) \($0.count)" }
    lines.append("largest \(contents.largestKey)")
    for key in keys.map({ JobKey(rawValue: $0) }) {
        guard let job = try store.job(key) else { continue }
        lines.append("\(job) \(try store.requests(of: key))")
        if let reader { lines.append("\(try reader.responses(of: key))") }
    }
    return lines
}

/// What SQLite says of a whole file; "ok" is good. For a file that no store has open.
func integrity(ofFileAt path: String) -> [String] {
    var database: OpaquePointer?
    defer { sqlite3_close(database) }
    guard sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, nil) == SQLITE_OK else {
        return ["cannot be opened"]
    }
    var statement: OpaquePointer?
    defer { sqlite3_finalize(statement) }
    sqlite3_prepare_v2(database, "PRAGMA integrity_check", -1, &statement, nil)
    var lines: [String] = []
    while sqlite3_step(statement) == SQLITE_ROW {
        lines.append(sqlite3_column_text(statement, 0).map { String(cString: $0) } ?? "")
    }
    return lines
}
