// Durable jobs: submission, what a job shows, its options, and its end.
import DaemonHarness
import Foundation
import Testing

@Suite(.keepsEvidence)
struct JobTests {
    @Test func `a job is accepted with an id, made and shown`() throws {
        try withPool { daemon, server in
            let key = unique("job")
            let answer = try daemon.post(
                "/v1/jobs",
                [
                    "method": .string("\(ExampleServer.service)/Echo"),
                    "request": ["text": "hello", "key": .string(key)],
                    "priority": 3, "batch": "b", "metadata": ["x-team": "web"],
                ])
            #expect(answer.status == 202, "\(answer)")
            let id = try #require(try answer.json()["id"].string)
            #expect(id.wholeMatch(of: /[A-Za-z0-9_-]{1,64}/) != nil)
            #expect(answer[header: "location"] == "/v1/jobs/\(id)")
            let job = try daemon.job(id, wait: "30s")
            #expect(job["state"] == "succeeded")
            #expect(job["response"]["text"] == "hello")
            #expect(job["request"]["text"] == "hello")
            #expect(job["method"] == .string("\(ExampleServer.service)/Echo"))
            #expect(job["target"] == "example")
            #expect(job["priority"] == 3)
            #expect(job["batch"] == "b")
            #expect(job["metadata"] == ["x-team": "web"])
            #expect(job["submitter"]["uid"].int == Int(getuid()))
            #expect(job["submitter"]["pid"].int == Int(getpid()))
            #expect(job["attemptCount"] == 1)
            #expect(job["error"].isNull && job["blocked"].isNull, "empty fields are left out")
            try expectAttempt(job["attempts"][0], of: daemon)
            #expect(server.calls(holding: key) == 1)
        }
    }

    private func expectAttempt(_ attempt: JSON, of daemon: Daemon) throws {
        #expect(attempt["number"] == 1)
        #expect(attempt["code"] == "ok")
        let pids = try daemon.workers().map { Int($0.pid) }
        #expect(pids.contains(try #require(attempt["worker"]["pid"].int)))
        for name in ["startedAt", "endedAt"] {
            let time = try #require(attempt[name].string)
            #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil, "\(time)")
        }
    }

    @Test func `a job's response is served alone, as JSON and as protobuf`() throws {
        try withPool { daemon, _ in
            let id = try daemon.submit("Echo", ["text": "hello"])
            try daemon.job(id, reaches: "succeeded")
            #expect(try daemon.get("/v1/jobs/\(id)/response")["text"] == "hello")
            let bytes = try daemon.request(
                "GET", "/v1/jobs/\(id)/response", headers: [("Accept", "application/proto")])
            #expect(bytes.status == 200)
            #expect(bytes.body.starts(with: [0x0A, 5] + Array("hello".utf8)))
        }
    }

    @Test func `a request in protobuf bytes is taken`() throws {
        try withPool { daemon, _ in
            let answer = try daemon.post(
                "/v1/jobs",
                [
                    "method": .string("\(ExampleServer.service)/Echo"),
                    "requestBase64": "CgVoZWxsbw==",
                ])
            let id = try #require(try answer.json()["id"].string)
            #expect(try daemon.job(id, wait: "30s")["response"]["text"] == "hello")
        }
    }

    @Test func `many jobs in one body are answered a line each, bad lines between`() throws {
        try withPool { daemon, _ in
            let good = "{\"method\":\"\(ExampleServer.service)/Echo\",\"request\":{\"text\":\"x\"}}"
            let body = [good, "", "{\"method\":1}", good, "no json", good].joined(separator: "\n")
            let answer = try daemon.request(
                "POST", "/v1/jobs", headers: [("Content-Type", "application/x-ndjson")],
                body: Array(body.utf8))
            #expect(answer.status == 200)
            let lines = try answer.lines()
            #expect(lines.map { $0["line"].int } == [1, 2, 3, 4, 5])
            #expect([0, 2, 4].allSatisfy { lines[$0]["id"].string != nil })
            #expect([1, 3].allSatisfy { lines[$0]["error"]["code"] == "invalid_argument" })
        }
    }

