// Server streaming over HTTP: a line for each message as it comes, a last line that says how it
// ended, and a caller's pace that reaches the server.
import DaemonHarness
import Foundation
import Testing

private let lines = ("Accept", "application/x-ndjson")

@Suite(.keepsEvidence)
struct StreamedCallTests {
    private func expand(
        _ daemon: Daemon, _ request: JSON, headers: [(String, String)] = [lines]
    ) throws -> HTTPResponse {
        try daemon.call("Expand", request, headers: headers)
    }

    /// Sends the call and leaves the answer on the connection.
    private func begin(
        _ daemon: Daemon, _ request: JSON, headers: [(String, String)] = []
    ) throws -> HTTPConnection {
        let connection = try daemon.connect()
        try connection.sendRequest(
            "POST", "/\(ExampleServer.service)/Expand",
            headers: [lines, ("Content-Type", "application/json")] + headers,
            body: Array(request.text.utf8))
        return connection
    }

    /// A stream of a message each 20 ms, which lasts longer than any test.
    private func beginEndless(_ daemon: Daemon, _ key: String) throws -> HTTPConnection {
        try begin(
            daemon,
            [
                "text": "x", "times": 100_000, "intervalMilliseconds": 20, "key": .string(key),
            ])
    }

    private func lastLine(_ connection: HTTPConnection) throws -> JSON {
        var rest = ""
        while let part = try connection.readBodyPart() {
            rest += String(decoding: part, as: UTF8.self)
        }
        return try JSON(parsing: String(try #require(rest.split(separator: "\n").last)))
    }

    private func count(_ daemon: Daemon, _ key: String, _ what: String) throws -> Int {
        try daemon.call("Count").json()["counts"]["\(key)/\(what)"].int ?? 0
    }

    @Test func `each message is a line, and the last line is the end`() throws {
        try withPool { daemon, _ in
            let answer = try expand(daemon, ["text": "x", "times": 3])
            #expect(answer.status == 200)
            #expect(answer[header: "content-type"] == "application/x-ndjson")
            #expect(
                try answer.lines() == [
                    ["message": ["text": "x", "count": "1"]],
                    ["message": ["text": "x", "count": "2"]],
                    ["message": ["text": "x", "count": "3"]],
                    ["end": ["trailers": [:]]],
                ], "\(answer)")
            let none = try expand(daemon, ["times": 0])
            #expect(try none.lines() == [["end": ["trailers": [:]]]])
        }
    }

    @Test func `a stream ends with its trailers, or with its error and its place in it`() throws {
        try withPool(lines: "idempotent = [\"*/Expand\"]") { daemon, server in
            let connection = try daemon.connect()
            defer { connection.close() }
            // one after the other on one connection
            for code in [0, 7, 14] {
                let key = unique("end")
                let request: JSON = [
                    "text": "x", "times": 2, "code": JSON(integerLiteral: code), "trailer": "t",
                    "key": .string(key),
                ]
                let answer = try connection.request(
                    "POST", "/\(ExampleServer.service)/Expand",
                    headers: [lines, ("Content-Type", "application/json")],
                    body: Array(request.text.utf8))
                #expect(answer.status == 200)
                let all = try answer.lines()
                #expect(all.count == 3, "\(answer)")
                if code == 0 {
                    #expect(all[2] == ["end": ["trailers": ["x-trailer": "t"]]])
                } else {
                    let name = code == 7 ? "permission_denied" : "unavailable"
                    #expect(all[2]["error"] == ["code": .string(name), "message": "as asked"])
                }
                #expect(server.calls(holding: key) == 1, "no second time after a message")
            }
        }
    }

    @Test func `a stream that fails before its first message is made again where that is safe`()
        throws
    {
        try withPool(lines: "idempotent = [\"*/Expand\"]") { daemon, server in
            let key = unique("first")
            let failing: JSON = [
                "times": 0, "code": 14, "failFirst": 2, "key": .string(key),
            ]
            let answer = try expand(daemon, failing)
            #expect(try answer.lines() == [["end": ["trailers": [:]]]], "\(answer)")
            #expect(server.calls(holding: key) == 3)
            let final = try expand(daemon, ["times": 0, "code": 5])
            #expect(final.status == 200)
            #expect(try final.lines().map { $0["error"]["code"] } == ["not_found"])
        }
    }

    @Test func `messages come as the server sends them, long before the end`() throws {
        try withPool { daemon, _ in
            let key = unique("live")
            let connection = try beginEndless(daemon, key)
            defer { connection.close() }
            #expect(try connection.readHead().head.status == 200)
            for _ in 0..<3 { #expect(try connection.readBodyPart() != nil) }
            connection.close()
            try eventuallyTrue("the caller's going away cancels the call at the server") {
                try count(daemon, key, "cancelled") == 1
            }
        }
    }

    @Test func `a server's metadata are headers, sent before it has sent a message`() throws {
        try withPool { daemon, _ in
            // its first message is minutes away
            let connection = try begin(
                daemon, ["text": "x", "times": 1, "header": "a b", "waitMilliseconds": 600_000])
            defer { connection.close() }
            let head = try connection.readHead().head
            #expect(head.status == 200)
            #expect(head["content-type"] == "application/x-ndjson")
            #expect(head["x-header"] == "a b")
            #expect(head["x-header-bin"] == "YSBi")
            connection.close()
            let whole = try expand(daemon, ["text": "x", "times": 2, "header": "v"])
            #expect(whole[header: "x-header"] == "v" && whole[header: "x-header-bin"] == "dg")
            #expect(try whole.lines().count == 3, "\(whole)")
            let failed = try expand(daemon, ["times": 0, "header": "v", "code": 5])
            #expect(failed.status == 200 && failed[header: "x-header"] == "v")
            #expect(try failed.lines().map { $0["error"]["code"] } == ["not_found"])
        }
    }

    @Test func `a stream whose metadata were passed on is not made again`() throws {
        try withPool(lines: "idempotent = [\"*/Expand\"]") { daemon, server in
            let key = unique("head")
            let answer = try expand(
                daemon,
                ["times": 0, "code": 14, "failFirst": 2, "header": "v", "key": .string(key)])
            #expect(answer[header: "x-header"] == "v")
            #expect(try answer.lines().map { $0["error"]["code"] } == ["unavailable"])
            #expect(server.calls(holding: key) == 1)
        }
    }

    @Test(arguments: ["", "v"])
    func `a caller that goes away before the first message cancels the call`(header: String) throws
    {
        try withPool { daemon, server in
            let key = unique("early")
            let connection = try begin(
                daemon,
                [
                    "text": "x", "times": 100_000, "intervalMilliseconds": 20,
                    "header": .string(header), "waitMilliseconds": 1_000, "key": .string(key),
                ])
            try eventuallyTrue("the server has the call") { server.calls(holding: key) == 1 }
            if !header.isEmpty { _ = try connection.readHead() }
            connection.close()
            try eventuallyTrue("it is cancelled") { try count(daemon, key, "cancelled") == 1 }
            #expect(try expand(daemon, ["times": 1]).lines().count == 2, "others are served")
        }
    }

    @Test func `a deadline ends a stream with an error line`() throws {
        try withPool { daemon, _ in
            let answer = try expand(
                daemon, ["text": "x", "times": 100_000, "intervalMilliseconds": 20],
                headers: [lines, ("Connect-Timeout-Ms", "500")])
            #expect(answer.status == 200)
            let all = try answer.lines()
            #expect(all.count > 1, "\(answer)")
            #expect(all.last?["error"]["code"] == "deadline_exceeded", "\(answer)")
        }
    }

    @Test func `without the Accept a streaming method says what to send`() throws {
        try withPool { daemon, _ in
            expectRefusal(
                try expand(daemon, ["times": 1], headers: []), 406, "invalid_argument",
                saying: "Accept: application/x-ndjson", "job")
            for method in ["Collect", "Chat"] {
                expectRefusal(
                    try daemon.call(method, headers: [lines]), 501, "unimplemented",
                    saying: "requests", "job")
            }
            // a unary call is what it was
            let unary = try daemon.call("Echo", ["text": "x"], headers: [lines])
            #expect(unary[header: "content-type"] == "application/json")
            #expect(try unary.json()["text"] == "x")
        }
    }

    /// Until the server has sent nothing for a while.
    private func standstill(_ daemon: Daemon, _ key: String) throws -> Int {
        var last = -1
        var still = 0
        return try eventually("the server is held back", within: 60) {
            let sent = try count(daemon, key, "sent")
            still = sent == last && sent > 0 ? still + 1 : 0
            last = sent
            return still >= 10 ? sent : nil
        }
    }

    @Test func `a caller that does not read holds the server back, and memory stays bounded`()
        throws
    {
        try withPool { daemon, _ in
            let key = unique("flood")
            let pids = try daemon.workers().map(\.pid) + [try daemon.queuePid()]
            func residentKiB() -> Int { pids.map { ProcessFacts($0).residentKiB }.reduce(0, +) }
            let before = residentKiB()
            let text = String(repeating: "x", count: 60_000)
            let connection = try begin(
                daemon,
                ["text": .string(text), "times": 4_000_000_000, "key": .string(key)],
                headers: [("Connect-Timeout-Ms", "600000")])
            defer { connection.close() }
            let held = try standstill(daemon, key)
            #expect(held * 60_000 < 64 << 20, "\(held) messages left the server")
            #expect(residentKiB() - before < 64 << 10, "\(before) KiB became \(residentKiB())")
            // whoever reads on lets the server go on
            #expect(try connection.readHead().head.status == 200)
            var read = 0
            while read < 20 << 20 { read += try connection.readBodyPart()?.count ?? 0 }
            try eventuallyTrue("the server goes on") { try count(daemon, key, "sent") > held }
            connection.close()
            try eventuallyTrue("it is cancelled") { try count(daemon, key, "cancelled") == 1 }
        }
    }

    @Test(arguments: [true, false])
    func `a worker that dies in the middle of a stream leaves an error line`(isSafe: Bool) throws {
        let safe = isSafe ? "idempotent = [\"*/Expand\"]" : ""
        try withPool(lines: safe, change: { $0.workers = 1 }) { daemon, server in
            let key = unique("death")
            let connection = try beginEndless(daemon, key)
            defer { connection.close() }
            _ = try connection.readHead()
            #expect(try connection.readBodyPart() != nil)
            kill(try #require(try daemon.workers().first).pid, SIGKILL)
            let last = try lastLine(connection)
            #expect(last["error"]["code"] == (isSafe ? "unavailable" : "unknown"), "\(last)")
            #expect(server.calls(holding: key) == 1, "what was begun is not made again")
        }
    }

    @Test func `a queue that dies cuts the stream, and the call is cancelled`() throws {
        try withPool { daemon, _ in
            let key = unique("cut")
            let connection = try beginEndless(daemon, key)
            defer { connection.close() }
            _ = try connection.readHead()
            #expect(try connection.readBodyPart() != nil)
            let queue = try daemon.queuePid()
            kill(queue, SIGKILL)
            #expect(throws: HarnessFailure.self) {
                while try connection.readBodyPart() != nil {}
            }
            try daemon.expectQueueReplaced(queue)
            try eventuallyTrue("it is cancelled") { try count(daemon, key, "cancelled") == 1 }
        }
    }

    @Test func `a stream that prong's end cuts off says so in its last line`() throws {
        try withPool(change: { $0.worker = "drain_timeout = \"200ms\"" }) { daemon, _ in
            let connection = try beginEndless(daemon, unique("end"))
            defer { connection.close() }
            _ = try connection.readHead()
            #expect(try connection.readBodyPart() != nil)
            try #require(daemon.process).signal(SIGTERM)
            let last = try lastLine(connection)
            #expect(last["error"]["code"] == "unavailable", "\(last)")
            #expect(try #require(daemon.process).wait() == .exited(0))
        }
    }

    @Test func `a durable streaming call collects, and answers in lines`() throws {
        try withPool { daemon, server in
            let key = unique("durable")
            let request: JSON = ["text": "x", "times": 2, "key": .string(key)]
            for replayed in [nil, "true"] {
                let answer = try expand(
                    daemon, request, headers: [lines, ("Idempotency-Key", key)])
                #expect(answer[header: "prong-replayed"] == replayed)
                #expect(answer[header: "prong-job"] != nil)
                #expect(try answer.lines().count == 3, "\(answer)")
                #expect(try answer.lines().last == ["end": ["trailers": [:]]])
            }
            #expect(server.calls(holding: key) == 1)
            let later = try expand(daemon, request, headers: [("Prefer", "respond-async")])
            #expect(later.status == 202)
            let id = try #require(try later.json()["id"].string)
            #expect(try daemon.job(id, wait: "30s")["responses"].array.count == 2)
        }
    }

    @Test func `prong prints a line for each message`() throws {
        try withPool { daemon, _ in
            let done = try daemon.prong("call", "Expand", "{\"text\":\"x\",\"times\":2}")
            #expect(done.code == 0, "\(done.errorOutput)")
            #expect(
                done.output
                    == "{\"text\":\"x\",\"count\":\"1\"}\n{\"text\":\"x\",\"count\":\"2\"}\n")
            let failed = try daemon.prong(
                "call", "Expand", "{\"times\":1000000,\"intervalMilliseconds\":20}", "--timeout",
                "500ms")
            #expect(failed.code == 1)
            #expect(failed.output.hasPrefix("{\"count\":\"1\"}\n"))
            #expect(failed.errorOutput.contains("deadline_exceeded"), "\(failed.errorOutput)")
            let bytes = try daemon.prong("call", "Expand", "", "--binary")
            #expect(bytes.code == 64)
            #expect(bytes.output.isEmpty && bytes.errorOutput.contains("--binary"))
            let refused = try daemon.prong("call", "Collect", "[]")
            #expect(refused.code == 65)
            #expect(refused.errorOutput.contains("requests"), "\(refused.errorOutput)")
        }
    }
}
