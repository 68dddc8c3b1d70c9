// What the example's methods do. All of it runs on the server's one thread; nothing here waits.

import GRPCClient
import Glibc

final class ExampleService {
    let server: Server
    let ledger: Ledger
    var timers = Timers()

    /// Streams of this service send at most so many messages; enough for any test.
    private static let expandMax: UInt64 = 10_000_000

    init(server: Server, ledger: Ledger) {
        self.server = server
        self.ledger = ledger
        for name in ["Echo", "EchoSafe"] { unary(name, echo) }
        for name in ["Delay", "DelaySafe"] { unary(name, delay) }
        for name in ["Fail", "FailSafe"] { unary(name, fail) }
        for name in ["Cut", "CutSafe"] { unary(name, cut) }
        unary("Count", count)
        for name in ["List", "ListUnsafe"] { unary(name, list) }
        server.handle(path("Collect"), collect)
        server.handle(path("Expand"), expand)
        server.handle(path("Chat"), chat)
    }

    /// When `runTimers` has something to do.
    var nextTimerNanoseconds: UInt64? { timers.nextNanoseconds }

    func runTimers(now: UInt64) {
        while let action = timers.takeDue(at: now) { action() }
    }

    private func path(_ method: String) -> String { "/\(Descriptors.service)/\(method)" }

    private typealias UnaryHandler = (ServerCall, String, [UInt8]) throws(WireError) -> Void

    private func unary(_ method: String, _ handler: @escaping UnaryHandler) {
        server.handleUnary(path(method)) { call, message in
            do throws(WireError) {
                try handler(call, method, message)
            } catch {
                Self.refuse(call, error)
            }
        }
    }

    private static func refuse(_ call: ServerCall, _ error: WireError) {
        call.finish(.invalidArgument, "the request is not protobuf: \(error)")
    }

    // MARK: unary

    private func echo(
        _ call: ServerCall, _ method: String, _ message: [UInt8]
    ) throws(WireError) {
        let head = try EchoHead(message)
        let count = ledger.note(method: method, key: head.key)
        guard head.wantsReport else { return call.finish(.ok, response: message) }
        let metadata = call.metadata.map { ($0.name, String(decoding: $0.value, as: UTF8.self)) }
        let response = try Responses.report(
            on: message, peer: call.peer, metadata: metadata, count: count)
        call.finish(.ok, response: response)
    }

    private func delay(
        _ call: ServerCall, _ method: String, _ message: [UInt8]
    ) throws(WireError) {
        let request = try DelayRequest(message)
        let count = ledger.note(method: method, key: request.key)
        let due = CompletionQueue.now() + request.milliseconds * 1_000_000
        let response = Responses.said(request.text, key: request.key, count: count)
        let timer = timers.add(at: due) { call.finish(.ok, response: response) }
        call.watchCancel { [self] call in
            timers.remove(timer)
            call.finish(.cancelled)
        }
    }

    private func fail(
        _ call: ServerCall, _ method: String, _ message: [UInt8]
    ) throws(WireError) {
        let request = try FailRequest(message)
        let count = ledger.note(method: method, key: request.key)
        let status = CallStatus(number: request.code)
        guard status != .ok, request.failFirst == 0 || count <= request.failFirst else {
            let response = Responses.said(request.message, key: request.key, count: count)
            return call.finish(.ok, response: response)
        }
        var trailers: [MetadataField] = []
        let details = request.statusDetails
        if !details.isEmpty {
            trailers.append(MetadataField(name: "grpc-status-details-bin", value: details))
        }
        if let pushback = request.pushbackMilliseconds {
            trailers.append(MetadataField("grpc-retry-pushback-ms", "\(pushback)"))
        }
        call.finish(status, request.message, trailers: trailers)
    }

    private func cut(
        _ call: ServerCall, _ method: String, _ message: [UInt8]
    ) throws(WireError) {
        let request = try CutRequest(message)
        let peer = call.peer
        guard request.when != .beforeWork else {
            ConnectionCutter.cut(peer: peer)
            return call.finish(.unavailable)
        }
        let count = ledger.note(method: method, key: request.key)
        guard request.cutFirst == 0 || count <= request.cutFirst else {
            let response = Responses.said("", key: request.key, count: count)
            return call.finish(.ok, response: response)
        }
        guard request.when == .inResponse else {
            ConnectionCutter.cut(peer: peer)
            return call.finish(.unavailable)
        }
        call.sendHeaders { call, _ in
            ConnectionCutter.cut(peer: peer)
            call.finish(.unavailable)
        }
    }

