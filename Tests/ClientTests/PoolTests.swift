// status, workers, targets, methods, describe, pause, resume, scale, health against a script.
import Foundation
import Glibc
import Testing

@Suite struct PoolTests {
    static let status = """
        {"version":"9.9","startedAt":"2026-01-01T00:00:00.000Z",\
        "supervisor":{"pid":812,"threads":1,"forks":6},\
        "queue":{"pid":814,"depth":{"queued":12,"running":3,"unknown":1,"failed":0},\
        "oldestQueuedSeconds":2.5,"storeBytes":12897484},\
        "workers":[{"slot":0,"generation":1,"pid":815,"state":"ready","inFlight":3,"jobs":100,\
        "residentBytes":10485760,"threads":9,"clients":[{"target":"t","connectivity":"READY"}]},\
        {"slot":1,"generation":7,"pid":899,"state":"starting"}]}
        """
    static let degraded = """
        {"status":"degraded","checks":[{"name":"store","status":"ok"},\
        {"name":"targets","status":"degraded","message":"t is down | refused"}]}
        """
    static let targets = """
        {"targets":[{"name":"t","address":"localhost:1","state":"down","queued":12,"inFlight":3,\
        "services":["a.B"],"ages":{"oldestSeconds":75.5,"buckets":[{"underSeconds":1,"jobs":0},\
        {"underSeconds":600,"jobs":12},{"jobs":0}]},"reason":"refused"},\
        {"name":"up","state":"up","queued":9,"ages":{"buckets":[{"underSeconds":1,"jobs":4},\
        {"underSeconds":600,"jobs":5},{"jobs":0}],"atLeast":true}}]}
        """

    static func daemon(health: Int = 200, _ report: String) -> FakeDaemon {
        FakeDaemon { request, connection in
            switch request.path {
            case "/v1/status": connection.answer(200, status)
            case "/v1/targets": connection.answer(200, targets)
            case "/v1/workers":
                connection.answer(200, #"{"workers":[{"slot":0,"state":"ready","pid":5}]}"#)
            case "/healthz": connection.answer(200, #"{"status":"ok","checks":[]}"#)
            case "/readyz": connection.answer(health, report)
            default: connection.answer(404, #"{"code":"not_found","message":"no such path"}"#)
            }
        }
    }

    @Test func `status says first whether all is well, and why not`() {
        let daemon = Self.daemon(Self.degraded)
        let outcome = prong("status", socket: daemon.path)
        #expect(outcome.status == 0)
        let lines = outcome.output.split(separator: "\n").map(String.init)
        #expect(lines[0].hasPrefix("prong 9.9: degraded, up "))
        #expect(lines[1] == "  degraded  targets: t is down | refused")
        #expect(
            lines.contains(
                "queue       12 queued, 3 running, 1 unknown; oldest queued 2.5s; store 12.3 MiB"
                    + " (pid 814)"))
        #expect(lines.contains("workers     1 ready of 2; 3 in flight; 10.0 MiB"))
        #expect(lines.contains("supervisor  6 forks; 1 thread (pid 812)"))
        #expect(lines.contains { $0.hasPrefix("t       down ") })
        #expect(
            prong("status", "--json", socket: daemon.path).output == Self.status + "\n")
    }

    @Test func `workers and targets are tables, or JSON`() {
        let daemon = Self.daemon(Self.degraded)
        let workers = prong("workers", socket: daemon.path).output
        #expect(workers.contains("SLOT"))
        #expect(workers.contains("ready"))
        let targets = prong("targets", socket: daemon.path).output
        #expect(
            targets == """
                TARGET  STATE  QUEUED  OLDEST  IN FLIGHT  ADDRESS      SERVICES
                t       down       12  1m 15s          3  localhost:1  a.B
                up      up          9       -          0  -            -

                WAITING FOR  <1s  <10m  longer
                t              0    12       0
                up            4+    5+      0+

                t is down: refused

                """)
        #expect(prong("targets", "--json", socket: daemon.path).output == Self.targets + "\n")
        #expect(prong("workers", "--json", socket: daemon.path).output.hasPrefix("{\"workers\""))
    }

    @Test func `methods are filtered by text or pattern`() {
        let daemon = FakeDaemon { _, connection in connection.answer(200, methodsAnswer) }
        func names(_ arguments: String...) -> [String] {
            prong(["methods"] + arguments, socket: daemon.path).output.split(separator: "\n")
                .dropFirst().map { String($0.prefix { $0 != " " }) }
        }
        #expect(names() == ["example.v1.Echo/Say", "example.v1.Echo/Shout", "other.v2.Echo/Say"])
        #expect(names("say") == ["example.v1.Echo/Say", "other.v2.Echo/Say"])
        #expect(names("*/Sh*t") == ["example.v1.Echo/Shout"])
        #expect(names("nothing").isEmpty)
        let json = prong("methods", "shout", "--json", socket: daemon.path)
        #expect(
            json.output == #"{"methods":[{"method":"example.v1.Echo/Shout","#
                + #""targets":["example"],"safe":false}]}"# + "\n")
    }

