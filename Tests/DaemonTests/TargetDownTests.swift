// A target that is not there: its jobs wait as blocked and say so, no attempt is burnt, nobody
// else waits for them, and they flow when it is back.
import DaemonHarness
import Foundation
import Testing

@Suite(.keepsEvidence)
struct TargetDownTests {
    @Test func `jobs for a target that is down are blocked, and flow when it returns`() throws {
        try withPool { daemon, server in
            server.stop()
            try eventuallyTrue("the target is down") {
                try daemon.get("/v1/targets")["targets"][0]["state"] == "down"
            }
            let keys = (0..<20).map { _ in unique("blocked") }
            let ids = try keys.map { try daemon.submit("Echo", ["key": .string($0)]) }
            let job = try daemon.job(ids[0])
            #expect(job["state"] == "queued")
            try expectReason(job["blocked"].string, naming: server)
            #expect(try daemon.get("/healthz")["status"] == "degraded")
            try server.restart()
            for id in ids { try daemon.job(id, reaches: "succeeded") }
            for id in ids {
                let ended = try daemon.job(id)
                #expect(ended["attemptCount"] == 1, "no attempt was burnt")
                #expect(ended["blocked"].isNull)
            }
            for key in keys { #expect(server.calls(holding: key) == 1) }
        }
    }

    /// Where, since when, how it is with the connections, and what to do.
    private func expectReason(_ reason: String?, naming server: ExampleServer) throws {
        let reason = try #require(reason)
        for part in [server.address, "READY", "since 20", "Z", "check that the server listens"] {
            #expect(reason.contains(part), "\(part) in: \(reason)")
        }
    }

    @Test func `a stream to a target that is down ends with the reason, as a call does`() throws {
        try withPool { daemon, server in
            server.stop()
            try eventuallyTrue("the target is down") {
                try daemon.get("/v1/targets")["targets"][0]["state"] == "down"
            }
            let timeout = ("Connect-Timeout-Ms", "300")
            let unary = try daemon.call("Echo", headers: [timeout])
            let streamed = try daemon.call(
                "Expand", headers: [timeout, ("Accept", "application/x-ndjson")])
            #expect(unary.status == 504, "\(unary)")
            #expect(streamed.status == 200, "a reader of lines finds its last line")
            #expect(streamed[header: "content-type"] == "application/x-ndjson")
            for error in [try unary.json(), try #require(try streamed.lines().last)["error"]] {
                #expect(error["code"] == "deadline_exceeded")
                let message = try #require(error["message"].string)
                #expect(message.contains("target example is down: "), "\(message)")
                try expectReason(message, naming: server)
            }
        }
    }

    @Test func `whoever looks at a target that is down learns where, since when and what to do`()
        throws
    {
        try withPool { daemon, server in
            try eventuallyTrue("it is up") {
                try daemon.get("/v1/targets")["targets"][0]["state"] == "up"
            }
            #expect(try daemon.get("/v1/targets")["targets"][0]["downSince"].isNull)
            #expect(try daemon.get("/v1/targets")["targets"][0]["reason"].isNull)
            server.stop()
            try eventuallyTrue("the target is down") {
                try daemon.get("/v1/targets")["targets"][0]["state"] == "down"
            }
            let target = try daemon.get("/v1/targets")["targets"][0]
            try expectReason(target["reason"].string, naming: server)
            let since = try #require(target["downSince"].string)
            let id = try daemon.submit("Echo")
            try expectReason(try daemon.job(id)["blocked"].string, naming: server)
            let check = try #require(
                try daemon.get("/healthz")["checks"].array.first { $0["name"] == "targets" })
            try expectReason(check["message"].string, naming: server)
            #expect(check["message"].string?.contains("1 of its jobs wait") == true, "\(check)")
            let shown = try daemon.prong("targets").output
            #expect(shown.contains("example is down: no worker has had a READY"), "\(shown)")
            try eventuallyTrue("the log says so, once") {
                daemon.log.components(separatedBy: "target example is down: ").count == 2
            }
            #expect(try daemon.get("/v1/targets")["targets"][0]["downSince"].string == since)
            try server.restart()
            try daemon.job(id, reaches: "succeeded")
            try eventuallyTrue("the log says that it is back") {
                daemon.log.contains("target example is up again after ")
            }
            #expect(try daemon.get("/v1/targets")["targets"][0]["downSince"].isNull)
        }
    }

