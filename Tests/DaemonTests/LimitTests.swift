// Every bound has a clear error, and whoever runs into one does not slow down the others.
import DaemonHarness
import Foundation
import Testing

private let echo = "/\(ExampleServer.service)/Echo"

@Suite(.keepsEvidence)
struct LimitTests {
    @Test func `a full queue refuses with 429 and Retry-After, and takes again later`() throws {
        try withPool(change: { $0.store = "max_queued = 5" }) { daemon, _ in
            for _ in 0..<5 { try daemon.submit("Echo", [:], ["delay": "1h"]) }
            let refused = try daemon.post(
                "/v1/jobs",
                ["method": .string("\(ExampleServer.service)/Echo"), "request": [:]])
            expectRefusal(refused, 429, "resource_exhausted")
            #expect(refused[header: "retry-after"].flatMap { Int($0) } != nil)
            #expect(try daemon.call("Echo", ["text": "direct"]).status == 200)
            _ = try daemon.post("/v1/jobs:cancel?state=scheduled")
            try daemon.submit("Echo")
        }
    }

    @Test func `a body over max_request is 413, by its length and by its bytes`() throws {
        try withPool(change: { $0.listen = "max_request = \"64KiB\"" }) { daemon, _ in
            let large = "{\"text\":\"\(String(repeating: "x", count: 100_000))\"}"
            let byLength = try daemon.request(
                "POST", echo, headers: [("Content-Type", "application/json")],
                body: Array(large.utf8))
            expectRefusal(byLength, 413, "resource_exhausted")
            let connection = try daemon.connect()
            try connection.send(
                "POST \(echo) HTTP/1.1\r\nHost: p\r\nContent-Type: application/json\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n")
            try? connection.send(
                "\(String(large.utf8.count, radix: 16))\r\n\(large)\r\n0\r\n\r\n")
            expectRefusal(try connection.readResponse(), 413, "resource_exhausted")
        }
    }

    @Test func `the store's log stays bounded while jobs keep coming`() throws {
        try withPool { daemon, _ in
            let text = String(repeating: "x", count: 1 << 20)
            for _ in 0..<72 { try daemon.submit("Echo", ["text": .string(text)], ["delay": "1h"]) }
            let log = try FileManager.default.attributesOfItem(atPath: daemon.storePath + "-wal")
            let bytes = try #require(log[.size] as? Int)
            // 72 MiB went through it
            #expect(bytes < 48 << 20, "\(bytes) bytes")
        }
    }

    @Test func `max_request holds for each line of many`() throws {
        try withPool(change: { $0.listen = "max_request = \"64KiB\"" }) { daemon, _ in
            let method = "\(ExampleServer.service)/Echo"
            let good = "{\"method\":\"\(method)\",\"request\":{}}"
            let text = String(repeating: "x", count: 100_000)
            let large = "{\"method\":\"\(method)\",\"request\":{\"text\":\"\(text)\"}}"
            let answer = try daemon.request(
                "POST", "/v1/jobs", headers: [("Content-Type", "application/x-ndjson")],
                body: Array("\(good)\n\(large)\n\(good)\n".utf8))
            let lines = try answer.lines()
            #expect(lines.count == 3)
            #expect(lines[1]["error"]["code"] == "resource_exhausted")
            #expect(lines[0]["id"].string != nil && lines[2]["id"].string != nil)
        }
    }

    @Test func `connections over max_connections get 503, health and operators a place`() throws {
        try withPool(change: { $0.listen = "max_connections = 40" }) { daemon, _ in
            var open: [HTTPConnection] = []
            var refused = 0
            for _ in 0..<60 {
                let connection = try daemon.connect()
                try? connection.sendRequest(
                    "POST", echo,
                    headers: [
                        ("Content-Type", "application/json")
                    ], body: Array("{}".utf8))
                let answer = try? connection.readResponse(within: 20)
                if let answer, answer.status == 503 {
                    refused += 1
                    #expect(answer[header: "retry-after"] != nil)
                    #expect(try connection.isClosedByPeer())
                } else {
                    open.append(connection)
                }
            }
            #expect(refused > 0, "some were refused")
            #expect(open.count <= 40)
            open.removeAll()
            try eventuallyTrue("there is room again") {
                try daemon.call("Echo", ["text": "x"]).status == 200
            }
        }
    }

    @Test func `health answers although ordinary connections are used up`() throws {
        try withPool(change: { $0.listen = "max_connections = 40" }) { daemon, _ in
            var idle: [HTTPConnection] = []
            for _ in 0..<24 { idle.append(try daemon.connect()) }
            #expect(try daemon.request("GET", "/healthz").status == 200)
            #expect(try daemon.request("GET", "/v1/status").status == 200)
            idle.removeAll()
        }
    }

