// The server: listeners, connections, limits, counts. One event loop owns all of it.
//
// It knows nothing of what it serves: routes come in tables, one for each listener. It must never
// block the loop, and never trust a client: every wait and every size has a limit.

package import NIOCore

package final class Server {
    package enum Listener {
        /// A listening Unix socket that this process inherited; the server owns it from now on.
        case inherited(descriptor: Int32)
        /// A TCP address, numeric: `127.0.0.1:9464`, `[::1]:9464`.
        case tcp(address: String)
    }

    package let eventLoop: any EventLoop
    package let limits: ServerLimits
    /// The port of the TCP listener, for one that was to be chosen by the kernel (0).
    package internal(set) var tcpPort: Int?
    package private(set) var isDraining = false

    private let isOperator: (Peer) -> Bool
    /// For requests that no route has, and bytes that are no request.
    private let unrouted = Route(.get, "", [], reserved: false) { _ in }
    private var routes: [Route] = []
    private(set) var connections: [Connection] = []
    var acceptors: [Acceptor] = []
    var descriptorReserve = DescriptorReserve()
    private var acceptedCount: UInt64 = 0
    private var refusedCount: UInt64 = 0
    private var bodyByteCountHeld = 0
    private var toFlush: [Connection] = []
    private var isSweeping = false
    private var date = DateField()

    /// - Parameters:
    ///   - eventLoop: owns the server; every method must be called on it.
    ///   - isOperator: who is served on the connections kept back when the limit is reached.
    package init(
        eventLoop: any EventLoop, limits: ServerLimits, isOperator: @escaping (Peer) -> Bool
    ) {
        self.eventLoop = eventLoop
        self.limits = limits
        self.isOperator = isOperator
    }

    /// Starts accepting. A server can have several listeners, each with its own table (on TCP only
    /// what is read-only). The future fails with `ServerError`.
    package func listen(_ listener: Listener, router: Router) -> EventLoopFuture<Void> {
        eventLoop.preconditionInEventLoop()
        routes += router.routes
        descriptorReserve.fill()
        return accept(on: listener, router: router)
    }

    /// Stops accepting and closes the listeners. Connections live on. A Unix socket's file stays,
    /// and whoever else has the descriptor keeps the backlog.
    package func closeListeners() {
        eventLoop.preconditionInEventLoop()
        for acceptor in acceptors { acceptor.close() }
        acceptors = []
    }

    /// From now on every response says `Connection: close`, and idle connections are closed.
    package func drain() {
        eventLoop.preconditionInEventLoop()
        isDraining = true
        for connection in connections where connection.isIdle { connection.end() }
    }

    /// Closes every connection at once; `onGone` is called for what was pending.
    package func closeConnections() {
        eventLoop.preconditionInEventLoop()
        for connection in connections { connection.close() }
    }

    /// Counts since the start, for metrics.
    package var counts: ServerCounts {
        var counts = ServerCounts()
        counts.connections = connections.count
        counts.bodyBytesHeld = bodyByteCountHeld
        counts.accepted = acceptedCount
        counts.refused = refusedCount
        for route in routes + [unrouted] {
            for (number, count) in route.counts.enumerated() where count > 0 {
                let code = ConnectCode(grpcNumber: number)?.name ?? "ok"
                counts.requests[.init(route: route.template, code: code), default: 0] += count
            }
        }
        return counts
    }
}

// MARK: Connections

/// Which share of the limit a connection belongs to.
enum Admission {
    case ordinary
    /// One of the last: reserved routes and operators only.
    case reserved
    /// Beyond the limit: told so, and closed.
    case refused
}

extension Server {
    /// Beyond the limit so many connections are told so; more are closed without a word.
    private static let toldRefusedMax = 64

    /// Decides about a new connection; nil: close it.
    func admission(fromReserve: Bool) -> Admission? {
        acceptedCount += 1
        let count = connections.count
        if count >= limits.maxConnections + Self.toldRefusedMax {
            refusedCount += 1
            return nil
        }
        if count >= limits.maxConnections { return .refused }
        return fromReserve || count >= ordinaryMax ? .reserved : .ordinary
    }

    private var ordinaryMax: Int { max(0, limits.maxConnections - limits.reservedConnections) }

    func opened(_ connection: Connection) {
        connection.place = connections.count
        connections.append(connection)
        sweepLater()
    }

    func closed(_ connection: Connection) {
        let place = connection.place
        guard place < connections.count, connections[place] === connection else { return }
        let last = connections.removeLast()
        if last !== connection {
            connections[place] = last
            last.place = place
        }
        // The descriptor is closed by now or in this turn of the loop; what the reserve lacks comes
        // first, then the clients that wait.
        if !descriptorReserve.isFull || acceptors.contains(where: \.isPaused) {
            eventLoop.assumeIsolated().execute { self.descriptorsFreed() }
        }
    }

