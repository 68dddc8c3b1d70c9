// One request, one response, over a Unix socket between a client and a server of one process.

import GRPCClient
import Testing

@Suite struct UnaryCallTests {
    @Test func `a response, its metadata and the peer come back`() throws {
        try Loopback.run { loopback in
            let channel = try loopback.channel()
            let metadata = [
                MetadataField("x-plain", "a value"),
                MetadataField(name: "x-raw-bin", value: [0, 255, 10, 13]),
                MetadataField("x-plain", "another"),
            ]
            let request = UnaryRequest(
                path: Loopback.echoPath, metadata: metadata, message: [1, 2, 3],
                waitsForReady: true)
            let result = try loopback.call(request, on: channel)
            #expect(result.end.status == .ok)
            #expect(result.response == [1, 2, 3])
            #expect(Set(result.end.headers.map(\.name)) == ["x-plain", "x-raw-bin"])
            #expect(result.end.headers.contains(metadata[1]))
            #expect(result.end.headers.count == 3)
            #expect(result.end.peer.hasPrefix("unix:"))
            #expect(result.end.errorText.isEmpty)
        }
    }

    @Test func `an empty message is a message`() throws {
        try Loopback.run { loopback in
            let request = UnaryRequest(path: Loopback.echoPath, message: [], waitsForReady: true)
            let result = try loopback.call(request, on: loopback.channel())
            #expect(result.response == [])
        }
    }

    @Test func `status, message, details and trailers come back`() throws {
        try Loopback.run { loopback in
            let path = "/test.Service/Fail"
            loopback.server.handleUnary(path) { call, _ in
                call.finish(
                    .failedPrecondition, "nö %",
                    trailers: [
                        MetadataField(name: "grpc-status-details-bin", value: [8, 9]),
                        MetadataField("grpc-retry-pushback-ms", "25"),
                        MetadataField("x-end", "yes"),
                    ])
            }
            let request = UnaryRequest(path: path, message: [], waitsForReady: true)
            let end = try loopback.call(request, on: loopback.channel()).end
            #expect(end.status == .failedPrecondition)
            #expect(end.message == "nö %")
            #expect(end.statusDetails == [8, 9])
            #expect(end.trailers.contains(MetadataField("grpc-retry-pushback-ms", "25")))
            #expect(end.trailers.contains(MetadataField("x-end", "yes")))
            #expect(!end.trailers.contains { $0.name == "grpc-status-details-bin" })
            #expect(!end.errorText.isEmpty)
        }
    }

    @Test func `OK without a message is an error of the server, not an empty response`() throws {
        try Loopback.run { loopback in
            let path = "/test.Service/Nothing"
            loopback.server.handleUnary(path) { call, _ in
                call.finish(.ok, trailers: [MetadataField("x-end", "yes")])
            }
            let request = UnaryRequest(path: path, message: [1], waitsForReady: true)
            let result = try loopback.call(request, on: loopback.channel())
            #expect(result.end.status == .internal)
            #expect(result.end.message == "the server answered OK without a message")
            #expect(result.lacksMessage)
            #expect(result.end.trailers.contains(MetadataField("x-end", "yes")))
            #expect(result.response == nil)
        }
    }

    @Test func `a path that nobody serves is unimplemented`() throws {
        try Loopback.run { loopback in
            let request = UnaryRequest(path: "/no.Such/Method", message: [], waitsForReady: true)
            let end = try loopback.call(request, on: loopback.channel()).end
            #expect(end.status == .unimplemented)
        }
    }

    @Test func `a deadline that passes ends the call at the client and at the server`() throws {
        try Loopback.run { loopback in
            let path = "/test.Service/Wait"
            var cancelled = false
            var deadline: UInt64?
            loopback.server.handleUnary(path) { call, _ in
                deadline = call.deadlineNanoseconds
                call.watchCancel { call in
                    cancelled = true
                    call.finish(.cancelled)
                }
            }
            let channel = try loopback.channel()
            let echo = UnaryRequest(path: Loopback.echoPath, message: [], waitsForReady: true)
            _ = try loopback.call(echo, on: channel)
            let limit = CompletionQueue.now() + 1_000_000_000
            let request = UnaryRequest(path: path, message: [], deadlineNanoseconds: limit)
            let result = try loopback.call(request, on: channel)
            #expect(result.end.status == .deadlineExceeded)
            #expect(result.response == nil)
            #expect(CompletionQueue.now() >= limit)
            _ = try loopback.until { cancelled ? true : nil }
            // It travels as what was left of it, so it is later at the server, by the journey.
            #expect(deadline != nil)
        }
    }