    @Test func `a head that is never finished is cut after head_timeout`() throws {
        try withBareDaemon(change: { $0.listen = "head_timeout = \"1s\"" }) { daemon in
            let connection = try daemon.connect()
            try connection.send("POST /v1/jobs HTTP/1.1\r\nHost: prong\r\nX-Half: ")
            if let answer = try? connection.readResponse(within: 30) {
                #expect(answer.status == 408 || answer.status == 400, "\(answer)")
            }
            #expect(try connection.isClosedByPeer())
        }
    }

    @Test func `a client that leaves in the middle of a body hurts nobody`() throws {
        try withPool { daemon, _ in
            for _ in 0..<50 {
                let connection = try daemon.connect()
                try connection.send(
                    "POST \(echo) HTTP/1.1\r\nHost: p\r\nContent-Type: application/json\r\n"
                        + "Content-Length: 100\r\n\r\n{\"text\":")
                connection.close()
            }
            #expect(try daemon.call("Echo", ["text": "x"]).status == 200)
        }
    }

    @Test func `what was accepted of a cut body of many stays accepted`() throws {
        try withPool { daemon, _ in
            let line = "{\"method\":\"\(ExampleServer.service)/EchoSafe\",\"request\":{}}\n"
            let connection = try daemon.connect()
            try connection.send(
                "POST /v1/jobs HTTP/1.1\r\nHost: p\r\nContent-Type: application/x-ndjson\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n")
            let chunk = String(repeating: line, count: 10)
            try connection.send("\(String(chunk.utf8.count, radix: 16))\r\n\(chunk)\r\n")
            _ = try connection.readHead()
            var text = ""
            while text.split(separator: "\n").count < 10 {
                let part = try #require(try connection.readBodyPart())
                text += String(decoding: part, as: UTF8.self)
            }
            connection.close()
            for answer in text.split(separator: "\n") {
                let id = try #require(try JSON(parsing: String(answer))["id"].string)
                try daemon.job(id, reaches: "succeeded")
            }
        }
    }

    @Test func `a slow reader does not slow down another client`() throws {
        try withPool { daemon, _ in
            let quiet = try median(of: 60, daemon)
            let text = String(repeating: "x", count: 1_000_000)
            let slow = try (0..<8).map { _ in
                let connection = try daemon.connect()
                try connection.sendRequest(
                    "POST", echo, headers: [("Content-Type", "application/json")],
                    body: Array("{\"text\":\"\(text)\"}".utf8))
                return connection
            }
            let beside = try median(of: 60, daemon)
            slow.forEach { $0.close() }
            // The figure of the note is 1.5; twice that, for a machine that runs other tests.
            #expect(beside < max(quiet * 3, quiet + 0.005), "\(quiet) s alone, \(beside) s beside")
        }
    }

    private func median(of count: Int, _ daemon: Daemon) throws -> Double {
        let connection = try daemon.connect()
        let times = try (0..<count).map { _ in
            let start = monotonicSeconds()
            let answer = try connection.request("GET", "/healthz")
            try #require(answer.status == 200)
            return monotonicSeconds() - start
        }
        return times.sorted()[count / 2]
    }

    @Test func `no more than 100,000 lines a body`() throws {
        try withPool { daemon, _ in
            // Lines that are refused cost no commit: what is counted is the body.
            let body = String(repeating: "{}\n", count: 100_001)
            let answer = try daemon.request(
                "POST", "/v1/jobs", headers: [("Content-Type", "application/x-ndjson")],
                body: Array(body.utf8), within: 120)
            let lines = answer.text.split(separator: "\n")
            #expect(lines.count == 100_001)
            let last = try JSON(parsing: String(try #require(lines.last)))
            #expect(last["line"] == 100_001)
            #expect(last["error"]["code"] == "resource_exhausted")
            let before = try JSON(parsing: String(lines[99_999]))
            #expect(before["error"]["code"] == "invalid_argument")
        }
    }

    @Test(.enabled(if: slowTier, "10,000 connections: set PRONG_SLOW_TESTS=1"))
    func `with 10,000 connections open the queue needs at most 120 MiB`() throws {
        try withPool { daemon, _ in
            var limit = rlimit()
            getrlimit(descriptorsLimit, &limit)
            limit.rlim_cur = limit.rlim_max
            setrlimit(descriptorsLimit, &limit)
            try #require(limit.rlim_cur > 12_000)
            let open = try (0..<9_900).map { _ in try daemon.connect() }
            #expect(try daemon.request("GET", "/healthz").status == 200)
            let size = ProcessFacts(try daemon.queuePid()).residentKiB
            #expect(size <= 120 * 1024, "\(size) KiB")
            open.forEach { $0.close() }
        }
    }
}

private let descriptorsLimit = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)

/// Tests of minutes or of thousands of descriptors, by hand.
let slowTier = ProcessInfo.processInfo.environment["PRONG_SLOW_TESTS"] == "1"