    @Test func `many jobs with a wait are answered by their ends`() throws {
        try withPool { daemon, _ in
            let lines = (0..<50).map {
                "{\"method\":\"\(ExampleServer.service)/Echo\",\"request\":{\"text\":\"\($0)\"}}"
            }
            let answer = try daemon.request(
                "POST", "/v1/jobs?wait=60s",
                headers: [("Content-Type", "application/x-ndjson")],
                body: Array(lines.joined(separator: "\n").utf8))
            let ends = try answer.lines()
            #expect(ends.count == 50)
            #expect(Set(ends.compactMap { $0["line"].int }) == Set(1...50))
            for end in ends {
                #expect(end["state"] == "succeeded", "\(end)")
                #expect(end["response"]["text"].int.map { $0 + 1 } == end["line"].int)
            }
        }
    }

    @Test func `a wait that ends before the job answers the job as it is`() throws {
        try withPool { daemon, _ in
            let id = try daemon.submit("Echo", ["text": "x"], ["delay": "1h"])
            let job = try daemon.job(id, wait: "200ms")
            #expect(job["state"] == "scheduled")
            #expect(job["notBefore"].string != nil)
        }
    }

    @Test func `a call with Prefer: respond-async is a job at once`() throws {
        try withPool { daemon, _ in
            let answer = try daemon.call(
                "Echo", ["text": "x"], headers: [("Prefer", "respond-async")])
            #expect(answer.status == 202)
            #expect(answer[header: "preference-applied"]?.contains("respond-async") == true)
            let id = try #require(try answer.json()["id"].string)
            #expect(answer[header: "location"] == "/v1/jobs/\(id)")
            try daemon.job(id, reaches: "succeeded")
        }
    }

