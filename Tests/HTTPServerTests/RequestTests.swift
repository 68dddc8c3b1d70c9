// What a well-behaved client sees: bodies, answers, pipelining, streams.

import Foundation
import NIOCore
import Testing

@testable import HTTPServer

@Suite(.serialized) struct RequestTests {
    /// Routes that most tests use.
    static func echoes(_ router: inout Router) {
        router.on(.get, "/hello") { exchange in
            exchange.respond(status: 200, headers: ["Content-Type": "text/plain"], text: "hello")
        }
        router.on(.post, "/echo") { exchange in
            exchange.collectBody(limit: 1 << 20, limitName: "max_request") { body in
                exchange.respond(status: 200, body: body)
            }
        }
        router.on(.get, "/jobs/{id}") { exchange in
            let wait = exchange.head.query("wait") ?? "-"
            exchange.respond(status: 200, text: "\(exchange.route["id"]) \(wait)")
        }
    }

    private func withServer(
        _ routes: @escaping @Sendable (inout Router) -> Void = echoes,
        _ body: (TestServer) throws -> Void
    ) throws {
        let server = try TestServer(routes: routes)
        defer { server.stop() }
        try body(server)
    }

    @Test func `a connection serves one request after another`() throws {
        try withServer { server in
            let client = try server.client()
            for _ in 1...3 {
                let response = try client.request("GET /hello HTTP/1.1\r\nHost: p\r\n\r\n")
                #expect(response.status == 200)
                #expect(response.text == "hello")
                #expect(response["Content-Length"] == "5")
                #expect(response["Content-Type"] == "text/plain")
                #expect(response["Date"]?.hasSuffix(" GMT") == true)
                #expect(response["Connection"] == nil)
            }
        }
    }

    @Test func `parameters and queries reach the handler decoded`() throws {
        try withServer { server in
            let client = try server.client()
            let response = try client.request(
                "GET http://prong/jobs/a%20b?x=1&wait=1+0%25 HTTP/1.1\r\nHost: p\r\n\r\n")
            #expect(response.text == "a b 1 0%")
        }
    }

    @Test(arguments: [
        "Content-Length: 11\r\n\r\nhello world",
        "Transfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5;ext=1\r\nworld\r\n0\r\nX-T: 1\r\n\r\n",
    ])
    func `a body comes whole however it is framed and cut`(_ rest: String) throws {
        try withServer { server in
            let text = "POST /echo HTTP/1.1\r\nHost: p\r\n\(rest)"
            let client = try server.client()
            #expect(try client.request(text).text == "hello world")
            for byte in text.utf8 {
                try client.send([byte])
            }
            #expect(try client.response().text == "hello world")
            #expect(try client.request("GET /hello HTTP/1.1\r\nHost: p\r\n\r\n").status == 200)
        }
    }

