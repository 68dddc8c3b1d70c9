// What clients do wrong, by mistake or on purpose, and what becomes of them.

import Foundation
import NIOCore
import Testing

@testable import HTTPServer

private let post = "POST /echo HTTP/1.1\r\nHost: p\r\n"

@Suite(.serialized) struct ClientFaultTests {
    private func withServer(
        limits: ServerLimits = ServerLimits(),
        _ routes: @escaping @Sendable (inout Router) -> Void = RequestTests.echoes,
        _ body: (TestServer) throws -> Void
    ) throws {
        let server = try TestServer(limits: limits, routes: routes)
        defer { server.stop() }
        try body(server)
    }

    @Test(arguments: [
        ("\u{1}\u{2}\u{3}\r\n\r\n", 400),
        ("GET\r\n\r\n", 400),
        ("BREW /pot HTTP/1.1\r\nHost: p\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: p\r\n\r\n", 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : p\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: p\r\nX: a\u{0}b\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: p\r\n: empty\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: p\r\nExpect: miracles\r\n\r\n", 417),
        ("GET file:///etc/passwd HTTP/1.1\r\nHost: p\r\n\r\n", 400),
        (
            "\(post)Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            400
        ),
        (
            "\(post)Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
            400
        ),
        ("\(post)Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400),
        ("\(post)Content-Length: 5, 5\r\n\r\n", 400),
        ("\(post)Content-Length: -5\r\n\r\n", 400),
        ("\(post)Content-Length: +5\r\n\r\n", 400),
        ("\(post)Content-Length: 99999999999999999999\r\n\r\n", 400),
        ("\(post)Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
        ("\(post)Transfer-Encoding: identity\r\n\r\n", 501),
        ("\(post)Transfer-Encoding: xchunked\r\n\r\n", 501),
        (
            "\(post)Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",
            400
        ),
        ("POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        ("\(post)Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        ("\(post)Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n", 400),
        (
            "\(post)Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
            400
        ),
    ])
    func `what is no request is refused in Connect's shape, and the connection closed`(
        _ text: String, _ status: Int
    ) throws {
        try withServer { server in
            let client = try server.client()
            // Whatever follows must never be taken for a request.
            let response = try client.request(text + "GET /hello HTTP/1.1\r\nHost: p\r\n\r\n")
            #expect(response.status == status, "\(text)")
            #expect(response.text.hasPrefix(#"{"code":""#))
            #expect(response["Prong-Origin"] == "prong")
            #expect(response["Connection"] == "close")
            #expect(try client.rest().isEmpty)
        }
    }

    @Test func `garbage behind a request waits for that request's answer`() throws {
        try withServer({ router in
            router.on(.get, "/") { exchange in
                exchange.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(20)) {
                    exchange.respond(status: 200, text: "first")
                }
            }
        }) { server in
            let client = try server.client()
            try client.send("GET / HTTP/1.1\r\nHost: p\r\n\r\n\u{1}garbage\r\n\r\n")
            #expect(try client.response().text == "first")
            #expect(try client.response().status == 400)
            #expect(try client.rest().isEmpty)
        }
    }

    @Test func `a head without end is refused with 431`() throws {
        try withServer { server in
            for part in [
                "X-Long: \(String(repeating: "a", count: 70_000))\r\n\r\n",
                String(repeating: "X-A: 0123456789\r\n", count: 10_000),
            ] {
                let client = try server.client()
                let response = try client.request("GET /hello HTTP/1.1\r\nHost: p\r\n" + part)
                #expect(response.status == 431)
                #expect(response.text.contains("resource_exhausted"))
            }
        }
    }

    @Test func `a request cut in its head or body is told so`() throws {
        try withServer { server in
            for text in [
                "GET /hello HT", "GET /hello HTTP/1.1\r\nHost: p\r\n",
                "\(post)Content-Length: 9\r\n\r\nfour",
                "\(post)Transfer-Encoding: chunked\r\n\r\n9\r\nfour",
            ] {
                let client = try server.client()
                try client.send(text)
                client.endSending()
                let response = try client.response()
                #expect(response.status == 400)
                #expect(response.text.contains("ended inside"))
            }
        }
    }

    @Test func `a head and a collected body must come in time`() throws {
        var limits = ServerLimits()
        limits.headTimeout = .milliseconds(100)
        limits.bodyStallTimeout = .milliseconds(100)
        try withServer(limits: limits) { server in
            for text in [
                "GET /hello HTTP/1.1\r\n",
                "\(post)Content-Length: 9\r\n\r\nfour",
            ] {
                let client = try server.client()
                let response = try client.request(text)
                #expect(response.status == 408)
                #expect(response.text.contains("deadline_exceeded"))
                #expect(try client.rest().isEmpty)
            }
        }
    }

    @Test func `an idle connection is closed without a word, a waiting one is not`() throws {
        var limits = ServerLimits()
        limits.idleTimeout = .milliseconds(100)
        limits.headTimeout = .milliseconds(100)
        try withServer(
            limits: limits,
            { router in
                router.on(.get, "/slow") { exchange in
                    exchange.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(500)) {
                        exchange.respond(status: 200, text: "slow")
                    }
                }
            }
        ) { server in
            let idle = try server.client()
            let waiting = try server.client()
            try waiting.send("GET /slow HTTP/1.1\r\nHost: p\r\n\r\n")
            #expect(try idle.rest().isEmpty)
            #expect(try waiting.response().text == "slow")
        }
    }

    @Test func `a handler learns at once that its client went`() throws {
        let notes = Notes<String>()
        try withServer({ router in
            router.on(.get, "/wait") { exchange in
                notes.add("start")
                exchange.onGone = { notes.add("gone \(exchange.isGone)") }
            }
        }) { server in
            // Plain, with more requests behind it, and after the client ended its sending.
            for rest in [
                "", String(repeating: "GET /wait HTTP/1.1\r\nHost: p\r\n\r\n", count: 9000),
            ] {
                let before = notes.all.count
                let client = try server.client()
                _ = client.sendWhatGoes(
                    Array(("GET /wait HTTP/1.1\r\nHost: p\r\n\r\n" + rest).utf8))
                _ = try notes.wait(count: before + 1)
                client.close()
                #expect(try notes.wait(count: before + 2).last == "gone true")
            }
            let client = try server.client()
            try client.send("GET /wait HTTP/1.1\r\nHost: p\r\n\r\n")
            client.endSending()
            _ = try notes.wait(count: 5)
            client.close()
            #expect(try notes.wait(count: 6).last == "gone true")
            let canceled = try server.with { server in
                server.counts.requests[.init(route: "/wait", code: "canceled")]
            }
            #expect(canceled == 3)
            try eventually { try server.with { $0.counts.connections } == 0 }
        }
    }

    @Test func `a client that only ended its sending is answered`() throws {
        try withServer({ router in
            router.on(.get, "/{id}") { exchange in
                exchange.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(30)) {
                    exchange.respond(status: 200, text: exchange.route["id"])
                }
            }
        }) { server in
            let client = try server.client()
            try client.send((1...5).map { "GET /\($0) HTTP/1.1\r\nHost: p\r\n\r\n" }.joined())
            client.endSending()
            for id in 1...5 { #expect(try client.response().text == "\(id)") }
            #expect(try client.rest().isEmpty)
        }
    }

    @Test
    func `what came while a handler paused is delivered before it learns that the body broke`()
        throws
    {
        let notes = Notes<String>()
        try withServer({ router in
            router.on(.post, "/lines") { exchange in
                exchange.pauseBody()
                exchange.streamBody(
                    onBytes: { notes.add("\($0.readableBytes)") },
                    onEnd: { exchange.respond(status: 200, text: "\($0)") })
            }
        }) { server in
            let client = try server.client()
            let response = try client.request(
                "POST /lines HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\n\r\n"
                    + "4\r\nfour\r\n5\r\nfives\r\nzz\r\n")
            #expect(response.text == "false")
            #expect(try notes.wait(count: 1) == ["9"])
        }
    }

    @Test func `a streaming handler learns that the body broke, and can still answer`() throws {
        let notes = Notes<String>()
        try withServer({ router in
            router.on(.post, "/lines") { exchange in
                exchange.streamBody(
                    onBytes: { notes.add("\($0.readableBytes)") },
                    onEnd: { whole in
                        notes.add("end \(whole) \(exchange.isGone)")
                        exchange.respond(status: 200, text: "\(whole)")
                    })
            }
        }) { server in
            let head = "POST /lines HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\n\r\n"
            let broken = try server.client()
            let response = try broken.request(head + "4\r\nfour\r\nzz\r\n")
            #expect(response.text == "false")
            #expect(response["Connection"] == "close")
            let halfClosed = try server.client()
            try halfClosed.send(head + "4\r\nfour\r\n")
            halfClosed.endSending()
            #expect(try halfClosed.response().text == "false")
            let gone = try server.client()
            try gone.send(head + "4\r\nfour\r\n")
            _ = try notes.wait(count: 5)
            gone.close()
            #expect(
                try notes.wait(count: 6) == [
                    "4", "end false false", "4", "end false false", "4", "end false true",
                ])
        }
    }
}
