// `prong call` and `submit` against a scripted daemon: names, options, exit codes, odd servers.
import Foundation
import Glibc
import Testing

@Suite struct CallTests {
    /// Answers the method list, and calls with an echo of their body.
    static func echo() -> FakeDaemon {
        FakeDaemon { request, connection in
            switch request.path {
            case "/v1/methods": connection.answer(200, methodsAnswer)
            default: connection.answer(200, request.body)
            }
        }
    }

    @Test func `a full name is called at once, without asking for the methods`() {
        let daemon = Self.echo()
        let outcome = prong(
            "call", "example.v1.Echo/Say", #"{"text":  "hello"}"#, socket: daemon.path)
        #expect(outcome.status == 0)
        #expect(outcome.output == "{\"text\":\"hello\"}\n")
        #expect(daemon.seen.map(\.target) == ["/example.v1.Echo/Say"])
        #expect(daemon.seen[0].headers["content-type"] == "application/json")
        #expect(daemon.seen[0].headers["connect-protocol-version"] == "1")
    }

    @Test(arguments: ["Shout", "Echo/Shout", "v1.Echo/Shout", "/example.v1.Echo/Shout"])
    func `any unique tail of a name will do`(tail: String) {
        let daemon = FakeDaemon { request, connection in
            switch request.path {
            case "/v1/methods": connection.answer(200, methodsAnswer)
            case "/example.v1.Echo/Shout": connection.answer(200, request.body)
            default:
                connection.answer(
                    501, #"{"code":"unimplemented","message":"no such method"}"#,
                    headers: ["Prong-Origin": "prong"])
            }
        }
        let outcome = prong("call", tail, "{}", socket: daemon.path)
        #expect(outcome.status == 0)
        #expect(daemon.seen.last?.target == "/example.v1.Echo/Shout")
    }

    @Test func `an ambiguous name is a usage error that names the candidates`() {
        let daemon = Self.echo()
        let outcome = prong("call", "Echo/Say", "{}", socket: daemon.path)
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains("example.v1.Echo/Say"))
        #expect(outcome.errors.contains("other.v2.Echo/Say"))
        #expect(outcome.output == "")
    }

    @Test func `an unknown name is refused and the nearest is suggested`() {
        let daemon = Self.echo()
        let outcome = prong("call", "Echo/Shoot", "{}", socket: daemon.path)
        #expect(outcome.status == 65)
        #expect(outcome.errors.contains("did you mean"))
        #expect(outcome.errors.contains("example.v1.Echo/Shout"))
    }

    @Test func `every option of a call travels as its header`() {
        let daemon = Self.echo()
        let outcome = prong(
            "call", "example.v1.Echo/Say", "{}", "--target", "b", "--timeout", "1500ms",
            "--priority", "-5", "--delay", "2s", "--expires", "1h", "--max-attempts", "3", "--key",
            "k 1", "--metadata", "x-team=web", "--metadata", "X-Other=a=b", socket: daemon.path)
        #expect(outcome.status == 0)
        let headers = daemon.seen[0].headers
        #expect(headers["prong-target"] == "b")
        #expect(headers["connect-timeout-ms"] == "1500")
        #expect(headers["prong-priority"] == "-5")
        #expect(headers["prong-delay"] == "2s")
        #expect(headers["prong-expires"] == "1h")
        #expect(headers["prong-max-attempts"] == "3")
        #expect(headers["idempotency-key"] == "k 1")
        #expect(headers["x-team"] == "web")
        #expect(headers["x-other"] == "a=b")
    }

    @Test(arguments: [
        ["--timeout", "soon"], ["--timeout", "0s"], ["--priority", "101"],
        ["--metadata", "content-length=5"], ["--metadata", "noequals"],
        ["--metadata", "x=a\r\nHost: b"], ["--key", ""], ["--delay", "1s", "--at", "x"],
        ["--delay", "1s", "--at", "2030-01-01T00:00:00Z"], ["--bogus"], ["--max-attempts", "0"],
    ])
    func `a wrong option is a usage error and nothing is sent`(options: [String]) {
        let daemon = Self.echo()
        let outcome = prong(["call", "example.v1.Echo/Say", "{}"] + options, socket: daemon.path)
        #expect(outcome.status == 64)
        #expect(outcome.errors != "")
        #expect(daemon.seen.isEmpty)
    }

