// Measures the store against a bare SQLite loop in the same folder and the same run, and prints
// JSON lines. Figures of one run are comparable with each other only.
//
//     job-storage-bench [FOLDER] [ROWS] [QUEUED]
//
// FOLDER must lie on the disk that is to be measured; ROWS are written per figure; QUEUED jobs lie
// in the store for the second half.

import CSQLite
import Glibc
import JobLogic
import JobStorage

let arguments = CommandLine.arguments
let folder = arguments.count > 1 ? arguments[1] : "."
let rowCount = arguments.count > 2 ? Int(arguments[2]) ?? 64_000 : 64_000
let queuedCount = arguments.count > 3 ? Int(arguments[3]) ?? 1_000_000 : 1_000_000
/// How often each figure is measured; the median is printed.
let rounds = 3

func now(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

func remove(_ path: String) {
    for suffix in ["", "-wal", "-shm"] { unlink(path + suffix) }
}

/// Resident memory of this process in KiB.
func residentKibibytes() -> Int {
    guard let file = fopen("/proc/self/statm", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    guard fgets(&line, Int32(line.count), file) != nil else { return 0 }
    let bytes = line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    let text = String(decoding: bytes, as: UTF8.self)
    let fields = text.split(separator: " ")
    return fields.count > 1 ? (Int(fields[1]) ?? 0) * 4 : 0
}

struct Figure {
    var name: String
    var queued: Int
    private var rates: [Double] = []
    private var cpuSeconds: [Double] = []

    init(name: String, queued: Int) {
        self.name = name
        self.queued = queued
    }

    mutating func take(_ body: () throws -> Void) rethrows {
        let (wall, cpu) = (now(CLOCK_MONOTONIC), now(CLOCK_PROCESS_CPUTIME_ID))
        try body()
        rates.append(Double(rowCount) / (now(CLOCK_MONOTONIC) - wall))
        cpuSeconds.append(now(CLOCK_PROCESS_CPUTIME_ID) - cpu)
    }

    private func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

    func show() {
        print(
            "{\"figure\":\"\(name)\",\"queued\":\(queued),"
                + "\"rows_per_second\":\(Int(median(rates))),"
                + "\"cpu_ns_per_row\":\(Int(median(cpuSeconds) * 1e9) / rowCount),"
                + "\"resident_kib\":\(residentKibibytes())}")
        fflush(nil)
    }
}

/// One table, one row a job of the same payload, what a careful program writes without a store.
final class BareLoop {
    private var database: OpaquePointer?
    private var insert: OpaquePointer?
    private var key: Int64 = 0
    private let payload = [UInt8](repeating: 7, count: 160)

    init(path: String) {
        remove(path)
        sqlite3_open(path, &database)
        sqlite3_exec(
            database,
            """
            PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
            CREATE TABLE jobs(key INTEGER PRIMARY KEY, payload BLOB)
            """, nil, nil, nil)
        sqlite3_prepare_v2(database, "INSERT INTO jobs VALUES(?, ?)", -1, &insert, nil)
    }

    deinit {
        sqlite3_finalize(insert)
        sqlite3_close(database)
    }

    func run(rows: Int, perCommit: Int) {
        for _ in 0..<rows / perCommit {
            sqlite3_exec(database, "BEGIN", nil, nil, nil)
            for _ in 0..<perCommit {
                key += 1
                sqlite3_bind_int64(insert, 1, key)
                payload.withUnsafeBytes { bytes in
                    sqlite3_bind_blob(insert, 2, bytes.baseAddress, Int32(bytes.count), nil)
                    _ = sqlite3_step(insert)
                }
                sqlite3_reset(insert)
            }
            sqlite3_exec(database, "COMMIT", nil, nil, nil)
        }
    }
}

/// Jobs as the queue would make them, and the log kept short as the queue would keep it.
final class StoreLoop {
    let store: SQLiteJobStore
    private var key: UInt64 = 1_795_000_000_000 << 20
    private(set) var waiting: [Job] = []
    private let request = [UInt8](repeating: 1, count: 100)
    private let response = [UInt8](repeating: 2, count: 100)
    static let logBytesMax: Int64 = 16 << 20

    init(path: String) throws {
        remove(path)
        store = try SQLiteJobStore(path: path)
    }

    private func nextJob() -> Job {
        key += key % 8 == 0 ? 1 << 20 : 1
        let order = JobOrder(
            id: JobID(key: JobKey(rawValue: key), salt: key &* 0x9E37_79B9_7F4A_7C15),
            lane: LaneID(rawValue: 1), target: "echo", method: "prong.example.Echo/Unary",
            submittedAtMilliseconds: Int64(key >> 20),
            submitter: Submitter(uid: 1000, gid: 1000, pid: 4711), maxAttempts: 20,
            safety: .configured)
        return Job(order: order, progress: JobProgress(state: .queued))
    }

    private func tidy() throws {
        if store.logBytes > StoreLoop.logBytesMax { try store.checkpoint(truncate: false) }
    }

    func fill(_ count: Int) throws {
        for _ in 0..<count / 1000 {
            _ = try store.commit(
                (0..<1000).map { _ in .insert(NewJob(job: nextJob(), requests: [request])) })
            try tidy()
        }
    }

    /// Made before the clock starts: what is measured is the store.
    func prepare(rows: Int, perCommit: Int) -> [[Change]] {
        (0..<rows / perCommit).map { _ in
            (0..<perCommit).map { _ in
                let job = nextJob()
                waiting.append(job)
                return .insert(NewJob(job: job, requests: [request]))
            }
        }
    }

    func prepareMarks(perCommit: Int) -> [[Change]] {
        let worker = WorkerIdentity(instance: 0x1234_5678_9abc_def0, slot: 1, generation: 1)
        for index in waiting.indices {
            waiting[index].progress.mark = DispatchMark(attempt: 1, worker: worker)
        }
        return updates(to: .running, responses: nil, perCommit: perCommit)
    }

    func prepareEnds(perCommit: Int) -> [[Change]] {
        updates(to: .succeeded, responses: [response], perCommit: perCommit)
    }

    private func updates(
        to state: JobState, responses: [[UInt8]]?, perCommit: Int
    ) -> [[Change]] {
        var commits: [[Change]] = [[]]
        for index in waiting.indices {
            let from = waiting[index].progress.state
            let time = waiting[index].order.submittedAtMilliseconds
            waiting[index].progress.state = state
            waiting[index].progress.attemptCount = 1
            waiting[index].progress.startedAtMilliseconds = time
            if state.hasEnded { waiting[index].progress.endedAtMilliseconds = time + 3 }
            waiting[index].progress.attempts = [
                AttemptRecord(
                    number: 1, slot: 1, generation: 1, pid: 5000, startedAtMilliseconds: time,
                    endedAtMilliseconds: state.hasEnded ? time + 3 : 0,
                    code: state.hasEnded ? 0 : nil, message: "", peer: "unix:/run/echo.sock")
            ]
            if commits[commits.count - 1].count == perCommit { commits.append([]) }
            commits[commits.count - 1].append(
                .update(
                    JobUpdate(
                        key: waiting[index].order.id.key, from: from,
                        progress: waiting[index].progress, responses: responses,
                        order: waiting[index].order)))
        }
        return commits
    }

    func forget() {
        waiting = []
    }

    func run(_ commits: [[Change]]) throws {
        for changes in commits {
            _ = try store.commit(changes)
            try tidy()
        }
    }

    func fetch(rows: Int) throws {
        var after: LanePosition?
        for _ in 0..<rows / 256 {
            let jobs = try store.queued(
                lane: LaneID(rawValue: 1), after: after, limit: 256, byteLimit: 1 << 20)
            after = jobs.last?.job.order.position
        }
    }
}

func measure(queued: Int) throws {
    let loop = try StoreLoop(path: folder + "/bench-store.db")
    try loop.fill(queued)
    try loop.store.checkpoint(truncate: true)
    let bare = BareLoop(path: folder + "/bench-bare.db")
    let names = [
        "bare loop, 64 a commit", "insert, 64 a commit", "insert, 1000 a commit",
        "end, 64 a commit", "mark, 64 a commit", "end of a marked one, 64 a commit",
        "queued, windows of 256",
    ]
    var figures = names.map { Figure(name: $0, queued: queued) }
    for _ in 0..<rounds {
        figures[0].take { bare.run(rows: rowCount, perCommit: 64) }
        let small = loop.prepare(rows: rowCount, perCommit: 64)
        try figures[1].take { try loop.run(small) }
        let ends = loop.prepareEnds(perCommit: 64)
        try figures[3].take { try loop.run(ends) }
        loop.forget()
        let large = loop.prepare(rows: rowCount, perCommit: 1000)
        try figures[2].take { try loop.run(large) }
        try figures[6].take { try loop.fetch(rows: rowCount) }
        let marks = loop.prepareMarks(perCommit: 64)
        try figures[4].take { try loop.run(marks) }
        let markedEnds = loop.prepareEnds(perCommit: 64)
        try figures[5].take { try loop.run(markedEnds) }
        loop.forget()
    }
    for figure in figures { figure.show() }
}

try measure(queued: 0)
try measure(queued: queuedCount)
remove(folder + "/bench-store.db")
remove(folder + "/bench-bare.db")
