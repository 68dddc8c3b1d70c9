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

/// What SQLite says of a whole file, and where its tables tell different stories; "ok" is good.
/// For a store's file that nobody writes to meanwhile.
func integrity(ofFileAt path: String) -> [String] {
    var database: OpaquePointer?
    defer { sqlite3_close(database) }
    guard sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, nil) == SQLITE_OK else {
        return ["cannot be opened"]
    }
    return rows(of: "PRAGMA integrity_check", in: database)
        + contradictions.flatMap { rows(of: $0, in: database) }
}

/// Each gives a row for every job of which the tables disagree.
private let contradictions = [
    """
    SELECT 'queued or not: job ' || jobs.key FROM jobs LEFT JOIN progress USING (key)
    LEFT JOIN marks USING (key) LEFT JOIN queued ON queued.key = jobs.key
    AND queued.lane = jobs.lane AND queued.orderKey = jobs.orderKey
    WHERE (queued.key IS NOT NULL)
    != (marks.key IS NULL AND coalesce(progress.state, jobs.state) = 0)
    """,
    """
    SELECT 'running or not: job ' || jobs.key FROM jobs LEFT JOIN progress USING (key)
    LEFT JOIN marks USING (key) WHERE marks.key IS NULL
    AND coalesce(progress.state, jobs.state) = 2
    """,
    """
    SELECT 'half a mark: job ' || marks.key FROM marks LEFT JOIN progress USING (key)
    WHERE marks.attemptCount IS NULL AND progress.state IS NOT 2
    """,
    """
    SELECT 'without a job: ' || key FROM (SELECT key FROM queued UNION ALL SELECT key FROM marks
    UNION ALL SELECT key FROM progress UNION ALL SELECT key FROM agenda
    UNION ALL SELECT key FROM troubled) WHERE key NOT IN (SELECT key FROM jobs)
    """,
    "SELECT 'queued twice: ' || key FROM queued GROUP BY key HAVING count(*) > 1",
    """
    SELECT 'counted wrongly: lane ' || lane || ', state ' || state FROM (
    SELECT lane, state, 1 AS one FROM (\(states)) UNION ALL
    SELECT lane, state, -count FROM counters) GROUP BY lane, state HAVING sum(one) != 0
    """,
    """
    SELECT 'counted wrongly: batch ' || batch || ', state ' || state FROM (
    SELECT batch, uid, state, 1 AS one FROM (\(states)) WHERE batch IS NOT NULL UNION ALL
    SELECT batch, uid, state, -count FROM batches)
    GROUP BY batch, uid, state HAVING sum(one) != 0
    """,
    difference(
        "agenda",
        """
        SELECT 0 AS kind, time, key FROM (\(states)) WHERE state = 1 UNION ALL
        SELECT 1, expiresAt, key FROM (\(states)) WHERE state IN (0, 1) AND expiresAt IS NOT NULL
        UNION ALL SELECT 2 + 256 * lane, time, key FROM (\(states))
        WHERE state IN (3, 12) AND time IS NOT NULL
        """, "SELECT kind, time, key FROM agenda WHERE kind & 255 != 3"),
    // when an operation began lies in a blob
    difference(
        "operations", "SELECT 3 + 256 * lane, key FROM (\(states)) WHERE state = 3",
        "SELECT kind, key FROM agenda WHERE kind & 255 = 3"),
    """
    SELECT 'begun twice: ' || key FROM agenda WHERE kind & 255 = 3 GROUP BY key
    HAVING count(*) > 1
    """,
    difference(
        "troubled", "SELECT state, key FROM (\(states)) WHERE state IN (4, 11, 12, 13)",
        "SELECT state, key FROM troubled"),
]

/// Each job with the state that its tables tell, and when it may start.
private let states = """
    SELECT jobs.key AS key, lane, uid, batch, expiresAt,
    CASE WHEN marks.key IS NOT NULL THEN 2 ELSE coalesce(progress.state, jobs.state) END AS state,
    CASE WHEN progress.key IS NULL THEN jobs.notBefore ELSE progress.notBefore END AS time
    FROM jobs LEFT JOIN progress USING (key) LEFT JOIN marks USING (key)
    """

private func difference(_ name: String, _ wanted: String, _ found: String) -> String {
    """
    SELECT '\(name): job ' || key FROM (
    SELECT * FROM (SELECT * FROM (\(wanted)) EXCEPT \(found)) UNION ALL
    SELECT * FROM (\(found) EXCEPT SELECT * FROM (\(wanted))))
    """
}

private func rows(of sql: String, in database: OpaquePointer?) -> [String] {
    var statement: OpaquePointer?
    defer { sqlite3_finalize(statement) }
    guard sqlite3_prepare_v2(database, sql, -1, &statement, nil) == SQLITE_OK else {
        return ["cannot be asked: \(sql)"]
    }
    var lines: [String] = []
    while sqlite3_step(statement) == SQLITE_ROW {
        lines.append(sqlite3_column_text(statement, 0).map { String(cString: $0) } ?? "")
    }
    return lines
}
