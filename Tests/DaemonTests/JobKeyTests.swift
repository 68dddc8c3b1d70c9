// The same key with the same call is the same job, whichever way it was submitted; with another
// call it is refused.
import DaemonHarness
import Foundation
import Testing

@Suite(.keepsEvidence)
struct JobKeyTests {
    @Test func `the same key gives the same job and is told as replayed`() throws {
        try withPool { daemon, server in
            let mark = unique("mark")
            let headers = [("Idempotency-Key", unique("key"))]
            let first = try daemon.call("Echo", ["key": .string(mark)], headers: headers)
            #expect(first.status == 200, "\(first)")
            let id = try #require(first[header: "prong-job"])
            #expect(first[header: "prong-replayed"] == nil)
            let second = try daemon.call("Echo", ["key": .string(mark)], headers: headers)
            #expect(second.status == 200)
            #expect(second[header: "prong-job"] == id)
            #expect(second[header: "prong-replayed"] == "true")
            #expect(second.body == first.body)
            #expect(server.calls(holding: mark) == 1)
        }
    }

    @Test func `two calls with one key at the same time both get its end`() throws {
        try withPool { daemon, server in
            let mark = unique("mark")
            let headers = [("Idempotency-Key", unique("key"))]
            let calls = (0..<4).map { _ in
                Background {
                    try daemon.call(
                        "Delay", ["milliseconds": 800, "key": .string(mark), "text": "t"],
                        headers: headers)
                }
            }
            let answers = try calls.map { try $0.value() }
            #expect(answers.allSatisfy { $0.status == 200 })
            #expect(Set(answers.compactMap { $0[header: "prong-job"] }).count == 1)
            #expect(answers.count { $0[header: "prong-replayed"] == "true" } == 3)
            #expect(server.calls(holding: mark) == 1)
        }
    }

    @Test func `a key used for another call is 409 already_exists`() throws {
        try withPool { daemon, _ in
            let headers = [("Idempotency-Key", unique("key"))]
            _ = try daemon.call("Echo", ["text": "a"], headers: headers)
            let other = try daemon.call("Echo", ["text": "b"], headers: headers)
            expectRefusal(other, 409, "already_exists")
            let method = try daemon.call("EchoSafe", ["text": "a"], headers: headers)
            expectRefusal(method, 409, "already_exists")
        }
    }

    @Test func `the key of a job and of a header are one space, quotes aside`() throws {
        try withPool { daemon, _ in
            let key = unique("key")
            let id = try daemon.submit("Echo", ["text": "a"], ["key": .string(key)])
            let answer = try daemon.call(
                "Echo", ["text": "a"], headers: [("Idempotency-Key", "\"\(key)\"")])
            #expect(answer[header: "prong-job"] == id)
            #expect(try daemon.job(id)["key"] == .string(key))
        }
    }

    @Test func `lines with one key are one job`() throws {
        try withPool { daemon, _ in
            let key = unique("key")
            let line =
                "{\"method\":\"\(ExampleServer.service)/Echo\",\"request\":{},\"key\":\"\(key)\"}"
            let answer = try daemon.request(
                "POST", "/v1/jobs", headers: [("Content-Type", "application/x-ndjson")],
                body: Array("\(line)\n\(line)\n".utf8))
            let lines = try answer.lines()
            #expect(lines.count == 2)
            #expect(lines[0]["id"] == lines[1]["id"])
            #expect(lines[0]["replayed"].isNull)
            #expect(lines[1]["replayed"] == true)
        }
    }

    @Test func `a purged job's key is remembered, its result is gone`() throws {
        try withPool { daemon, _ in
            let key = unique("key")
            let id = try daemon.submit("Echo", ["text": "a"], ["key": .string(key)])
            try daemon.job(id, reaches: "succeeded")
            let purged = try daemon.post("/v1/jobs:purge?state=succeeded")
            #expect(try purged.json()["matched"] == 1, "\(purged)")
            #expect(try daemon.request("GET", "/v1/jobs/\(id)").status == 404)
            let again = try daemon.call(
                "Echo", ["text": "a"], headers: [("Idempotency-Key", key)])
            expectRefusal(again, 409, "failed_precondition")
        }
    }

    @Test func `keys survive the queue's death`() throws {
        try withPool { daemon, server in
            let mark = unique("mark")
            let key = unique("key")
            let id = try daemon.submit("Echo", ["key": .string(mark)], ["key": .string(key)])
            try daemon.job(id, reaches: "succeeded")
            let queue = try daemon.queuePid()
            kill(queue, SIGKILL)
            try daemon.expectQueueReplaced(queue)
            let again = try daemon.submit("Echo", ["key": .string(mark)], ["key": .string(key)])
            #expect(again == id)
            #expect(server.calls(holding: mark) == 1)
        }
    }

    @Test(arguments: ["", String(repeating: "k", count: 256), "k\u{7F}"])
    func `a key that is none is refused`(_ key: String) throws {
        try withPool { daemon, _ in
            let answer = try daemon.call("Echo", headers: [("Idempotency-Key", key)])
            #expect(answer.status == 400, "\(answer)")
        }
    }
}
