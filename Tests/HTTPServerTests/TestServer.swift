// A server on a Unix socket in a folder of its own, inside the test process, on a loop of its own.

import Foundation
import NIOCore
import NIOPosix

@testable import HTTPServer

final class TestServer: @unchecked Sendable {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let path: String
    var loop: any EventLoop { group.next() }
    private let folder: String
    private var bound: NIOLoopBound<Server>?

    /// Starts a server whose table is filled by `routes`, on the loop.
    init(
        limits: ServerLimits = ServerLimits(),
        isOperator: @escaping @Sendable (Peer) -> Bool = { _ in false },
        routes: @escaping @Sendable (inout Router) -> Void
    ) throws {
        folder = try Self.makeFolder()
        path = folder + "/s"
        let descriptor = try Self.listeningSocket(path: path)
        let loop = group.next()
        bound = try loop.flatSubmit {
            let server = Server(eventLoop: loop, limits: limits, isOperator: isOperator)
            var router = Router()
            routes(&router)
            let bound = NIOLoopBound(server, eventLoop: loop)
            return server.listen(.inherited(descriptor: descriptor), router: router).map { bound }
        }.wait()
    }

    /// Does something with the server on its loop.
    func with<Value: Sendable>(_ body: @escaping @Sendable (Server) throws -> Value) throws -> Value
    {
        guard let bound else { throw ClientFault.noServer }
        return try group.next().submit { try body(bound.value) }.wait()
    }

    func listenTCP(routes: @escaping @Sendable (inout Router) -> Void) throws -> Int {
        guard let bound else { throw ClientFault.noServer }
        try group.next().flatSubmit {
            var router = Router()
            routes(&router)
            return bound.value.listen(.tcp(address: "127.0.0.1:0"), router: router)
        }.wait()
        return try with { $0.tcpPort ?? 0 }
    }

    func client() throws -> TestClient { try TestClient(path: path) }

    func stop() {
        try? with { server in
            server.closeListeners()
            server.closeConnections()
        }
        try? group.syncShutdownGracefully()
        try? FileManager.default.removeItem(atPath: folder)
    }

    private static func makeFolder() throws -> String {
        var template = Array((NSTemporaryDirectory() + "/prong-http-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw ClientFault.system(errno) }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    static func listeningSocket(path: String) throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let result = withUnixAddress(path) { bind(descriptor, $0, $1) }
        guard result == 0, listen(descriptor, 1024) == 0 else { throw ClientFault.system(errno) }
        return descriptor
    }
}

func withUnixAddress(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
}

/// Values noted on one thread and awaited on another.
final class Notes<Value: Sendable>: @unchecked Sendable {
    private let lock = NSCondition()
    private var values: [Value] = []

    func add(_ value: Value) {
        lock.lock()
        values.append(value)
        lock.broadcast()
        lock.unlock()
    }

    var all: [Value] {
        lock.lock()
        defer { lock.unlock() }
        return values
    }

    /// Waits until so many values are there.
    func wait(count: Int = 1) throws -> [Value] {
        let limit = Date(timeIntervalSinceNow: TestClient.patienceSeconds)
        lock.lock()
        defer { lock.unlock() }
        while values.count < count {
            guard lock.wait(until: limit) else { throw ClientFault.timeout("\(values)") }
        }
        return values
    }
}

/// Polls until the condition holds.
func eventually(_ condition: () throws -> Bool) throws {
    let limit = Date(timeIntervalSinceNow: TestClient.patienceSeconds)
    while try !condition() {
        guard Date() < limit else { throw ClientFault.timeout("a condition") }
        usleep(2000)
    }
}
