// One connection: takes decoded requests one after another, gives each to its handler, and sends
// the responses in the same order.
//
//              head         response and body ended
//     idle ──────────► busy ──────────────────────────► idle      (the next one, if it may live on)
//      │                │
//      │ fault, limits  │ the last response is out
//      ▼                ▼
//     ending: what is left to write is written, then the sending side is shut, what the client
//      │      still sends is thrown away (so that the kernel does not cut off the response)
//      ▼
//     closed
//
// While an exchange is busy, later requests wait in `waiting` (one step of the reader) and as raw
// bytes in the reader; nothing more is read, but the kernel still tells when the client goes.
// A client that shut down its sending side still gets all its answers.

import NIOCore
import NIOHTTP1

final class Connection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    /// What the decoder has made of the bytes, in order.
    enum Input {
        case head(HTTPRequestHead)
        case bytes(ByteBuffer)
        case end
        case fault(ConnectError)
    }

    enum Phase: Equatable {
        case open
        /// The last response has been handed to the channel.
        case ending
        /// Everything is sent and the sending side is shut; the rest of the input is thrown away.
        case lingering(until: NIODeadline)
        case closed
    }

    /// A body chunk's size is not known beforehand: this much is decoded at once.
    private static let chunkedStepByteCount = 16 * 1024
    /// How long, and how much, a client may still send after its last response.
    static let lingerTime = TimeAmount.seconds(2)
    static let lingerByteCountMax = 8 * 1024 * 1024

    let server: Server
    let router: Router
    let peer: Peer
    /// Which share of the limit this connection was admitted to.
    var admission: Admission
    /// The place in the server's list.
    var place = 0

    private(set) var context: ChannelHandlerContext?
    var phase = Phase.open
    private(set) var current: Exchange?
    var waiting: [Input] = []
    var waitingStart = 0
    private var isAdvancing = false
    var hasInputEnded = false
    private var isInsideBodyOfWaiting = false
    /// Owns this connection too; the ring is broken when the channel drops its handlers.
    private(set) var reader: RequestReader?
    /// Ends of requests seen so far, for the reader.
    private(set) var requestEndCount: UInt64 = 0
    /// Where the last piece of a body ended in memory, for the reader.
    private(set) var lastBodyEndAddress: UInt = 0
    /// True while the connection is in the server's list of those to flush.
    var isFlushPending = false
    var idleSince: NIODeadline
    var writing = WriteProgress()

    init(server: Server, router: Router, peer: Peer, admission: Admission, now: NIODeadline) {
        self.server = server
        self.router = router
        self.peer = peer
        self.admission = admission
        idleSince = now
    }

    func attach(_ reader: RequestReader) { self.reader = reader }

    var lastByteAt: NIODeadline { reader?.lastByteAt ?? idleSince }
    var headStartedAt: NIODeadline? { reader?.headStartedAt }
    var isWritable: Bool { context?.channel.isWritable ?? false }

    // MARK: From the channel

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        retire()
        self.context = nil
        reader = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): take(.head(head))
        case .body(let bytes):
            lastBodyEndAddress = bytes.endAddress
            take(.bytes(bytes))
        case .end: take(.end)
        }
    }

    func channelInactive(context: ChannelHandlerContext) { retire() }

    /// The connection is no more; whoever worked for it is told.
    private func retire() {
        guard phase != .closed else { return }
        phase = .closed
        waiting = []
        let exchange = current
        current = nil
        server.closed(self)
        exchange?.clientGone()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A malformed head also comes through the reader; all else is the socket's end.
        if error is HTTPParserError {
            malformed(error)
        } else {
            close()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable else { return }
        current?.becameWritable()
        advance()
    }

    // MARK: From the reader

    /// True while more bytes can be worked off, or kept without harm.
    var wantsInput: Bool {
        guard phase == .open, waitingStart == waiting.count else { return false }
        guard let current else { return isWritable }
        return current.hasBodyEnded || current.wantsBody
    }

    var isInsideBody: Bool {
        guard waitingStart == waiting.count else { return isInsideBodyOfWaiting }
        return current.map { !$0.hasBodyEnded } ?? false
    }

    /// How many bytes the reader may decode at once because they belong to one body.
    var bodyByteCountExpected: Int {
        guard let current, !current.hasBodyEnded else { return 0 }
        return current.bodyByteCountMissing ?? Self.chunkedStepByteCount
    }

    func readCompleted() {
        if isFlushPending { flushNow() }
        if case .lingering = phase, (reader?.discardedByteCount ?? 0) > Self.lingerByteCountMax {
            close()
        }
    }

    func buffer(byteCount: Int) -> ByteBuffer {
        ByteBufferAllocator().buffer(capacity: byteCount)
    }

    /// The bytes are no HTTP: answered in turn, then closed.
    func malformed(_ error: any Error) {
        guard phase == .open else { return }
        take(.fault(ConnectError(malformed: error)))
    }

    /// The client sends no more, but may well wait for answers.
    func inputEnded(insideHead: Bool) {
        guard phase != .closed else { return }
        hasInputEnded = true
        switch phase {
        case .closed, .ending: return
        case .lingering:
            close()
            return
        case .open: break
        }
        if insideHead {
            take(.fault(ConnectError(.invalidArgument, "the request ended inside its head")))
        } else if isInsideBody {
            take(.fault(ConnectError(.invalidArgument, "the request ended inside its body")))
        } else if current == nil, waiting.isEmpty {
            end()
        }
    }

    // MARK: Requests in order

    private func take(_ input: Input) {
        if case .end = input { requestEndCount += 1 }
        guard phase == .open else { return }
        let mustWait = waitingStart < waiting.count || (current?.hasBodyEnded ?? !isWritable)
        guard mustWait else {
            process(input)
            return
        }
        waiting.append(input)
        switch input {
        case .head: isInsideBodyOfWaiting = true
        case .end, .fault: isInsideBodyOfWaiting = false
        case .bytes: break
        }
    }

    private func process(_ input: Input) {
        switch input {
        case .head(let head): start(head)
        case .bytes(let bytes): current?.receive(bytes)
        case .end:
            guard let current else { return }
            current.receiveEnd()
            if !current.head.hasBody { current.dispatch() }
        case .fault(let error):
            if let current {
                current.bodyBroke(error)
                reader?.discardRest()
            } else {
                refuse(error)
            }
        }
    }

    private func start(_ head: HTTPRequestHead) {
        let request: RequestHead
        do {
            request = try RequestHead(head)
        } catch {
            refuse(error, isHead: head.method == .HEAD)
            return
        }
        let mayContinue = head.isKeepAlive && !head.headers.contains(name: "upgrade")
        server.route(request, on: self, keepAlive: mayContinue)
    }

    /// Makes the exchange the current one. Its handler is called at once if a body is to come,
    /// else with the end of the request, which follows its head immediately.
    func begin(_ exchange: Exchange) {
        current = exchange
        if exchange.head.hasBody { exchange.dispatch() }
    }

    /// The exchange's response and body have both ended.
    func ended(_ exchange: Exchange) {
        guard current === exchange else { return }
        current = nil
        idleSince = .now()
        guard phase == .open else { return }
        if !exchange.keepsAlive || (server.isDraining && waitingStart == waiting.count) {
            end()
        } else {
            advance()
        }
    }

    /// Works off what waits, as far as it goes, and then lets the reader go on.
    private func advance() {
        guard !isAdvancing else { return }
        isAdvancing = true
        while phase == .open, waitingStart < waiting.count, canProcessNext {
            let next = waiting[waitingStart]
            waitingStart += 1
            process(next)
        }
        if waitingStart == waiting.count, waitingStart > 0 {
            waiting.removeAll()
            waitingStart = 0
        }
        isAdvancing = false
        reader?.resume()
        if hasInputEnded, phase == .open, current == nil, waiting.isEmpty { end() }
    }

    private var canProcessNext: Bool {
        guard let current else { return isWritable }
        return !current.hasBodyEnded && current.wantsBody
    }

    /// The handler claimed, paused or resumed its body.
    func bodyDemandChanged() { advance() }
}
