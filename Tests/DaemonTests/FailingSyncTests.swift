// A disk whose fsync fails, which leaves open what of the last writes is on it: the queue goes, its
// successor stays up and refuses until a sync has succeeded, and nothing that was accepted is lost.
import DaemonHarness
import Foundation
import Testing

/// A daemon whose syncs fail while the disk is broken.
private final class BreakableDisk {
    private let folder: ScratchFolder
    private var file: String { folder.file("broken") }

    init() throws { folder = try ScratchFolder("prong-sync") }

    deinit { folder.remove() }

    /// In each process after so many good ones.
    func breakIt(after good: Int = 0) throws { try folder.write("\(good)", to: "broken") }

    func mend() { unlink(file) }

    func prepare(_ settings: inout DaemonSettings) {
        settings.environment["LD_PRELOAD"] = Programs.failingSync
        settings.environment["PRONG_FAILING_SYNC"] = file
    }
}

@Suite(.keepsEvidence)
struct FailingSyncTests {
    private static let echo = "\(ExampleServer.service)/Echo"

    private func submit(_ daemon: Daemon, target: String = "example") throws -> HTTPResponse {
        try daemon.post(
            "/v1/jobs", ["method": .string(Self.echo), "target": .string(target), "request": [:]])
    }

    /// What callers of a queue see that waits for its disk.
    private func expectRefusing(_ daemon: Daemon, target: String = "example") throws {
        let one = try submit(daemon, target: target)
        expectRefusal(one, 503, "unavailable", saying: "nothing was kept")
        #expect(one[header: "retry-after"].flatMap { Int($0) } != nil)
        let many = try daemon.request(
            "POST", "/v1/jobs", headers: [("Content-Type", "application/x-ndjson")],
            body: Array(
                "{\"method\":\"\(Self.echo)\",\"target\":\"\(target)\",\"request\":{}}".utf8))
        #expect(try many.lines().map { $0["error"]["code"] } == ["unavailable"], "\(many)")
        let durable = try daemon.call(
            "Echo", headers: [("Prefer", "respond-async"), ("Prong-Target", target)])
        expectRefusal(durable, 503, "unavailable")
        let direct = try daemon.call(
            "Echo", ["text": "direct"], headers: [("Prong-Target", target)])
        #expect(direct.status == 200, "direct calls go on: \(direct)")
        let health = try daemon.request("GET", "/healthz")
        #expect(health.status == 503)
        #expect(try health.json()["status"] == "failing", "\(health)")
    }

    /// So often that it has tried the disk again meanwhile, for it does so every second.
    private func expectStaysRefusing(_ daemon: Daemon, target: String = "example") throws {
        let queue = try daemon.queuePid()
        let end = monotonicSeconds() + 4
        while monotonicSeconds() < end {
            try expectRefusing(daemon, target: target)
            usleep(200_000)
        }
        #expect(try daemon.queuePid() == queue)
    }

