// Bodies of many jobs that break off, trickle or never end: what was accepted stays accepted, what
// did not come whole is not taken, memory stays bounded, and other clients do not feel it.
import DaemonHarness
import Foundation
import Testing

@Suite(.keepsEvidence)
struct BrokenBodyTests {
    private func line(_ batch: String, text: String = "x") -> String {
        "{\"method\":\"\(ExampleServer.service)/EchoSafe\",\"batch\":\"\(batch)\",\"delay\":\"1h\","
            + "\"request\":{\"text\":\"\(text)\"}}\n"
    }

    @Test func `a refusal quotes only so much of what it refuses`() throws {
        try withPool { daemon, _ in
            let long = String(repeating: "x", count: 1 << 20)
            let lines = [
                "{\"method\":\"\(long)\",\"request\":{}}",
                "{\"method\":\"a.B/C\",\"target\":\"\(long)\",\"request\":{}}",
                "{\"\(long)\":1}",
                "{\"method\":\"a.B/C\",\"request\":{},\"metadata\":{\"\(long)\":\"\"}}",
                "{\"method\":\"a.B/C\",\"request\":{},\"metadata\":{\"\(long)\":1}}",
                "{\"method\":\"\(ExampleServer.service)/Echo\",\"request\":{\"\(long)\":1}}",
            ]
            let answer = try daemon.request(
                "POST", "/v1/jobs", headers: [("Content-Type", "application/x-ndjson")],
                body: Array(lines.joined(separator: "\n").utf8))
            #expect(try answer.lines().allSatisfy { $0["error"]["message"].string != nil })
            #expect(answer.body.count < 1024 * lines.count, "\(answer.body.count) bytes")
        }
    }

    @Test func `metadata of many small entries are refused before they cost time`() throws {
        try withPool { daemon, _ in
            let entries = (0..<16_000).map { "\"m\($0)\":\"\"" }.joined(separator: ",")
            let answer = try daemon.request(
                "POST", "/v1/jobs", headers: [("Content-Type", "application/json")],
                body: Array(
                    "{\"method\":\"a.B/C\",\"request\":{},\"metadata\":{\(entries)}}".utf8))
            expectRefusal(answer, 400, "invalid_argument")
            let twice = try daemon.request(
                "POST", "/v1/jobs", headers: [("Content-Type", "application/json")],
                body: Array(
                    "{\"method\":\"a.B/C\",\"request\":{},\"metadata\":{\"a\":\"\",\"A\":\"\"}}"
                        .utf8))
            #expect(try twice.json()["message"].string?.contains("stands twice") == true)
        }
    }

    /// A request for many jobs, its head sent.
    private func begin(_ daemon: Daemon, _ framing: String) throws -> HTTPConnection {
        let connection = try daemon.connect()
        try connection.send(
            "POST /v1/jobs HTTP/1.1\r\nHost: p\r\nContent-Type: application/x-ndjson\r\n"
                + "\(framing)\r\n\r\n")
        return connection
    }

    private func send(chunk text: String, over connection: HTTPConnection) throws {
        try connection.send("\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n")
    }

    /// So many answers, as far as the connection gives them.
    private func answers(_ count: Int, _ connection: HTTPConnection) throws -> [JSON] {
        _ = try connection.readHead()
        var text = ""
        while text.split(separator: "\n").count < count || !text.hasSuffix("\n") {
            let part = try #require(try connection.readBodyPart())
            text += String(decoding: part, as: UTF8.self)
        }
        return try text.split(separator: "\n").map { try JSON(parsing: String($0)) }
    }

    private func expectTotal(_ daemon: Daemon, _ batch: String, _ count: Int) throws {
        let batch = try daemon.get("/v1/batches/\(batch)")
        #expect(batch["total"].int == count, "\(batch)")
    }

    enum Cut: CaseIterable {
        case insideALine, malformedChunk, insideAChunk, shortOfItsLength
    }

