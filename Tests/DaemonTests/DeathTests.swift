// What happens when a process dies: the manual's promise that an accepted job is never lost, that
// an unsafe call is never made twice, and that nobody is refused meanwhile.
import DaemonHarness
import Foundation
import Testing

@Suite(.keepsEvidence)
struct DeathTests {
    /// A job that runs now, with the worker that runs it.
    private func running(
        _ daemon: Daemon, _ server: ExampleServer, _ method: String, _ key: String,
        milliseconds: Int = 2_000
    ) throws -> (id: String, worker: WorkerFacts) {
        let id = try daemon.submit(
            method, ["milliseconds": JSON(integerLiteral: milliseconds), "key": .string(key)])
        let pid = try daemon.worker(running: id)
        try eventuallyTrue("the call is at the target") { server.calls(holding: key) == 1 }
        let worker = try #require(try daemon.workers().first { $0.pid == pid })
        return (id, worker)
    }

    @Test func `a killed worker's safe job is made again by another`() throws {
        try withPool { daemon, server in
            let key = unique("safe")
            let (id, victim) = try running(daemon, server, "DelaySafe", key)
            kill(victim.pid, SIGKILL)
            let successor = try daemon.expectReplaced(worker: victim)
            #expect(successor.generation > victim.generation)
            let job = try daemon.job(id, reaches: "succeeded")
            #expect(job["crashes"] == 1)
            #expect(server.calls(holding: key) == 2)
        }
    }

    @Test func `a killed worker's unsafe job is unknown and made no second time`() throws {
        try withPool { daemon, server in
            let key = unique("unsafe")
            let (id, victim) = try running(daemon, server, "Delay", key)
            kill(victim.pid, SIGKILL)
            let job = try daemon.job(id, reaches: "unknown")
            #expect(job["error"]["message"].string?.isEmpty == false)
            try daemon.expectReplaced(worker: victim)
            #expect(try daemon.submitAndEnd() == "succeeded")
            #expect(server.calls(holding: key) == 1)
        }
    }

    @Test func `other jobs do not feel a worker's death`() throws {
        try withPool(change: { $0.workers = 2 }) { daemon, server in
            let key = unique("victim")
            let (_, victim) = try running(daemon, server, "DelaySafe", key)
            let ids = try (0..<50).map { _ in try daemon.submit("Echo") }
            kill(victim.pid, SIGKILL)
            for id in ids { try daemon.job(id, reaches: "succeeded", "unknown") }
            let answer = try daemon.call("EchoSafe", ["text": "x"])
            #expect(answer.status == 200)
        }
    }

    @Test func `a worker that dies at once again and again is forked with back-off`() throws {
        try withPool { daemon, _ in
            let before = try #require(try daemon.status()["supervisor"]["forks"].int)
            var last: WorkerFacts?
            for _ in 0..<6 {
                let worker = try eventually("slot 1 lives", within: 60) {
                    try daemon.workers().first {
                        $0.slot == 1 && $0.pid != last?.pid && ProcessFacts($0.pid).isAlive
                    }
                }
                kill(worker.pid, SIGKILL)
                last = worker
            }
            // The other slot answers all the time.
            #expect(try daemon.call("EchoSafe", ["text": "x"]).status == 200)
            let after = try #require(try daemon.status()["supervisor"]["forks"].int)
            #expect((5...10).contains(after - before), "\(after - before) forks")
            if let last { try daemon.expectReplaced(worker: last, within: 90) }
        }
    }

