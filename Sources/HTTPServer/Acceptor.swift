// Listening sockets: new connections, and what to do when descriptors run out.
//
// A few descriptors are kept in reserve. When accept(2) has none left (EMFILE, ENFILE), one of the
// reserve is given up, so that the next client is accepted all the same: health and operators are
// served, others are told 503. With the reserve gone too, accepting pauses until a descriptor is
// freed, since the loop would otherwise spin on a socket that stays readable.

import CLinux
import Glibc
import NIOCore
import NIOPosix

extension Server {
    func accept(on listener: Listener, router: Router) -> EventLoopFuture<Void> {
        let acceptor = Acceptor(server: self)
        let bootstrap = bootstrap(acceptor, router: router)
        let bound: EventLoopFuture<any Channel>
        let what: String
        switch listener {
        case .inherited(let descriptor):
            what = "descriptor \(descriptor)"
            bound = bootstrap.withBoundSocket(descriptor)
            // NIO has just called listen(2) with its default of 128 waiting clients; beyond it a
            // client that does not block is refused (EAGAIN), so put it back at once.
            Glibc.listen(descriptor, Acceptor.backlog)
        case .tcp(let text):
            what = text
            guard let address = SocketAddress(numeric: text) else {
                return eventLoop.makeFailedFuture(ServerError.badAddress(text))
            }
            bound = bootstrap.serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(to: address)
        }
        return bound.assumeIsolated().flatMapThrowing { channel in
            self.acceptors.append(acceptor)
            if let port = channel.localAddress?.port { self.tcpPort = port }
        }.flatMapErrorThrowing { error in
            let number = (error as? IOError)?.errnoCode ?? 0
            throw ServerError.cannotListen(what: what, errno: number)
        }.nonisolated()
    }

    private func bootstrap(_ acceptor: Acceptor, router: Router) -> ServerBootstrap {
        let acceptor = NIOLoopBound(acceptor, eventLoop: eventLoop)
        let router = NIOLoopBound(router, eventLoop: eventLoop)
        return ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: Acceptor.backlog)
            // One a turn of the loop: who opens connections without end makes others wait for one
            // of them, not for a handful, and has to wait itself once the backlog is full.
            .serverChannelOption(.maxMessagesPerRead, value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(acceptor.value)
                }
            }
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.recvAllocator, value: Acceptor.readBuffers)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try acceptor.value.prepare(channel, router: router.value)
                }
            }
    }
}

/// Sits first in a listening channel: sees its errors before anything else does.
final class Acceptor: ChannelInboundHandler {
    typealias InboundIn = any Channel

    /// Clients that the kernel may keep waiting while this process starts or is busy; it caps it
    /// by net.core.somaxconn.
    static let backlog: Int32 = 4096
    /// With the whole machine out of descriptors none of ours may ever be closed: look again.
    private static let retryTime = TimeAmount.milliseconds(100)

    /// Each connection that was read from keeps one buffer: small, since most of ten thousand are
    /// idle; a body makes it grow.
    static let readBuffers = AdaptiveRecvByteBufferAllocator(
        minimum: 512, initial: 1024, maximum: 64 * 1024)

    private let server: Server
    private var context: ChannelHandlerContext?
    private var takesFromReserve = false
    private(set) var isPaused = false

    init(server: Server) { self.server = server }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Makes the new connection's handlers; throws when it is to be closed without a word.
    func prepare(_ channel: any Channel, router: Router) throws {
        let fromReserve = takesFromReserve
        takesFromReserve = false
        guard let admission = server.admission(fromReserve: fromReserve) else {
            throw ChannelError.ioOnClosedChannel
        }
        let pipeline = channel.pipeline.syncOperations
        let peer = try pipeline.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) {
            Peer(descriptor: $0)
        }
        let now = NIODeadline.now()
        let connection = Connection(
            server: server, router: router,
            peer: peer ?? Peer(transport: .tcp, credentials: nil), admission: admission, now: now)
        let reader = RequestReader(connection: connection, limits: server.limits, now: now)
        connection.attach(reader)
        try pipeline.addHandlers(reader, connection)
        server.opened(connection)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? IOError else { return }
        switch error.errnoCode {
        case EMFILE, ENFILE:
            if server.descriptorReserve.giveUpOne() {
                takesFromReserve = true
            } else {
                pause()
            }
        case ENOBUFS, ENOMEM: pause()
        default: break  // this one client has gone already (ECONNABORTED)
        }
    }

    func close() { context?.close(promise: nil) }

    private func pause() {
        guard !isPaused, let channel = context?.channel else { return }
        isPaused = true
        try? channel.syncOptions?.setOption(.autoRead, value: false)
        server.eventLoop.assumeIsolated().scheduleTask(in: Self.retryTime) { self.resume() }
    }

    func resume() {
        guard isPaused, let channel = context?.channel else { return }
        isPaused = false
        try? channel.syncOptions?.setOption(.autoRead, value: true)
    }
}

/// Descriptors that stand for nothing, to be given up when there are no others.
struct DescriptorReserve {
    /// As many as connections are kept back for health and operators.
    private static let size = 16
    private var descriptors: [Int32] = []

    var isFull: Bool { descriptors.count == Self.size }

    mutating func fill() {
        while descriptors.count < Self.size {
            let descriptor = CLinux_open("/dev/null", O_RDONLY, 0)
            guard descriptor >= 0 else { return }
            descriptors.append(descriptor)
        }
    }

    mutating func giveUpOne() -> Bool {
        guard let descriptor = descriptors.popLast() else { return false }
        Glibc.close(descriptor)
        return true
    }
}

extension SocketAddress {
    /// `127.0.0.1:9464`, `[::1]:9464` or `localhost:9464`; names are not looked up.
    fileprivate init?(numeric text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        if host == "localhost" { host = "127.0.0.1" }
        guard let address = try? SocketAddress(ipAddress: host, port: Int(port)) else { return nil }
        self = address
    }
}
