// Random requests, whole and damaged, cut in random places: the server answers each stream of bytes
// the same however it is cut, and lives on.

import Foundation
import NIOCore
import SeededRandom
import Testing

@testable import HTTPServer

@Suite(.serialized) struct MutationTests {
    private static let requests = [
        "GET /hello HTTP/1.1\r\nHost: p\r\n\r\n",
        "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "HEAD /hello HTTP/1.1\r\nHost: p\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: p\r\n\r\n",
        "GET /later/7?wait=1 HTTP/1.1\r\nHost: p\r\nX-A: b\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: p\r\nContent-Length: 5\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "POST /lines HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\n\r\n"
            + "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
        "POST /none HTTP/1.1\r\nHost: p\r\nContent-Length: 5\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nHost: p\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok",
        "DELETE /hello HTTP/1.1\r\nHost: p\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    ]

    private static func routes(_ router: inout Router) {
        RequestTests.echoes(&router)
        router.on(.get, "/later/{id}") { exchange in
            exchange.eventLoop.assumeIsolated().execute {
                exchange.respond(status: 200, text: exchange.route["id"])
            }
        }
        router.on(.post, "/lines") { exchange in
            var count = 0
            exchange.streamBody(
                onBytes: { count += $0.readableBytes },
                onEnd: { exchange.respond(status: 200, text: "\($0) \(count)") })
        }
    }

    /// Some requests in a row, with a few bytes changed, taken out or put in.
    private static func stream(_ random: inout SeededRandom) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 1...5, using: &random) {
            bytes += requests.randomElement(using: &random).map { Array($0.utf8) } ?? []
        }
        for _ in 0..<Int.random(in: 0...3, using: &random) {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0...3, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(contentsOf: Array("\r\n0: \u{0}9".utf8), at: place)
            default: bytes.removeSubrange(place...)
            }
            if bytes.isEmpty { return Array("\r\n".utf8) }
        }
        return bytes
    }

    /// All that the server answers, without dates.
    private static func answers(
        _ server: TestServer, _ bytes: [UInt8], _ random: inout SeededRandom, pieces: Int
    ) throws -> String {
        let client = try server.client()
        var rest = bytes[...]
        for piece in 0..<pieces where !rest.isEmpty {
            let isLast = piece == pieces - 1
            let count = isLast ? rest.count : Int.random(in: 1...rest.count, using: &random)
            // The server may have closed after a fault already.
            guard (try? client.send(Array(rest.prefix(count)))) != nil else { break }
            rest = rest.dropFirst(count)
            try server.with { _ in }
        }
        client.endSending()
        let text = String(decoding: try client.rest(), as: UTF8.self)
        return text.split(separator: "\r\n").filter { !$0.hasPrefix("Date:") }
            .filter { !$0.hasPrefix("HTTP/1.1 100") }.joined(separator: "\n")
    }

    @Test(arguments: UInt64(1)...4)
    func `however its bytes are cut, a stream of requests gets the same answers`(
        _ seed: UInt64
    ) throws {
        let server = try TestServer(routes: Self.routes)
        defer { server.stop() }
        var random = SeededRandom(seed: seed)
        for _ in 0..<150 {
            let bytes = Self.stream(&random)
            let whole = try Self.answers(server, bytes, &random, pieces: 1)
            let cut = try Self.answers(server, bytes, &random, pieces: 6)
            #expect(
                whole == cut,
                "seed \(seed): \(String(decoding: bytes, as: UTF8.self).debugDescription)")
        }
        let client = try server.client()
        let after = try client.request("GET /hello HTTP/1.1\r\nHost: p\r\n\r\n")
        #expect(after.text == "hello")
        client.close()
        try eventually { try server.with { $0.counts.connections } == 0 }
    }
}
