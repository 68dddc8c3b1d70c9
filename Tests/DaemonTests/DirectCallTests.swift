// Direct calls: the Connect protocol's unary calls over the socket, from the head of the request
// to the trailers of the answer.
import DaemonHarness
import Foundation
import Testing

private let echo = "/\(ExampleServer.service)/Echo"

@Suite(.keepsEvidence)
struct DirectCallTests {
    @Test func `a call in JSON answers in JSON`() throws {
        try withPool { daemon, _ in
            let answer = try daemon.call(
                "Echo", ["text": "hello", "numbers": ["1", 2], "mood": "MOOD_CALM"])
            #expect(answer.status == 200)
            #expect(answer[header: "content-type"] == "application/json")
            let body = try answer.json()
            #expect(body["text"] == "hello")
            #expect(body["numbers"] == ["1", "2"])
            #expect(body["mood"] == "MOOD_CALM")
            #expect(body["ratio"].isNull, "defaults are left out")
            #expect(answer[header: "prong-job"] == nil, "a direct call is no job")
        }
    }

    @Test func `both namings are taken and lowerCamelCase is given`() throws {
        try withPool { daemon, _ in
            let name = ExampleServer.service
            let answer = try daemon.post(
                "/\(name)/FailSafe", ["code": 0, "fail_first": 1, "key": .string(unique("n"))])
            #expect(answer.status == 200)
            let report = try daemon.call("Echo", ["report": true]).json()
            #expect(report["receivedAt"].string != nil)
            #expect(report["received_at"].isNull)
        }
    }

    @Test func `a call in protobuf answers in protobuf`() throws {
        try withPool { daemon, _ in
            let request: [UInt8] = [0x0A, 5] + Array("hello".utf8)
            let answer = try daemon.request(
                "POST", echo, headers: [("Content-Type", "application/proto")], body: request)
            #expect(answer.status == 200)
            #expect(answer[header: "content-type"] == "application/proto")
            #expect(answer.body.starts(with: request))
        }
    }

    @Test func `a failed call in protobuf still has its error in JSON`() throws {
        try withPool { daemon, _ in
            let answer = try daemon.request(
                "POST", "/\(ExampleServer.service)/Fail",
                headers: [("Content-Type", "application/proto")], body: [0x08, 5])
            expectRefusal(answer, 404, "not_found")
        }
    }

    @Test func `headers become metadata, except the ones of HTTP and of prong`() throws {
        try withPool { daemon, _ in
            let answer = try daemon.call(
                "Echo", ["report": true],
                headers: [
                    ("X-Team", "web"), ("X-Data-Bin", "AAEC"), ("Authorization", "Bearer t"),
                    ("Cookie", "c=1"), ("Referer", "r"), ("X-Forwarded-For", "f"),
                    ("Sec-Fetch-Mode", "m"), ("Accept-Language", "de"), ("Origin", "o"),
                    ("Prong-Priority", "5"), ("Connect-Protocol-Version", "1"),
                ])
            let metadata = try answer.json()["metadata"].object
            #expect(metadata["x-team"] == "web")
            #expect(metadata["x-data-bin"] != nil)
            #expect(metadata["authorization"] == "Bearer t")
            let dropped = [
                "cookie", "referer", "x-forwarded-for", "sec-fetch-mode", "accept-language",
                "origin", "prong-priority", "connect-protocol-version", "host", "content-type",
            ]
            for name in dropped where name != "content-type" {
                #expect(metadata[name] == nil, "\(name) reached the target")
            }
        }
    }

    @Test func `the error of a target has its code, its message and its details`() throws {
        try withPool { daemon, _ in
            let answer = try daemon.call(
                "Fail", ["code": 9, "message": "not “now”", "reason": "LOCKED"])
            expectRefusal(answer, 400, "failed_precondition")
            #expect(answer.message == "not “now”")
            #expect(answer[header: "prong-origin"] == "target")
            let detail = try answer.json()["details"][0]
            #expect(detail["type"] == "google.rpc.ErrorInfo")
            let value = try #require(detail["value"].string)
            #expect(!value.hasSuffix("="), "unpadded")
            let padded = value + String(repeating: "=", count: (4 - value.count % 4) % 4)
            let bytes = try #require(Data(base64Encoded: padded))
            #expect(String(decoding: bytes, as: UTF8.self).contains("LOCKED"))
        }
    }

