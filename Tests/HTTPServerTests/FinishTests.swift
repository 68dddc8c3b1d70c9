// The end of serving: nobody who waits is left without a word, and nobody who does not read holds
// it up.

import NIOCore
import Testing

@testable import HTTPServer

@Suite(.serialized) struct FinishTests {
    private static let goodbye = ConnectError(.unavailable, "the server is going")

    /// `/wait` is never answered, `/begin` never ended, `/big` larger than any socket's buffer.
    private func withServer(_ body: (TestServer, Notes<String>) throws -> Void) throws {
        let notes = Notes<String>()
        let server = try TestServer { router in
            router.on(.get, "/wait") { _ in notes.add("wait") }
            router.on(.get, "/begin") { exchange in
                exchange.begin(status: 200)
                exchange.write(ByteBuffer(string: "one"))
                notes.add("begin")
            }
            router.on(.get, "/big") { exchange in
                exchange.respond(status: 200, body: ByteBuffer(repeating: 0x78, count: 8 << 20))
                notes.add("big")
            }
        }
        defer { server.stop() }
        try body(server, notes)
    }

    private func ask(_ path: String, _ server: TestServer) throws -> TestClient {
        let client = try server.client()
        try client.send("GET \(path) HTTP/1.1\r\nHost: p\r\n\r\n")
        return client
    }

    private func finish(
        _ server: TestServer, patience: TimeAmount, _ ended: Notes<NIODeadline>
    )
        throws
    {
        try server.with { server in
            server.finish(answering: Self.goodbye, patience: patience) { ended.add(.now()) }
        }
    }

    @Test func `who waits is told, and who reads a stream sees that it is not whole`() throws {
        try withServer { server, notes in
            let waiting = try ask("/wait", server)
            let reading = try ask("/begin", server)
            let idle = try server.client()
            _ = try notes.wait(count: 2)
            let ended = Notes<NIODeadline>()
            try finish(server, patience: .seconds(60), ended)
            let told = try waiting.response()
            #expect(told.status == 503)
            #expect(told["Connection"] == "close")
            #expect(told.text.contains("the server is going"))
            let text = String(decoding: try reading.rest(), as: UTF8.self)
            #expect(text.contains("one") && !text.hasSuffix("0\r\n\r\n"), "\(text)")
            #expect(try idle.rest().isEmpty)
            #expect(try ended.wait().count == 1)
        }
    }

    @Test func `a response leaves whole before the end, as long as its client reads`() throws {
        try withServer { server, notes in
            let client = try ask("/big", server)
            _ = try notes.wait()
            let ended = Notes<NIODeadline>()
            try finish(server, patience: .seconds(60), ended)
            #expect(try client.response().body.count == 8 << 20)
            #expect(try ended.wait().count == 1)
        }
    }

    @Test func `a client that does not read is waited for as long as was said`() throws {
        try withServer { server, notes in
            let client = try ask("/big", server)
            _ = try notes.wait()
            let ended = Notes<NIODeadline>()
            let begun = NIODeadline.now()
            try finish(server, patience: .milliseconds(200), ended)
            #expect(try ended.wait()[0] - begun >= .milliseconds(200))
            client.close()
        }
    }
}