    @Test func `a large body comes whole`() throws {
        try withServer({ router in
            router.on(.post, "/echo") { exchange in
                exchange.collectBody(limit: 8 << 20) { exchange.respond(status: 200, body: $0) }
            }
        }) { server in
            let body = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 ^ ($0 >> 8)) }
            let client = try server.client()
            try client.send("POST /echo HTTP/1.1\r\nHost: p\r\nContent-Length: 5000000\r\n\r\n")
            try client.send(body)
            #expect(try client.response().body == body)
        }
    }

    @Test func `an expected 100 Continue is sent once the body is wanted`() throws {
        try withServer { server in
            let client = try server.client()
            try client.send(
                "POST /echo HTTP/1.1\r\nHost: p\r\nExpect: 100-Continue\r\n"
                    + "Content-Length: 2\r\n\r\n"
            )
            #expect(try client.response(interim: true).status == 100)
            try client.send("ok")
            #expect(try client.response().text == "ok")
        }
    }

    @Test func `a body announced as too large is refused before 100 Continue`() throws {
        try withServer { server in
            let client = try server.client()
            let response = try client.request(
                "POST /echo HTTP/1.1\r\nHost: p\r\nExpect: 100-continue\r\n"
                    + "Content-Length: 9999999\r\n\r\n"
            )
            #expect(response.status == 413)
            #expect(response.text.hasPrefix(#"{"code":"resource_exhausted","message":""#))
            #expect(response.text.contains("max_request"))
            #expect(response["Prong-Origin"] == "prong")
            #expect(response["Content-Type"] == "application/json")
            #expect(response["Connection"] == "close")
            #expect(try client.rest().isEmpty)
        }
    }

    @Test func `a client that sends too much all the same reads the refusal`() throws {
        try withServer { server in
            let client = try server.client()
            let chunk = "10000\r\n" + String(repeating: "x", count: 65536) + "\r\n"
            try client.send("POST /echo HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in 1...40 { try client.send(chunk) }
            #expect(try client.response().status == 413)
        }
    }

    @Test func `pipelined requests are answered in order, one handler at a time`() throws {
        let started = Notes<String>()
        try withServer({ router in
            router.on(.get, "/{id}") { exchange in
                let id = exchange.route["id"]
                started.add("start \(id)")
                exchange.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(1)) {
                    started.add("end \(id)")
                    exchange.respond(status: 200, text: id)
                }
            }
        }) { server in
            let client = try server.client()
            let ids = (0..<300).map(String.init)
            try client.send(ids.map { "GET /\($0) HTTP/1.1\r\nHost: p\r\n\r\n" }.joined())
            for id in ids { #expect(try client.response().text == id) }
            #expect(started.all == ids.flatMap { ["start \($0)", "end \($0)"] })
        }
    }

    @Test func `pipelined bodies stay with their requests`() throws {
        try withServer { server in
            let client = try server.client()
            let bodies = (0..<50).map { String(repeating: "\($0),", count: $0 * 100) }
            let requests = bodies.map {
                "POST /echo HTTP/1.1\r\nHost: p\r\nContent-Length: \($0.utf8.count)\r\n\r\n\($0)"
            }
            let bytes = Array(requests.joined().utf8)
            let sender = Thread { try? client.send(bytes) }
            sender.start()
            for body in bodies { #expect(try client.response().text == body) }
        }
    }

    @Test func `HEAD has GET's head and no body`() throws {
        try withServer { server in
            let client = try server.client()
            try client.send("HEAD /hello HTTP/1.1\r\nHost: p\r\n\r\n")
            #expect(try client.response(toHead: true)["Content-Length"] == "5")
            #expect(try client.request("GET /hello HTTP/1.1\r\nHost: p\r\n\r\n").text == "hello")
        }
    }

    @Test func `wrong paths and methods are told what would be right`() throws {
        try withServer { server in
            let client = try server.client()
            let host = " HTTP/1.1\r\nHost: p\r\n\r\n"
            #expect(try client.request("GET /nothing" + host).status == 404)
            let other = try client.request("PUT /hello" + host)
            #expect(other.status == 405)
            #expect(other["Allow"] == "GET, HEAD, OPTIONS")
            let options = try client.request("OPTIONS /hello" + host)
            #expect(options.status == 204)
            #expect(options["Allow"] == "GET, HEAD, OPTIONS")
            #expect(options["Content-Length"] == nil)
            #expect(try client.request("OPTIONS *" + host).status == 204)
            let broken = try client.request("GET /jobs/%zz" + host)
            #expect(broken.status == 400)
            #expect(broken.text.contains("%zz"))
            #expect(try client.request("GET /hello" + host).status == 200)
        }
    }

    @Test func `a response without a known length is chunked, or ends with the connection`() throws
    {
        try withServer({ router in
            router.on(.get, "/stream") { exchange in
                exchange.begin(status: 200, headers: ["Content-Type": "application/x-ndjson"])
                exchange.write(ByteBuffer(string: "one\n"))
                exchange.eventLoop.assumeIsolated().execute {
                    exchange.write(ByteBuffer())
                    exchange.write(ByteBuffer(string: "two\n"))
                    exchange.finish()
                }
            }
        }) { server in
            let client = try server.client()
            for _ in 1...2 {
                let response = try client.request("GET /stream HTTP/1.1\r\nHost: p\r\n\r\n")
                #expect(response["Transfer-Encoding"] == "chunked")
                #expect(response.text == "one\ntwo\n")
            }
            let old = try server.client().request("GET /stream HTTP/1.0\r\n\r\n")
            #expect(old["Transfer-Encoding"] == nil)
            #expect(old["Connection"] == "close")
            #expect(old.text == "one\ntwo\n")
        }
    }

    @Test func `HTTP 1.0 closes unless it asks to stay`() throws {
        try withServer { server in
            let client = try server.client()
            let stays = try client.request("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            #expect(stays["Connection"] == "keep-alive")
            #expect(try client.request("GET /hello HTTP/1.0\r\n\r\n").text == "hello")
            #expect(try client.rest().isEmpty)
        }
    }

    @Test func `an aborted stream has no last chunk`() throws {
        try withServer({ router in
            router.on(.get, "/cut") { exchange in
                exchange.begin(status: 200)
                exchange.write(ByteBuffer(string: "half"))
                exchange.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(20)) {
                    exchange.abort()
                }
            }
        }) { server in
            let client = try server.client()
            try client.send("GET /cut HTTP/1.1\r\nHost: p\r\n\r\n")
            _ = try client.head()
            #expect(try client.chunk() == Array("half".utf8))
            #expect(try client.rest().isEmpty)
        }
    }

    @Test func `fields that would break the framing are dropped`() throws {
        try withServer({ router in
            router.on(.get, "/") { exchange in
                exchange.respond(
                    status: 200,
                    headers: [
                        "X-Good": "1", "X-Bad": "a\r\nX-Evil: 1", "X Bad": "1", "": "1",
                        "Content-Length": "99", "Transfer-Encoding": "chunked", "X-Tab": "a\tb",
                    ], text: "ok")
            }
        }) { server in
            let response = try server.client().request("GET / HTTP/1.1\r\nHost: p\r\n\r\n")
            #expect(response.text == "ok")
            #expect(response.fields.map(\.name) == ["Date", "X-Good", "X-Tab", "Content-Length"])
        }
    }

    @Test func `a late or second answer is without effect`() throws {
        try withServer({ router in
            router.on(.get, "/") { exchange in
                exchange.respond(status: 200, text: "first")
                exchange.respond(status: 500, text: "second")
                exchange.begin(status: 200)
                exchange.write(ByteBuffer(string: "third"))
                exchange.finish()
                exchange.abort()
            }
        }) { server in
            let client = try server.client()
            for _ in 1...2 {
                #expect(try client.request("GET / HTTP/1.1\r\nHost: p\r\n\r\n").text == "first")
            }
        }
    }

    @Test func `a request for another protocol is answered in this one`() throws {
        try withServer { server in
            let client = try server.client()
            let response = try client.request(
                "GET /hello HTTP/1.1\r\nHost: p\r\nConnection: Upgrade, HTTP2-Settings\r\n"
                    + "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAA\r\n\r\n")
            #expect(response.text == "hello")
            #expect(response["Connection"] == "close")
            #expect(try client.rest().isEmpty)
        }
    }

    @Test func `the peer is who the kernel says`() throws {
        let peers = Notes<Peer>()
        let routes: @Sendable (inout Router) -> Void = { router in
            router.on(.get, "/") { exchange in
                peers.add(exchange.peer)
                exchange.respond(status: 200)
            }
        }
        try withServer(routes) { server in
            _ = try server.client().request("GET / HTTP/1.1\r\nHost: p\r\n\r\n")
            let port = try server.listenTCP(routes: routes)
            _ = try TestClient(port: port).request("GET / HTTP/1.1\r\nHost: p\r\n\r\n")
            let unix = peers.all[0]
            #expect(unix.transport == .unix)
            #expect(unix.credentials?.uid == getuid())
            #expect(unix.credentials?.gid == getgid())
            #expect(unix.credentials?.pid == getpid())
            #expect(peers.all[1] == Peer(transport: .tcp, credentials: nil))
        }
    }

    @Test func `each listener has its own table`() throws {
        try withServer { server in
            let port = try server.listenTCP { router in
                router.on(.get, "/healthz") { $0.respond(status: 200, text: "ok") }
            }
            let client = try TestClient(port: port)
            #expect(try client.request("GET /healthz HTTP/1.1\r\nHost: p\r\n\r\n").text == "ok")
            #expect(try client.request("GET /hello HTTP/1.1\r\nHost: p\r\n\r\n").status == 404)
        }
    }

    @Test func `responses are counted by route and code`() throws {
        try withServer { server in
            let client = try server.client()
            _ = try client.request("GET /hello HTTP/1.1\r\nHost: p\r\n\r\n")
            _ = try client.request("GET /hello HTTP/1.1\r\nHost: p\r\n\r\n")
            _ = try client.request("GET /none HTTP/1.1\r\nHost: p\r\n\r\n")
            _ = try client.request(
                "POST /echo HTTP/1.1\r\nHost: p\r\nContent-Length: 9999999\r\n\r\n")
            let counts = try server.with { server in
                Dictionary(
                    uniqueKeysWithValues: server.counts.requests.map {
                        ("\($0.key.route) \($0.key.code)", $0.value)
                    })
            }
            #expect(
                counts == ["/hello ok": 2, " not_found": 1, "/echo resource_exhausted": 1])
        }
    }
}
