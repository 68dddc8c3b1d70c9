// The tables of the store: version 1.
//
// To add a version: raise `StoreHeader.version`, run the statements that lead there from the one
// before when a writer opens an older file, keep a dump of the old one among the tests' fixtures. A
// column is only ever added.
//
//   jobs      one row a job, as it was submitted: what searches and lists need, then the rest of
//             the order, then the request where it is small. Appended in order of time and never
//             written again (but when a retry moves an expiry). While its row and an index over it
//             followed the state, an end took 6.2 to 8.0 µs and a mark 7.7 to 8.8; now 4.2 and 3.6.
//   queued    one row a job that is `queued` now, in the order of its lane: a window is one walk.
//   marks     one row a job that is `running` on disk: a handful, on one page. Holds all that a
//             dispatch changes, so that a mark writes nothing else; where the progress has more to
//             tell, its `attemptCount` is NULL and progress has it all.
//   progress  what has become of a job, once something else has: appended, too, in about that
//             order.
//
// So a job's state is `running` if marks has it, else what progress says, else what it was
// submitted as; and queued has it exactly if that is `queued`.
//
//   agenda    what time does: `scheduled` jobs by when they may start (kind 0), those that have
//             not started by when they expire (kind 1), `waiting` ones by their next poll, and
//             `cancelled` ones whose operation is still to be cancelled by the next try (kind 2 +
//             256 × lane), `waiting` ones by when their operation began (kind 3 + 256 × lane). Of
//             these each lane has its own, so that those of a lane that may not be asked are never
//             walked over. A table and not an index over jobs, whose rows do not change; and a
//             partial index cost each change of state 2 µs, also of jobs that it does not hold.
//   troubled  `unknown`, `failed`, `cancelled`, `expired` jobs: what people ask lists for. A table
//             for the same reason.
//   chunks    requests and responses that are not small or not one, cut into pieces. With row ids:
//             without them a row over a quarter of a page takes a page of its own.
//   keys      idempotency keys; they outlive their jobs.
//   counters  jobs by lane and state; batches: jobs by batch, user and state: no COUNT(*) ever.

import WireFormat

enum SQLiteSchema {
    static let applicationID = Int64(StoreHeader.applicationID)
    static let version = Int64(StoreHeader.version)

    /// A request or response of one message up to this many bytes lies in its job's row: a page
    /// then holds several, and small jobs touch no second table.
    static let inlineBytesMax = 512
    /// Bounds what one row, and one buffer of a reader, can cost.
    static let chunkBytesMax = 1 << 20
    /// How many rows the statements insert that take many: the largest that fits what waits, and
    /// again.
    static let gatheredRows = [64, 16, 4, 1]

    static let createTables = """
        CREATE TABLE jobs(
            key INTEGER PRIMARY KEY, state INTEGER NOT NULL, lane INTEGER NOT NULL,
            orderKey INTEGER NOT NULL, priority INTEGER NOT NULL, uid INTEGER NOT NULL,
            target INTEGER NOT NULL, method INTEGER NOT NULL, notBefore INTEGER,
            expiresAt INTEGER, batch TEXT, salt INTEGER NOT NULL, rest BLOB NOT NULL,
            request BLOB) STRICT;
        CREATE TABLE queued(
            lane INTEGER NOT NULL, orderKey INTEGER NOT NULL, key INTEGER NOT NULL,
            PRIMARY KEY(lane, orderKey, key)) STRICT, WITHOUT ROWID;
        CREATE INDEX batchedJobs ON jobs(batch) WHERE batch IS NOT NULL;
        CREATE TABLE progress(
            key INTEGER PRIMARY KEY, state INTEGER NOT NULL, notBefore INTEGER,
            forgiven INTEGER NOT NULL, attemptCount INTEGER NOT NULL, crashes INTEGER NOT NULL,
            startedAt INTEGER, endedAt INTEGER, operationName TEXT, checkpoint BLOB,
            error BLOB, attempts BLOB, response BLOB) STRICT;
        CREATE TABLE agenda(
            kind INTEGER NOT NULL, time INTEGER NOT NULL, key INTEGER NOT NULL,
            PRIMARY KEY(kind, time, key)) STRICT, WITHOUT ROWID;
        CREATE TABLE troubled(
            state INTEGER NOT NULL, key INTEGER NOT NULL,
            PRIMARY KEY(state, key)) STRICT, WITHOUT ROWID;
        CREATE TABLE marks(
            key INTEGER PRIMARY KEY, attempt INTEGER, instance INTEGER, slot INTEGER,
            generation INTEGER, attemptCount INTEGER, crashes INTEGER, startedAt INTEGER,
            attempts BLOB) STRICT;
        CREATE TABLE chunks(
            key INTEGER NOT NULL, kind INTEGER NOT NULL, message INTEGER NOT NULL,
            chunk INTEGER NOT NULL, bytes BLOB NOT NULL,
            PRIMARY KEY(key, kind, message, chunk)) STRICT;
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