    @Test func `a paused target says what lets its jobs go on`() throws {
        try withPool { daemon, _ in
            _ = try daemon.post("/v1/targets/example/pause")
            let id = try daemon.submit("Echo")
            let blocked = try #require(try daemon.job(id)["blocked"].string)
            #expect(blocked.contains("paused") && blocked.contains("prong resume example"))
            let checks = try daemon.get("/healthz")["checks"].array
            let targets = try #require(checks.first { $0["name"] == "targets" })
            #expect(targets["message"].string?.contains("prong resume example") == true)
        }
    }

    @Test func `jobs of a target that left the settings wait and say what to do`() throws {
        try withPool { daemon, _ in
            _ = try daemon.post("/v1/targets/example/pause")
            let id = try daemon.submit("Echo")
            try daemon.expectDrained()
            daemon.configure { $0.targets = [] }
            try daemon.start()
            let blocked = try #require(try daemon.job(id)["blocked"].string)
            #expect(blocked.contains("not in the settings any more; put it back"), "\(blocked)")
            let target = try daemon.get("/v1/targets")["targets"][0]
            #expect(target["state"] == "down")
            #expect(target["reason"].string?.contains("not in the settings") == true)
            #expect(target["ages"]["buckets"][0]["jobs"].int != nil, "\(target)")
            #expect(try daemon.get("/healthz").text.contains("put it back"))
        }
    }

    @Test func `jobs flow within two seconds of the target's return`() throws {
        try withPool { daemon, server in
            // Down for long enough that a plain doubling back-off would have grown past it.
            server.stop()
            let id = try daemon.submit("Echo")
            try eventuallyTrue("it is blocked") { try !daemon.job(id)["blocked"].isNull }
            let longDown = monotonicSeconds() + 5
            try eventuallyTrue("time has passed") { monotonicSeconds() > longDown }
            try server.restart()
            let job = try daemon.job(id, reaches: "succeeded", within: 30)
            let started = try #require(job["attempts"][0]["startedAt"].string)
            let returned = try #require(server.startedAt)
            let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
            let wait = try style.parse(started).timeIntervalSince(returned)
            #expect(wait < 2, "the promise of the manual, measured: \(wait) s")
        }
    }

    @Test func `a direct call to a target that is down waits, then says why`() throws {
        try withPool { daemon, server in
            server.stop()
            try eventuallyTrue("the target is down") {
                try daemon.get("/v1/targets")["targets"][0]["state"] == "down"
            }
            let answer = try daemon.call(
                "Echo", ["text": "x"], headers: [("Connect-Timeout-Ms", "1000")])
            #expect(answer.status == 504, "\(answer)")
            #expect(answer.code == "deadline_exceeded", "\(answer)")
            #expect(answer[header: "prong-origin"] == "prong")
            try expectReason(answer.message, naming: server)
        }
    }

    @Test func `a sick target does not hold up another`() throws {
        let healthy = try ExampleServer()
        let sick = try ExampleServer()
        let settings = DaemonSettings(
            try healthy.target("healthy"), try sick.target("sick"))
        try withDaemon(settings, failed: { Evidence.isWanted }) { daemon in
            sick.stop()
            for _ in 0..<300 { try daemon.submit("Echo", [:], ["target": "sick"]) }
            let id = try daemon.submit("Echo", [:], ["target": "healthy"])
            try daemon.job(id, reaches: "succeeded")
            let answer = try daemon.call(
                "Echo", ["text": "x"], headers: [("Prong-Target", "healthy")])
            #expect(answer.status == 200)
        }
    }

    @Test func `a daemon whose only target is down is ready all the same`() throws {
        try withPool { daemon, server in
            try daemon.expectDrained()
            server.stop()
            try daemon.start()
            let health = try daemon.get("/healthz")
            #expect(health["status"] == "degraded")
            let text = health["checks"].text
            #expect(text.contains("example"), "the target is named: \(text)")
        }
    }
}
