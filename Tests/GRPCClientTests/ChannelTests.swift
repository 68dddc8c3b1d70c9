// Channels and their states, the wake of a completion queue, and TLS on loopback.

import Foundation
import GRPCClient
import Testing

@Suite struct ChannelTests {
    @Test func `a watched channel connects by itself and sees its target come and go`() throws {
        let first = Loopback()
        var ended = false
        defer { if !ended { first.end() } }
        var states: [ChannelState] = []
        try Loopback.run(serving: false) { client in
            let channel = try client.channel(first.socket)
            channel.watchState(periodMilliseconds: 50) { states.append($0) }
            _ = try client.until { states.last == .transientFailure ? true : nil }
            try first.serve()
            _ = try client.until {
                _ = first.queue.next(untilNanoseconds: 0)
                return states.last == .ready ? true : nil
            }
            #expect(channel.state() == .ready)
            first.end()
            ended = true
            _ = try client.until { states.last == .ready ? nil : true }
        }
    }

    @Test func `a service config that C-core does not like is refused`() throws {
        try Loopback.run { loopback in
            var options = ChannelOptions()
            options.serviceConfig = #"{"methodConfig":[{"name":[{}],"timeout":5}]}"#
            #expect(throws: ChannelError.refused(target: loopback.socket)) {
                try loopback.channel(nil, options)
            }
            options.serviceConfig = #"{"loadBalancingConfig":[{"round_robin":{}}]}"#
            let channel = try loopback.channel(nil, options)
            let request = UnaryRequest(path: Loopback.echoPath, message: [1], waitsForReady: true)
            #expect(try loopback.call(request, on: channel).response == [1])
        }
    }

    @Test func `a wake from another thread ends the wait, and many wakes are one`() throws {
        try Loopback.run(serving: false) { loopback in
            let waker = loopback.queue.waker
            Thread.detachNewThread { waker.wake() }
            let limit = CompletionQueue.now() + Loopback.patienceNanoseconds
            #expect(loopback.queue.next(untilNanoseconds: limit) == .woken)
            for _ in 0..<100 { waker.wake() }
            #expect(loopback.queue.next(untilNanoseconds: limit) == .woken)
            #expect(loopback.queue.next(untilNanoseconds: 0) == .timedOut)
            waker.wake()
            #expect(loopback.queue.next(untilNanoseconds: limit) == .woken)
        }
    }

    @Test func `a closed channel starts nothing`() throws {
        try Loopback.run { loopback in
            let channel = try loopback.channel()
            channel.close()
            #expect(channel.state() == .shutDown)
            #expect(throws: CallError.self) {
                try channel.start(UnaryRequest(path: Loopback.echoPath, message: [])) { _ in }
            }
        }
    }

    @Test func `a port in use is refused`() throws {
        try Loopback.run(serving: false) { loopback in
            let port = try loopback.server.listen(on: "127.0.0.1:0")
            #expect(port > 0)
            let other = Loopback()
            defer { other.end() }
            #expect(throws: ServerError.self) { try other.server.listen(on: "127.0.0.1:\(port)") }
        }
    }
}

@Suite struct TLSTests {
    private func call(
        clientRoots: String?, _ tls: ClientTLS, authority: String = "server.example"
    ) throws -> CallEnd {
        var end: CallEnd?
        try Loopback.run(serving: false) { loopback in
            let credentials = ServerCredentials.tls(
                TestCertificates.server, clientRoots: clientRoots)
            let port = try loopback.server.listen(on: "127.0.0.1:0", credentials: credentials)
            loopback.server.start(waitingCalls: 2)
            var options = ChannelOptions()
            options.credentials = .tls(tls)
            options.authority = authority
            let channel = try loopback.channel("127.0.0.1:\(port)", options)
            let request = UnaryRequest(path: Loopback.echoPath, message: [1])
            end = try loopback.call(request, on: channel).end
        }
        return try #require(end)
    }

    @Test func `TLS with the right authority and name override works`() throws {
        let end = try call(clientRoots: nil, ClientTLS(roots: TestCertificates.authority))
        #expect(end.status == .ok)
    }

    @Test func `a server of another name is not talked to`() throws {
        let tls = ClientTLS(roots: TestCertificates.authority)
        #expect(try call(clientRoots: nil, tls, authority: "x.example").status == .unavailable)
    }

    @Test func `a server of an unknown authority is not talked to`() throws {
        let tls = ClientTLS(roots: TestCertificates.client.certificateChain)
        #expect(try call(clientRoots: nil, tls).status == .unavailable)
    }

    @Test func `mutual TLS needs the client's certificate`() throws {
        let roots = TestCertificates.authority
        let with = ClientTLS(roots: roots, identity: TestCertificates.client)
        #expect(try call(clientRoots: roots, with).status == .ok)
        #expect(try call(clientRoots: roots, ClientTLS(roots: roots)).status == .unavailable)
    }

    @Test func `what is no certificate lets no call through`() throws {
        try Loopback.run { loopback in
            var options = ChannelOptions()
            options.credentials = .tls(ClientTLS(roots: "no PEM at all"))
            let channel = try loopback.channel(nil, options)
            let request = UnaryRequest(path: Loopback.echoPath, message: [])
            #expect(try loopback.call(request, on: channel).end.status == .unavailable)
        }
    }
}
