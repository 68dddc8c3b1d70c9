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
            #expect(job["blocked"].string?.isEmpty == false)
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

    @Test func `a direct call to a target that is down ends unavailable`() throws {
        try withPool { daemon, server in
            server.stop()
            try eventuallyTrue("the target is down") {
                try daemon.get("/v1/targets")["targets"][0]["state"] == "down"
            }
            let answer = try daemon.call(
                "Echo", ["text": "x"], headers: [("Connect-Timeout-Ms", "1000")])
            #expect(answer.status == 503 || answer.status == 504, "\(answer)")
            #expect(answer[header: "prong-origin"] == "prong")
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
