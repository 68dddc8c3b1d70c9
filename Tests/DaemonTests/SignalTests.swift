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

    /// Unsafe jobs, each submitted again with its key until an id is told, while `body` runs.
    private func withSubmissions(
        _ daemon: Daemon, _ mark: String, _ body: () throws -> Void
    ) throws -> [String: String] {
        let isOver = Locked(false)
        let submitting = Background { () -> [String: String] in
            var ids: [String: String] = [:]
            while !isOver.value {
                let name = "\(mark)-\(ids.count)-"
                ids[name] = try eventually("\(name) is accepted") {
                    try daemon.submit("Echo", ["key": .string(name)], ["key": .string(name)])
                }
            }
            return ids
        }
        defer { isOver.change { $0 = true } }
        try body()
        isOver.change { $0 = true }
        return try submitting.value()
    }

    @Test func `TERM to the queue alone: it leaves at once and nothing is lost or repeated`() throws
    {
        try withPool { daemon, server in
            let key = unique("kept")
            let kept = try start(daemon, server, key, "Delay", milliseconds: 3_000)
            let worker = try daemon.worker(running: kept)
            let directKey = unique("direct")
            let direct = Background {
                try daemon.call("Delay", ["milliseconds": 60_000, "key": .string(directKey)])
            }
            try eventuallyTrue("both are at the target") { server.calls(holding: directKey) == 1 }
            let queue = try daemon.queuePid()
            let ids = try withSubmissions(daemon, unique("many")) {
                kill(queue, SIGTERM)
                // The calls under way would hold a drain for drain_timeout, 30 s.
                try daemon.expectQueueReplaced(queue, within: 10)
                try eventuallyTrue("it is gone", within: 10) { !ProcessFacts(queue).isAlive }
            }
            expectRefusal(try direct.value(), 503, "unavailable")
            #expect(try daemon.job(kept, reaches: "succeeded")["attempts"].array.count == 1)
            #expect(server.calls(holding: key) == 1)
            #expect(try daemon.workers().contains { $0.pid == worker })
            for (name, id) in ids {
                try daemon.job(id, reaches: "succeeded")
                #expect(server.calls(holding: name) == 1)
            }
        }
    }

    @Test func `a queue that leaves is no death, and QUIT to it alone is nothing`() throws {
        try withPool { daemon, _ in
            for _ in 0..<4 {
                let queue = try daemon.queuePid()
                kill(queue, SIGQUIT)
                #expect(try daemon.submitAndEnd() == "succeeded")
                #expect(try daemon.queuePid() == queue)
                kill(queue, SIGTERM)
                try daemon.expectQueueReplaced(queue)
            }
            // Four deaths would have brought safe mode.
            #expect(try daemon.submitAndEnd() == "succeeded")
            #expect(try daemon.status()["queue"]["safeMode"] == false)
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
