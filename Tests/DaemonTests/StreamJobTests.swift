// Methods whose client, server or both stream, as durable jobs: all requests go in, all responses
// come out, and both lie in the store.
import DaemonHarness
import Foundation
import Testing

@Suite(.keepsEvidence)
struct StreamJobTests {
    private func submit(
        _ daemon: Daemon, _ method: String, _ requests: JSON, _ options: [String: JSON] = [:]
    ) throws -> HTTPResponse {
        var job = options
        job["method"] = .string("\(ExampleServer.service)/\(method)")
        job["requests"] = requests
        return try daemon.post("/v1/jobs", .object(job))
    }

    private func end(
        _ daemon: Daemon, _ method: String, _ requests: JSON, _ options: [String: JSON] = [:]
    ) throws -> JSON {
        let answer = try submit(daemon, method, requests, options)
        let id = try #require(try answer.json()["id"].string, "\(answer)")
        return try daemon.job(id, wait: "30s")
    }

    @Test func `a client's stream is a list of requests and one response`() throws {
        try withPool { daemon, _ in
            let job = try end(daemon, "Collect", [["text": "a"], ["text": "b"], [:]])
            #expect(job["state"] == "succeeded", "\(job.text)")
            #expect(job["requests"] == [["text": "a"], ["text": "b"], [:]])
            #expect(job["request"].isNull)
            #expect(job["response"]["messages"] == "3")
            #expect(job["response"]["texts"] == ["a", "b", ""])
            #expect(job["responses"].isNull)
            let id = try #require(job["id"].string)
            #expect(try daemon.get("/v1/jobs/\(id)/response")["messages"] == "3")
        }
    }

    @Test func `a stream may have no message, one, or a thousand`() throws {
        try withPool { daemon, _ in
            #expect(try end(daemon, "Collect", [])["response"] == [:])
            #expect(try end(daemon, "Chat", [])["responses"] == [])
            // one message, given as such, is a stream of one
            let one = try daemon.submit("Collect", ["text": "a"])
            let job = try daemon.job(one, wait: "30s")
            #expect(job["requests"] == [["text": "a"]])
            #expect(job["response"]["texts"] == ["a"])
            let many = (0..<1000).map { JSON.object(["text": .string("\($0)")]) }
            let chat = try end(daemon, "Chat", .array(many))
            #expect(chat["requests"] == .array(many))
            #expect(chat["responses"] == .array(many), "each comes back, in order")
        }
    }

    @Test func `a server's stream is collected, and served as a list or in lines`() throws {
        try withPool { daemon, _ in
            let id = try daemon.submit("Expand", ["text": "x", "times": 3])
            let job = try daemon.job(id, wait: "30s")
            let expected: JSON = [
                ["text": "x", "count": "1"], ["text": "x", "count": "2"],
                ["text": "x", "count": "3"],
            ]
            #expect(job["responses"] == expected, "\(job.text)")
            #expect(job["response"].isNull)
            #expect(try daemon.get("/v1/jobs/\(id)/response") == expected)
            let lines = try daemon.request(
                "GET", "/v1/jobs/\(id)/response", headers: [("Accept", "application/x-ndjson")])
            #expect(lines[header: "content-type"] == "application/x-ndjson")
            #expect(try lines.lines() == expected.array)
            let proto = try daemon.request(
                "GET", "/v1/jobs/\(id)/response", headers: [("Accept", "application/proto")])
            expectRefusal(proto, 400, "failed_precondition", saying: "application/x-ndjson")
        }
    }

    @Test func `a stream without end fails at max_response, and is cancelled at the server`() throws
    {
        try withPool(change: { $0.listen = "max_response = \"256KiB\"" }) { daemon, _ in
            let key = unique("endless")
            let text = String(repeating: "x", count: 1000)
            let id = try daemon.submit(
                "Expand", ["text": .string(text), "times": 4_000_000_000, "key": .string(key)])
            let job = try daemon.job(id, wait: "60s")
            #expect(job["state"] == "failed", "\(job.text)")
            #expect(job["error"]["code"] == "resource_exhausted")
            #expect(job["error"]["message"].string?.contains("listen.max_response") == true)
            #expect(job["responses"].isNull)
            try eventuallyTrue("the server hears of it") {
                try cancelled(daemon, key) == 1
            }
        }
    }

    /// How many calls of the key the server knows to be cancelled.
    private func cancelled(_ daemon: Daemon, _ key: String) throws -> Int {
        let counts = try daemon.call("Count").json()["counts"]
        return counts["\(key)/cancelled"].int ?? 0
    }

    @Test(arguments: [true, false])
    func `a worker that dies in the middle leaves what the table says`(isSafe: Bool) throws {
        let lines = isSafe ? "idempotent = [\"*/Expand\"]" : ""
        try withPool(lines: lines) { daemon, server in
            let key = unique("death")
            let id = try daemon.submit(
                "Expand",
                [
                    "text": "x", "times": 20, "intervalMilliseconds": 100, "key": .string(key),
                ])
            let pid = try daemon.worker(running: id)
            try eventuallyTrue("the stream flows") {
                try daemon.call("Count").json()["counts"]["\(key)/sent"].int ?? 0 > 2
            }
            kill(pid, SIGKILL)
            let job = try daemon.job(id, reaches: "succeeded", "unknown")
            #expect(job["state"] == (isSafe ? "succeeded" : "unknown"))
            #expect(job["responses"].array.count == (isSafe ? 20 : 0))
            #expect(server.calls(holding: key) == (isSafe ? 2 : 1))
        }
    }