    @Test func `a cancelled call ends as cancelled and a stale handle does nothing`() throws {
        try Loopback.run { loopback in
            let path = "/test.Service/Wait"
            var reached = false
            loopback.server.handleUnary(path) { call, _ in
                reached = true
                call.watchCancel { $0.finish(.cancelled) }
            }
            let channel = try loopback.channel()
            var result: UnaryResult?
            let request = UnaryRequest(path: path, message: [], waitsForReady: true)
            let call = try channel.start(request) { result = $0 }
            _ = try loopback.until { reached ? true : nil }
            call.cancel()
            #expect(try loopback.until { result }.end.status == .cancelled)
            let echo = UnaryRequest(path: Loopback.echoPath, message: [7])
            var second: UnaryResult?
            try channel.start(echo) { second = $0 }
            call.cancel()
            #expect(try loopback.until { second }.response == [7])
        }
    }

    @Test func `a call without a server fails at once unless it waits for one`() throws {
        try Loopback.run(serving: false) { loopback in
            let channel = try loopback.channel()
            let request = UnaryRequest(path: Loopback.echoPath, message: [1])
            #expect(try loopback.call(request, on: channel).end.status == .unavailable)
            var result: UnaryResult?
            var waiting = request
            waiting.waitsForReady = true
            try channel.start(waiting) { result = $0 }
            try loopback.serve()
            #expect(try loopback.until { result }.response == [1])
        }
    }

    @Test(arguments: [
        ("", "x"), ("Upper", "x"), ("sp ace", "x"), (":authority", "x"), ("grpc-timeout", "1S"),
        ("te", "x"), ("content-type", "text/plain"), ("x", "line\nbreak"), ("x", "ü"),
        ("x", "\u{0}"),
    ])
    func `metadata that gRPC cannot carry stops the call before it starts`(
        name: String, value: String
    ) throws {
        try Loopback.run { loopback in
            let channel = try loopback.channel()
            let request = UnaryRequest(
                path: Loopback.echoPath, metadata: [MetadataField(name, value)], message: [])
            #expect(throws: CallError.self) { try channel.start(request) { _ in } }
        }
    }

    @Test(arguments: ["", "/", "no/slash", "/a", "/a/", "/ä/b", "/a b/c"])
    func `a path that is none stops the call before it starts`(path: String) throws {
        try Loopback.run { loopback in
            let channel = try loopback.channel()
            let request = UnaryRequest(path: path, message: [])
            #expect(throws: CallError.illegalPath(path)) { try channel.start(request) { _ in } }
        }
    }

    @Test func `a response over the limit is an error, not memory`() throws {
        try Loopback.run { loopback in
            var options = ChannelOptions()
            options.receiveBytesMax = 1000
            let channel = try loopback.channel(nil, options)
            let request = UnaryRequest(
                path: Loopback.echoPath, message: Array(repeating: 1, count: 2000),
                waitsForReady: true)
            let result = try loopback.call(request, on: channel)
            #expect(result.end.status == .resourceExhausted)
        }
    }

    @Test func `three thousand calls in a window of fifty each get their own answer`() throws {
        try Loopback.run { loopback in
            let channel = try loopback.channel()
            var random = SystemRandomNumberGenerator()
            var (started, ended, wrong) = (0, 0, 0)
            func startOne() throws {
                started += 1
                let size = Int.random(in: 0..<(started % 100 == 0 ? 200_000 : 300), using: &random)
                let message = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* started) }
                let request = UnaryRequest(
                    path: Loopback.echoPath, message: message, waitsForReady: true)
                try channel.start(request) { result in
                    ended += 1
                    if result.response != message { wrong += 1 }
                    if started < 3000 { try? startOne() }
                }
            }
            for _ in 0..<50 { try startOne() }
            _ = try loopback.until { ended == 3000 ? true : nil }
            #expect(wrong == 0)
        }
    }
}