    private func count(
        _ call: ServerCall, _ method: String, _ message: [UInt8]
    ) throws(WireError) {
        var keys: [String] = []
        var reader = WireReader(message)
        while let field = try reader.next() {
            if field.number == 1, let key = field.text(in: message) { keys.append(key) }
        }
        let counts =
            keys.isEmpty
            ? ledger.counts.map { ($0.key, $0.value) }
            : keys.map { ($0, ledger.counts[$0] ?? 0) }
        call.finish(.ok, response: Responses.counts(counts, total: ledger.total))
    }

    // MARK: streams

    private func collect(_ call: ServerCall) {
        collectNext(call, messages: 0, bytes: 0, texts: [])
    }

    private func collectNext(
        _ call: ServerCall, messages: UInt64, bytes: UInt64, texts: [String]
    ) {
        call.receive { [self] call, message in
            guard let message else {
                let response = Responses.collected(
                    messages: messages, bytes: bytes, texts: texts)
                return call.finish(.ok, response: response)
            }
            do throws(WireError) {
                let head = try EchoHead(message, withText: true)
                ledger.note(method: "Collect", key: head.key)
                collectNext(
                    call, messages: messages + 1, bytes: bytes + UInt64(message.count),
                    texts: texts + [head.text])
            } catch {
                Self.refuse(call, error)
            }
        }
    }

    private func expand(_ call: ServerCall) {
        call.receive { [self] call, message in
            do throws(WireError) {
                var request = try ExpandRequest(message ?? [])
                let count = ledger.note(method: "Expand", key: request.key)
                if request.failFirst > 0, count > request.failFirst { request.code = 0 }
                beginExpand(call, request)
            } catch {
                Self.refuse(call, error)
            }
        }
    }

    private func beginExpand(_ call: ServerCall, _ request: ExpandRequest) {
        guard request.header.isEmpty else {
            call.headers = [
                MetadataField("x-header", request.header),
                MetadataField(name: "x-header-bin", value: Array(request.header.utf8)),
            ]
            return call.sendHeaders { [self] call, _ in waitToExpand(call, request) }
        }
        waitToExpand(call, request)
    }

    private func waitToExpand(_ call: ServerCall, _ request: ExpandRequest) {
        let times = min(request.times, Self.expandMax)
        guard request.waitMilliseconds > 0 else { return expandNext(call, request, left: times) }
        let due = CompletionQueue.now() + request.waitMilliseconds * 1_000_000
        _ = timers.add(at: due) { [self] in expandNext(call, request, left: times) }
    }

    private func expandNext(_ call: ServerCall, _ request: ExpandRequest, left: UInt64) {
        guard left > 0 else {
            let trailers = [MetadataField("x-trailer", request.trailer)]
            return call.finish(
                CallStatus(number: request.code), request.code == 0 ? "" : "as asked",
                trailers: request.trailer.isEmpty ? [] : trailers)
        }
        let number = min(request.times, Self.expandMax) - left + 1
        let message = Responses.said(request.text, key: request.key, count: number)
        call.send(message) { [self] call, isSent in
            guard isSent else {
                ledger.note("cancelled", of: request.key)
                return call.finish(.cancelled)
            }
            ledger.note("sent", of: request.key)
            guard request.intervalMilliseconds > 0, left > 1 else {
                return expandNext(call, request, left: left - 1)
            }
            let due = CompletionQueue.now() + request.intervalMilliseconds * 1_000_000
            _ = timers.add(at: due) { [self] in expandNext(call, request, left: left - 1) }
        }
    }

    private func chat(_ call: ServerCall) {
        call.receive { [self] call, message in
            guard let message else { return call.finish(.ok) }
            do throws(WireError) {
                ledger.note(method: "Chat", key: try EchoHead(message).key)
            } catch {
                return Self.refuse(call, error)
            }
            call.send(message) { [self] call, isSent in
                guard isSent else { return call.finish(.cancelled) }
                chat(call)
            }
        }
    }
}
