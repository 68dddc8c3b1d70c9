// What operators and their tools read: status, workers, targets, methods, health, metrics.
import DaemonHarness
import Foundation
import Testing

@Suite(.keepsEvidence)
struct OpsTests {
    @Test func `status holds what the manual lists`() throws {
        try withPool(change: { $0.workers = 3 }) { daemon, server in
            try eventuallyTrue("all workers are ready") {
                try daemon.workers().count { $0.state == "ready" } == 3
            }
            let status = try daemon.status()
            #expect(status["version"].string != nil && status["startedAt"].string != nil)
            #expect(status["supervisor"]["threads"] == 1)
            #expect(try #require(status["supervisor"]["forks"].int) >= 4)
            #expect(status["queue"]["pid"].int != nil)
            #expect(status["queue"]["storeBytes"].int != nil)
            let workers = status["workers"].array
            #expect(workers.compactMap { $0["slot"].int }.sorted() == [1, 2, 3])
            for worker in workers { try expect(worker, of: daemon, server) }
            let alone = try daemon.get("/v1/workers")["workers"].array
            #expect(alone.compactMap { $0["pid"].int } == workers.compactMap { $0["pid"].int })
        }
    }

    private func expect(_ worker: JSON, of daemon: Daemon, _ server: ExampleServer) throws {
        let pid = Int32(try #require(worker["pid"].int))
        #expect(ProcessFacts(pid).parent == daemon.supervisor)
        #expect(worker["threads"].int == ProcessFacts(pid).threads)
        #expect(try #require(worker["residentBytes"].int) > 0)
        for name in ["generation", "inFlight", "jobs"] {
            #expect(worker[name].int != nil, "\(name) in \(worker)")
        }
        for name in ["forkedAt", "readyAt", "state"] {
            #expect(worker[name].string != nil, "\(name) in \(worker)")
        }
        let client = worker["clients"][0]
        #expect(client["target"] == "example")
        #expect(client["address"].string == server.address)
        #expect(client["connectivity"].string != nil)
        #expect(client["builtAt"].string != nil)
    }

    @Test func `the queue's depth counts jobs by state`() throws {
        try withPool { daemon, _ in
            for _ in 0..<3 { try daemon.submit("Echo", [:], ["delay": "1h"]) }
            let id = try daemon.submit("Echo")
            try daemon.job(id, reaches: "succeeded")
            let depth = try daemon.status()["queue"]["depth"]
            #expect(depth["scheduled"] == 3)
            #expect(depth["succeeded"] == 1)
        }
    }

    @Test func `targets and methods tell what can be called`() throws {
        try withPool { daemon, server in
            let target = try daemon.get("/v1/targets")["targets"][0]
            #expect(target["name"] == "example")
            #expect(target["address"].string == server.address)
            #expect(target["services"].array.contains(.string(ExampleServer.service)))
            try eventuallyTrue("it is up") {
                try daemon.get("/v1/targets")["targets"][0]["state"] == "up"
            }
            let methods = try daemon.get("/v1/methods")["methods"].array
            let named = Dictionary(
                uniqueKeysWithValues: methods.compactMap { method in
                    method["method"].string.map { ($0, method) }
                })
            let echo = try #require(named["\(ExampleServer.service)/Echo"])
            #expect(echo["safe"] == false || echo["safe"].isNull)
            #expect(echo["request"] == "prong.example.v1.EchoRequest")
            #expect(echo["response"] == "prong.example.v1.EchoResponse")
            #expect(echo["targets"] == ["example"])
            #expect(named["\(ExampleServer.service)/EchoSafe"]?["safe"] == true)
            let chat = try #require(named["\(ExampleServer.service)/Chat"])
            #expect(chat["streaming"].isNull == false)
        }
    }

    @Test func `targets tell how long what is queued has waited`() throws {
        try withPool { daemon, _ in
            func ages() throws -> JSON { try daemon.get("/v1/targets")["targets"][0]["ages"] }
            let bounds = try ages()["buckets"].array.map { $0["underSeconds"].int }
            #expect(bounds == [1, 10, 60, 600, 3600, nil])
            #expect(try ages()["buckets"].array.allSatisfy { $0["jobs"] == 0 })
            #expect(try ages()["oldestSeconds"].isNull)
            _ = try daemon.post("/v1/targets/example/pause")
            // A job with another priority stands elsewhere in the order, and is as old as it is.
            for priority in [0, 0, 7, -7] {
                try daemon.submit("Echo", [:], ["priority": .number(Double(priority))])
            }
            try daemon.submit("Echo", [:], ["delay": "1h"])
            let buckets = try ages()["buckets"].array.compactMap { $0["jobs"].int }
            #expect(buckets.reduce(0, +) == 4, "those that wait for their time are not queued")
            #expect(buckets.dropFirst(4) == [0, 0], "nothing here is older than ten minutes")
            try eventuallyTrue("they grow older") {
                try ages()["buckets"][0]["jobs"] == 0 && ages()["oldestSeconds"].double ?? 0 > 1
            }
            let table = try daemon.prong("targets").output
            #expect(table.contains("WAITING FOR  <1s  <10s  <1m  <10m  <1h  longer"), "\(table)")
        }
    }

    @Test func `a safe call that runs is not among the jobs that wait`() throws {
        try withPool { daemon, _ in
            let id = try daemon.submit("DelaySafe", ["milliseconds": 3000])
            try daemon.job(id, reaches: "running")
            let target = try daemon.get("/v1/targets")["targets"][0]
            try #require(try daemon.job(id)["state"] == "running")
            #expect(target["queued"] == 0)
            #expect(target["ages"]["buckets"].array.allSatisfy { $0["jobs"] == 0 }, "\(target)")
            #expect(target["ages"]["oldestSeconds"].isNull, "\(target)")
        }
    }

    @Test func `describe tells a method and a message as proto text with an example`() throws {
        try withPool { daemon, _ in
            let method = try daemon.request("GET", "/v1/describe/\(ExampleServer.service)/Echo")
            #expect(method.status == 200, "\(method)")
            #expect(method.text.contains("EchoRequest"))
            let message = try daemon.request("GET", "/v1/describe/prong.example.v1.EchoRequest")
            #expect(message.text.contains("message EchoRequest"), "\(message)")
            let unknown = try daemon.request("GET", "/v1/describe/no.such.Thing")
            #expect(unknown.status == 404)
        }
    }

    @Test func `describe says how a method is called and what is repeated`() throws {
        try withPool { daemon, server in
            let echo = try daemon.get("/v1/describe/\(ExampleServer.service)/Echo")
            #expect(echo["address"] == .string(server.address))
            #expect(echo["credentials"] == "insecure")
            #expect(echo["streaming"] == "unary")
            #expect(echo["safe"] == false)
            #expect(echo["onUnknown"] == "keep")
            #expect(echo["retry"]["codes"] == [], "no code makes an unsafe call again")
            #expect(!echo["retry"]["when"].isNull, "\(echo)")
            #expect(echo["pages"].isNull && echo["waitOperation"].isNull, "\(echo)")
            let safe = try daemon.get("/v1/describe/\(ExampleServer.service).EchoSafe")
            #expect(safe["name"] == .string("\(ExampleServer.service)/EchoSafe"), "with a dot")
            #expect(safe["safe"] == true)
            #expect(safe["retry"]["codes"].array.contains("unavailable"), "\(safe)")
            #expect(safe["retry"]["when"].isNull && safe["onUnknown"].isNull)
            #expect(safe["example"]["text"] == "text")
            let chat = try daemon.get("/v1/describe/\(ExampleServer.service)/Chat")
            #expect(chat["streaming"] == "bidi")
            // what `describe` shows can be called as it is
            let method = JSON.string("\(ExampleServer.service)/Chat")
            let answer = try daemon.post(
                "/v1/jobs?wait=30s", ["method": method, "requests": chat["example"]])
            #expect(try answer.json()["responses"].array.count == 1, "\(answer)")
        }
    }

    @Test func `describe and methods say which methods have pages`() throws {
        try withPool { daemon, _ in
            let list = try daemon.get("/v1/describe/\(ExampleServer.service)/List")
            #expect(list["pages"] == ["items": "items"], "\(list)")
            let unsafe = try daemon.get("/v1/describe/\(ExampleServer.service)/ListUnsafe")
            #expect(!unsafe["pages"]["needs"].isNull, "\(unsafe)")
            let paged = try daemon.get("/v1/methods")["methods"].array
                .filter { $0["pages"] == true }.map { $0["method"] }
            #expect(
                paged == ["List", "ListUnsafe"].map { .string("\(ExampleServer.service)/\($0)") })
        }
    }

