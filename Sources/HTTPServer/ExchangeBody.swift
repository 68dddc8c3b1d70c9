// The body of a request on its way to the handler: as a whole, or in pieces.
//
//     unclaimed ──► collecting ─┐
//         │    └──► streaming ──┼──► (the response has ended) discarding
//         └─────────────────────┘
//
// Until a handler claims it, nothing of it is read, and no `100 Continue` is sent.

package import NIOCore

struct RequestBody {
    enum Mode { case unclaimed, collecting, streaming, discarding }

    var mode = Mode.unclaimed
    var hasEnded = false
    /// What of a body of known length has not come; nil for a chunked one.
    var byteCountMissing: Int?
    /// Not delivered yet: what came before the claim, what was collected, what came while paused.
    var held: ByteBuffer?
    var byteCountMax = Int.max
    var isPaused = false
    var isEndDelivered = false
    var isContinueSent = false
    /// Charged to the server's account of held bodies.
    var chargedByteCount = 0
    var onWhole: ((ByteBuffer) -> Void)?
    var onBytes: ((ByteBuffer) -> Void)?
    var onEnd: ((Bool) -> Void)?

    /// True while the client may be holding its body back until it is asked for.
    func awaitsContinue(_ head: RequestHead) -> Bool {
        head.expectsContinue && !isContinueSent && byteCountMissing == head.contentLength
    }
}

extension Exchange {
    /// Gives the whole body. Above `limit` bytes the exchange is answered 413 `resource_exhausted`
    /// and `then` is not called: at once when `Content-Length` says so (before any
    /// `100 Continue`), else when the limit is passed. Nor is it called when the client goes before
    /// the end or breaks the body, which is answered 400. A request without a body gives an empty
    /// buffer, before this method returns.
    ///
    /// - Parameter limitName: the setting's name, for the message.
    package func collectBody(
        limit: Int, limitName: String = "", then: @escaping (ByteBuffer) -> Void
    ) {
        guard !isEnded, body.mode == .unclaimed else { return }
        if let length = head.contentLength, length > limit {
            respond(Self.tooLarge("of \(length) bytes", limit: limit, limitName))
            return
        }
        body.mode = .collecting
        body.byteCountMax = limit
        body.onWhole = { [unowned self] bytes in
            guard bytes.readableBytes <= limit else {
                respond(Self.tooLarge("", limit: limit, limitName))
                return
            }
            then(bytes)
        }
        bodyClaimed()
    }

    /// Gives the body in pieces as they come, then `onEnd` once, with true when the body was whole.
    /// `onEnd(false)`: the client went or sent a broken body; if it is still there (`isGone` is
    /// false) it can be answered, and the connection closes after the answer. Neither is called
    /// once the response has ended. A streamed body may come as slowly as its client likes.
    package func streamBody(
        onBytes: @escaping (ByteBuffer) -> Void,
        onEnd: @escaping (_ whole: Bool) -> Void
    ) {
        guard !isEnded, body.mode == .unclaimed else { return }
        body.mode = .streaming
        body.onBytes = onBytes
        body.onEnd = onEnd
        bodyClaimed()
    }

    /// Stops delivery and reading until `resumeBody`. What was on its way is kept, not delivered.
    package func pauseBody() { body.isPaused = true }

    package func resumeBody() {
        guard body.isPaused else { return }
        body.isPaused = false
        deliver()
        connection?.bodyDemandChanged()
    }

    private static func tooLarge(_ size: String, limit: Int, _ name: String) -> ConnectError {
        let named = name.isEmpty ? "" : " (\(name))"
        let what = size.isEmpty ? "the request's body" : "the request's body \(size)"
        return ConnectError(
            .resourceExhausted, "\(what) is larger than the \(limit) bytes that are taken\(named)",
            status: 413)
    }
}

// MARK: From the connection

extension Exchange {
    var hasBodyEnded: Bool { body.hasEnded }
    var bodyByteCountMissing: Int? { body.byteCountMissing }