    @Test func `the request comes from standard input, a file or the argument`() throws {
        let daemon = Self.echo()
        let folder = makeTemporaryFolder()
        let file = folder + "/request.json"
        try #"{"from":"file"}"#.write(toFile: file, atomically: true, encoding: .utf8)
        let name = "example.v1.Echo/Say"
        let inputs: [(arguments: [String], input: String, expected: String)] = [
            (["call", name], #"{"from":"input"}"#, #"{"from":"input"}"#),
            (["call", name, "-"], #"{"from":"dash"}"#, #"{"from":"dash"}"#),
            (["call", name, "@" + file], "", #"{"from":"file"}"#),
            (["call", name], " \n", "{}"),
        ]
        for (arguments, input, expected) in inputs {
            let outcome = prong(arguments, socket: daemon.path, input: Array(input.utf8))
            #expect(outcome.output == expected + "\n")
        }
        let missing = prong("call", name, "@/nowhere/at/all", socket: daemon.path)
        #expect(missing.status == 66)
        #expect(missing.errors.contains("/nowhere/at/all"))
    }

    @Test func `binary goes in and out untouched`() {
        let daemon = Self.echo()
        let bytes: [UInt8] = [0, 1, 0xff, 0x0a, 0x0d, 0x7b]
        let outcome = prong(
            ["call", "example.v1.Echo/Say", "--binary"], socket: daemon.path, input: bytes)
        #expect(outcome.status == 0)
        #expect(outcome.outputBytes == bytes)
        #expect(daemon.seen[0].headers["content-type"] == "application/proto")
    }

    @Test func `binary asks for bytes alone, and a stream is then a usage error`() {
        let error = #"{"code":"invalid_argument","message":"answers with a stream"}"#
        let daemon = FakeDaemon { _, connection in
            connection.answer(406, error, headers: ["Prong-Origin": "prong"])
        }
        let outcome = prong(
            ["call", "example.v1.Echo/Say", "--binary"], socket: daemon.path, input: [10, 0])
        #expect(daemon.seen[0].headers["accept"] == "application/proto")
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains("the call was not made"))
        #expect(outcome.output == "")
        let json = prong("call", "example.v1.Echo/Say", "{}", socket: daemon.path)
        #expect(json.errors.hasPrefix(error + "\n"), "without --binary as it came")
    }

    struct Ending: Sendable {
        let status: Int
        let code: String
        var headers: [String: String] = ["Prong-Origin": "prong"]
        let exit: Int32
    }

    @Test(arguments: [
        Ending(status: 400, code: "invalid_argument", exit: 65),
        Ending(status: 400, code: "invalid_argument", headers: ["Prong-Origin": "target"], exit: 1),
        Ending(status: 403, code: "permission_denied", exit: 77),
        Ending(
            status: 403, code: "permission_denied", headers: ["prong-origin": "target"], exit: 1),
        Ending(status: 409, code: "already_exists", exit: 65),
        Ending(status: 413, code: "resource_exhausted", exit: 65),
        Ending(status: 415, code: "invalid_argument", exit: 65),
        Ending(
            status: 429, code: "resource_exhausted",
            headers: ["Prong-Origin": "prong", "Retry-After": "1"], exit: 75),
        Ending(status: 429, code: "resource_exhausted", exit: 1),
        Ending(
            status: 429, code: "resource_exhausted", headers: ["Prong-Origin": "target"], exit: 1),
        Ending(status: 503, code: "unavailable", exit: 75),
        Ending(status: 503, code: "unavailable", headers: ["Prong-Origin": "target"], exit: 1),
        Ending(status: 504, code: "deadline_exceeded", exit: 1),
        Ending(
            status: 504, code: "deadline_exceeded",
            headers: ["Prong-Origin": "prong", "Prong-Job": "j1"], exit: 75),
        Ending(status: 500, code: "unknown", exit: 1),
        Ending(status: 499, code: "canceled", exit: 1),
        Ending(status: 501, code: "unimplemented", headers: ["Prong-Origin": "target"], exit: 1),
    ])
    func `a call that fails prints the error as it came and exits by its kind`(ending: Ending) {
        let error = #"{"code":"\#(ending.code)","message":"why","details":[]}"#
        let daemon = FakeDaemon { _, connection in
            connection.answer(ending.status, error, headers: ending.headers)
        }
        let outcome = prong("call", "example.v1.Echo/Say", "{}", socket: daemon.path)
        #expect(outcome.status == ending.exit)
        #expect(outcome.errors.hasPrefix(error + "\n"))
        #expect(outcome.output == "")
    }

    @Test func `no daemon is 69, whether the socket is missing or nobody listens`() {
        let folder = makeTemporaryFolder()
        let missing = prong("call", "a.B/C", "{}", socket: folder + "/none.sock")
        #expect(missing.status == 69)
        #expect(missing.errors.contains("no daemon"))
        let path = folder + "/dead.sock"
        close(listen(at: path))
        let dead = prong("status", socket: path)
        #expect(dead.status == 69)
        #expect(dead.errors.contains("nobody listens"))
    }

    @Test func `an answer in single bytes, chunked, after an interim one is still an answer`() {
        let text =
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
            + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n8;x=y\r\n\"a\":[1,2\r\n2\r\n]}\r\n"
            + "0\r\nTrailer-X: y\r\n\r\n"
        let daemon = FakeDaemon { _, connection in
            for byte in text.utf8 { connection.write([byte]) }
        }
        let outcome = prong("call", "example.v1.Echo/Say", "{}", socket: daemon.path)
        #expect(outcome.status == 0)
        #expect(outcome.output == "{\"a\":[1,2]}\n")
    }

    @Test func `a daemon that dies before or within its answer is 69`() {
        for text in ["", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\":"] {
            let daemon = FakeDaemon { _, connection in
                connection.write(text)
                shutdown(connection.fd, Int32(SHUT_RDWR))
            }
            let outcome = prong("call", "example.v1.Echo/Say", "{}", socket: daemon.path)
            #expect(outcome.status == 69)
            #expect(daemon.seen.count == 1)
            #expect(outcome.output == "")
        }
    }

    @Test func `with a key a call whose connection breaks is sent again`() {
        let cuts = Counter()
        let daemon = FakeDaemon { request, connection in
            if cuts.next() == 1 {
                shutdown(connection.fd, Int32(SHUT_RDWR))
            } else {
                connection.answer(200, #"{"ok":true}"#)
            }
        }
        let outcome = prong(
            "call", "example.v1.Echo/Say", "{}", "--key", "k", socket: daemon.path)
        #expect(outcome.status == 0)
        #expect(daemon.seen.count == 2)
    }

    @Test func `what answers but is no daemon is 69`() {
        let daemon = FakeDaemon { _, connection in connection.write("SSH-2.0-nonsense\r\n\r\n") }
        let outcome = prong("call", "example.v1.Echo/Say", "{}", socket: daemon.path)
        #expect(outcome.status == 69)
    }

    @Test func `a large body that is refused early is heard`() {
        let refusing = RefusingServer()
        let body = [UInt8](repeating: 0x20, count: 8 << 20) + Array("{}".utf8)
        let outcome = prong(
            ["call", "example.v1.Echo/Say"], socket: refusing.path, input: body)
        #expect(outcome.status == 65)
        #expect(outcome.errors.contains("too large"))
    }

    @Test func `submit sends the job and prints its id`() {
        let daemon = FakeDaemon { request, connection in
            connection.answer(202, #"{"id":"j1","state":"queued"}"#)
        }
        let outcome = prong(
            "submit", "example.v1.Echo/Say", #"{"n":12345678901234567890}"#, "--target", "b",
            "--timeout", "5s", "--priority", "7", "--at", "2030-01-31T12:00:00+02:00", "--expires",
            "1d", "--max-attempts", "2", "--key", "a\"b", "--metadata", "x=y", "--batch", "imp",
            socket: daemon.path)
        #expect(outcome.status == 0)
        #expect(outcome.output == "j1\n")
        let expected =
            #"{"request":{"n":12345678901234567890},"method":"example.v1.Echo/Say","#
            + #""target":"b","timeout":"5s","priority":7,"at":"2030-01-31T10:00:00.000Z","#
            + #""expires":"1d","maxAttempts":2,"batch":"imp","metadata":{"x":"y"},"key":"a\"b"}"#
        #expect(daemon.seen[0].text == expected)
        #expect(daemon.seen[0].target == "/v1/jobs")
    }

    @Test func `submit sends bytes as base64 and refuses what is no JSON`() {
        let daemon = FakeDaemon { _, connection in
            connection.answer(202, #"{"id":"j1","state":"queued"}"#)
        }
        _ = prong(
            ["submit", "a.B/C", "--binary"], socket: daemon.path, input: [0xff, 0xfe, 0, 1])
        #expect(daemon.seen[0].text == #"{"requestBase64":"//4AAQ==","method":"a.B/C"}"#)
        let wrong = prong("submit", "a.B/C", #"{},"priority":5"#, socket: daemon.path)
        #expect(wrong.status == 65)
        #expect(daemon.seen.count == 1)
    }
}