    @Test func `an unknown method's refusal names the nearest, for few lines of a body`() throws {
        try withPool { daemon, _ in
            let meant = "did you mean `\(ExampleServer.service)/Delay`"
            let called = try daemon.request(
                "POST", "/\(ExampleServer.service)/Dealy",
                headers: [("Content-Type", "application/json")], body: Array("{}".utf8))
            #expect(called.status == 501)
            #expect(called.text.contains(meant), "\(called)")
            let line = #"{"method":"Example/Dealy","request":{}}"# + "\n"
            let lines = try daemon.request(
                "POST", "/v1/jobs", headers: [("Content-Type", "application/x-ndjson")],
                body: Array(String(repeating: line, count: 30).utf8)
            ).lines()
            let messages = lines.map { "\($0["error"]["message"])" }
            #expect(messages.count == 30)
            #expect(messages.first?.contains(meant) == true, "\(messages)")
            #expect(messages.last?.contains("did you mean") == false, "it takes a while for each")
            let described = try daemon.request(
                "GET", "/v1/describe/\(ExampleServer.service)/Dealy")
            #expect(described.status == 404 && described.text.contains(meant), "\(described)")
            let strange = try daemon.request("GET", "/v1/describe/quite.Another/Thing")
            #expect(!strange.text.contains("did you mean"), "\(strange)")
        }
    }