    var wantsBody: Bool {
        switch body.mode {
        case .unclaimed: !head.hasBody
        case .collecting, .discarding: true
        case .streaming: !body.isPaused
        }
    }

    /// True while the client keeps us waiting for a body that somebody collects, or for the rest of
    /// one that nobody wants.
    var awaitsBodyInTime: Bool {
        switch body.mode {
        case .collecting, .discarding: !body.hasEnded
        case .unclaimed, .streaming: false
        }
    }

    func receive(_ bytes: ByteBuffer) {
        if let missing = body.byteCountMissing {
            body.byteCountMissing = missing - bytes.readableBytes
        }
        switch body.mode {
        case .discarding: return
        case .unclaimed: hold(bytes)
        case .collecting: collect(bytes)
        case .streaming:
            if body.isPaused || body.held != nil {
                hold(bytes)
            } else {
                body.onBytes?(bytes)
            }
        }
    }

    func receiveEnd() {
        body.hasEnded = true
        body.byteCountMissing = 0
        switch body.mode {
        case .unclaimed: break
        case .discarding: bodyEndedAfterResponse()
        case .collecting, .streaming: deliver()
        }
    }

    /// The body is malformed, or the client stopped sending in the middle.
    func bodyBroke(_ error: ConnectError) {
        body.hasEnded = true
        mustClose()
        switch body.mode {
        case .discarding: bodyEndedAfterResponse()
        case .unclaimed, .collecting: respond(error)
        case .streaming: bodyLost()
        }
    }

    /// Tells a streaming handler that no more will come. What came while it paused is delivered
    /// before: it was sent, and well.
    func bodyLost() {
        guard body.mode == .streaming, !body.isEndDelivered else { return }
        body.isEndDelivered = true
        if let held = body.held.take() {
            settleCharge()
            body.onBytes?(held)
        }
        body.onEnd?(false)
    }

    private func bodyClaimed() {
        if !body.hasEnded, body.awaitsContinue(head) {
            body.isContinueSent = true
            connection?.send(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n"))
        }
        deliver()
        connection?.bodyDemandChanged()
    }

    private func collect(_ bytes: ByteBuffer) {
        guard hold(bytes) else {
            body.mode = .discarding
            respond(
                ConnectError(
                    .resourceExhausted, "too many large requests at once; try again soon",
                    status: 503, headers: ["Retry-After": "1"]))
            return
        }
        if let held = body.held, held.readableBytes > body.byteCountMax { body.onWhole?(held) }
    }

    /// Keeps the bytes; false when the server holds too much already.
    @discardableResult
    private func hold(_ bytes: ByteBuffer) -> Bool {
        body.chargedByteCount += bytes.readableBytes
        let isWithinLimit = server.charge(bytes.readableBytes)
        guard body.held != nil else {
            body.held = bytes
            return isWithinLimit
        }
        body.held?.writeImmutableBuffer(bytes)
        return isWithinLimit
    }

    private func deliver() {
        switch body.mode {
        case .unclaimed, .discarding: return
        case .collecting:
            guard body.hasEnded || (body.held?.readableBytes ?? 0) > body.byteCountMax else {
                return
            }
            let whole = body.held ?? ByteBuffer()
            let onWhole = body.onWhole
            body.held = nil
            body.onWhole = nil
            onWhole?(whole)
        case .streaming:
            guard !body.isPaused else { return }
            if let held = body.held {
                body.held = nil
                settleCharge()
                body.onBytes?(held)
            }
            guard body.hasEnded, !body.isPaused, !body.isEndDelivered else { return }
            body.isEndDelivered = true
            body.onEnd?(true)
        }
    }

    private func settleCharge() {
        server.release(body.chargedByteCount)
        body.chargedByteCount = 0
    }

    func releaseBody() {
        settleCharge()
        body.held = nil
        body.onWhole = nil
        body.onBytes = nil
        body.onEnd = nil
    }
}
