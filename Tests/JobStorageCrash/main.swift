// A writer to be killed: commits, and says what it committed only afterwards, one line a commit,
// so that its killer can hold the store to it. Runs until it is killed.
//
//     job-storage-crash STORE SEED
//
//     +KEY…    these jobs are there, `queued` or further, their request made of their key
//     =KEY…    these have ended `succeeded`, their response made of their key

import Glibc
import JobLogic
import JobStorage

/// Bodies that tell whose they are, in sizes inside and outside of a row.
func body(_ key: UInt64) -> [UInt8] {
    Array(repeating: UInt8(truncatingIfNeeded: key), count: Int(key % 7) * 300)
}

func say(_ sign: String, _ keys: [UInt64]) {
    let line = sign + keys.map { String($0) }.joined(separator: " ") + "\n"
    // one write of less than a pipe's atom arrives whole or not at all
    line.utf8CString.withUnsafeBytes { bytes in
        _ = write(1, bytes.baseAddress, bytes.count - 1)
    }
}

func complain(_ text: String) {
    text.utf8CString.withUnsafeBytes { bytes in
        _ = write(2, bytes.baseAddress, bytes.count - 1)
    }
}

func job(_ key: UInt64) -> Job {
    let order = JobOrder(
        id: JobID(key: JobKey(rawValue: key), salt: key), lane: LaneID(rawValue: Int32(key % 3)),
        target: "echo", method: "test.Echo/Call", submittedAtMilliseconds: Int64(key),
        submitter: Submitter(uid: 0, gid: 0, pid: 1), batch: key % 5 == 0 ? "five" : nil,
        maxAttempts: 1, safety: .unsafe)
    return Job(order: order, progress: JobProgress(state: .queued))
}

func work(path: String, seed: UInt64) throws {
    let store = try SQLiteJobStore(path: path)
    var key = try store.contents().largestKey
    var step = seed
    while true {
        step += 1
        let fresh = (1...UInt64(1 + step % 9)).map { key + $0 }
        key += UInt64(fresh.count)
        _ = try store.commit(fresh.map { .insert(NewJob(job: job($0), requests: [body($0)])) })
        say("+", fresh)
        let ended = fresh.filter { $0 % 2 == 0 }
        _ = try store.commit(
            ended.map { key in
                .update(
                    JobUpdate(
                        key: JobKey(rawValue: key), from: .queued,
                        progress: JobProgress(state: .succeeded, attemptCount: 1),
                        responses: [body(key + 1)]))
            })
        say("=", ended)
        if step % 20 == 0 { try store.checkpoint(truncate: step % 40 == 0) }
    }
}

guard CommandLine.arguments.count == 3, let seed = UInt64(CommandLine.arguments[2]) else {
    complain("usage: job-storage-crash STORE SEED\n")
    exit(64)
}
do {
    try work(path: CommandLine.arguments[1], seed: seed)
} catch {
    complain("job-storage-crash: \(error)\n")
    exit(74)
}