    @Test func `respond-async with a wait answers the end`() throws {
        try withPool { daemon, _ in
            let answer = try daemon.call(
                "Echo", ["text": "x"], headers: [("Prefer", "respond-async, wait=30")])
            let job = try answer.json()
            if answer.status == 202 { #expect(job["state"] == "succeeded", "\(answer)") }
            #expect(answer.status == 202 || job["text"] == "x", "\(answer)")
        }
    }

    @Test func `a delayed job waits for its time`() throws {
        try withPool { daemon, server in
            let key = unique("late")
            let id = try daemon.submit("Echo", ["key": .string(key)], ["delay": "1500ms"])
            let before = try daemon.job(id)
            #expect(before["state"] == "scheduled")
            let job = try daemon.job(id, reaches: "succeeded")
            let notBefore = try #require(job["notBefore"].string ?? before["notBefore"].string)
            let started = try #require(job["attempts"][0]["startedAt"].string)
            #expect(notBefore <= started)
            #expect(server.calls(holding: key) == 1)
        }
    }

    @Test func `a job past its expiry is never started`() throws {
        try withPool { daemon, server in
            let key = unique("stale")
            let id = try daemon.submit(
                "Echo", ["key": .string(key)], ["delay": "1h", "expires": "300ms"])
            let job = try daemon.job(id, reaches: "expired")
            #expect(job["attemptCount"].int ?? 0 == 0)
            #expect(server.calls(holding: key) == 0)
        }
    }

    @Test func `higher priority goes first`() throws {
        let change: (inout DaemonSettings) -> Void = {
            $0.workers = 1
            $0.worker = "in_flight = 1"
        }
        try withPool(change: change) { daemon, server in
            let blocker = try daemon.submit("DelaySafe", ["milliseconds": 1_500])
            try daemon.job(blocker, reaches: "running")
            let low = unique("low")
            let high = unique("high")
            let first = try daemon.submit("Echo", ["key": .string(low)], ["priority": -50])
            let second = try daemon.submit("Echo", ["key": .string(high)], ["priority": 50])
            try daemon.job(first, reaches: "succeeded")
            try daemon.job(second, reaches: "succeeded")
            let order = server.ledger.compactMap { line in
                line.contains(low) ? "low" : line.contains(high) ? "high" : nil
            }
            #expect(order == ["high", "low"])
        }
    }

    @Test func `a job's own timeout ends its attempt`() throws {
        try withPool { daemon, _ in
            let id = try daemon.submit(
                "Delay", ["milliseconds": 60_000], ["timeout": "200ms", "maxAttempts": 1])
            let job = try daemon.job(id, reaches: "unknown", "failed")
            // The call had left and the method is not safe: nobody knows what it did.
            #expect(job["state"] == "unknown")
            #expect(job["attempts"][0]["code"] == "deadline_exceeded")
        }
    }

    @Test(arguments: ["authorization", "cookie", "x-goog-api-key", "my-token"])
    func `a job with a secret in its metadata is refused`(_ name: String) throws {
        try withPool { daemon, _ in
            let answer = try daemon.post(
                "/v1/jobs",
                [
                    "method": .string("\(ExampleServer.service)/Echo"), "request": [:],
                    "metadata": .object([name: "very-secret-value"]),
                ])
            #expect(answer.status == 400, "\(answer)")
            #expect(answer.message.contains(name))
            #expect(!answer.text.contains("very-secret-value"))
            #expect(!daemon.log.contains("very-secret-value"))
        }
    }

    @Test(arguments: ["host", "te", "Content-Type", "user-agent", "grpc-timeout"])
    func `metadata that gRPC cannot carry are refused before the job is taken`(
        _ name: String
    ) throws {
        try withPool { daemon, _ in
            let answer = try daemon.post(
                "/v1/jobs",
                [
                    "method": .string("\(ExampleServer.service)/Echo"), "request": [:],
                    "metadata": .object([name: "1"]),
                ])
            expectRefusal(answer, 400, "invalid_argument")
            #expect(answer.message.contains("is not a metadata name"), "\(answer)")
        }
    }

    @Test func `a durable call with Authorization is refused`() throws {
        try withPool { daemon, _ in
            let answer = try daemon.call(
                "Echo", headers: [("Authorization", "Bearer x"), ("Prefer", "respond-async")])
            expectRefusal(answer, 400, "invalid_argument", saying: "uthorization")
        }
    }

    @Test(arguments: ["\"cost\": 2"])
    func `a field that this version does not carry out is unimplemented`(_ field: String) throws {
        try withPool { daemon, _ in
            let method = "\(ExampleServer.service)/Echo"
            let text = "{\"method\":\"\(method)\",\"request\":{},\(field)}"
            let answer = try daemon.request(
                "POST", "/v1/jobs", headers: [("Content-Type", "application/json")],
                body: Array(text.utf8))
            expectRefusal(answer, 501, "unimplemented")
            let name = try #require(field.split(separator: "\"").first)
            #expect(answer.message.contains(name), "\(answer)")
        }
    }

    @Test(arguments: [
        ("\"priority\": 101", "priority"), ("\"priority\": \"high\"", "priority"),
        ("\"delay\": \"5 parsecs\"", "delay"), ("\"timeout\": \"-1s\"", "timeout"),
        ("\"maxAttempts\": 0", "maxAttempts"), ("\"nonsense\": 1", "nonsense"),
        ("\"at\": \"yesterday\"", "at"), ("\"key\": \"\"", "key"),
        ("\"delay\": \"1s\", \"at\": \"2030-01-01T00:00:00Z\"", "at"),
        ("\"target\": \"nowhere\"", "nowhere"), ("\"batch\": 7", "batch"),
        ("\"waitOperation\": true", "waitOperation"), ("\"waitOperation\": 1", "waitOperation"),
    ])
    func `a wrong option is refused by its name`(_ field: String, _ name: String) throws {
        try withPool { daemon, _ in
            let text = "{\"method\":\"\(ExampleServer.service)/Echo\",\"request\":{},\(field)}"
            let answer = try daemon.request(
                "POST", "/v1/jobs", headers: [("Content-Type", "application/json")],
                body: Array(text.utf8))
            #expect(answer.status == (name == "nowhere" ? 404 : 400), "\(answer)")
            #expect(answer.message.contains(name), "\(answer)")
        }
    }

    @Test func `a job that nobody has is not found`() throws {
        try withBareDaemon { daemon in
            expectRefusal(try daemon.request("GET", "/v1/jobs/nobody"), 404, "not_found")
            expectRefusal(try daemon.request("DELETE", "/v1/jobs/nobody"), 404, "not_found")
        }
    }
}
