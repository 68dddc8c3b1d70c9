// What one can do to a job: cancel, retry, resolve, purge, list, alone and by filters.
import DaemonHarness
import Foundation
import Testing

@Suite(.keepsEvidence)
struct JobControlTests {
    @Test func `a queued job is cancelled and never made`() throws {
        try withPool { daemon, server in
            let key = unique("never")
            let id = try daemon.submit("Echo", ["key": .string(key)], ["delay": "1h"])
            let answer = try daemon.request("DELETE", "/v1/jobs/\(id)")
            #expect(answer.status == 200)
            try daemon.job(id, reaches: "cancelled")
            #expect(server.calls(holding: key) == 0)
        }
    }

    @Test func `a running job is cancelled and the error says that it may have happened`() throws {
        try withPool { daemon, server in
            let key = unique("cancelled")
            let id = try daemon.submit(
                "Delay", ["milliseconds": 600_000, "key": .string(key)], ["timeout": "15m"])
            try eventuallyTrue("the call is at the target") { server.calls(holding: key) == 1 }
            #expect(try daemon.request("DELETE", "/v1/jobs/\(id)").status == 200)
            let job = try daemon.job(id, reaches: "cancelled")
            #expect(job["error"]["code"] == "canceled")
            #expect(job["error"]["message"].string?.contains("may have") == true, "\(job)")
            #expect(job["attempts"][0]["code"] == "canceled", "\(job.text)")
        }
    }

    @Test func `a list by state names a safe call that runs as running`() throws {
        try withPool { daemon, server in
            let key = unique("listed")
            let batch = unique("running")
            let id = try daemon.submit(
                "DelaySafe", ["milliseconds": 600_000, "key": .string(key)],
                ["timeout": "15m", "batch": .string(batch)])
            try eventuallyTrue("the call is at the target") { server.calls(holding: key) == 1 }
            let running = try daemon.get("/v1/jobs?batch=\(batch)&state=running")
            #expect(running["jobs"].array.map { $0["id"].string } == [id])
            #expect(running["jobs"].array.first?["state"] == "running")
            #expect(try daemon.get("/v1/jobs?batch=\(batch)&state=queued")["jobs"].array.isEmpty)
            let refused = try daemon.post("/v1/jobs/\(id)/purge")
            #expect(try refused.json()["message"].string?.contains("only ended jobs") == true)
            let many = try daemon.post("/v1/jobs:cancel?batch=\(batch)&state=running")
            #expect(try many.json()["matched"] == 1)
            try daemon.job(id, reaches: "cancelled")
        }
    }

    @Test func `an ended job cannot be cancelled`() throws {
        try withPool { daemon, _ in
            let id = try daemon.submit("Echo")
            try daemon.job(id, reaches: "succeeded")
            let answer = try daemon.request("DELETE", "/v1/jobs/\(id)")
            expectRefusal(answer, 400, "failed_precondition")
        }
    }

