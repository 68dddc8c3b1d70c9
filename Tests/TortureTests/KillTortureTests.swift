// The promise of the manual under the worst that one can do to processes: no accepted job is
// lost, no unsafe call is made twice, and `unknown` is only what a kill interrupted.
import DaemonHarness
import Foundation
import Testing

@Suite(.serialized)
struct KillTortureTests {
    @Test func `killed at random, it loses no accepted job and repeats no unsafe call`() throws {
        let seed = TortureSettings.seed
        print("torture: seed \(seed), \(TortureSettings.seconds) s")
        let server = try ExampleServer()
        let settings = DaemonSettings(try server.target()) {
            $0.workers = 3
            $0.worker = "drain_timeout = \"2s\""
            $0.defaults = """
                job_retry = { attempts = 50, initial = "20ms", max = "200ms", multiplier = 1.5, \
                codes = ["UNAVAILABLE"] }
                """
        }
        let failed = Failed()
        try withDaemon(settings, failed: { failed.isSet }) { daemon in
            let ledger = Ledger()
            try torture(daemon, ledger, seed)
            let verdict = try Verdict(daemon, server, ledger)
            failed.isSet = !verdict.isGood
            verdict.report()
            #expect(verdict.lost.isEmpty, "lost: \(verdict.lost.prefix(5))")
            #expect(verdict.repeated.isEmpty, "repeated: \(verdict.repeated.prefix(5))")
            #expect(verdict.unmade.isEmpty, "succeeded, never made: \(verdict.unmade.prefix(5))")
            #expect(verdict.wrongEnds.isEmpty, "wrong ends: \(verdict.wrongEnds.prefix(5))")
            #expect(verdict.unexplained.isEmpty, "no kill: \(verdict.unexplained.prefix(5))")
            #expect(verdict.accepted > 100, "the torture did submit")
        }
    }

    private func torture(_ daemon: Daemon, _ ledger: Ledger, _ seed: UInt64) throws {
        let submitters = (0..<3).map { number in
            let submitter = Submitter(
                daemon: daemon, ledger: ledger, name: "s\(number)", seed: seed &+ UInt64(number))
            return Background { try submitter.run() }
        }
        var killer = Killer(daemon: daemon, ledger: ledger, seed: seed &+ 1_000)
        let outcome = Result { try killer.run(for: TortureSettings.seconds) }
        ledger.stop()
        for submitter in submitters { try submitter.value(within: 180) }
        try outcome.get()
    }
}

final class Failed: @unchecked Sendable {
    var isSet = false
}

/// What became of every accepted job, held against the two ledgers.
struct Verdict {
    private(set) var accepted = 0
    private(set) var states: [String: Int] = [:]
    private(set) var lost: [String] = []
    private(set) var repeated: [String] = []
    private(set) var unmade: [String] = []
    private(set) var wrongEnds: [String] = []
    private(set) var unexplained: [String] = []
    private let kills: [Kill]

    var isGood: Bool {
        [lost, repeated, unmade, wrongEnds, unexplained].allSatisfy(\.isEmpty)
    }

    init(_ daemon: Daemon, _ server: ExampleServer, _ ledger: Ledger) throws {
        kills = ledger.kills
        let jobs = ledger.accepted
        accepted = jobs.count
        try Self.waitForEnds(daemon)
        let calls = Self.countCalls(server)
        let connection = try daemon.connect()
        for job in jobs {
            let answer = try connection.request("GET", "/v1/jobs/\(job.id)")
            guard answer.status == 200 else {
                lost.append("\(job.id) \(job.mark): \(answer)")
                continue
            }
            judge(job, try answer.json(), calls[job.mark] ?? 0)
        }
    }

    private static func waitForEnds(_ daemon: Daemon) throws {
        try eventuallyTrue("every job has ended", within: 180, every: 0.1) {
            let depth = try daemon.status()["queue"]["depth"]
            let open = ["queued", "scheduled", "running"].compactMap { depth[$0].int }
            if open.reduce(0, +) > 0 { throw HarnessFailure("open: \(depth)") }
            return true
        }
    }

    private static func countCalls(_ server: ExampleServer) -> [String: Int] {
        var counts: [String: Int] = [:]
        for line in server.ledger {
            if let mark = line.split(separator: "\t").first {
                counts[String(mark), default: 0] += 1
            }
        }
        return counts
    }

    private mutating func judge(_ job: Accepted, _ shown: JSON, _ calls: Int) {
        let state = shown["state"].string ?? "none"
        states[state, default: 0] += 1
        if !job.isSafe && calls > 1 { repeated.append("\(calls) calls: \(shown)") }
        switch state {
        case "succeeded": if calls == 0 { unmade.append(shown.text) }
        case "unknown":
            if job.isSafe {
                wrongEnds.append(shown.text)
            } else if !isExplained(shown) {
                unexplained.append(shown.text)
            }
        default: wrongEnds.append(shown.text)
        }
    }

    /// Whether a kill fell into its last attempt. Clocks of two processes and the time that the
    /// detection takes are allowed for.
    private func isExplained(_ job: JSON) -> Bool {
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        guard let attempt = job["attempts"].array.last,
            let started = attempt["startedAt"].string.flatMap({ try? style.parse($0) })
        else { return false }
        let ended = attempt["endedAt"].string.flatMap { try? style.parse($0) } ?? .distantFuture
        let slack = 1.0
        return kills.contains {
            $0.at.addingTimeInterval(slack) >= started && $0.at.addingTimeInterval(-slack) <= ended
        }
    }

    func report() {
        let what = Dictionary(grouping: kills, by: \.what).mapValues(\.count)
        print("torture: \(accepted) accepted, ends \(states), kills \(what)")
        if !isGood { print("kills: \(kills)") }
    }
}
