// One request and its response. A handler gets it once the head is there, and answers it by exactly
// one `respond`, or by one `begin`, any number of `write` and one `finish` (or `cut`, or `abort`).
//
//                 respond ─────────────────────────────┐
//      waiting ───┤                                    ├──► ended
//                 begin ──► streaming ── finish/abort ─┘
//         └──────────── the client goes: gone ─────────┘
//
// Bound to the event loop: all methods and all closures run there, and nowhere else. Once the
// exchange has ended or the client is gone, every call on it is without effect, so that a handler
// whose work finishes late need not ask. It must never block the loop.

package import NIOCore

package final class Exchange {
    package let head: RequestHead
    package let peer: Peer
    /// Which route was taken, and its parameters.
    package let route: RouteMatch
    /// When the head was complete; deadlines run from here.
    package let receivedAt: NIODeadline
    package let eventLoop: any EventLoop
    /// A thing of the handler's own (who is served, what to cancel). Dropped at the end.
    package var attachment: AnyObject?
    /// Called when `isWritable` becomes true again.
    package var onWritable: (() -> Void)?
    /// Called once, when the connection closes before the response has ended.
    package var onGone: (() -> Void)?

    /// What a dispatched request gets: its route's handler, or an answer of the server's own.
    enum Disposition {
        case handle
        case refuse(ConnectError)
        case tellMethods(allow: String)
    }

    private enum Response { case waiting, streaming(ResponseFraming), ended, gone }

    /// Nil once the exchange has ended.
    private(set) var connection: Connection?
    let server: Server
    private let disposition: Disposition
    private var response = Response.waiting
    var body = RequestBody()
    /// Whether the connection can serve another request after this one.
    private(set) var keepsAlive: Bool

    init(
        head: RequestHead, route: RouteMatch, disposition: Disposition, connection: Connection,
        keepAlive: Bool
    ) {
        self.head = head
        self.route = route
        self.connection = connection
        self.disposition = disposition
        server = connection.server
        eventLoop = server.eventLoop
        peer = connection.peer
        receivedAt = .now()
        keepsAlive = keepAlive
        body.byteCountMissing = head.hasBody ? head.contentLength : 0
    }

    func dispatch() {
        switch disposition {
        case .handle: route.route.handle(self)
        case .refuse(let error): respond(error)
        case .tellMethods(let allow): respond(status: 204, headers: ["Allow": allow])
        }
    }

    /// The connection cannot be trusted, or has no use, after this exchange.
    func mustClose() { keepsAlive = false }

    // MARK: The client

    /// False while the client is slow to read: write no more until `onWritable`. What is written
    /// all the same is kept in memory.
    package var isWritable: Bool { connection?.isWritable ?? false }

    /// True once the connection is closed before the response ended. A client that only shut down
    /// its sending side is still there and waits for its answer.
    package var isGone: Bool {
        if case .gone = response { true } else { false }
    }

    /// True once the response has ended or the client is gone.
    package var isEnded: Bool {
        switch response {
        case .waiting, .streaming: false
        case .ended, .gone: true
        }
    }

    func clientGone() {
        connection = nil
        guard !isEnded else {
            releaseBody()
            return
        }
        response = .gone
        route.route.count(.canceled)
        let onGone = onGone
        bodyLost()
        releaseAll()
        onGone?()
    }

    func becameWritable() { onWritable?() }

    // MARK: The response, whole

    /// Answers. `Content-Length`, `Date` and `Connection` are added. For HEAD the body is not sent.
    package func respond(
        status: Int, headers: HeaderFields = HeaderFields(), body: ByteBuffer = ByteBuffer()
    ) {
        let label = ConnectCode(labelForStatus: status)
        sendWhole(status: status, headers, body, label)
    }

    package func respond(status: Int, headers: HeaderFields = HeaderFields(), body: [UInt8]) {
        respond(status: status, headers: headers, body: ByteBuffer(bytes: body))
    }

    package func respond(status: Int, headers: HeaderFields = HeaderFields(), text: String) {
        respond(status: status, headers: headers, body: ByteBuffer(string: text))
    }

    /// Refuses or fails in the Connect protocol's shape.
    package func respond(_ error: ConnectError, origin: Origin = .prong) {
        sendWhole(
            status: error.status, error.fields(origin: origin), ByteBuffer(string: error.json),
            error.code)
    }

    private func sendWhole(
        status: Int, _ fields: HeaderFields, _ content: ByteBuffer, _ label: ConnectCode?
    ) {
        guard case .waiting = response, let connection else { return }
        let framing: ResponseFraming =
            Self.hasNoBody(status) ? .none : .length(content.readableBytes)
        let isBodySent = head.method != .head && framing != .none
        decideKeepAlive(connection)
        let merged = isBodySent && content.readableBytes <= Self.mergedByteCountMax
        var buffer = headBuffer(
            status, fields, framing, connection, room: merged ? content.readableBytes : 0)
        if merged {
            buffer.writeImmutableBuffer(content)
            connection.send(buffer)
        } else {
            connection.send(buffer)
            if isBodySent { connection.send(content) }
        }
        responseEnded(label)
    }

    /// A body up to this size is copied behind its head, so that both leave in one write.
    private static let mergedByteCountMax = 16 * 1024
    private static let headByteCountUsual = 256

    private static func hasNoBody(_ status: Int) -> Bool { status == 204 || status == 304 }

    // MARK: The response, streamed

    /// Sends the head of a response whose length is not known: chunked, or until the connection
    /// closes for an HTTP/1.0 client.
    package func begin(status: Int, headers: HeaderFields = HeaderFields()) {
        guard case .waiting = response, let connection else { return }
        var framing = ResponseFraming.chunked
        if head.minorVersion == 0 { framing = .untilClose }
        if Self.hasNoBody(status) { framing = .none }
        if framing == .untilClose { keepsAlive = false }
        if server.isDraining { keepsAlive = false }
        connection.send(headBuffer(status, headers, framing, connection, room: 0))
        response = .streaming(head.method == .head ? .none : framing)
    }

    /// Sends a piece of the body. Pieces written in one turn of the loop leave together.
    package func write(_ bytes: ByteBuffer) {
        guard case .streaming(let framing) = response, let connection else { return }
        guard bytes.readableBytes > 0 else { return }
        switch framing {
        case .untilClose, .length: connection.send(bytes)
        case .none: break
        case .chunked:
            var bytes = bytes
            var chunk = connection.buffer(byteCount: bytes.readableBytes + Self.chunkFrameByteCount)
            chunk.writeChunk(&bytes)
            connection.send(chunk)
        }
    }

    /// A chunk's length in hexadecimal and two line ends.
    private static let chunkFrameByteCount = 20

    /// Ends the body. `code` is what the call ended with, for the counts; nil is ok.
    package func finish(code: ConnectCode? = nil) {
        guard case .streaming(let framing) = response, let connection else { return }
        if framing == .chunked { connection.send(ByteBuffer(staticString: "0\r\n\r\n")) }
        if !body.hasEnded { keepsAlive = false }
        responseEnded(code)
    }

    /// Ends the response where it is: what was written leaves, and the client sees that the body is
    /// not whole.
    package func cut() {
        guard !isEnded, let connection else { return }
        connection.end()
    }

    /// Cuts the connection at once, with what has not left yet.
    package func abort() {
        guard !isEnded, let connection else { return }
        connection.close()
    }

    // MARK: Parts of both

    private func headBuffer(
        _ status: Int, _ fields: HeaderFields, _ framing: ResponseFraming,
        _ connection: Connection, room: Int
    ) -> ByteBuffer {
        var option = ConnectionOption.implied
        if !keepsAlive { option = .close } else if head.minorVersion == 0 { option = .keepAlive }
        var buffer = connection.buffer(byteCount: Self.headByteCountUsual + room)
        buffer.writeResponseHead(
            status: status, fields: fields, framing: framing, date: server.dateText(),
            connection: option)
        return buffer
    }

    /// A body that was not read to its end must be thrown away before the next request can be
    /// read. A short one is; for a long one, or one that the client has not begun to send because
    /// it waits for `100 Continue`, closing is cheaper for both.
    private func decideKeepAlive(_ connection: Connection) {
        if server.isDraining { keepsAlive = false }
        guard !body.hasEnded, head.hasBody else { return }
        let missing = body.byteCountMissing ?? Int.max
        if body.awaitsContinue(head) || missing > Self.discardedByteCountMax { keepsAlive = false }
    }

    private static let discardedByteCountMax = 64 * 1024

    private func responseEnded(_ label: ConnectCode?) {
        response = .ended
        route.route.count(label)
        let connection = connection
        releaseAll()
        guard let connection else { return }
        if body.hasEnded {
            self.connection = nil
            connection.ended(self)
        } else if keepsAlive {
            body.mode = .discarding
            connection.bodyDemandChanged()
        } else {
            self.connection = nil
            body.hasEnded = true
            connection.ended(self)
        }
    }

    /// The request's last byte came, after the response had ended.
    func bodyEndedAfterResponse() {
        guard let connection, isEnded else { return }
        self.connection = nil
        connection.ended(self)
    }

    /// Drops the closures, which hold the handler's state, and what they held.
    private func releaseAll() {
        onGone = nil
        onWritable = nil
        attachment = nil
        releaseBody()
    }
}
