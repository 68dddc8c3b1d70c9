// Calls of several messages, of the three kinds that are not unary.

import GRPCClient
import Testing

@Suite struct StreamingCallTests {
    /// Sends the messages one after the other, reads all that come, and tells the end.
    private func exchange(
        _ loopback: Loopback, path: String, _ messages: [[UInt8]]
    ) throws -> (received: [[UInt8]], end: CallEnd) {
        var received: [[UInt8]] = []
        var end: CallEnd?
        let channel = try loopback.channel()
        let call = try StreamingCall(channel: channel, path: path) { end = $0 }
        func sendNext(_ rest: ArraySlice<[UInt8]>) {
            guard let message = rest.first else { return call.closeSending() }
            call.send(message) { isSent in
                if isSent { sendNext(rest.dropFirst()) }
            }
        }
        func receiveNext() {
            call.receive { message in
                guard let message else { return }
                received.append(message)
                receiveNext()
            }
        }
        sendNext(messages[...])
        receiveNext()
        let found = try loopback.until { end }
        return (received, found)
    }

    private func connected(_ body: (Loopback) throws -> Void) throws {
        try Loopback.run { loopback in
            let request = UnaryRequest(path: Loopback.echoPath, message: [], waitsForReady: true)
            _ = try loopback.call(request, on: loopback.channel())
            try body(loopback)
        }
    }

    private static func giveBack(_ call: ServerCall) {
        call.receive { call, message in
            guard let message else { return call.finish(.ok, "done") }
            call.send(message) { call, _ in giveBack(call) }
        }
    }

    private static func sum(_ call: ServerCall, _ total: UInt8) {
        call.receive { call, message in
            guard let message else { return call.finish(.ok, response: [total]) }
            sum(call, total &+ (message.first ?? 0))
        }
    }

    private static func countDown(_ call: ServerCall, _ number: UInt8) {
        guard number > 0 else { return call.finish(.ok) }
        call.send([number]) { call, _ in countDown(call, number - 1) }
    }

    @Test func `both sides stream in turn`() throws {
        try connected { loopback in
            loopback.server.handle("/test.Service/Chat", Self.giveBack)
            let messages: [[UInt8]] = (0..<100).map { Array(repeating: $0, count: Int($0)) }
            let (received, end) = try exchange(loopback, path: "/test.Service/Chat", messages)
            #expect(received == messages)
            #expect(end.status == .ok)
            #expect(end.message == "done")
        }
    }

    @Test func `the client streams and the server answers once`() throws {
        try connected { loopback in
            loopback.server.handle("/test.Service/Sum") { Self.sum($0, 0) }
            let (received, end) = try exchange(
                loopback, path: "/test.Service/Sum", [[1], [2], [3]])
            #expect(received == [[6]])
            #expect(end.status == .ok)
        }
    }

    @Test func `the server streams`() throws {
        try connected { loopback in
            loopback.server.handle("/test.Service/Count") { call in
                call.receive { call, message in Self.countDown(call, message?.first ?? 0) }
            }
            let (received, end) = try exchange(loopback, path: "/test.Service/Count", [[3]])
            #expect(received == [[3], [2], [1]])
            #expect(end.status == .ok)
        }
    }

    @Test func `a cancelled stream ends once and tells the server`() throws {
        try connected { loopback in
            var cancelled = false
            loopback.server.handle("/test.Service/Wait") { call in
                call.watchCancel { call in
                    cancelled = true
                    call.finish(.cancelled)
                }
                call.sendHeaders { _, _ in }
            }
            // whose headers are on their way when it ends
            loopback.server.handle("/test.Service/Hasty") { call in
                call.sendHeaders { _, _ in Issue.record("told of what a finished call sent") }
                call.finish(.aborted)
            }
            var hasty: [CallEnd] = []
            let other = try StreamingCall(
                channel: loopback.channel(), path: "/test.Service/Hasty"
            ) { hasty.append($0) }
            other.receive { _ in }
            _ = try loopback.until { hasty.isEmpty ? nil : true }
            #expect(hasty.map(\.status) == [.aborted])
            var ends: [CallEnd] = []
            let call = try StreamingCall(
                channel: loopback.channel(), path: "/test.Service/Wait"
            ) { ends.append($0) }
            var ended = false
            call.receive { message in ended = message == nil }
            for _ in 0..<20 { _ = loopback.queue.next(untilNanoseconds: 0) }
            call.cancel()
            _ = try loopback.until { ended && !ends.isEmpty ? true : nil }
            #expect(ends.map(\.status) == [.cancelled])
            _ = cancelled
        }
    }

    @Test func `what ends while the queue goes begins nothing anew`() throws {
        try Loopback.run(serving: false) { loopback in
            let call = try StreamingCall(
                channel: loopback.channel(), path: "/test.Service/Nobody"
            ) { _ in }
            call.send([1]) { _ in
                call.send([2]) { isSent in #expect(!isSent) }
                call.receive { message in #expect(message == nil) }
            }
            call.cancel()
        }
        // and a server's call, cancelled while its headers are on their way
        for _ in 0..<20 {
            try connected { loopback in
                loopback.server.handle("/test.Service/Wait") { call in
                    call.watchCancel { $0.finish(.cancelled) }
                    call.sendHeaders { _, _ in }
                }
                var end: CallEnd?
                let call = try StreamingCall(
                    channel: loopback.channel(), path: "/test.Service/Wait"
                ) { end = $0 }
                call.receive { _ in }
                for _ in 0..<20 { _ = loopback.queue.next(untilNanoseconds: 0) }
                call.cancel()
                _ = try loopback.until { end }
            }
        }
    }
}