    private func descriptorsFreed() {
        descriptorReserve.fill()
        for acceptor in acceptors where acceptor.isPaused { acceptor.resume() }
    }

    /// Looks at every connection's deadlines, again and again while there are connections.
    private func sweepLater() {
        guard !isSweeping else { return }
        isSweeping = true
        eventLoop.assumeIsolated().scheduleTask(in: limits.sweepInterval) { self.sweep() }
    }

    private func sweep() {
        isSweeping = false
        let now = NIODeadline.now()
        for connection in connections { connection.check(now: now) }
        if !connections.isEmpty { sweepLater() }
    }

    /// Flushes the connection at the end of this turn of the loop, together with all others.
    func flushSoon(_ connection: Connection) {
        toFlush.append(connection)
        guard toFlush.count == 1 else { return }
        eventLoop.assumeIsolated().execute { self.flush() }
    }

    private func flush() {
        let connections = toFlush
        toFlush.removeAll(keepingCapacity: true)
        for connection in connections where connection.isFlushPending { connection.flushNow() }
    }
}

// MARK: Requests

extension Server {
    /// Finds the route and starts the exchange.
    func route(_ head: RequestHead, on connection: Connection, keepAlive: Bool) {
        let answer = connection.router.find(head.method, path: head.path)
        var match = RouteMatch(route: unrouted, parameters: [])
        var disposition = Exchange.Disposition.handle
        switch answer {
        case .match(let found): match = found
        case .otherMethods(let allow): disposition = Self.otherMethods(head, allow: allow)
        case .noSuchPath where head.method == .options && head.path == "*":
            disposition = .tellMethods(allow: "GET, HEAD, POST, DELETE, OPTIONS")
        case .noSuchPath:
            disposition = .refuse(
                ConnectError(.notFound, "there is nothing at \(shown(head.path))"))
        case .brokenEncoding(let segment):
            let message = "the path's segment \(shown(segment)) is not well percent-encoded UTF-8"
            disposition = .refuse(ConnectError(.invalidArgument, message))
        }
        var keepAlive = keepAlive
        if connection.admission != .ordinary, !admits(connection, match) {
            refusedCount += 1
            keepAlive = false
            disposition = .refuse(Self.tooManyConnections)
        }
        connection.begin(
            Exchange(
                head: head, route: match, disposition: disposition, connection: connection,
                keepAlive: keepAlive))
    }

    private static func otherMethods(_ head: RequestHead, allow: String) -> Exchange.Disposition {
        if head.method == .options { return .tellMethods(allow: allow) }
        let message = "\(head.method.name) is not for \(shown(head.path)); it takes \(allow)"
        return .refuse(
            ConnectError(.unimplemented, message, status: 405, headers: ["Allow": allow]))
    }

    private static let tooManyConnections = ConnectError(
        .unavailable, "too many connections are open; close some, or try again in a second",
        headers: ["Retry-After": "1"])

    private func admits(_ connection: Connection, _ match: RouteMatch) -> Bool {
        if connection.admission == .refused { return false }
        if connections.count <= ordinaryMax, descriptorReserve.isFull {
            connection.admission = .ordinary
            return true
        }
        return match.route.isReserved || isOperator(connection.peer)
    }

    func countUnrouted(_ code: ConnectCode) { unrouted.count(code) }

    func dateText() -> String { date.now() }

    /// Charges bytes of a body that is kept in memory; false when there are too many.
    func charge(_ byteCount: Int) -> Bool {
        bodyByteCountHeld += byteCount
        return bodyByteCountHeld <= limits.maxBodyBytesHeld
    }

    func release(_ byteCount: Int) { bodyByteCountHeld -= byteCount }

    /// A whole response for an error that belongs to no exchange; its connection is closed.
    func render(_ error: ConnectError, withoutBody: Bool) -> ByteBuffer {
        let json = error.json
        var buffer = ByteBuffer()
        buffer.writeResponseHead(
            status: error.status, fields: error.fields(origin: .prong),
            framing: .length(json.utf8.count), date: dateText(), connection: .close)
        if !withoutBody { buffer.writeString(json) }
        return buffer
    }
}

extension ConnectError {
    /// The fields of the response that carries this error.
    func fields(origin: Origin) -> HeaderFields {
        var fields = headers
        fields.replace("Content-Type", "application/json")
        fields.replace("Prong-Origin", origin.rawValue)
        return fields
    }
}

/// A client's text as part of a message: not more than a person wants to read.
package func shown(_ text: String) -> String {
    let characterCountMax = 200
    return text.utf8.count <= characterCountMax ? text : text.prefix(characterCountMax) + "…"
}