    @Test func `a stream goes on while the queue is replaced, and is made once`() throws {
        try withPool { daemon, server in
            let key = unique("queue")
            let id = try daemon.submit(
                "Expand",
                ["text": "x", "times": 40, "intervalMilliseconds": 50, "key": .string(key)])
            try daemon.job(id, reaches: "running")
            let queue = try daemon.queuePid()
            kill(queue, SIGKILL)
            try daemon.expectQueueReplaced(queue)
            let job = try daemon.job(id, reaches: "succeeded")
            #expect(job["responses"].array.count == 40)
            #expect(server.calls(holding: key) == 1)
        }
    }

    @Test func `a cancelled stream is cancelled at the server`() throws {
        try withPool { daemon, _ in
            let key = unique("cancel")
            let id = try daemon.submit(
                "Expand",
                [
                    "text": "x", "times": 100_000, "intervalMilliseconds": 20,
                    "key": .string(key),
                ])
            try eventuallyTrue("the stream flows") {
                try daemon.call("Count").json()["counts"]["\(key)/sent"].int ?? 0 > 2
            }
            #expect(try daemon.request("DELETE", "/v1/jobs/\(id)").status == 200)
            #expect(try daemon.job(id)["state"] == "cancelled")
            try eventuallyTrue("the server hears of it") { try cancelled(daemon, key) == 1 }
        }
    }

    @Test func `a stream that ends badly keeps nothing but its error`() throws {
        try withPool { daemon, _ in
            let id = try daemon.submit("Expand", ["text": "x", "times": 2, "code": 7])
            let job = try daemon.job(id, wait: "30s")
            #expect(job["state"] == "failed")
            #expect(job["error"]["code"] == "permission_denied")
            #expect(job["responses"].isNull)
        }
    }

    @Test func `requests that do not fit are refused with their place`() throws {
        try withPool(change: { $0.listen = "max_request = \"64KiB\"" }) { daemon, _ in
            expectRefusal(
                try submit(daemon, "Echo", [[:]]), 400, "invalid_argument",
                saying: "requests", "takes one message")
            expectRefusal(
                try submit(daemon, "Collect", [["text": "a"], ["text": 7]]), 400,
                "invalid_argument", saying: "requests[1].text", "line 1")
            expectRefusal(
                try submit(daemon, "Collect", [[:]], ["request": [:]]), 400, "invalid_argument",
                saying: "stands beside")
            expectRefusal(
                try submit(daemon, "Collect", "x"), 400, "invalid_argument", saying: "requests")
            let many = JSON.array(Array(repeating: [:], count: 10_000))
            expectRefusal(
                try submit(daemon, "Collect", many), 413, "resource_exhausted",
                saying: "listen.max_request")
        }
    }

    @Test func `lines of many jobs may hold streams`() throws {
        try withPool { daemon, _ in
            let method = "\"method\":\"\(ExampleServer.service)/Chat\""
            let body =
                "{\(method),\"requests\":[{\"text\":\"a\"}]}\n{\(method),\"requests\":[]}\n"
            let answer = try daemon.request(
                "POST", "/v1/jobs?wait=30s", headers: [("Content-Type", "application/x-ndjson")],
                body: Array(body.utf8))
            let jobs = try answer.lines().sorted { $0["line"].int ?? 0 < $1["line"].int ?? 0 }
            #expect(jobs.map { $0["responses"] } == [[["text": "a"]], []], "\(answer)")
        }
    }

    @Test func `prong maps lines that are lists`() throws {
        try withPool { daemon, _ in
            let done = try daemon.prong(
                "map", "Chat", input: "[{\"text\":\"a\"},{}]\n[]\n[{\"text\":1}]\n")
            let results = done.output.split(separator: "\n").map(String.init)
            #expect(results.prefix(2) == ["[{\"text\":\"a\"},{}]", "[]"], "\(done.output)")
            #expect(results.last?.contains("(column 10)") == true, "\(done.output)")
            #expect(done.code == 1)
        }
    }

    @Test func `prong submits a list as a stream and shows what came`() throws {
        try withPool { daemon, _ in
            let submitted = try daemon.prong("submit", "Collect", " [{\"text\":\"a\"}]")
            #expect(submitted.code == 0, "\(submitted.errorOutput)")
            let id = submitted.output.trimmingCharacters(in: .whitespacesAndNewlines)
            try daemon.job(id, reaches: "succeeded")
            let shown = try daemon.prong("show", id)
            #expect(shown.output.contains("requests"), "\(shown.output)")
            let wrong = try daemon.prong("submit", "Collect", "[{\"text\":1}]")
            #expect(wrong.code == 65)
            #expect(
                wrong.errorOutput.contains("requests[0].text"), "\(wrong.errorOutput)")
            #expect(wrong.errorOutput.contains("column 10"), "\(wrong.errorOutput)")
        }
    }
}
