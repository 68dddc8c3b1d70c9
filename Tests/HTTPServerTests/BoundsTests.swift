// Everything is bounded: slow readers and writers, connections, descriptors, memory.

import Foundation
import NIOCore
import Testing

@testable import HTTPServer

@Suite(.serialized) struct BoundsTests {
    private func withServer(
        limits: ServerLimits = ServerLimits(),
        isOperator: @escaping @Sendable (Peer) -> Bool = { _ in false },
        _ routes: @escaping @Sendable (inout Router) -> Void = RequestTests.echoes,
        _ body: (TestServer) throws -> Void
    ) throws {
        let server = try TestServer(limits: limits, isOperator: isOperator, routes: routes)
        defer { server.stop() }
        try body(server)
    }

    private static let hello = "GET /hello HTTP/1.1\r\nHost: p\r\n\r\n"

    /// Writes 16 MiB as fast as the client takes it; notes how much was written each time it stops.
    private static func flood(_ router: inout Router, _ notes: Notes<Int>) {
        router.on(.get, "/flood") { exchange in
            var left = 256
            exchange.begin(status: 200)
            func go() {
                while exchange.isWritable, left > 0 {
                    exchange.write(ByteBuffer(repeating: 0x78, count: 65536))
                    left -= 1
                }
                notes.add(256 - left)
                if left == 0 { exchange.finish() }
            }
            exchange.onWritable = go
            exchange.onGone = { notes.add(-1) }
            go()
        }
    }

    @Test func `a producer is stopped by a slow reader and goes on with it`() throws {
        let notes = Notes<Int>()
        try withServer({ Self.flood(&$0, notes) }) { server in
            let client = try server.client()
            try client.send("GET /flood HTTP/1.1\r\nHost: p\r\n\r\n")
            #expect(try notes.wait()[0] < 32)
            #expect(try client.response().body.count == 16 << 20)
            #expect(notes.all.last == 256)
        }
    }

    @Test func `a client that takes nothing is cut off`() throws {
        let notes = Notes<Int>()
        var limits = ServerLimits()
        limits.writeStallTimeout = .milliseconds(200)
        try withServer(limits: limits, { Self.flood(&$0, notes) }) { server in
            let client = try server.client()
            try client.send("GET /flood HTTP/1.1\r\nHost: p\r\n\r\n")
            try eventually { notes.all.last == -1 }
            #expect(notes.all.allSatisfy { $0 < 32 })
        }
    }

    @Test func `a client that takes nothing of a whole response is cut off too`() throws {
        var limits = ServerLimits()
        limits.writeStallTimeout = .milliseconds(200)
        try withServer(
            limits: limits,
            { router in
                router.on(.get, "/big") {
                    $0.respond(status: 200, body: ByteBuffer(repeating: 0x78, count: 8 << 20))
                }
            }
        ) { server in
            let client = try server.client()
            try client.send("GET /big HTTP/1.1\r\nHost: p\r\n\r\n")
            try eventually { try server.with { $0.counts.connections } == 0 }
        }
    }