    @Test func `health is ok, then degraded by an unknown job, each check named`() throws {
        try withPool { daemon, _ in
            try eventuallyTrue("all is well") {
                try daemon.get("/healthz")["status"] == "ok"
            }
            let id = try daemon.submit("Cut")
            try daemon.job(id, reaches: "unknown")
            let answer = try daemon.request("GET", "/healthz")
            #expect(answer.status == 200)
            let health = try answer.json()
            #expect(health["status"] == "degraded")
            for check in health["checks"].array {
                #expect(check["name"].string?.isEmpty == false)
                let status = try #require(check["status"].string)
                #expect(["ok", "degraded", "failing"].contains(status))
            }
            #expect(try daemon.request("GET", "/readyz").status == 200)
        }
    }

    @Test func `gRPC health in Connect form answers for prong, targets and nobody else`() throws {
        try withPool { daemon, server in
            func check(_ service: String) throws -> HTTPResponse {
                try daemon.post("/grpc.health.v1.Health/Check", ["service": .string(service)])
            }
            #expect(try check("").json()["status"] == "SERVING")
            try eventuallyTrue("the target serves") {
                try check("example").json()["status"] == "SERVING"
            }
            expectRefusal(try check("nobody"), 404, "not_found")
            server.stop()
            try eventuallyTrue("the target does not") {
                try check("example").json()["status"] == "NOT_SERVING"
            }
        }
    }

    @Test func `metrics are Prometheus text and hold all that the manual names`() throws {
        try withPool { daemon, _ in
            let id = try daemon.submit("EchoSafe")
            try daemon.job(id, reaches: "succeeded")
            _ = try daemon.call("Echo", ["text": "x"])
            let answer = try daemon.request("GET", "/metrics")
            #expect(answer[header: "content-type"]?.hasPrefix("text/plain") == true)
            let metrics = try Prometheus(parsing: answer.text)
            for name in Prometheus.promised { #expect(metrics.offers(name), "\(name) is missing") }
            #expect(metrics.value("prong_jobs", "state=\"succeeded\"") == 1)
            #expect(metrics.value("prong_supervisor_threads", "") == 1)
            #expect(metrics.value("prong_target_up", "target=\"example\"") == 1)
            let attempts = metrics.value(
                "prong_attempts_total", "method=\"\(ExampleServer.service)/EchoSafe\"")
            #expect(attempts == 1)
            #expect(metrics.value("prong_calls_total", "code=\"ok\"") == 1)
        }
    }

    @Test func `the TCP listener offers health, metrics and status, and nothing else`() throws {
        let port = try freePort()
        try withPool(change: { $0.listen = "http = \"127.0.0.1:\(port)\"" }) { daemon, _ in
            func ask(_ method: String, _ path: String) throws -> Int {
                let connection = try HTTPConnection(port: port)
                return try connection.request(
                    method, path, headers: [("Content-Type", "application/json")],
                    body: method == "POST" ? Array("{}".utf8) : nil
                ).status
            }
            for path in ["/healthz", "/readyz", "/metrics", "/v1/status"] {
                #expect(try ask("GET", path) == 200)
            }
            let id = try daemon.submit("Echo")
            for path in ["/v1/jobs", "/v1/jobs/\(id)"] {
                #expect((400..<500).contains(try ask("GET", path)), "\(path)")
            }
            for path in ["/v1/jobs", "/\(ExampleServer.service)/Echo", "/v1/targets/example/pause"]
            {
                #expect((400..<600).contains(try ask("POST", path)), "\(path)")
            }
            #expect(try daemon.get("/v1/targets")["targets"][0]["state"] != "paused")
        }
    }

    @Test func `the log names each process and holds no payload`() throws {
        try withPool { daemon, _ in
            let secret = unique("payload")
            _ = try daemon.call(
                "Fail", ["code": 3, "message": "no", "reason": .string(secret)],
                headers: [("Authorization", "Bearer \(secret)")])
            let id = try daemon.submit("Echo", ["text": .string(secret)])
            try daemon.job(id, reaches: "succeeded")
            try daemon.expectDrained()
            #expect(!daemon.log.contains(secret))
            for role in ["supervisor", "queue", "worker"] { #expect(daemon.log.contains(role)) }
        }
    }
}