    @Test func `each gRPC code has its HTTP status`() throws {
        let table: [(Int, Int, String)] = [
            (1, 499, "canceled"), (2, 500, "unknown"), (3, 400, "invalid_argument"),
            (4, 504, "deadline_exceeded"), (5, 404, "not_found"), (6, 409, "already_exists"),
            (7, 403, "permission_denied"), (8, 429, "resource_exhausted"),
            (9, 400, "failed_precondition"), (10, 409, "aborted"), (11, 400, "out_of_range"),
            (12, 501, "unimplemented"), (13, 500, "internal"), (14, 503, "unavailable"),
            (15, 500, "data_loss"), (16, 401, "unauthenticated"),
        ]
        try withPool { daemon, _ in
            for (number, status, code) in table {
                let answer = try daemon.call("Fail", ["code": JSON(integerLiteral: number)])
                expectRefusal(answer, status, code)
            }
        }
    }

    @Test func `a call past its Connect-Timeout-Ms ends with deadline_exceeded`() throws {
        try withPool { daemon, _ in
            let answer = try daemon.call(
                "Delay", ["milliseconds": 60_000], headers: [("Connect-Timeout-Ms", "150")])
            expectRefusal(answer, 504, "deadline_exceeded")
        }
    }

    @Test func `a safe call is tried again within its deadline, an unsafe one is not`() throws {
        try withPool { daemon, server in
            let safe = unique("safe")
            let again = try daemon.call(
                "FailSafe", ["code": 14, "failFirst": 2, "key": .string(safe)])
            #expect(again.status == 200, "\(again)")
            #expect(server.calls(holding: safe) == 3)
            let unsafe = unique("once")
            let once = try daemon.call(
                "Fail", ["code": 14, "failFirst": 2, "key": .string(unsafe)])
            #expect(once.status == 503, "\(once)")
            #expect(server.calls(holding: unsafe) == 1)
        }
    }

    @Test func `keep-alive and pipelined requests are answered in order`() throws {
        try withPool { daemon, _ in
            let connection = try daemon.connect()
            var burst = ""
            for number in 0..<20 {
                let body = "{\"text\":\"\(number)\"}"
                burst += "POST \(echo) HTTP/1.1\r\nHost: prong\r\n"
                burst += "Content-Type: application/json\r\n"
                burst += "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
            }
            try connection.send(burst)
            for number in 0..<20 {
                let answer = try connection.readResponse()
                #expect(try answer.json()["text"].string == String(number))
            }
        }
    }

    @Test func `a chunked request body is taken`() throws {
        try withPool { daemon, _ in
            let connection = try daemon.connect()
            try connection.send(
                "POST \(echo) HTTP/1.1\r\nHost: prong\r\nContent-Type: application/json\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n"
                    + "8\r\n{\"text\":\r\n6\r\n\"abc\"}\r\n0\r\n\r\n")
            #expect(try connection.readResponse().json()["text"] == "abc")
        }
    }

    @Test func `Expect: 100-continue is answered once the head is checked`() throws {
        try withPool { daemon, _ in
            let body = "{\"text\":\"later\"}"
            let connection = try daemon.connect()
            try connection.send(
                "POST \(echo) HTTP/1.1\r\nHost: prong\r\nContent-Type: application/json\r\n"
                    + "Content-Length: \(body.utf8.count)\r\nExpect: 100-continue\r\n\r\n")
            // The body is sent only after the interim answer.
            #expect(try connection.readInterim() == 100)
            try connection.send(body)
            #expect(try connection.readResponse().json()["text"] == "later")
        }
    }

