// The statements of a transaction that look a job up or change one of the small tables, kept
// prepared as long as the store is open.

struct SQLiteControl {
    let begin: SQLiteStatement
    let commit: SQLiteStatement
    let rollback: SQLiteStatement
    let head: SQLiteStatement
    let delete: SQLiteStatement
    let addKey: SQLiteStatement
    let keyOwner: SQLiteStatement
    let endKey: SQLiteStatement
    let addLane: SQLiteStatement
    let pause: SQLiteStatement
    let resume: SQLiteStatement
    let probe: SQLiteStatement
    let noteDeleted: SQLiteStatement
    let moveExpiry: SQLiteStatement

    init(_ connection: SQLiteConnection) throws(StoreError) {
        func prepare(_ sql: String) throws(StoreError) -> SQLiteStatement {
            try SQLiteStatement(connection, sql)
        }
        begin = try prepare("BEGIN IMMEDIATE")
        commit = try prepare("COMMIT")
        rollback = try prepare("ROLLBACK")
        head = try prepare(
            """
            SELECT \(SQLiteRows.state), lane, orderKey, uid, batch, \(SQLiteRows.notBefore),
            expiresAt, progress.startedAt,
            \(SQLiteRows.operationAttempts)
            FROM \(SQLiteRows.jobTables) WHERE jobs.key = ?
            """)
        moveExpiry = try prepare("UPDATE jobs SET expiresAt = ? WHERE key = ?")
        delete = try prepare("DELETE FROM jobs WHERE key = ?")
        addKey = try prepare(
            """
            INSERT INTO keys(uid, key, fingerprintHigh, fingerprintLow, job, salt)
            VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
            """)
        keyOwner = try prepare(
            """
            SELECT fingerprintHigh, fingerprintLow, job, salt,
            EXISTS(SELECT 1 FROM jobs WHERE jobs.key = keys.job AND jobs.salt = keys.salt)
            FROM keys WHERE uid = ? AND key = ?
            """)
        endKey = try prepare(
            "UPDATE keys SET endedAt = ? WHERE uid = ? AND key = ? AND job = ?")
        addLane = try prepare(
            "INSERT INTO lanes VALUES(?, ?) ON CONFLICT(id) DO UPDATE SET name = excluded.name")
        pause = try prepare("INSERT INTO pausedTargets VALUES(?) ON CONFLICT DO NOTHING")
        resume = try prepare("DELETE FROM pausedTargets WHERE target = ?")
        probe = try prepare("UPDATE facts SET value = value + 1 WHERE name = 'probes'")
        noteDeleted = try prepare(
            "UPDATE facts SET value = max(value, ?) WHERE name = 'largestDeletedKey'")
    }
}