    @Test(arguments: Cut.allCases, [true, false])
    func `of a body that breaks off, whole lines are jobs and the rest is nothing`(
        _ cut: Cut, clientStays: Bool
    ) throws {
        try withPool { daemon, _ in
            let batch = unique("cut")
            let whole = String(repeating: line(batch), count: 10)
            // What would be a job if its line had ended.
            let half = String(line(batch).dropLast(2))
            let isChunked = cut != .shortOfItsLength
            let connection = try begin(
                daemon,
                isChunked ? "Transfer-Encoding: chunked" : "Content-Length: \(whole.count * 2)")
            if isChunked {
                try send(chunk: whole, over: connection)
            } else {
                try connection.send(whole)
            }
            let ids = try answers(10, connection).map { try #require($0["id"].string) }
            switch cut {
            case .insideALine: try send(chunk: half, over: connection)
            case .malformedChunk: try connection.send("ZZ\r\n")
            case .insideAChunk: try connection.send("fff\r\n\(half)")
            case .shortOfItsLength: try connection.send(half)
            }
            if clientStays { connection.finishSending() } else { connection.close() }
            if clientStays {
                // Without the last chunk, so that the client knows that answers may be missing.
                #expect(throws: HarnessFailure.self) {
                    while try connection.readBodyPart() != nil {}
                }
            }
            #expect(try daemon.submitAndEnd() == "succeeded")
            for id in ids { #expect(try daemon.job(id)["state"] == "scheduled") }
            try expectTotal(daemon, batch, 10)
        }
    }

    @Test(arguments: [true, false])
    func `lines that came with the break behind them are answered, not refused`(
        isChunked: Bool
    )
        throws
    {
        try withPool { daemon, _ in
            let batch = unique("at-once")
            let whole = String(repeating: line(batch), count: 10)
            let half = String(line(batch).dropLast(2))
            let connection = try daemon.connect()
            let length = String(whole.utf8.count, radix: 16)
            try connection.send(
                "POST /v1/jobs HTTP/1.1\r\nHost: p\r\nContent-Type: application/x-ndjson\r\n"
                    + (isChunked
                        ? "Transfer-Encoding: chunked\r\n\r\n\(length)\r\n\(whole)\r\nZZ\r\n"
                        : "Content-Length: 9999\r\n\r\n\(whole)\(half)"))
            connection.finishSending()
            let ids = try answers(10, connection).map { try #require($0["id"].string) }
            #expect(throws: HarnessFailure.self) {
                while try connection.readBodyPart() != nil {}
            }
            #expect(Set(ids).count == 10)
            try expectTotal(daemon, batch, 10)
        }
    }

    @Test func `a body that breaks before its first whole line is refused in words`() throws {
        try withPool { daemon, _ in
            let batch = unique("none")
            let connection = try begin(daemon, "Transfer-Encoding: chunked")
            try send(chunk: String(line(batch).dropLast(2)), over: connection)
            try connection.send("ZZ\r\n")
            expectRefusal(
                try connection.readResponse(), 400, "invalid_argument", saying: "broke off")
            #expect(try daemon.request("GET", "/v1/batches/\(batch)").status == 404)
        }
    }

    @Test func `a long line that comes byte by byte is taken, and nobody waits for it`() throws {
        try withPool(change: { $0.listen = "max_request = \"64KiB\"" }) { daemon, _ in
            let batch = unique("trickle")
            let connection = try begin(daemon, "Transfer-Encoding: chunked")
            let long = line(batch, text: String(repeating: "y", count: 60_000))
            let overlong = line(batch, text: String(repeating: "z", count: 80_000))
            let sending = Background {
                // Each byte is a chunk, and each is a packet of its own.
                for byte in (long + overlong + self.line(batch)).utf8 {
                    try connection.send([0x31, 0x0D, 0x0A, byte, 0x0D, 0x0A])
                }
                try connection.send("0\r\n\r\n")
            }
            var others = 0
            while !sending.isDone {
                #expect(try daemon.request("GET", "/healthz", within: 10).status == 200)
                others += 1
            }
            try sending.value()
            #expect(others > 2)
            let lines = try connection.readResponse().lines()
            #expect(lines.count == 3)
            #expect(lines[0]["id"].string != nil && lines[2]["id"].string != nil, "\(lines)")
            #expect(lines[1]["error"]["code"] == "resource_exhausted", "\(lines)")
            try expectTotal(daemon, batch, 2)
        }
    }

    @Test func `who writes too many lines before reading any is not blocked, and not refused`()
        throws
    {
        try withPool { daemon, _ in
            let batch = unique("flood")
            let queue = ProcessFacts(try daemon.queuePid())
            let before = queue.residentKiB
            let connection = try begin(daemon, "Transfer-Encoding: chunked")
            let sending = Background {
                try self.send(
                    chunk: String(repeating: self.line(batch), count: 2_000), over: connection)
                for _ in 0..<120 {
                    try self.send(chunk: String(repeating: "{}\n", count: 1_000), over: connection)
                }
                // A line that never ends is not kept either.
                for _ in 0..<64 {
                    try self.send(
                        chunk: String(repeating: "x", count: 1 << 20), over: connection)
                }
                try connection.send("0\r\n\r\n")
            }
            var largest = before
            var others = 0
            while !sending.isDone {
                #expect(try daemon.request("GET", "/healthz", within: 20).status == 200)
                others += 1
                largest = max(largest, queue.residentKiB)
            }
            try sending.value(within: 120)
            #expect(others > 2)
            let lines = try connection.readResponse(within: 120).text.split(separator: "\n")
            #expect(lines.count == 100_001)
            let last = try JSON(parsing: String(try #require(lines.last)))
            #expect(last["line"] == 100_001)
            #expect(last["error"]["code"] == "resource_exhausted", "\(last)")
            #expect(try JSON(parsing: String(lines[1_999]))["id"].string != nil)
            #expect(largest - before < 100 << 10, "\(before) KiB before, \(largest) KiB")
            try expectTotal(daemon, batch, 2_000)
        }
    }
}
