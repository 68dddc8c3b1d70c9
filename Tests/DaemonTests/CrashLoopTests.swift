// A worker that dies as soon as it is born, again and again: it is forked with back-off, the other
// slots do not feel it, and health says so. And the first death, which is repaired at once.
import DaemonHarness
import Foundation
import Testing

@Suite(.keepsEvidence)
struct CrashLoopTests {
    /// Kills whatever process has slot 1, as soon as it is seen. Until it is let loose, and when it
    /// is called off, it only looks: what its looking costs is no part of the comparison.
    private final class Slayer: @unchecked Sendable {
        private enum Mode { case looks, kills, stopped }

        private let lock = NSLock()
        private var mode = Mode.looks
        private var killed = 0

        var deaths: Int { lock.withLock { killed } }

        func letLoose() { lock.withLock { mode = .kills } }
        func callOff() { lock.withLock { mode = .looks } }
        func stop() { lock.withLock { mode = .stopped } }

        func run(_ supervisor: Int32) {
            while true {
                let mode = lock.withLock { self.mode }
                guard mode != .stopped else { return }
                for pid in ProcessFacts(supervisor).listedChildren
                where ProcessFacts(pid).commandLine.contains("worker 1 ") && mode == .kills {
                    kill(pid, SIGKILL)
                    lock.withLock { killed += 1 }
                }
                usleep(2_000)
            }
        }
    }

    /// Safe direct calls, one after the other: how many a second, the median of half seconds. A
    /// moment that the machine gave to others is not prong's.
    private func rate(_ daemon: Daemon, for seconds: Double) throws -> Double {
        let connection = try daemon.connect()
        var rates: [Double] = []
        for _ in 0..<Int(seconds * 2) {
            let start = monotonicSeconds()
            var count = 0.0
            while monotonicSeconds() - start < 0.5 {
                try callOnce(connection)
                count += 1
            }
            rates.append(count / (monotonicSeconds() - start))
        }
        return rates.sorted()[rates.count / 2]
    }

    private func callOnce(_ connection: HTTPConnection) throws {
        let answer = try connection.request(
            "POST", "/\(ExampleServer.service)/EchoSafe",
            headers: [("Content-Type", "application/json")], body: Array("{\"text\":\"x\"}".utf8))
        try #require(answer.status == 200, "\(answer)")
    }

    @Test func `a worker that dies in its first moments is forked less than once a second`() throws
    {
        // The minute and its rate are for the tier that has the machine to itself; beside other
        // tests every call must be answered, however slowly.
        let seconds = slowTier ? 60.0 : 12.0
        try withPool(change: { $0.workers = 3 }) { daemon, _ in
            let slayer = Slayer()
            let supervisor = daemon.supervisor
            let slaying = Background { slayer.run(supervisor) }
            defer { slayer.stop() }
            let before = try rate(daemon, for: seconds / 6)
            slayer.letLoose()
            let start = monotonicSeconds()
            let during = try rate(daemon, for: seconds)
            #expect(try daemon.get("/healthz")["status"] == "degraded")
            let deaths = slayer.deaths
            let elapsed = monotonicSeconds() - start
            slayer.callOff()
            #expect(deaths >= 3, "it was forked again")
            // The first few forks of a back-off come quickly; over a minute they do not count.
            let bound = slowTier ? seconds : elapsed + 5
            #expect(Double(deaths) < bound, "\(deaths) deaths in \(elapsed) s")
            try eventuallyTrue("the pool is whole again", within: 120) {
                try daemon.workers().count { $0.state == "ready" } == 3
            }
            // The slower of before and after: what else the machine does changes over a minute.
            let after = try rate(daemon, for: seconds / 6)
            slayer.stop()
            try slaying.value()
            print("calls/s: \(Int(before)) before, \(Int(during)) during, \(Int(after)) after")
            guard slowTier else { return }
            #expect(
                during >= min(before, after) * 0.9,
                "\(before) calls/s before, \(during) during, \(after) after")
        }
    }

    @Test func `the successor of a first crash is ready within a tenth of a second`() throws {
        try withPool(change: { $0.workers = 3 }) { daemon, _ in
            let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
            var waits: [Double] = []
            for worker in try daemon.workers() {
                let killed = Date()
                kill(worker.pid, SIGKILL)
                try daemon.expectReplaced(worker: worker)
                let successor = try #require(
                    try daemon.status()["workers"].array.first { $0["slot"].int == worker.slot })
                let ready = try style.parse(try #require(successor["readyAt"].string))
                waits.append(ready.timeIntervalSince(killed))
            }
            // The quickest of three: the promise is about prong, not about who else runs here.
            #expect(try #require(waits.min()) < 0.1, "\(waits)")
        }
    }
}
