// wait, show, list, cancel, retry, resolve, purge against a scripted daemon.
import Foundation
import Glibc
import Testing

@Suite struct JobTests {
    static func answering(_ status: Int, _ body: String) -> FakeDaemon {
        FakeDaemon { _, connection in connection.answer(status, body) }
    }

    @Test func `wait prints the job at its end and asks again until then`() {
        let asked = Counter()
        let daemon = FakeDaemon { request, connection in
            #expect(request.query == "wait=30s")
            let state = asked.next() < 3 ? "running" : "succeeded"
            connection.answer(
                200, #"{"id":"j1","state":"\#(state)","response":{"n":9007199254740993}}"#)
        }
        let outcome = prong("wait", "j1", socket: daemon.path)
        #expect(outcome.status == 0)
        #expect(
            outcome.output
                == #"{"id":"j1","state":"succeeded","response":{"n":9007199254740993}}"# + "\n")
        #expect(daemon.seen.count == 3)
    }

    @Test func `wait goes on when the daemon restarts under it`() {
        let asked = Counter()
        let daemon = FakeDaemon { _, connection in
            if asked.next() == 1 {
                shutdown(connection.fd, Int32(SHUT_RDWR))
            } else {
                connection.answer(200, #"{"id":"j1","state":"succeeded"}"#)
            }
        }
        #expect(prong("wait", "j1", socket: daemon.path).status == 0)
    }

    @Test(arguments: ["failed", "unknown", "cancelled", "expired"])
    func `wait exits 1 for a job that did not succeed and prints its error`(state: String) {
        let error = #"{"code":"internal","message":"why"}"#
        let daemon = Self.answering(200, #"{"id":"j1","state":"\#(state)","error":\#(error)}"#)
        let outcome = prong("wait", "j1", socket: daemon.path)
        #expect(outcome.status == 1)
        #expect(outcome.errors == error + "\n")
    }

    @Test func `wait exits 75 for a job that is not finished in time`() {
        let daemon = Self.answering(200, #"{"id":"j1","state":"queued"}"#)
        let outcome = prong("wait", "j1", "--timeout", "50ms", socket: daemon.path)
        #expect(outcome.status == 75)
        #expect(outcome.errors.contains("not finished"))
    }

    @Test func `an id that is not known is 65`() {
        let daemon = Self.answering(404, #"{"code":"not_found","message":"no job j1"}"#)
        for command in ["wait", "show", "cancel", "retry", "purge"] {
            let outcome = prong(command, "j1", socket: daemon.path)
            #expect(outcome.status == 65)
            #expect(outcome.errors.contains("no job j1"))
        }
    }

    static let job = """
        {"id":"j1","method":"a.B/C","target":"t","state":"failed","priority":3,"key":"k",\
        "submittedAt":"2026-01-01T00:00:00.000Z","submitter":{"uid":1,"gid":2,"pid":3},\
        "request":{"a":1},"error":{"code":"not_found","message":"bad\\u001b[2J",\
        "details":[{"type":"a.Why","value":"AA","debug":{"reason":"QUOTA"}}]},\
        "operationName":"operations/1","operationMetadata":{"@type":"a.M","done":"3"},\
        "attemptCount":2,"maxAttempts":5,"attempts":[{"number":1,\
        "worker":{"slot":0,"generation":4,"pid":77},"startedAt":"2026-01-01T00:00:01.000Z",\
        "endedAt":"2026-01-01T00:00:01.250Z","code":"unavailable","message":"m","peer":"p"}]}
        """

    @Test func `show lays a job out for people, and never lets its text steer the terminal`() {
        let daemon = Self.answering(200, Self.job)
        let outcome = prong("show", "j1", socket: daemon.path)
        #expect(outcome.status == 0)
        for text in [
            "state      failed", "error      not_found: bad?[2J", "attempts   2 of at most 5",
            "submitter  uid=1 gid=2 pid=3", "operation  operations/1",
            "progress (M)\n  done  3\n", "error details\n  a.Why  reason: QUOTA\n",
            "\"a\": 1", "slot 0 gen 4 pid 77", "250ms",
        ] {
            #expect(outcome.output.contains(text), "\(outcome.output)")
        }
        for once in ["done", "QUOTA", "error details"] {
            #expect(outcome.output.split(separator: once).count == 2, "\(outcome.output)")
        }
        let json = prong("show", "j1", "--json", socket: daemon.path)
        #expect(json.output == Self.job + "\n")
    }

    /// What stands between a heading of `show` and the next empty line.
    private func section(_ heading: String, of output: String) -> [String] {
        let lines = output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        return Array(lines.drop { $0 != heading }.dropFirst().prefix { !$0.isEmpty })
    }

    @Test func `show tells how far an operation is, a line for each value`() {
        let metadata =
            #"{"@type":"type.googleapis.com/google.container.v1.Operation","status":"RUNNING","#
            + #""progress":{"name":"p\u001b","metrics":[{"name":"NODES","intValue":"3"}]},"#
            + #""selfLink":"https://x"}"#
        let daemon = Self.answering(
            200, #"{"id":"j1","state":"waiting","operationMetadata":\#(metadata)}"#)
        let outcome = prong("show", "j1", socket: daemon.path)
        #expect(
            section("progress (Operation)", of: outcome.output) == [
                "  status                        RUNNING",
                "  progress.name                 p?",
                "  progress.metrics[0].name      NODES",
                "  progress.metrics[0].intValue  3",
                "  selfLink                      https://x",
            ], "\(outcome.output)")
        let long = (0..<100).map { "\"f\($0)\":\($0)" }.joined(separator: ",")
        let many = prong(
            "show", "j1",
            socket: Self.answering(200, "{\"id\":\"j1\",\"operationMetadata\":{\(long)}}").path)
        let lines = section("progress", of: many.output)
        #expect(lines.count == 41)
        #expect(lines.last == "  … and 60 more: --json shows all")
    }

    @Test func `show tells each detail of an error, decoded or as base64`() {
        let details = [
            #"{"type":"google.rpc.ErrorInfo","value":"AQ","debug":{"reason":"R","#
                + #""metadata":{"aKey":"b"}}}"#,
            #"{"type":"google.rpc.BadRequest","value":"AQ","debug":{"fieldViolations":"#
                + #"[{"field":"f","description":"d\u001b"},{"field":"g"}]}}"#,
            #"{"type":"google.rpc.Help","value":"","debug":{}}"#,
            #"{"type":"un.Known","value":"AQ"}"#,
        ].joined(separator: ",")
        let error = #"{"code":"internal","message":"m","details":[\#(details)]}"#
        let daemon = Self.answering(200, #"{"id":"j1","state":"failed","error":\#(error)}"#)
        let outcome = prong("show", "j1", socket: daemon.path)
        #expect(
            section("error details", of: outcome.output) == [
                "  google.rpc.ErrorInfo   reason: R, metadata: {aKey: b}",
                "  google.rpc.BadRequest  fieldViolations: "
                    + "[{field: f, description: d?}, {field: g}]",
                "  google.rpc.Help",
                "  un.Known               base64 AQ",
            ], "\(outcome.output)")
    }

    @Test func `show has all requests and responses of a stream`() {
        let daemon = Self.answering(
            200,
            #"{"id":"j1","state":"succeeded","requests":[{"a":1}],"responses":[{"b":2},{"b":3}]}"#)
        let outcome = prong("show", "j1", socket: daemon.path).output
        #expect(section("requests", of: outcome).contains { $0.contains("\"a\": 1") })
        let responses = section("responses", of: outcome).joined()
        #expect(responses.contains("\"b\": 2") && responses.contains("\"b\": 3"), "\(outcome)")
    }

    @Test func `list sends its filters and follows the pages up to its limit`() {
        let daemon = FakeDaemon { request, connection in
            if request.path == "/v1/methods" { return connection.answer(200, methodsAnswer) }
            let isSecond = request.query.contains("cursor=c%2F1")
            let jobs = (0..<(isSecond ? 500 : 1000)).map { #"{"id":"j\#($0)","state":"failed"}"# }
            let list = jobs.joined(separator: ",")
            let cursor = isSecond ? "c2" : "c/1"
            connection.answer(200, #"{"jobs":[\#(list)],"nextCursor":"\#(cursor)"}"#)
        }
        let outcome = prong(
            "list", "--state", "failed", "--target", "t", "--method", "Shout", "--batch", "a b",
            "--since", "2030-01-31T12:00:00Z", "--limit", "1500", socket: daemon.path)
        #expect(outcome.status == 0)
        #expect(outcome.output.split(separator: "\n").count == 1501)
        #expect(outcome.errors.contains("there are more"))
        #expect(
            daemon.seen.map(\.query) == [
                "",
                "state=failed&target=t&method=example.v1.Echo%2FShout&batch=a%20b"
                    + "&since=2030-01-31T12%3A00%3A00.000Z&limit=1000",
                "state=failed&target=t&method=example.v1.Echo%2FShout&batch=a%20b"
                    + "&since=2030-01-31T12%3A00%3A00.000Z&limit=500&cursor=c%2F1",
            ])
    }

    @Test func `list prints JSON when asked and columns that line up otherwise`() {
        let body =
            #"{"jobs":[{"id":"longer-id","state":"queued","method":"a.v1.B/C","blocked":"down"},"#
            + #"{"id":"x","state":"succeeded","priority":-7}]}"#
        let daemon = Self.answering(200, body)
        #expect(prong("list", "--json", socket: daemon.path).output == body + "\n")
        let lines = prong("list", socket: daemon.path).output.split(separator: "\n")
        #expect(lines.count == 3)
        #expect(lines[0].hasPrefix("ID         STATE      "))
        #expect(lines[1].hasPrefix("longer-id  queued     "))
        #expect(lines[1].hasSuffix("B/C     blocked: down"))
        let none = prong(
            "list", socket: Self.answering(200, #"{"jobs":[]}"#).path)
        #expect(none.status == 0)
        #expect(none.output == "")
    }

    @Test func `each act has its request`() {
        let daemon = Self.answering(200, #"{"id":"a","state":"cancelled"}"#)
        #expect(
            prong("cancel", "a", "b/c", socket: daemon.path).output
                == "a cancelled\nb/c cancelled\n")
        _ = prong("retry", "a", socket: daemon.path)
        _ = prong("resolve", "a", "--as", "succeeded", socket: daemon.path)
        _ = prong("purge", "a", socket: daemon.path)
        #expect(
            daemon.seen.map { "\($0.method) \($0.target)" } == [
                "DELETE /v1/jobs/a", "DELETE /v1/jobs/b%2Fc", "POST /v1/jobs/a/retry",
                "POST /v1/jobs/a/resolve", "POST /v1/jobs/a/purge",
            ])
        #expect(daemon.seen[3].text == #"{"as":"succeeded"}"#)
    }

    @Test func `an act goes on after a refusal, whose kind is the exit code`() {
        let daemon = FakeDaemon { request, connection in
            request.path == "/v1/jobs/a"
                ? connection.answer(400, #"{"code":"failed_precondition","message":"a has ended"}"#)
                : connection.answer(200, #"{"id":"b","state":"cancelled"}"#)
        }
        let outcome = prong("cancel", "a", "b", socket: daemon.path)
        #expect(outcome.status == 65)
        #expect(outcome.output == "b cancelled\n")
        #expect(outcome.errors.contains("cannot cancel a: a has ended"))
    }

    @Test(arguments: ["cancel", "retry", "purge"])
    func `an act on all that match says how many first`(act: String) {
        let daemon = FakeDaemon { request, connection in
            request.method == "GET"
                ? connection.answer(200, #"{"jobs":[{"id":"a"},{"id":"b"},{"id":"c"}]}"#)
                : connection.answer(200, #"{"matched":4}"#)
        }
        let outcome = prong(act, "--batch", "b", "--yes", socket: daemon.path)
        #expect(outcome.status == 0)
        #expect(outcome.errors == "prong: \(act) 3 jobs\n")
        #expect(outcome.output == "\(act): 4 jobs\n")
        #expect(daemon.seen.last?.target == "/v1/jobs:\(act)?batch=b")
    }

    @Test func `resolve takes the jobs that match one by one`() {
        let daemon = FakeDaemon { request, connection in
            request.method == "GET"
                ? connection.answer(200, #"{"jobs":[{"id":"a"},{"id":"b"}]}"#)
                : connection.answer(200, #"{"state":"failed"}"#)
        }
        let outcome = prong(
            "resolve", "--state", "unknown", "--as", "failed", socket: daemon.path)
        #expect(outcome.output == "a failed\nb failed\n")
        #expect(daemon.seen.filter { $0.method == "POST" }.count == 2)
    }

    @Test func `nothing is touched when nothing matches, or nothing is chosen`() {
        let daemon = Self.answering(200, #"{"jobs":[]}"#)
        let none = prong("purge", "--state", "failed", socket: daemon.path)
        #expect(none.status == 0)
        #expect(daemon.seen.allSatisfy { $0.method == "GET" })
        for arguments in [
            ["purge"], ["purge", "a", "--state", "failed"], ["list", "--state", "x"],
        ] {
            #expect(prong(arguments, socket: daemon.path).status == 64)
        }
    }
}
