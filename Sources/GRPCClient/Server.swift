// The server side, as much of it as the example server needs: ports, handlers by path, calls. All
// of it runs on the queue's thread.
//
//     request_call × 64 ──▶ path known? ── yes ──▶ handler(call)
//            ▲                  └─ no ──▶ UNIMPLEMENTED
//            └── a call that is over asks for the next one

internal import CGRPC
import Glibc

package enum ServerCredentials: Sendable {
    case insecure
    /// `clientRoots`: certificates of clients are demanded and must come from these.
    case tls(TLSIdentity, clientRoots: String?)
}

package struct ServerOptions: Sendable {
    /// Longest message taken; -1: no limit.
    package var receiveBytesMax: Int32 = 4 * 1024 * 1024
    /// Streams at once on one connection; what is more waits at the client.
    package var concurrentStreamsMax: Int32 = 1000

    package init() {}
}

package enum ServerError: Error, Equatable, Sendable {
    /// The address is in use, not permitted or none at all; C-core's reason is in its log.
    case cannotListen(address: String)
    case cannotAccept(address: String, errno: Int32)
}

package final class Server {
    /// Calls that wait for a client, so that the next client need not wait for the server.
    package static let waitingCallsDefault = 128

    package typealias Handler = (ServerCall) -> Void

    let queue: CompletionQueue
    private let core: OpaquePointer
    private var handlers: [String: Handler] = [:]
    private var calls: [ServerCall] = []
    private var isStopping = false
    private var isGone = false

    package init(queue: CompletionQueue, options: ServerOptions = ServerOptions()) {
        queue.checkProcess()
        self.queue = queue
        var arguments = CoreArguments()
        arguments.set(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, options.receiveBytesMax)
        arguments.set(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.concurrentStreamsMax)
        // Two servers on one port is a mistake to be told, not a feature.
        arguments.set(GRPC_ARG_ALLOW_REUSEPORT, 0)
        guard let core = arguments.with({ grpc_server_create($0, nil) }) else {
            preconditionFailure("C-core made no server")
        }
        self.core = core
        grpc_server_register_completion_queue(core, queue.core, nil)
    }

    deinit {
        assert(isGone, "shut the server down before it goes")
    }

    /// Listens on "host:port" or "unix:path"; before `start`. Returns the port (port 0: one that
    /// the kernel chose; 1 for a Unix socket).
    @discardableResult
    package func listen(
        on address: String, credentials: ServerCredentials = .insecure
    ) throws(ServerError) -> Int32 {
        guard let secured = Self.makeCredentials(credentials) else {
            throw .cannotListen(address: address)
        }
        defer { grpc_server_credentials_release(secured) }
        let port = grpc_server_add_http2_port(core, address, secured)
        guard port > 0 else { throw .cannotListen(address: address) }
        return port
    }

    /// Takes an accepted connection over, in plain text. The descriptor is C-core's from now on and
    /// calls that come over it have the peer "fd:N". Safe from any thread while the server runs.
    package func adopt(connection descriptor: Int32) {
        guard let credentials = grpc_insecure_server_credentials_create() else { return }
        grpc_server_add_channel_from_fd(core, descriptor, credentials)
        grpc_server_credentials_release(credentials)
    }

    /// Calls of this path go to `handler`, which must `finish` each.
    package func handle(_ path: String, _ handler: @escaping Handler) {
        handlers[path] = handler
    }

    /// Handles calls of one request and one response.
    package func handleUnary(
        _ path: String, _ handler: @escaping (ServerCall, [UInt8]) -> Void
    ) {
        handle(path) { call in
            call.receive { call, message in
                guard let message else {
                    return call.finish(.internal, "the request's message is missing")
                }
                handler(call, message)
            }
        }
    }

    package func start(waitingCalls: Int = Server.waitingCallsDefault) {
        grpc_server_start(core)
        for _ in 0..<waitingCalls {
            let call = ServerCall(server: self)
            calls.append(call)
            isOver(call)
        }
    }

    /// No new calls; those that run may end until the deadline, then they are cancelled. Runs the
    /// queue until all is over.
    package func shutDown(graceNanoseconds: UInt64) {
        isStopping = true
        let done = ShutDownCompletion()
        grpc_server_shutdown_and_notify(core, queue.core, done.retainedTag())
        let limit = CompletionQueue.now() + graceNanoseconds
        while !done.isDone {
            if queue.next(untilNanoseconds: limit) == .timedOut { break }
        }
        if !done.isDone {
            grpc_server_cancel_all_calls(core)
            while !done.isDone { _ = queue.next(untilNanoseconds: nil) }
        }
        grpc_server_destroy(core)
        isGone = true
    }

    // MARK: calls

    func accepted(_ call: ServerCall, _ success: Bool) {
        // Without success the server is going down and the call never was.
        guard success else { return }
        guard let handler = handlers[call.path] else {
            return call.finish(.unimplemented, "no such method: \(call.path)")
        }
        handler(call)
    }

    func isOver(_ call: ServerCall) {
        guard !isStopping else { return }
        _ = call.request(from: core, queue: queue.core)
    }
}

extension Server {
    private static func makeCredentials(_ credentials: ServerCredentials) -> OpaquePointer? {
        switch credentials {
        case .insecure:
            return grpc_insecure_server_credentials_create()
        case .tls(let identity, let clientRoots):
            let demand =
                clientRoots == nil
                ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
            return identity.withCorePair {
                grpc_ssl_server_credentials_create_ex(clientRoots, $0, 1, demand, nil)
            }
        }
    }
}

private final class ShutDownCompletion: Completion {
    private(set) var isDone = false

    override func complete(success: Bool) {
        isDone = true
    }
}