    @Test func `a failed job is made again by retry`() throws {
        try withPool { daemon, server in
            let key = unique("twice")
            let id = try daemon.submit(
                "Fail", ["code": 9, "failFirst": 1, "key": .string(key), "message": "not yet"])
            let failed = try daemon.job(id, reaches: "failed")
            #expect(failed["error"]["code"] == "failed_precondition")
            #expect(failed["error"]["message"] == "not yet")
            let answer = try daemon.post("/v1/jobs/\(id)/retry")
            #expect(answer.status == 200, "\(answer)")
            let job = try daemon.job(id, reaches: "succeeded")
            #expect(job["error"].isNull)
            #expect(
                job["attempts"].array.map { $0["code"].string } == ["failed_precondition", "ok"])
            #expect(server.calls(holding: key) == 2)
        }
    }

    @Test func `an unknown job is kept until it is resolved`() throws {
        try withPool { daemon, server in
            let key = unique("unknown")
            let id = try daemon.submit("Cut", ["key": .string(key)])
            let job = try daemon.job(id, reaches: "unknown")
            #expect(job["attemptCount"] == 1)
            #expect(try daemon.get("/healthz")["status"] == "degraded")
            expectRefusal(
                try daemon.post("/v1/jobs/\(id)/resolve", ["as": "maybe"]),
                400, "invalid_argument")
            let answer = try daemon.post("/v1/jobs/\(id)/resolve", ["as": "succeeded"])
            #expect(answer.status == 200, "\(answer)")
            #expect(try daemon.job(id)["state"] == "succeeded")
            #expect(server.calls(holding: key) == 1)
            // nobody answered it, so there is nothing to give as its response
            let response = try daemon.request("GET", "/v1/jobs/\(id)/response")
            expectRefusal(response, 404, "not_found")
            let late = try daemon.post("/v1/jobs/\(id)/resolve", ["as": "failed"])
            expectRefusal(late, 400, "failed_precondition")
        }
    }

    @Test func `on_unknown = fail fails what may have happened`() throws {
        try withPool(lines: "on_unknown = \"fail\"") { daemon, server in
            let key = unique("cut")
            let id = try daemon.submit("Cut", ["key": .string(key)])
            try daemon.job(id, reaches: "failed")
            #expect(server.calls(holding: key) == 1)
        }
    }

    @Test func `on_unknown = retry makes it again`() throws {
        try withPool(lines: "on_unknown = \"retry\"") { daemon, server in
            let key = unique("cut")
            let id = try daemon.submit("Cut", ["key": .string(key), "cutFirst": 1])
            try daemon.job(id, reaches: "succeeded", within: 60)
            #expect(server.calls(holding: key) == 2)
        }
    }

    @Test func `the list is newest first, filtered, and paged by a cursor`() throws {
        try withPool { daemon, _ in
            let batch = unique("batch")
            var ids: [String] = []
            for number in 0..<25 {
                ids.append(
                    try daemon.submit(
                        number.isMultiple(of: 5) ? "Fail" : "EchoSafe",
                        number.isMultiple(of: 5) ? ["code": 3] : [:],
                        ["batch": .string(batch)]))
            }
            for id in ids { try daemon.job(id, reaches: "succeeded", "failed") }
            let all = try page(daemon, "batch=\(batch)&limit=7")
            #expect(all == ids.reversed())
            let failed = try page(daemon, "batch=\(batch)&state=failed")
            #expect(failed.count == 5)
            let method = "\(ExampleServer.service)/EchoSafe"
            #expect(try page(daemon, "method=\(method)&limit=3").count == 20)
            #expect(try page(daemon, "target=example").count == 25)
            #expect(try page(daemon, "since=2999-01-01T00:00:00Z").isEmpty)
            #expect(try page(daemon, "since=2000-01-01T00:00:00Z").count == 25)
            let first = try daemon.get("/v1/jobs?batch=\(batch)&limit=1")["jobs"][0]
            #expect(first["request"].isNull && first["response"].isNull, "lists have no bodies")
        }
    }

    /// All ids that a list gives, page by page.
    private func page(_ daemon: Daemon, _ query: String) throws -> [String] {
        var found: [String] = []
        var cursor = ""
        while true {
            let answer = try daemon.get("/v1/jobs?\(query)\(cursor)")
            found += answer["jobs"].array.compactMap { $0["id"].string }
            guard let next = answer["nextCursor"].string, !next.isEmpty else { return found }
            cursor = "&cursor=\(next)"
            try #require(found.count < 10_000)
        }
    }

    @Test(arguments: ["limit=0", "limit=1001", "state=nowhere", "cursor=broken!", "since=then"])
    func `a wrong filter is refused`(_ query: String) throws {
        try withBareDaemon { daemon in
            let answer = try daemon.request("GET", "/v1/jobs?\(query)")
            expectRefusal(answer, 400, "invalid_argument")
        }
    }

    @Test func `cancel, retry and purge work on all that a filter names`() throws {
        try withPool { daemon, _ in
            let batch = unique("batch")
            for _ in 0..<30 {
                try daemon.submit("Echo", [:], ["batch": .string(batch), "delay": "1h"])
            }
            try daemon.submit("Echo", [:], ["batch": "another", "delay": "1h"])
            let cancelled = try daemon.post("/v1/jobs:cancel?batch=\(batch)")
            #expect(try cancelled.json()["matched"] == 30, "\(cancelled)")
            try eventuallyTrue("all are cancelled") {
                try daemon.get("/v1/batches/\(batch)")["cancelled"].int == 30
                    || daemon.get("/v1/batches/\(batch)")["states"]["cancelled"].int == 30
            }
            let retried = try daemon.post("/v1/jobs:retry?batch=\(batch)&state=cancelled")
            #expect(try retried.json()["matched"] == 30, "\(retried)")
            try eventuallyTrue("all are made") {
                try daemon.get("/v1/jobs?batch=\(batch)&state=succeeded")["jobs"].array.count == 30
            }
            let purged = try daemon.post("/v1/jobs:purge?batch=\(batch)")
            #expect(try purged.json()["matched"] == 30)
            #expect(try daemon.get("/v1/jobs")["jobs"].array.count == 1)
        }
    }

    @Test(arguments: ["limit=1", "cursor=zz", "state=failed&state=succeeded", "wait=1s"])
    func `an action on many refuses what would not bound it`(_ query: String) throws {
        try withBareDaemon { daemon in
            for action in ["cancel", "retry", "purge"] {
                let answer = try daemon.post("/v1/jobs:\(action)?\(query)")
                expectRefusal(answer, 400, "invalid_argument")
            }
        }
    }

    @Test func `a job submitted with a wait is answered by its end`() throws {
        try withPool { daemon, _ in
            let job: JSON = [
                "method": .string("\(ExampleServer.service)/Echo"), "request": ["text": "x"],
            ]
            let answer = try daemon.post("/v1/jobs?wait=30s", job)
            #expect(answer.status == 200, "\(answer)")
            #expect(try answer.json()["state"] == "succeeded")
            #expect(try answer.json()["response"]["text"] == "x")
            expectRefusal(try daemon.post("/v1/jobs?wait=soon", job), 400, "invalid_argument")
        }
    }

    @Test func `a batch counts its jobs by state and can be waited for`() throws {
        try withPool { daemon, _ in
            let batch = unique("batch")
            for number in 0..<10 {
                try daemon.submit(
                    number < 3 ? "Fail" : "DelaySafe",
                    number < 3 ? ["code": 3] : ["milliseconds": 100], ["batch": .string(batch)])
            }
            let counts = try daemon.get("/v1/batches/\(batch)?wait=30s")
            #expect(counts.text.contains("\"failed\":3"), "\(counts)")
            #expect(counts.text.contains("\"succeeded\":7"), "\(counts)")
        }
    }

    @Test func `a paused target hands out nothing until it is resumed`() throws {
        try withPool { daemon, server in
            let key = unique("paused")
            #expect(try daemon.post("/v1/targets/example/pause").status == 200)
            let id = try daemon.submit("Echo", ["key": .string(key)])
            try eventuallyTrue("the target is shown as paused") {
                try daemon.get("/v1/targets")["targets"][0]["state"] == "paused"
            }
            let job = try daemon.job(id, wait: "300ms")
            #expect(job["state"] == "queued")
            #expect(job["blocked"].string?.contains("paused") == true, "\(job)")
            #expect(server.calls(holding: key) == 0)
            #expect(try daemon.post("/v1/targets/example/resume").status == 200)
            try daemon.job(id, reaches: "succeeded")
            expectRefusal(try daemon.post("/v1/targets/nobody/pause"), 404, "not_found")
        }
    }

    @Test func `a pause outlives the queue`() throws {
        try withPool { daemon, server in
            let key = unique("paused")
            _ = try daemon.post("/v1/targets/example/pause")
            let id = try daemon.submit("Echo", ["key": .string(key)])
            let queue = try daemon.queuePid()
            kill(queue, SIGKILL)
            try daemon.expectQueueReplaced(queue)
            #expect(try daemon.get("/v1/targets")["targets"][0]["state"] == "paused")
            #expect(try daemon.job(id, wait: "500ms")["state"] == "queued")
            #expect(server.calls(holding: key) == 0)
        }
    }
}