    @Test func `a failing fsync ends the queue, and its successor accepts when it works again`()
        throws
    {
        let disk = try BreakableDisk()
        try withPool(change: disk.prepare) { daemon, server in
            let key = unique("running")
            let running = try daemon.submit(
                "Delay", ["milliseconds": 3_000, "key": .string(key)])
            try eventuallyTrue("the call is at the target") { server.calls(holding: key) == 1 }
            let waiting = try (0..<10).map { _ in try daemon.submit("Echo", [:], ["delay": "1h"]) }
            let queue = try daemon.queuePid()
            try disk.breakIt()
            // The one whose commit fails gets no id; what becomes of it nobody can say.
            #expect((try? submit(daemon))?.status != 202)
            try daemon.expectQueueReplaced(queue)
            try eventuallyTrue("a worker has found the new queue") {
                try daemon.call("Echo", ["text": "x"]).status == 200
            }
            try expectStaysRefusing(daemon)
            let successor = try daemon.queuePid()
            disk.mend()
            try eventuallyTrue("jobs are accepted") { try submit(daemon).status == 202 }
            #expect(try daemon.queuePid() == successor)
            for id in waiting { #expect(try daemon.job(id)["state"] == "scheduled") }
            try daemon.job(running, reaches: "succeeded")
            #expect(server.calls(holding: key) == 1)
            #expect(try daemon.submitAndEnd() == "succeeded")
            try eventuallyTrue("health is back") {
                try daemon.request("GET", "/healthz").status == 200
            }
        }
    }

    @Test func `started on a failing disk, a new target is called directly and takes jobs later`()
        throws
    {
        let disk = try BreakableDisk()
        try withPool(change: disk.prepare) { daemon, server in
            let waiting = try daemon.submit("Echo", [:], ["delay": "1h"])
            try daemon.expectDrained()
            let target = try server.target("later")
            daemon.configure { $0.targets.append(target) }
            try disk.breakIt()
            let child = try daemon.launch()
            try eventuallyTrue("the new target is called") {
                #expect(child.isAlive)
                return try daemon.call(
                    "Echo", ["text": "x"], headers: [("Prong-Target", "later")]
                ).status == 200
            }
            try expectStaysRefusing(daemon, target: "later")
            // Nothing waits to be written, so that a stop need not wait for the disk either.
            child.signal(SIGTERM)
            #expect(try child.wait(within: 20) == .exited(0))
            try daemon.launch()
            try eventuallyTrue("it stands at the disk again") {
                try daemon.request("GET", "/healthz").status == 503
            }
            disk.mend()
            try eventuallyTrue("jobs of the new target are accepted") {
                try submit(daemon, target: "later").status == 202
            }
            try daemon.waitUntilReady()
            let id = try daemon.submit("Echo", ["text": "x"], ["target": "later"])
            try daemon.job(id, reaches: "succeeded")
            #expect(try daemon.job(waiting)["state"] == "scheduled")
            // The lane is on disk: another start finds it.
            try daemon.expectDrained()
            try daemon.start()
            #expect(try daemon.job(id)["state"] == "succeeded")
        }
    }

    @Test(arguments: 0...9)
    func `whichever sync of a queue's start fails, prongd lives and accepts later`(
        _ good: Int
    )
        throws
    {
        let disk = try BreakableDisk()
        try withPool(change: disk.prepare) { daemon, _ in
            let waiting = try daemon.submit("Echo", [:], ["delay": "1h"])
            try daemon.expectDrained()
            let before = daemon.log.utf8.count
            try disk.breakIt(after: good)
            let child = try daemon.launch()
            try eventuallyTrue("it stands at the disk, or has come past it") {
                let log = String(decoding: daemon.log.utf8.dropFirst(before), as: UTF8.self)
                if log.contains("could not be settled") || log.contains("the store failed") {
                    return true
                }
                return try daemon.request("GET", "/readyz").status == 200
            }
            _ = try? submit(daemon)
            disk.mend()
            let id = try eventually("a job is accepted") {
                #expect(child.isAlive)
                return try submit(daemon).json()["id"].string
            }
            #expect(try daemon.job(id)["id"].string == id)
            #expect(try daemon.job(waiting)["state"] == "scheduled")
        }
    }

    @Test func `a disk that breaks again costs another queue, and no job`() throws {
        let disk = try BreakableDisk()
        try withPool(change: disk.prepare) { daemon, _ in
            var accepted = [try daemon.submit("Echo")]
            // Two deaths of the queue at most: a third one would rightly bring safe mode.
            for _ in 0..<2 {
                let queue = try daemon.queuePid()
                try disk.breakIt()
                _ = try? submit(daemon)
                try eventuallyTrue("the queue is gone") { !ProcessFacts(queue).isAlive }
                disk.mend()
                accepted.append(
                    try eventually("a job is accepted again") {
                        try submit(daemon).json()["id"].string
                    })
            }
            for id in accepted { try daemon.job(id, reaches: "succeeded") }
        }
    }
}