    @Test func `describe prints the proto text and what one must know to call`() {
        let daemon = FakeDaemon { request, connection in
            switch request.path {
            case "/v1/methods": connection.answer(200, methodsAnswer)
            case "/v1/describe/example.v1.Echo/Shout":
                connection.answer(
                    200,
                    #"{"proto":"rpc Shout(A) returns (B);\n","example":{"text":"x"},"#
                        + #""timeout":"30s","safe":false,"retry":{"maxAttempts":5}}"#)
            case "/v1/describe/a.Message":
                connection.answer(200, #"{"proto":"message Message {}"}"#)
            default: connection.answer(404, #"{"code":"not_found","message":"no such name"}"#)
            }
        }
        let method = prong("describe", "Echo/Shout", socket: daemon.path)
        #expect(
            method.output == """
                rpc Shout(A) returns (B);

                timeout  30s
                safe     no
                retry    max attempts 5

                example request
                  {
                    "text": "x"
                  }

                """)
        #expect(prong("describe", "Shout", socket: daemon.path).output == method.output)
        #expect(
            prong("describe", "a.Message", socket: daemon.path).output == "message Message {}\n")
        let unknown = prong("describe", "b.Message", socket: daemon.path)
        #expect(unknown.status == 65)
        #expect(unknown.errors.contains("no such name"))
    }

    @Test func `describe shows no back-off where no code is reason for a repeat`() {
        let daemon = FakeDaemon { _, connection in
            connection.answer(
                200,
                #"{"text":"rpc A(B) returns (C);","request":"B","response":"C","safe":false,"#
                    + #""retry":{"attempts":20,"initial":"1s","codes":[],"when":"it waits"},"#
                    + #""callRetry":{"total":"1m","initial":"1s","codes":["unavailable"]},"#
                    + #""waitOperation":{"response":"D","poll":"E/F"},"pages":{"items":"list"}}"#)
        }
        #expect(
            prong("describe", "a.S/A", socket: daemon.path).output == """
                rpc A(B) returns (C);

                safe            no
                retry           attempts 20, when it waits
                call retry      total 1m, initial 1s, codes unavailable
                wait operation  response D, poll E/F
                pages           items list

                """)
    }

    @Test func `methods tell which have pages or begin an operation`() {
        let daemon = FakeDaemon { _, connection in
            connection.answer(
                200,
                #"{"methods":[{"method":"a.S/List","streaming":"unary","pages":true},"#
                    + #"{"method":"a.S/Make","streaming":"unary","waitOperation":true}]}"#)
        }
        let table = prong("methods", socket: daemon.path).output
        #expect(table.contains("unary, pages"), "\(table)")
        #expect(table.contains("unary, operation"), "\(table)")
    }

    @Test func `pause, resume and scale send what they say`() {
        let daemon = FakeDaemon { _, connection in connection.answer(200, "{}") }
        #expect(prong("pause", "a/b", socket: daemon.path).status == 0)
        #expect(prong("resume", "t", socket: daemon.path).status == 0)
        #expect(prong("scale", "8", socket: daemon.path).status == 0)
        #expect(
            daemon.seen.map { "\($0.method) \($0.target) \($0.text)" } == [
                "POST /v1/targets/a%2Fb/pause {}", "POST /v1/targets/t/resume {}",
                #"POST /v1/scale {"workers":8}"#,
            ])
        #expect(prong("scale", "0", socket: daemon.path).status == 64)
        let forbidding = FakeDaemon { _, connection in
            connection.answer(403, #"{"code":"permission_denied","message":"ask the operator"}"#)
        }
        let denied = prong("pause", "t", socket: forbidding.path)
        #expect(denied.status == 77)
        #expect(denied.errors == "prong: ask the operator\n")
    }

    @Test func `health is one line and a code from 0 to 3`() {
        let ok = prong(
            "health", socket: Self.daemon(#"{"status":"ok","checks":[]}"#).path)
        #expect(ok.status == 0)
        #expect(
            ok.output == "PRONG OK - 1 worker ready, 12 jobs queued, 3 running | workers=1;;;0 "
                + "queued=12;;;0 running=3;;;0 unknown=1;;;0 oldest=2.500s;;;0 "
                + "store=12897484B;;;0\n")
        let warning = prong("health", socket: Self.daemon(Self.degraded).path)
        #expect(warning.status == 1)
        #expect(
            warning.output.hasPrefix("PRONG WARNING - targets: t is down / refused | workers=1"))
        let failing = #"{"status":"failing","checks":[{"name":"ready","status":"failing"}]}"#
        let critical = prong("health", socket: Self.daemon(health: 503, failing).path)
        #expect(critical.status == 2)
        #expect(critical.output.hasPrefix("PRONG CRITICAL - ready"))
        let nonsense = prong("health", socket: Self.daemon("<html>").path)
        #expect(nonsense.status == 3)
        let none = prong("health", socket: makeTemporaryFolder() + "/none.sock")
        #expect(none.status == 2)
        #expect(none.output.hasPrefix("PRONG CRITICAL - no daemon"))
        #expect(prong("health", "--bogus", socket: nil).status == 3)
        #expect(prong("health", "--help", socket: nil).status == 0)
    }

    @Test func `health gives up on a daemon that does not answer, and so do others`() throws {
        let daemon = FakeDaemon { _, connection in _ = connection.readLine() }
        let health = RunningProng(["health"], socket: daemon.path)
        let status = RunningProng(["status"], socket: daemon.path)
        try health.input.close()
        try status.input.close()
        let outcome = health.finish()
        #expect(outcome.status == 2)
        #expect(outcome.output.contains("did not answer in time"))
        #expect(status.finish().status == 69)
    }

    @Test
    func `the socket comes from the option before or after the command, else the environment`() {
        let daemon = Self.daemon(Self.degraded)
        for arguments in [
            ["--socket", daemon.path, "workers"], ["workers", "--socket", daemon.path],
        ] {
            #expect(prong(arguments, socket: "/nowhere.sock").status == 0)
        }
        #expect(prong("workers", socket: daemon.path).status == 0)
        #expect(
            prong("workers", "--socket", String(repeating: "x", count: 200), socket: nil).status
                == 64)
    }
}
