// What prong answers to requests that are wrong: a Connect error that says what and where.
import DaemonHarness
import Foundation
import Testing

private let echo = "/\(ExampleServer.service)/Echo"

@Suite(.keepsEvidence)
struct BadRequestTests {
    @Test func `a path, method or type that is not there has its own refusal`() throws {
        try withPool { daemon, _ in
            expectRefusal(try daemon.request("GET", "/v1/nothing"), 404, "not_found")
            let wrongVerb = try daemon.request("GET", echo)
            #expect(wrongVerb.status == 405 && wrongVerb.code != nil, "\(wrongVerb)")
            #expect(wrongVerb[header: "allow"]?.contains("POST") == true)
            let wrongType = try daemon.request(
                "POST", echo, headers: [("Content-Type", "text/plain")], body: [0x7B, 0x7D])
            #expect(wrongType.status == 415 && wrongType.code != nil, "\(wrongType)")
            #expect(wrongType[header: "accept-post"]?.contains("application/json") == true)
            #expect(wrongType[header: "accept-post"]?.contains("application/proto") == true)
        }
    }

    @Test func `an unknown method or service is unimplemented`() throws {
        try withPool { daemon, _ in
            expectRefusal(try daemon.call("NoSuchMethod"), 501, "unimplemented")
            expectRefusal(try daemon.post("/no.such.Service/Call"), 501, "unimplemented")
        }
    }

    @Test(arguments: ["Prong-Delay", "Prong-Expires"])
    func `a direct call does not take what only a durable one can keep`(name: String) throws {
        try withPool { daemon, _ in
            let answer = try daemon.post(echo, ["text": "x"], headers: [(name, "1h")])
            expectRefusal(answer, 400, "invalid_argument")
            #expect(try answer.json()["message"].string?.hasPrefix(name) == true)
        }
    }

    @Test func `a content encoding other than identity is unimplemented`() throws {
        try withPool { daemon, _ in
            let answer = try daemon.post(
                echo, ["text": "x"], headers: [("Content-Encoding", "gzip")])
            expectRefusal(answer, 501, "unimplemented")
            let identity = try daemon.post(
                echo, ["text": "x"], headers: [("Content-Encoding", "identity")])
            #expect(identity.status == 200)
        }
    }

    @Test(arguments: [
        ("Connect-Timeout-Ms", "0"), ("Connect-Timeout-Ms", "-5"),
        ("Connect-Timeout-Ms", "12345678901"), ("Connect-Timeout-Ms", "soon"),
        ("Connect-Protocol-Version", "2"), ("Prong-Priority", "101"),
        ("Prong-Priority", "high"), ("Prong-Delay", "5 parsecs"), ("Grpc-Timeout", "1S"),
        ("X-Data-Bin", "!!!"),
    ])
    func `a header out of range is refused by its name`(_ name: String, _ value: String) throws {
        try withPool { daemon, _ in
            let answer = try daemon.call("Echo", ["text": "x"], headers: [(name, value)])
            #expect(answer.status == 400, "\(answer)")
            #expect(answer.code == "invalid_argument")
            #expect(answer.message.lowercased().contains(name.lowercased()), "\(answer)")
        }
    }

    @Test func `an unknown target is not found`() throws {
        try withPool { daemon, _ in
            let answer = try daemon.call("Echo", headers: [("Prong-Target", "elsewhere")])
            expectRefusal(answer, 404, "not_found", saying: "elsewhere")
        }
    }

    @Test func `a service of two targets needs its target named`() throws {
        let server = try ExampleServer()
        let settings = DaemonSettings(try server.target("one"), try server.target("two"))
        try withDaemon(settings, failed: { Evidence.isWanted }) { daemon in
            let unnamed = try daemon.call("Echo", ["text": "x"])
            expectRefusal(unnamed, 400, "invalid_argument", saying: "one", "two")
            let named = try daemon.call("Echo", ["text": "x"], headers: [("Prong-Target", "two")])
            #expect(named.status == 200)
        }
    }

    @Test(arguments: [
        ("{\"text\":", ["1", "column"]),
        ("{\n \"nonsense\": 1}", ["nonsense", "line 2"]),
        ("{\n \"text\": 7}", ["text", "line 2"]),
        ("{\"mood\": \"MOOD_ANGRY\"}", ["mood", "prong.example.v1.Mood", "column"]),
        ("{\"numbers\": [1, 2, \"x\"]}", ["numbers[2]"]),
        ("{\"at\": \"yesterday\"}", ["at"]),
        ("{\"payload\": \"?\"}", ["payload"]),
        ("{\"name\": \"a\", \"number\": 1}", ["subject"]),
        ("[]", []), ("not json", []),
    ])
    func `wrong JSON is refused with the place`(_ body: String, _ parts: [String]) throws {
        try withPool { daemon, _ in
            let answer = try daemon.request(
                "POST", echo, headers: [("Content-Type", "application/json")],
                body: Array(body.utf8))
            expectRefusal(answer, 400, "invalid_argument")
            #expect(answer[header: "prong-origin"] == "prong")
            for part in parts { #expect(answer.message.contains(part), "\(answer)") }
        }
    }

    @Test func `what is not UTF-8 is refused`() throws {
        try withPool { daemon, _ in
            let answer = try daemon.request(
                "POST", echo, headers: [("Content-Type", "application/json")],
                body: Array("{\"text\":\"".utf8) + [0xC3, 0x28] + Array("\"}".utf8))
            expectRefusal(answer, 400, "invalid_argument")
        }
    }

    @Test func `deep nesting is refused, not followed`() throws {
        try withPool { daemon, _ in
            let deep = String(repeating: "[", count: 100_000)
            let answer = try daemon.request(
                "POST", echo, headers: [("Content-Type", "application/json")],
                body: Array("{\"numbers\":\(deep)".utf8))
            expectRefusal(answer, 400, "invalid_argument")
            #expect(try daemon.call("Echo", ["text": "still here"]).status == 200)
        }
    }

    @Test func `bytes that are no message are refused`() throws {
        try withPool { daemon, _ in
            let answer = try daemon.request(
                "POST", echo, headers: [("Content-Type", "application/proto")],
                body: [0x0A, 0xFF, 0xFF, 0xFF, 0xFF])
            #expect(answer.status == 400 || answer.status == 500, "\(answer)")
            #expect(answer.code != nil)
        }
    }

    @Test(arguments: [
        "GARBAGE\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: p\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
        "POST /a HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        "GET / HTTP/1.1\r\n broken header\r\n\r\n",
    ])
    func `what is no HTTP is answered 400 or cut, and hurts nobody`(_ bytes: String) throws {
        try withBareDaemon { daemon in
            let connection = try daemon.connect()
            try connection.send(bytes)
            if let answer = try? connection.readResponse(within: 20) {
                #expect((400..<600).contains(answer.status), "\(answer)")
            }
            #expect(try daemon.request("GET", "/healthz").status == 200)
        }
    }

    @Test func `a head that is too large is refused`() throws {
        try withBareDaemon { daemon in
            let connection = try daemon.connect()
            try? connection.send("GET /healthz HTTP/1.1\r\nHost: prong\r\nX-Big: ")
            try? connection.send(String(repeating: "a", count: 2_000_000))
            if let answer = try? connection.readResponse(within: 20) {
                #expect((400..<500).contains(answer.status), "\(answer)")
            }
            #expect(try daemon.request("GET", "/healthz").status == 200)
        }
    }
}
