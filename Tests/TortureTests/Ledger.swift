// The book outside the daemon: what was accepted and who was killed when. What the daemon says
// later is held against it.
import DaemonHarness
import Foundation
import SeededRandom

struct Accepted: Sendable {
    let id: String
    /// What the example server's ledger knows its calls by.
    let mark: String
    let isSafe: Bool
}

struct Kill: Sendable, CustomStringConvertible {
    let what: String
    let at: Date

    var description: String {
        "\(what) at \(at.formatted(.iso8601.time(includingFractionalSeconds: true)))"
    }
}

final class Ledger: @unchecked Sendable {
    private let lock = NSLock()
    private var acceptedJobs: [Accepted] = []
    private var killed: [Kill] = []
    private var stopping = false

    var accepted: [Accepted] { lock.withLock { acceptedJobs } }
    var kills: [Kill] { lock.withLock { killed } }
    var isStopping: Bool { lock.withLock { stopping } }

    func note(_ jobs: [Accepted]) { lock.withLock { acceptedJobs += jobs } }
    func note(kill what: String) { lock.withLock { killed.append(Kill(what: what, at: Date())) } }
    func stop() { lock.withLock { stopping = true } }
}

/// Submits jobs until the ledger says stop. What was not answered is repeated with the same key,
/// as the manual tells every client to do.
struct Submitter: Sendable {
    let daemon: Daemon
    let ledger: Ledger
    let name: String
    let seed: UInt64

    func run() throws {
        var random = SeededRandom(seed: seed)
        var round = 0
        while !ledger.isStopping {
            round += 1
            let count = Int.random(in: 1...30, using: &random)
            let jobs = (0..<count).map { index in
                Planned(mark: "\(name)-\(round)-\(index)", random: &random)
            }
            try submit(jobs)
            // Pacing, not truth: the queue should neither run dry nor fill the disk.
            usleep(UInt32.random(in: 5_000...60_000, using: &random))
        }
    }

    private func submit(_ jobs: [Planned]) throws {
        var left = jobs
        try eventuallyTrue("\(name)'s jobs are accepted", within: 120, every: 0.05) {
            let answers = try send(left)
            var accepted: [Accepted] = []
            for answer in answers {
                guard let line = answer["line"].int, left.indices.contains(line - 1),
                    let id = answer["id"].string
                else { continue }
                let job = left[line - 1]
                accepted.append(Accepted(id: id, mark: job.mark, isSafe: job.isSafe))
            }
            ledger.note(accepted)
            let done = Set(accepted.map(\.mark))
            left.removeAll { done.contains($0.mark) }
            return left.isEmpty
        }
    }

    /// The answers that came, also when the connection was cut behind them.
    private func send(_ jobs: [Planned]) throws -> [JSON] {
        let connection = try daemon.connect()
        defer { connection.close() }
        let body = jobs.map(\.line).joined(separator: "\n")
        try connection.sendRequest(
            "POST", "/v1/jobs", headers: [("Content-Type", "application/x-ndjson")],
            body: Array(body.utf8))
        guard try connection.readHead(within: 30).head.status == 200 else { return [] }
        var text: [UInt8] = []
        do {
            while let part = try connection.readBodyPart(within: 30) { text += part }
        } catch is HarnessFailure {}
        // Only whole lines count as answers.
        let whole = text.lastIndex(of: UInt8(ascii: "\n")).map { text[...$0] } ?? []
        return try whole.split(separator: UInt8(ascii: "\n")).map { try JSON(parsing: Array($0)) }
    }
}

/// A job before it is submitted.
struct Planned: Sendable {
    let mark: String
    let isSafe: Bool
    let line: String

    init(mark: String, random: inout SeededRandom) {
        self.mark = mark
        isSafe = Bool.random(using: &random)
        let isSlow = Bool.random(using: &random)
        let method = (isSlow ? "Delay" : "Echo") + (isSafe ? "Safe" : "")
        var request: [String: JSON] = ["key": .string(mark), "text": "torture"]
        if isSlow {
            request["milliseconds"] = JSON(integerLiteral: Int.random(in: 1...150, using: &random))
        }
        let job: JSON = [
            "method": .string("\(ExampleServer.service)/\(method)"), "key": .string(mark),
            "request": .object(request),
            "priority": JSON(
                integerLiteral: Int.random(in: -5...5, using: &random)),
        ]
        line = job.text
    }
}