    @Test func `requests behind an unread response wait`() throws {
        let notes = Notes<Int>()
        try withServer({ router in
            router.on(.get, "/big") { exchange in
                notes.add(1)
                exchange.respond(status: 200, body: ByteBuffer(repeating: 0x78, count: 1 << 20))
            }
        }) { server in
            let client = try server.client()
            let requests = String(repeating: "GET /big HTTP/1.1\r\nHost: p\r\n\r\n", count: 40)
            try client.send(requests)
            _ = try notes.wait()
            _ = try server.client().request(Self.hello)
            #expect(notes.all.count < 4)
            for _ in 1...40 { #expect(try client.response().body.count == 1 << 20) }
            #expect(notes.all.count == 40)
        }
    }

    @Test func `a paused body stays with its client`() throws {
        let notes = Notes<Int>()
        let resume = Notes<NIOLoopBound<Exchange>>()
        try withServer({ router in
            router.on(.post, "/lines") { exchange in
                resume.add(NIOLoopBound(exchange, eventLoop: exchange.eventLoop))
                exchange.streamBody(
                    onBytes: {
                        notes.add($0.readableBytes)
                        if notes.all.count == 1 { exchange.pauseBody() }
                    },
                    onEnd: { _ in exchange.respond(status: 200, text: "\(notes.all.reduce(0, +))") }
                )
            }
        }) { server in
            let client = try server.client()
            let body = [UInt8](repeating: 0x78, count: 20 << 20)
            try client.send(
                "POST /lines HTTP/1.1\r\nHost: p\r\nContent-Length: \(20 << 20)\r\n\r\n")
            var sent = client.sendWhatGoes(body)
            _ = try notes.wait()
            try server.with { _ in }
            sent += client.sendWhatGoes(Array(body[sent...]))
            #expect(sent < 4 << 20)
            #expect(notes.all.count == 1)
            let bound = try resume.wait()[0]
            try server.with { _ in bound.value.resumeBody() }
            try client.send(Array(body[sent...]))
            #expect(try client.response().text == "\(20 << 20)")
        }
    }

    @Test func `a short body that nobody wants is skipped, a long one ends the connection`() throws
    {
        try withServer { server in
            let client = try server.client()
            let short = "POST /none HTTP/1.1\r\nHost: p\r\nContent-Length: 30000\r\n\r\n"
            try client.send(short)
            #expect(try client.response().status == 404)
            try client.send([UInt8](repeating: 0x78, count: 30000))
            #expect(try client.request(Self.hello).text == "hello")
            let long = "POST /none HTTP/1.1\r\nHost: p\r\nContent-Length: 300000\r\n\r\n"
            #expect(try client.request(long)["Connection"] == "close")
            try client.send([UInt8](repeating: 0x78, count: 300_000))
            #expect(try client.rest().isEmpty)
        }
    }

    @Test func `a body that nobody wants must still come in time`() throws {
        var limits = ServerLimits()
        limits.bodyStallTimeout = .milliseconds(100)
        try withServer(limits: limits) { server in
            let client = try server.client()
            let text = "POST /none HTTP/1.1\r\nHost: p\r\nContent-Length: 30000\r\n\r\n"
            #expect(try client.request(text).status == 404)
            #expect(try client.rest().isEmpty)
        }
    }

    @Test func `a head that we did not read is not late`() throws {
        var limits = ServerLimits()
        limits.headTimeout = .milliseconds(200)
        try withServer(
            limits: limits,
            { router in
                RequestTests.echoes(&router)
                router.on(.get, "/slow") { exchange in
                    exchange.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(600)) {
                        exchange.respond(status: 200, text: "slow")
                    }
                }
            }
        ) { server in
            let client = try server.client()
            try client.send("GET /slow HTTP/1.1\r\nHost: p\r\n\r\nGET /hello HTTP/1.1\r\n")
            #expect(try client.response().text == "slow")
            #expect(try client.request("Host: p\r\n\r\n").text == "hello")
        }
    }

    @Test func `bodies held together are bounded`() throws {
        var limits = ServerLimits()
        limits.maxBodyBytesHeld = 100_000
        try withServer(limits: limits) { server in
            let half = try server.client()
            try half.send("POST /echo HTTP/1.1\r\nHost: p\r\nContent-Length: 90000\r\n\r\n")
            try half.send([UInt8](repeating: 0x78, count: 80_000))
            // else it is a matter of turns who goes over the bound
            try eventually { try server.with { $0.counts.bodyBytesHeld } == 80_000 }
            let second = try server.client()
            try second.send("POST /echo HTTP/1.1\r\nHost: p\r\nContent-Length: 90000\r\n\r\n")
            try second.send([UInt8](repeating: 0x78, count: 90_000))
            let refusal = try second.response()
            #expect(refusal.status == 503)
            #expect(refusal["Retry-After"] == "1")
            try half.send([UInt8](repeating: 0x78, count: 10_000))
            #expect(try half.response().body.count == 90_000)
            let third = try server.client()
            try third.send("POST /echo HTTP/1.1\r\nHost: p\r\nContent-Length: 90000\r\n\r\n")
            try third.send([UInt8](repeating: 0x78, count: 90_000))
            #expect(try third.response().status == 200)
        }
    }

