// One call as a server sees it. The object is used again for other calls once everything of it is
// over, so a handler must not keep it after `finish`.
//
//     waiting ──▶ open ──▶ finishing ──▶ waiting          finish ends it, always
//                  │ receive, sendHeaders, send: one of each at a time
//                  └ onCancelled: the client went away or the deadline passed; still finish it

internal import CGRPC

package final class ServerCall {
    let server: Server
    let state: UnsafeMutablePointer<CGRPC_Server>
    private lazy var requested = ServerCompletion(call: self) { $0.server.accepted($0, $1) }
    private lazy var received = ServerCompletion(call: self) { $0.received(success: $1) }
    private lazy var sent = ServerCompletion(call: self) { $0.sent(success: $1) }
    private lazy var closed = ServerCompletion(call: self) { call, _ in call.wasClosed() }
    private lazy var finished = ServerCompletion(call: self) { call, _ in call.ended() }

    private var outstanding = 0
    private var sentHeaders = false
    private var watchesClose = false
    private var isFinished = false
    private var onMessage: ((ServerCall, [UInt8]?) -> Void)?
    private var onSent: ((ServerCall, Bool) -> Void)?
    private var onCancelled: ((ServerCall) -> Void)?

    /// Sent with the first message or the end.
    package var headers: [MetadataField] = []

    init(server: Server) {
        self.server = server
        state = .allocate(capacity: 1)
        CGRPC_server_init(state)
    }

    deinit {
        CGRPC_server_destroy(state)
        state.deallocate()
    }

    /// "/package.Service/Method".
    package var path: String { text(of: &state.pointee.details.method) }
    package var metadata: [MetadataField] { readMetadata(state.pointee.request_metadata) }
    /// CLOCK_MONOTONIC; nil: none.
    package var deadlineNanoseconds: UInt64? {
        let deadline = CGRPC_nanoseconds(state.pointee.details.deadline)
        return deadline == UInt64.max ? nil : deadline
    }
    /// As C-core writes it: "ipv4:127.0.0.1:4711", "unix:", "fd:12".
    package var peer: String {
        guard let call = state.pointee.call, let text = grpc_call_get_peer(call) else { return "" }
        defer { gpr_free(text) }
        return String(cString: text)
    }

    func request(from server: OpaquePointer, queue: OpaquePointer) -> Bool {
        let tag = requested.retainedTag()
        let error = grpc_server_request_call(
            server, &state.pointee.call, &state.pointee.details,
            &state.pointee.request_metadata, queue, queue, tag)
        guard error == GRPC_CALL_OK else {
            requested.dropTag(tag)
            return false
        }
        return true
    }

    /// Asks for the next message; nil: none follows.
    package func receive(_ onMessage: @escaping (ServerCall, [UInt8]?) -> Void) {
        precondition(self.onMessage == nil, "one message at a time")
        self.onMessage = onMessage
        begin(received) { core, tag in
            CGRPC_receive_message(core, &state.pointee.message, tag)
        }
    }

    /// Tells when the client went away before the end; to be called once at most.
    package func watchCancel(_ onCancelled: @escaping (ServerCall) -> Void) {
        precondition(!watchesClose && !isFinished, "once, and before the end")
        watchesClose = true
        self.onCancelled = onCancelled
        begin(closed) { _, tag in CGRPC_receive_close(state, tag) }
    }

    /// Sends the headers before any message.
    package func sendHeaders(_ onSent: @escaping (ServerCall, Bool) -> Void) {
        precondition(!sentHeaders && self.onSent == nil, "once, and before all messages")
        sentHeaders = true
        self.onSent = onSent
        let metadata = CoreMetadata(headers)
        begin(sent) { core, tag in
            CGRPC_send_initial_metadata(core, metadata.entries, metadata.count, tag)
        }
    }

    /// Sends one message of a stream; false: the client is gone.
    package func send(_ message: [UInt8], _ onSent: @escaping (ServerCall, Bool) -> Void) {
        guard sentHeaders else {
            return sendHeaders { call, _ in call.send(message, onSent) }
        }
        precondition(self.onSent == nil && !isFinished, "one message at a time")
        self.onSent = onSent
        begin(sent) { core, tag in
            message.withUnsafeBytes { CGRPC_send_message(core, $0.baseAddress, $0.count, 0, tag) }
        }
    }

    /// Ends the call, with the response of a unary one. Entries that gRPC cannot carry are left
    /// out. What is being sent (a cancel may come in the middle) is sent first; nobody is told of
    /// it any more.
    package func finish(
        _ status: CallStatus, _ message: String = "", response: [UInt8]? = nil,
        trailers: [MetadataField] = []
    ) {
        precondition(!isFinished, "once")
        isFinished = true
        guard onSent == nil else {
            onSent = { call, _ in call.close(status, message, response, trailers) }
            return
        }
        close(status, message, response, trailers)
    }

    private func close(
        _ status: CallStatus, _ message: String, _ response: [UInt8]?, _ trailers: [MetadataField]
    ) {
        let trailers = CoreMetadata(trailers.filter(Self.canSend))
        let headers = CoreMetadata(sentHeaders ? [] : headers.filter(Self.canSend))
        let hasResponse = response != nil
        var text = message
        text.withUTF8 { text in
            (response ?? []).withUnsafeBytes { response in
                begin(finished) { _, tag in
                    var finish = CGRPC_Finish()
                    finish.status = grpc_status_code(status.rawValue)
                    finish.text = UnsafeRawPointer(text.baseAddress)
                    finish.text_length = text.count
                    finish.headers = headers.entries
                    finish.header_count = headers.count
                    finish.trailers = trailers.entries
                    finish.trailer_count = trailers.count
                    finish.message = response.baseAddress
                    finish.message_length = response.count
                    finish.has_message = hasResponse ? 1 : 0
                    finish.sends_headers = sentHeaders ? 0 : 1
                    finish.receives_close = watchesClose ? 0 : 1
                    return CGRPC_finish(state, &finish, tag)
                }
            }
        }
    }

    private static func canSend(_ field: MetadataField) -> Bool {
        (try? field.check(allowing: MetadataField.serverNames)) != nil
    }

    private func begin(
        _ completion: ServerCompletion,
        _ start: (OpaquePointer, UnsafeMutableRawPointer) -> grpc_call_error
    ) {
        guard let core = state.pointee.call else { preconditionFailure("the call is over") }
        outstanding += 1
        guard server.queue.takesOperations else { return completion.complete(success: false) }
        let tag = completion.retainedTag()
        let error = start(core, tag)
        precondition(error == GRPC_CALL_OK, "C-core refused a server's operation")
    }

    // MARK: what the queue brings

    private func received(success: Bool) {
        let buffer = state.pointee.message.take()
        let message = buffer.map { GRPCClient.message(in: $0) }
        if let buffer { grpc_byte_buffer_destroy(buffer) }
        let callback = onMessage.take()
        callback?(self, message)
        ended()
    }

    private func sent(success: Bool) {
        let callback = onSent.take()
        callback?(self, success)
        ended()
    }

    private func wasClosed() {
        let callback = onCancelled.take()
        if state.pointee.cancelled != 0, !isFinished { callback?(self) }
        ended()
    }

    private func ended() {
        outstanding -= 1
        guard outstanding == 0, isFinished else { return }
        CGRPC_server_reset(state)
        (sentHeaders, watchesClose, isFinished) = (false, false, false)
        headers = []
        server.isOver(self)
    }
}

private final class ServerCompletion: Completion {
    // The server owns the call and lives until its queue is shut down.
    private unowned let call: ServerCall
    private let done: (ServerCall, Bool) -> Void

    init(call: ServerCall, _ done: @escaping (ServerCall, Bool) -> Void) {
        self.call = call
        self.done = done
    }

    override func complete(success: Bool) {
        done(call, success)
    }
}