    @Test func `a request that is refused by its head gets no 100`() throws {
        try withPool(change: { $0.listen = "max_request = \"64KiB\"" }) { daemon, _ in
            let connection = try daemon.connect()
            try connection.send(
                "POST \(echo) HTTP/1.1\r\nHost: prong\r\nContent-Type: application/json\r\n"
                    + "Content-Length: 10000000\r\nExpect: 100-continue\r\n\r\n")
            let answer = try connection.readResponse()
            #expect(answer.interim.isEmpty)
            expectRefusal(answer, 413, "resource_exhausted")
        }
    }

    @Test func `curl posts 5 MB without waiting for its own 100-continue timer`() throws {
        let curl = try #require(Programs.installed("curl"))
        try withPool(change: { $0.listen = "max_request = \"16MiB\"" }) { daemon, _ in
            let payload = String(repeating: "a", count: 5_000_000)
            let job = "{\"method\":\"\(ExampleServer.service)/Echo\",\"delay\":\"1h\","
            let file = try daemon.folder.write(
                "\(job)\"request\":{\"text\":\"\(payload)\"}}", to: "body.json")
            // Without an interim answer curl would wait out its own timer and fail here.
            let finished = try run(
                curl,
                [
                    "--silent", "--unix-socket", daemon.socketPath, "--data-binary", "@\(file)",
                    "--header", "Content-Type: application/json",
                    "--header", "Expect: 100-continue", "--expect100-timeout", "1000",
                    "--output", daemon.folder.file("answer"), "--write-out", "%{http_code}",
                    "--max-time", "60", "http://prong/v1/jobs",
                ])
            #expect(finished.output == "202", "\(finished)")
        }
    }

    @Test func `a call is cancelled when its caller goes away`() throws {
        try withPool { daemon, server in
            let key = unique("leaver")
            let connection = try daemon.connect()
            let body = Array("{\"milliseconds\":600000,\"key\":\"\(key)\"}".utf8)
            try connection.sendRequest(
                "POST", "/\(ExampleServer.service)/Delay",
                headers: [("Content-Type", "application/json")], body: body)
            try eventuallyTrue("the call is at the target") { server.calls(holding: key) == 1 }
            try eventuallyTrue("a worker has it") { try inFlight(daemon) == 1 }
            connection.close()
            try eventuallyTrue("no worker has it any more") { try inFlight(daemon) == 0 }
        }
    }

    private func inFlight(_ daemon: Daemon) throws -> Int {
        try daemon.status()["workers"].array.compactMap { $0["inFlight"].int }.reduce(0, +)
    }

    @Test func `an unsafe direct call whose worker dies ends unknown and is not repeated`() throws {
        try withPool { daemon, server in
            let key = unique("unsafe")
            let (call, victim) = try startDelay(daemon, server, "Delay", key)
            kill(victim.pid, SIGKILL)
            let answer = try call.value()
            expectRefusal(answer, 500, "unknown")
            #expect(answer[header: "prong-origin"] == "prong")
            try daemon.expectReplaced(worker: victim)
            #expect(server.calls(holding: key) == 1)
        }
    }

    @Test func `a safe direct call whose worker dies is made again`() throws {
        try withPool { daemon, server in
            let key = unique("safe")
            let (call, victim) = try startDelay(daemon, server, "DelaySafe", key)
            kill(victim.pid, SIGKILL)
            #expect(try call.value().status == 200)
            #expect(server.calls(holding: key) == 2)
        }
    }

    /// A call that is being made, and the worker that makes it.
    private func startDelay(
        _ daemon: Daemon, _ server: ExampleServer, _ method: String, _ key: String
    ) throws -> (Background<HTTPResponse>, WorkerFacts) {
        let call = Background {
            try daemon.call(method, ["milliseconds": 2_000, "key": .string(key)])
        }
        try eventuallyTrue("the call is at the target") { server.calls(holding: key) == 1 }
        let busy = try eventually("a worker has it") {
            try daemon.status()["workers"].array.first { $0["inFlight"].int == 1 }
        }
        let victim = try #require(
            try daemon.workers().first { $0.pid == busy["pid"].int.map(Int32.init) })
        return (call, victim)
    }
}