    @Test func `beyond the limit a client is told so, and health and operators are served`() throws
    {
        var limits = ServerLimits()
        limits.maxConnections = 4
        limits.reservedConnections = 2
        let operators = Notes<Bool>()
        try withServer(
            limits: limits, isOperator: { _ in !operators.all.isEmpty },
            { router in
                RequestTests.echoes(&router)
                router.on(.get, "/healthz", reserved: true) { $0.respond(status: 200, text: "ok") }
            }
        ) { server in
            let first = try server.client()
            let second = try server.client()
            #expect(try first.request(Self.hello).status == 200)
            #expect(try second.request(Self.hello).status == 200)
            let third = try server.client()
            #expect(try third.request("GET /healthz HTTP/1.1\r\nHost: p\r\n\r\n").text == "ok")
            let refusal = try third.request(Self.hello)
            #expect(refusal.status == 503)
            #expect(refusal["Retry-After"] == "1")
            #expect(refusal["Connection"] == "close")
            #expect(refusal.text.contains(#""code":"unavailable""#))
            third.close()
            try eventually { try server.with { $0.counts.connections } == 2 }
            operators.add(true)
            let fourth = try server.client()
            #expect(try fourth.request(Self.hello).status == 200)
            let fifth = try server.client()
            #expect(try fifth.request(Self.hello).status == 200)
            let sixth = try server.client()
            #expect(try sixth.request("GET /healthz HTTP/1.1\r\nHost: p\r\n\r\n").status == 503)
            first.close()
            second.close()
            fifth.close()
            sixth.close()
            try eventually { try server.with { $0.counts.connections } == 1 }
            #expect(try server.client().request(Self.hello).status == 200)
        }
    }

