// Safe mode from its cause to its end: three deaths of the queue within a minute, a queue that
// shows no stored bodies, dispatches no job and says what to do, and a restart that ends it.
import DaemonHarness
import Foundation
import Testing

@Suite(.keepsEvidence)
struct SafeModeTests {
    private func bringSafeMode(_ daemon: Daemon) throws {
        var queue = try daemon.queuePid()
        for _ in 0..<3 {
            #expect(try daemon.status()["queue"]["safeMode"] == false)
            kill(queue, SIGKILL)
            queue = try daemon.expectQueueReplaced(queue)
        }
        #expect(try daemon.status()["queue"]["safeMode"] == true)
    }

    private func expectHealthSaysSo(_ daemon: Daemon) throws {
        let health = try daemon.request("GET", "/healthz")
        #expect(health.status == 503)
        #expect(try health.json()["status"] == "failing")
        let check = try health.json()["checks"].array.first { $0["name"] == "safe_mode" }
        #expect(check?["status"] == "failing", "\(health)")
        #expect(check?["message"].string?.contains("restart prongd") == true, "\(health)")
        let told = try daemon.prong("health")
        #expect(told.code == 2 && told.output.contains("restart prongd"), "\(told)")
        #expect(daemon.log.contains("then restart prongd"))
    }

    @Test func `three deaths of the queue bring safe mode: it answers, dispatches nothing`() throws
    {
        try withPool { daemon, server in
            let ended = try daemon.submit("EchoSafe", ["text": "ended before"])
            try daemon.job(ended, reaches: "succeeded")
            try bringSafeMode(daemon)
            try expectHealthSaysSo(daemon)
            let key = unique("safe-mode")
            let id = try daemon.submit("Echo", ["key": .string(key), "text": "waits"])
            let job = try daemon.job(id, wait: "500ms")
            #expect(job["state"] == "queued")
            #expect(job["blocked"].string?.contains("safe mode") == true, "\(job)")
            #expect(server.calls(holding: key) == 0)
            #expect(try daemon.call("Echo", ["text": "direct"]).status == 200, "direct calls go on")
            try expectNoBodies(daemon, ended)
        }
    }

    /// Neither a request nor a response is rendered, and what is asked for in bytes is there.
    private func expectNoBodies(_ daemon: Daemon, _ id: String) throws {
        let shown = try daemon.job(id)
        #expect(shown["request"].isNull && shown["response"].isNull, "\(shown)")
        let sent = try #require(shown["requestBase64"].string.flatMap { Data(base64Encoded: $0) })
        #expect(String(decoding: sent, as: UTF8.self).contains("ended before"))
        #expect(shown["responseBase64"].string != nil)
        expectRefusal(
            try daemon.request("GET", "/v1/jobs/\(id)/response"), 400, "failed_precondition",
            saying: "safe mode")
        let bytes = try daemon.request(
            "GET", "/v1/jobs/\(id)/response", headers: [("Accept", "application/proto")])
        #expect(bytes.status == 200 && bytes.text.contains("ended before"), "\(bytes)")
        let job = "{\"method\":\"\(ExampleServer.service)/Echo\",\"request\":{\"text\":\"x\"}}"
        let lines = try daemon.request(
            "POST", "/v1/jobs?wait=100ms", headers: [("Content-Type", "application/x-ndjson")],
            body: Array(job.utf8))
        #expect(try lines.lines().first?["requestBase64"].string != nil, "\(lines)")
    }

    @Test func `a call that runs into safe mode ends, and its caller is not shown the bytes`()
        throws
    {
        try withPool { daemon, server in
            let key = unique("over")
            let id = try daemon.submit(
                "Delay", ["milliseconds": 8_000, "key": .string(key)], ["key": .string(key)])
            try eventuallyTrue("the call is at the target") { server.calls(holding: key) == 1 }
            try bringSafeMode(daemon)
            // The same call by its key waits for the end of the job.
            let waiting = try daemon.call(
                "Delay", ["milliseconds": 8_000, "key": .string(key)],
                headers: [("Idempotency-Key", key)])
            expectRefusal(waiting, 503, "unavailable", saying: "has succeeded", id)
            #expect(waiting[header: "prong-job"] == id)
            #expect(try daemon.job(id)["state"] == "succeeded")
            #expect(server.calls(holding: key) == 1)
        }
    }

    @Test func `a restart of prongd ends safe mode, and what waited runs`() throws {
        try withPool { daemon, server in
            try bringSafeMode(daemon)
            let key = unique("waited")
            let id = try daemon.submit("Echo", ["key": .string(key)])
            try daemon.expectDrained()
            try daemon.start()
            #expect(try daemon.status()["queue"]["safeMode"] == false)
            let job = try daemon.job(id, reaches: "succeeded")
            #expect(job["request"].isNull == false, "\(job)")
            #expect(server.calls(holding: key) == 1)
            #expect(try daemon.request("GET", "/healthz").status == 200)
        }
    }
}
