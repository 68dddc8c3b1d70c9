// What becomes of a job by the end of its attempt: the table of the manual, row by row, against a
// target that ends calls in every way.
import DaemonHarness
import Foundation
import Testing

/// Retries in milliseconds, so that the tests need not wait.
private let quick = """
    job_retry = { attempts = 5, initial = "20ms", max = "100ms", multiplier = 1.5, \
    codes = ["UNAVAILABLE"] }
    """

@Suite(.keepsEvidence)
struct JobAttemptTests {
    @Test func `a safe job is tried again after a code of its policy`() throws {
        try withPool(change: { $0.defaults = quick }) { daemon, server in
            let key = unique("again")
            let id = try daemon.submit(
                "FailSafe", ["code": 14, "failFirst": 3, "key": .string(key)])
            let job = try daemon.job(id, reaches: "succeeded")
            #expect(job["attemptCount"] == 4)
            #expect(job["attempts"].array.map { $0["number"].int } == [1, 2, 3, 4])
            let codes = job["attempts"].array.map { $0["code"].string }
            #expect(codes == ["unavailable", "unavailable", "unavailable", "ok"])
            #expect(server.calls(holding: key) == 4)
        }
    }

    @Test func `a safe job fails when its attempts run out`() throws {
        try withPool(change: { $0.defaults = quick }) { daemon, server in
            let key = unique("out")
            let id = try daemon.submit(
                "FailSafe", ["code": 14, "message": "gone", "key": .string(key)],
                ["maxAttempts": 3])
            let job = try daemon.job(id, reaches: "failed")
            #expect(job["error"]["code"] == "unavailable")
            #expect(job["error"]["message"].string?.contains("gone") == true)
            #expect(server.calls(holding: key) == 3)
        }
    }

    @Test(arguments: [1, 2, 3, 5, 6, 7, 9, 10, 11, 12, 13, 15, 16])
    func `a safe job fails at once by another code`(_ code: Int) throws {
        try withPool(change: { $0.defaults = quick }) { daemon, server in
            let key = unique("other")
            let id = try daemon.submit(
                "FailSafe", ["code": JSON(integerLiteral: code), "key": .string(key)])
            try daemon.job(id, reaches: "failed")
            #expect(server.calls(holding: key) == 1)
        }
    }

    @Test(arguments: [
        (1, "unknown"), (4, "unknown"), (14, "unknown"), (3, "failed"), (13, "failed"),
    ])
    func `an unsafe job is made once, whatever its end`(_ code: Int, _ state: String) throws {
        try withPool(change: { $0.defaults = quick }) { daemon, server in
            let key = unique("once")
            let id = try daemon.submit(
                "Fail", ["code": JSON(integerLiteral: code), "key": .string(key)])
            try daemon.job(id, reaches: state)
            #expect(server.calls(holding: key) == 1)
        }
    }

    @Test func `RESOURCE_EXHAUSTED with RetryInfo is tried again, safe or not`() throws {
        try withPool(change: { $0.defaults = quick }) { daemon, server in
            for method in ["Fail", "FailSafe"] {
                let key = unique("slow")
                let id = try daemon.submit(
                    method,
                    ["code": 8, "failFirst": 1, "retryDelay": "0.050s", "key": .string(key)])
                try daemon.job(id, reaches: "succeeded")
                #expect(server.calls(holding: key) == 2)
            }
        }
    }

    @Test func `a pushback of the server is taken like RetryInfo`() throws {
        try withPool(change: { $0.defaults = quick }) { daemon, server in
            let key = unique("pushed")
            let id = try daemon.submit(
                "Fail",
                ["code": 8, "failFirst": 1, "pushbackMilliseconds": "50", "key": .string(key)])
            try daemon.job(id, reaches: "succeeded")
            #expect(server.calls(holding: key) == 2)
        }
    }

    @Test func `RESOURCE_EXHAUSTED without a hint is the job's own error`() throws {
        try withPool(change: { $0.defaults = quick }) { daemon, server in
            let key = unique("own")
            let id = try daemon.submit("Fail", ["code": 8, "key": .string(key)])
            try daemon.job(id, reaches: "failed")
            #expect(server.calls(holding: key) == 1)
        }
    }

    @Test func `the wait between two attempts is shown as scheduled`() throws {
        let slow = """
            job_retry = { attempts = 5, initial = "2s", max = "2s", multiplier = 1.0, \
            codes = ["UNAVAILABLE"] }
            """
        try withPool(change: { $0.defaults = slow }) { daemon, _ in
            let id = try daemon.submit(
                "FailSafe", ["code": 14, "failFirst": 1, "key": .string(unique("w"))])
            let job = try daemon.job(id, reaches: "scheduled")
            #expect(job["attemptCount"] == 1)
            #expect(job["notBefore"].string != nil)
            try daemon.job(id, reaches: "succeeded")
        }
    }

    @Test func `a method named idempotent in the configuration is safe`() throws {
        let change: (inout DaemonSettings) -> Void = { $0.defaults = quick }
        try withPool(lines: "idempotent = [\"*/Cut\"]", change: change) { daemon, server in
            let key = unique("named")
            let id = try daemon.submit("Cut", ["key": .string(key), "cutFirst": 1])
            try daemon.job(id, reaches: "succeeded")
            #expect(server.calls(holding: key) == 2)
            let methods = try daemon.get("/v1/methods")["methods"].array
            let cut = methods.first { $0["method"].string?.hasSuffix("/Cut") == true }
            #expect(cut?["safe"] == true)
        }
    }

    @Test func `a method with a retryPolicy in its service config is safe and keeps to it`() throws
    {
        let scratch = try ScratchFolder()
        defer { scratch.remove() }
        let config = try scratch.write(
            """
            {"methodConfig":[{"name":[{"service":"\(ExampleServer.service)","method":"Fail"}],
              "timeout":"5s",
              "retryPolicy":{"maxAttempts":3,"initialBackoff":"0.02s","maxBackoff":"0.1s",
                "backoffMultiplier":1.5,"retryableStatusCodes":["ABORTED"]}}]}
            """, to: "service.json")
        try withPool(lines: "service_config = \"\(config)\"") { daemon, server in
            let key = unique("policy")
            let id = try daemon.submit("Fail", ["code": 10, "failFirst": 1, "key": .string(key)])
            try daemon.job(id, reaches: "succeeded")
            #expect(server.calls(holding: key) == 2)
        }
    }

    @Test func `a response over max_response is the job's own error`() throws {
        try withPool(change: { $0.listen = "max_response = \"64KiB\"" }) { daemon, server in
            let key = unique("large")
            let text = String(repeating: "x", count: 200_000)
            let id = try daemon.submit("Echo", ["text": .string(text), "key": .string(key)])
            let job = try daemon.job(id, reaches: "failed")
            #expect(job["error"]["code"] == "resource_exhausted")
            #expect(server.calls(holding: key) == 1)
        }
    }
}
