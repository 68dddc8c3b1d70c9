// A client and a server on one completion queue and one thread: what a test asks for happens while
// it runs the queue. Everything is taken apart at the end of `run`.

import Foundation
import GRPCClient
import Testing

final class Loopback {
    static let echoPath = "/test.Service/Echo"
    /// No test waits longer for anything; far more than any machine needs.
    static let patienceNanoseconds: UInt64 = 20_000_000_000

    let queue: CompletionQueue
    let folder: String
    let server: Server
    private(set) var channels: [Channel] = []
    private var isServing = false

    var socket: String { "unix:\(folder)/socket" }

    init() {
        // Failures are what many tests want; C-core's lines about them would hide the test's own.
        CoreLog.install(sink: { _, _ in })
        queue = CompletionQueue(runtime: Runtime())
        server = Server(queue: queue)
        folder = Self.makeFolder()
        server.handleUnary(Self.echoPath) { call, message in
            call.headers = call.metadata.filter { $0.name.hasPrefix("x-") }
            call.finish(.ok, response: message)
        }
    }

    /// Runs a test with a server that serves on `socket`.
    static func run(
        serving: Bool = true, _ body: (Loopback) throws -> Void
    ) throws {
        let loopback = Loopback()
        defer { loopback.end() }
        if serving { try loopback.serve() }
        try body(loopback)
    }

    func serve(on address: String? = nil, credentials: ServerCredentials = .insecure) throws {
        try server.listen(on: address ?? socket, credentials: credentials)
        server.start(waitingCalls: 8)
        isServing = true
    }

    func channel(
        _ target: String? = nil, _ options: ChannelOptions = ChannelOptions()
    ) throws -> Channel {
        let channel = try Channel(target: target ?? socket, options: options, queue: queue)
        channels.append(channel)
        return channel
    }

    /// Runs the queue until something is there; nil fails the test after the patience is over.
    func until<Value>(_ value: () -> Value?) throws -> Value {
        let limit = CompletionQueue.now() + Self.patienceNanoseconds
        while CompletionQueue.now() < limit {
            if let found = value() { return found }
            _ = queue.next(untilNanoseconds: CompletionQueue.now() + 20_000_000)
        }
        return try #require(value(), "nothing came")
    }

    func call(_ request: UnaryRequest, on channel: Channel) throws -> UnaryResult {
        var result: UnaryResult?
        try channel.start(request) { result = $0 }
        return try until { result }
    }

    func end() {
        for channel in channels { channel.close() }
        server.shutDown(graceNanoseconds: 0)
        #expect(queue.shutDown(withinNanoseconds: Self.patienceNanoseconds))
        try? FileManager.default.removeItem(atPath: folder)
    }

    private static func makeFolder() -> String {
        var template = Array((NSTemporaryDirectory() + "/grpc-XXXXXX").utf8CString)
        return template.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress, mkdtemp(start) != nil else { return "" }
            return String(cString: start)
        }
    }
}
