// HTTP heads and bodies: each input is sent over a connection of its own to a server in this
// process, which must answer or close, and go on.
import Glibc
import HTTPServer
import NIOCore
import NIOPosix

final class HTTPFuzzing: @unchecked Sendable {
    static let shared = HTTPFuzzing()
    private static let patienceSeconds = 10

    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private var server: NIOLoopBound<Server>?
    private var path = ""

    private init() {
        var folder = Array("/tmp/prong-fuzz-XXXXXX".utf8CString)
        guard mkdtemp(&folder) != nil else { fatalError("no temporary folder") }
        path = String(decoding: folder.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        path += "/s"
        let descriptor = Self.socket()
        let bound = Self.withAddress(path) { bind(descriptor, $0, $1) }
        guard bound == 0, listen(descriptor, 128) == 0 else { fatalError("no socket") }
        let loop = group.next()
        do {
            server = try loop.flatSubmit {
                let server = Server(
                    eventLoop: loop, limits: ServerLimits(), isOperator: { _ in false })
                var router = Router()
                Self.routes(&router)
                let bound = NIOLoopBound(server, eventLoop: loop)
                return server.listen(.inherited(descriptor: descriptor), router: router)
                    .map { bound }
            }.wait()
        } catch { fatalError("no server: \(error)") }
        // The folder is removed now: the socket lives on, and nothing is left behind.
        atexit { HTTPFuzzing.shared.removeFolder() }
    }

    private func removeFolder() {
        unlink(path)
        rmdir(String(path.dropLast(2)))
    }

    private static func routes(_ router: inout Router) {
        router.on(.get, "/hello/{name}") { exchange in
            exchange.respond(
                status: 200, text: exchange.route["name"] + (exchange.head.query("q") ?? ""))
        }
        router.on(.post, "/echo") { exchange in
            exchange.collectBody(limit: 1 << 16, limitName: "max_request") { body in
                exchange.respond(status: 200, body: body)
            }
        }
        router.on(.post, "/lines") { exchange in
            var count = 0
            exchange.streamBody(
                onBytes: { count += $0.readableBytes },
                onEnd: { exchange.respond(status: 200, text: "\($0) \(count)") })
        }
    }

    func take(_ bytes: [UInt8]) {
        let descriptor = Self.socket()
        defer { close(descriptor) }
        let connected = Self.withAddress(path) { connect(descriptor, $0, $1) }
        precondition(connected == 0, "the server refuses connections")
        var limit = timeval(tv_sec: Self.patienceSeconds, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        shutdown(descriptor, Int32(SHUT_WR))
        var room = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &room, room.count, 0)
            if count > 0 { continue }
            precondition(count == 0 || errno != EAGAIN, "the server neither answers nor closes")
            return
        }
    }

    private static func socket() -> Int32 {
        Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    }

    private static func withAddress(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