    @Test func `a killed queue refuses no connection and loses no job`() throws {
        try withPool { daemon, server in
            let mark = unique("kept")
            let ids = try (0..<20).map { _ in
                try daemon.submit("EchoSafe", ["key": .string(mark)], ["delay": "1h"])
            }
            let queue = try daemon.queuePid()
            kill(queue, SIGKILL)
            // Connections made from now on wait in the backlog; none is refused.
            for _ in 0..<20 {
                let answer = try daemon.request("GET", "/v1/jobs/\(ids[0])")
                #expect(answer.status == 200 || answer.status == 503, "\(answer)")
            }
            try daemon.expectQueueReplaced(queue)
            for id in ids { #expect(try daemon.job(id)["state"] == "scheduled") }
            #expect(server.calls(holding: mark) == 0)
        }
    }

    @Test func `a call that runs while the queue dies keeps its worker and its end`() throws {
        try withPool { daemon, server in
            let key = unique("over")
            let (id, worker) = try running(
                daemon, server, "Delay", key, milliseconds: 1_500)
            let queue = try daemon.queuePid()
            kill(queue, SIGKILL)
            try daemon.expectQueueReplaced(queue)
            let job = try daemon.job(id, reaches: "succeeded")
            #expect(job["attempts"].array.count == 1)
            #expect(job["crashes"].int ?? 0 == 0)
            #expect(server.calls(holding: key) == 1)
            #expect(try daemon.workers().contains { $0.pid == worker.pid })
        }
    }

    @Test func `an outcome that came while the queue was gone is not lost`() throws {
        try withPool { daemon, server in
            let key = unique("outcome")
            let (id, _) = try running(daemon, server, "Delay", key, milliseconds: 200)
            let queue = try daemon.queuePid()
            kill(queue, SIGKILL)
            try daemon.job(id, reaches: "succeeded")
            #expect(server.calls(holding: key) == 1)
        }
    }

    @Test func `a direct call is cancelled by the queue's death, not answered twice`() throws {
        try withPool { daemon, server in
            let key = unique("direct")
            let call = Background {
                try daemon.call("Delay", ["milliseconds": 60_000, "key": .string(key)])
            }
            try eventuallyTrue("the call is at the target") { server.calls(holding: key) == 1 }
            let queue = try daemon.queuePid()
            kill(queue, SIGKILL)
            #expect(throws: (any Error).self) { try call.value() }
            try daemon.expectQueueReplaced(queue)
            try eventuallyTrue("no worker holds it") {
                try daemon.status()["workers"].array.allSatisfy { $0["inFlight"].int ?? 0 == 0 }
            }
            #expect(server.calls(holding: key) == 1)
        }
    }

    @Test func `killed as a whole and started again, every accepted job is there`() throws {
        try withPool { daemon, server in
            let marks = (0..<10).map { _ in unique("whole") }
            let ids = try marks.map {
                try daemon.submit("DelaySafe", ["milliseconds": 100, "key": .string($0)])
            }
            let key = unique("unsafe")
            let (left, _) = try running(daemon, server, "Delay", key, milliseconds: 60_000)
            try daemon.killAll()
            try daemon.start()
            for id in ids { try daemon.job(id, reaches: "succeeded") }
            try daemon.job(left, reaches: "unknown")
            #expect(server.calls(holding: key) == 1)
        }
    }

    @Test func `with the supervisor killed the rest stops by itself and frees the store`() throws {
        try withPool(change: { $0.worker = "drain_timeout = \"2s\"" }) { daemon, server in
            let key = unique("orphan")
            let id = try daemon.submit("EchoSafe", ["key": .string(key)], ["delay": "1h"])
            let pids = try [daemon.queuePid()] + daemon.workers().map(\.pid)
            try daemon.killSupervisor()
            try eventuallyTrue("all children are gone") {
                pids.allSatisfy { !ProcessFacts($0).isAlive }
            }
            try daemon.start()
            #expect(try daemon.job(id)["state"] == "scheduled")
        }
    }

    @Test func `a supervisor started at once waits for its predecessor's children`() throws {
        try withPool(change: { $0.worker = "drain_timeout = \"20s\"" }) { daemon, server in
            let key = unique("handover")
            let (id, _) = try running(daemon, server, "Delay", key, milliseconds: 1_500)
            try daemon.killSupervisor()
            try daemon.start(within: 60)
            // The call ended well within the drain, so its outcome was committed.
            let job = try daemon.job(id, reaches: "succeeded")
            #expect(server.calls(holding: key) == 1)
            #expect(job["attempts"].array.count == 1)
        }
    }

    @Test(arguments: [true, false])
    func `supervisor and worker killed together: the next prongd serves soon and has all`(
        workerFirst: Bool
    ) throws {
        try withPool { daemon, server in
            let mark = unique("waiting")
            let ids = try (0..<20).map { _ in
                try daemon.submit("EchoSafe", ["key": .string(mark)], ["delay": "1h"])
            }
            let key = unique("running")
            let (left, victim) = try running(
                daemon, server, "Delay", key, milliseconds: 60_000)
            let killed = monotonicSeconds()
            if workerFirst { kill(victim.pid, SIGKILL) }
            daemon.process?.signal(SIGKILL)
            if !workerFirst { kill(victim.pid, SIGKILL) }
            try daemon.killSupervisor()
            try daemon.start(within: 60)
            // Nobody waits for the dead worker's call, whose drain_timeout is 30 s.
            #expect(monotonicSeconds() - killed < 15)
            for id in ids { #expect(try daemon.job(id)["state"] == "scheduled") }
            try daemon.job(left, reaches: "unknown")
            #expect(server.calls(holding: key) == 1)
            #expect(try daemon.submitAndEnd() == "succeeded")
        }
    }

    @Test func `a second daemon on one store exits 69 and names who holds it`() throws {
        try withPool(change: { $0.worker = "drain_timeout = \"1s\"" }) { daemon, _ in
            let other = try ScratchFolder()
            defer { other.remove() }
            var settings = daemon.settings
            settings.targets = []
            var text = settings.toml(in: daemon.folder.path)
            text = text.replacingOccurrences(
                of: daemon.socketPath, with: other.file("prong.sock"))
            let config = try other.write(text, to: "prong.toml")
            let refused = try run(Programs.prongd, ["--config", config], within: 60)
            #expect(refused.code == 69)
            #expect(refused.errorOutput.contains(String(daemon.supervisor)))
            #expect(try daemon.submitAndEnd() == "succeeded")
        }
    }

    @Test func `a stopped worker is found stuck, dumped and replaced`() throws {
        try withPool(change: { $0.worker = "stuck_timeout = \"2s\"" }) { daemon, _ in
            let victim = try #require(try daemon.workers().first)
            kill(victim.pid, SIGSTOP)
            try daemon.expectReplaced(worker: victim, within: 60)
            #expect(!ProcessFacts(victim.pid).isAlive)
            // It could not run its own handler: /proc told what its threads did.
            #expect(daemon.log.contains(String(victim.pid)))
            #expect(daemon.log.contains("wchan"), "\(lastLines(30, of: daemon.log))")
        }
    }

    @Test func `a stopped queue is found stuck and replaced`() throws {
        try withPool(change: { $0.worker = "stuck_timeout = \"2s\"" }) { daemon, _ in
            let queue = try daemon.queuePid()
            kill(queue, SIGSTOP)
            try daemon.expectQueueReplaced(queue, within: 60)
            #expect(try daemon.submitAndEnd() == "succeeded")
        }
    }
}

extension Daemon {
    /// A job from submission to its end: shows that the service works.
    func submitAndEnd() throws -> String {
        let id = try submit("EchoSafe", ["text": "x"])
        return try job(id, reaches: "succeeded", "failed")["state"].string ?? ""
    }
}