    @Test func `out of descriptors, health is served, others are told, nobody is lost`() async {
        let ended = await #expect(
            processExitsWith: .success, observing: [\.standardErrorContent],
            performing: Self.runOutOfDescriptors)
        let words = String(decoding: ended?.standardErrorContent ?? [], as: UTF8.self)
        #expect(!words.contains("fault: "), "\(words)")
    }

    /// Says on standard error what was wrong, and exits well: of a process that does not, an exit
    /// test gives neither its error nor its words.
    private static func runOutOfDescriptors() async {
        do {
            try serveWithoutDescriptors()
        } catch {
            FileHandle.standardError.write(Data("fault: \(error)\n".utf8))
        }
        exit(EXIT_SUCCESS)
    }

    private static func serveWithoutDescriptors() throws {
        let server = try TestServer { router in
            RequestTests.echoes(&router)
            router.on(.get, "/healthz", reserved: true) { $0.respond(status: 200, text: "ok") }
        }
        defer { server.stop() }
        let hello = "GET /hello HTTP/1.1\r\nHost: p\r\n\r\n"
        let clients = try (0..<20).map { _ in try server.client() }
        try eventually { try server.with { $0.counts.connections } == 20 }
        let spare = dup(0)
        try leaveDescriptors(8)
        var more: [TestClient] = []
        func connect() throws {
            more.append(try server.client())
            let count = 20 + more.count
            try eventually { try server.with { $0.counts.connections } == count }
        }
        while (try? connect()) != nil {}
        // The last descriptor went to the client's end or to the server's: both ends are here.
        Glibc.close(spare)
        if try server.with({ $0.descriptorReserve.isFull }) { try connect() }
        try require(more.count >= 3, "\(more.count) more")
        for client in more {
            let health = try client.request("GET /healthz HTTP/1.1\r\nHost: p\r\n\r\n")
            try require(health.text == "ok", "health: \(health.status)")
        }
        let refusal = try more[more.count - 1].request(hello)
        try require(refusal.status == 503 && refusal["Retry-After"] == "1", "a refusal")
        let served = try clients[0].request(hello)
        try require(served.status == 200, "an older connection")
        for client in more { client.close() }
        for client in clients.dropFirst(5) { client.close() }
        try eventually { try server.with { $0.descriptorReserve.isFull } }
        let later = try server.client().request(hello)
        try require(later.status == 200, "a connection after the shortage")
    }

    @Test func `a burst of clients waits while the loop is busy, none is refused`() throws {
        try withServer { server in
            let gate = DispatchSemaphore(value: 0)
            server.loop.execute { gate.wait() }
            defer { gate.signal() }
            let clients = try (0..<250).map { _ in
                try TestClient(path: server.path, isBlocking: false)
            }
            gate.signal()
            for client in clients { try client.send(Self.hello) }
            for client in clients { #expect(try client.response().status == 200) }
        }
    }

    @Test func `draining ends idle connections and every answered one`() throws {
        let release = Notes<NIOLoopBound<Exchange>>()
        try withServer({ router in
            RequestTests.echoes(&router)
            router.on(.get, "/wait") {
                release.add(NIOLoopBound($0, eventLoop: $0.eventLoop))
            }
        }) { server in
            let idle = try server.client()
            #expect(try idle.request(Self.hello).status == 200)
            let busy = try server.client()
            try busy.send("GET /wait HTTP/1.1\r\nHost: p\r\n\r\n")
            let held = try release.wait()[0]
            try server.with { $0.drain() }
            #expect(try idle.rest().isEmpty)
            try server.with { _ in held.value.respond(status: 200, text: "done") }
            let response = try busy.response()
            #expect(response.text == "done")
            #expect(response["Connection"] == "close")
            #expect(try busy.rest().isEmpty)
            try server.with { $0.closeListeners() }
            #expect(throws: ClientFault.self) { try server.client() }
        }
    }

    @Test func `closing all connections tells the handlers`() throws {
        let notes = Notes<String>()
        try withServer({ router in
            router.on(.get, "/wait") { exchange in
                notes.add("start")
                exchange.onGone = { notes.add("gone") }
            }
        }) { server in
            let client = try server.client()
            try client.send("GET /wait HTTP/1.1\r\nHost: p\r\n\r\n")
            _ = try notes.wait()
            try server.with { $0.closeConnections() }
            #expect(try notes.wait(count: 2) == ["start", "gone"])
            #expect(try client.rest().isEmpty)
        }
    }

    @Test func `an address that is none is said to be so`() throws {
        try withServer { server in
            #expect(throws: ServerError.self) {
                let loop = server.loop
                try loop.flatSubmit {
                    Server(eventLoop: loop, limits: ServerLimits()) { _ in false }
                        .listen(.tcp(address: "nowhere:http"), router: Router())
                }.wait()
            }
        }
    }
}

/// From now on this process can open so many more descriptors, and no others.
/// An exit test's process has some of its parent's descriptors, at numbers of their own: what is
/// free below them is taken first, so that what is left is `count` and not fewer.
private func leaveDescriptors(_ count: Int32) throws {
    let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
    let highest = open.compactMap { Int32($0) }.max() ?? 2
    var next = dup(0)
    while next < highest {
        next = dup(0)
        if next < 0 { throw ClientFault.system(errno) }
    }
    Glibc.close(next)
    var limit = rlimit(rlim_cur: rlim_t(next + count), rlim_max: rlim_t(next + count))
    guard setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
        throw ClientFault.system(errno)
    }
}

private func require(_ holds: Bool, _ what: String) throws {
    if !holds { throw ClientFault.closed(what) }
}
