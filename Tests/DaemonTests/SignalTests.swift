// The signals of the manual, each by what it brings about.
import DaemonHarness
import Foundation
import Testing

@Suite(.keepsEvidence)
struct SignalTests {
    private func start(
        _ daemon: Daemon, _ server: ExampleServer, _ key: String, _ method: String,
        milliseconds: Int
    ) throws -> String {
        let id = try daemon.submit(
            method, ["milliseconds": JSON(integerLiteral: milliseconds), "key": .string(key)])
        try eventuallyTrue("the call is at the target") { server.calls(holding: key) == 1 }
        return id
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func `a drain finishes what runs and takes nothing more`(_ signal: Int32) throws {
        try withPool { daemon, server in
            let key = unique("last")
            let id = try start(daemon, server, key, "Delay", milliseconds: 1_500)
            let child = try #require(daemon.process)
            child.signal(signal)
            try eventuallyTrue("submissions are refused or the socket is closed") {
                guard let answer = try? daemon.call("Echo", ["text": "late"]) else { return true }
                return answer.status == 503
            }
            #expect(try child.wait() == .exited(0))
            try daemon.start()
            #expect(try daemon.job(id)["state"] == "succeeded")
            #expect(server.calls(holding: key) == 1)
        }
    }

    @Test func `the drain's cut-off makes a safe job queued and an unsafe one unknown`() throws {
        try withPool(change: { $0.worker = "drain_timeout = \"1s\"" }) { daemon, server in
            let safeKey = unique("safe")
            let unsafeKey = unique("unsafe")
            let safe = try start(daemon, server, safeKey, "DelaySafe", milliseconds: 5_000)
            let unsafe = try start(daemon, server, unsafeKey, "Delay", milliseconds: 60_000)
            try daemon.expectDrained()
            try daemon.start()
            #expect(try daemon.job(unsafe)["state"] == "unknown")
            let job = try daemon.job(safe, reaches: "succeeded")
            #expect(job["crashes"].int ?? 0 == 0, "a drain is no crash")
            #expect(server.calls(holding: safeKey) == 2)
            #expect(server.calls(holding: unsafeKey) == 1)
        }
    }

    @Test func `a second TERM ends at once, with exit code 0`() throws {
        try withPool { daemon, server in
            _ = try start(daemon, server, unique("long"), "Delay", milliseconds: 600_000)
            let child = try #require(daemon.process)
            child.signal(SIGTERM)
            try eventuallyTrue("it drains") { daemon.log.contains("drain") }
            child.signal(SIGTERM)
            #expect(try child.wait(within: 20) == .exited(0))
        }
    }

    @Test func `QUIT ends at once`() throws {
        try withPool { daemon, server in
            let key = unique("long")
            let id = try start(daemon, server, key, "Delay", milliseconds: 600_000)
            let child = try #require(daemon.process)
            child.signal(SIGQUIT)
            #expect(try child.wait(within: 20) == .exited(0))
            try daemon.start()
            #expect(try daemon.job(id)["state"] == "unknown")
            #expect(server.calls(holding: key) == 1)
        }
    }

    @Test func `TTIN adds a worker, TTOU takes one away`() throws {
        try withPool(change: { $0.workers = 2 }) { daemon, _ in
            daemon.process?.signal(SIGTTIN)
            try eventuallyTrue("three workers are ready") {
                try daemon.workers().count { $0.state == "ready" } == 3
            }
            let pids = Set(try daemon.workers().map(\.pid))
            daemon.process?.signal(SIGTTOU)
            try eventuallyTrue("two are left") {
                try daemon.workers().count == 2
                    && pids.count { ProcessFacts($0).isAlive } == 2
            }
            #expect(try daemon.submitAndEnd() == "succeeded")
        }
    }

    @Test func `scale sets the number of workers`() throws {
        try withPool(change: { $0.workers = 2 }) { daemon, _ in
            let answer = try daemon.post("/v1/scale", ["workers": 4])
            #expect(answer.status == 200, "\(answer)")
            try eventuallyTrue("four workers are ready") {
                try daemon.workers().count { $0.state == "ready" } == 4
            }
            expectRefusal(
                try daemon.post("/v1/scale", ["workers": -1]), 400, "invalid_argument")
        }
    }

    @Test func `USR1 writes each process's state to the log`() throws {
        try withPool { daemon, _ in
            let before = daemon.log.utf8.count
            let pids = try [daemon.supervisor, daemon.queuePid()] + daemon.workers().map(\.pid)
            daemon.process?.signal(SIGUSR1)
            try eventuallyTrue("each has written") {
                let written = String(decoding: daemon.log.utf8.dropFirst(before), as: UTF8.self)
                return pids.allSatisfy { written.contains(String($0)) }
            }
        }
    }

    @Test func `HUP is logged and ignored`() throws {
        try withPool { daemon, _ in
            let workers = try daemon.workers()
            daemon.process?.signal(SIGHUP)
            try eventuallyTrue("it is logged") { daemon.log.lowercased().contains("hup") }
            #expect(try daemon.workers() == workers)
            #expect(try daemon.submitAndEnd() == "succeeded")
        }
    }
}
