// A call of several messages, of any of the four kinds. One message may be on its way out and one
// on its way in at a time: whoever uses it waits for the callback, which is the flow control.
//
//     sending:    idle ⇄ busy ──▶ closed         closeSending, or the call's end
//     receiving:  idle ⇄ busy ──▶ ended          no message, or the call's end
//     call:       open ──▶ ended                 the status came; onEnd is the last callback

internal import CGRPC

package final class StreamingCall {
    private enum Sending { case idle, busy, closed }
    private enum Receiving { case idle, busy, ended }

    private let channel: Channel
    private let client: UnsafeMutablePointer<CGRPC_Client>
    private let incoming: UnsafeMutablePointer<UnsafeMutablePointer<grpc_byte_buffer>?>
    private var sending = Sending.idle
    private var receiving = Receiving.idle
    private var onHead: (([MetadataField]) -> Void)?
    private var onEnd: ((CallEnd) -> Void)?
    /// Operations that the queue still has; the C struct is read when none is left.
    private var outstanding = 0

    /// Starts the call: metadata go out, `onEnd` is called once and last.
    ///
    /// - Parameter onHead: the server's metadata before its first message, once; empty where it
    ///   sends none or the call ends without. Messages that are asked for only then come later.
    package init(
        channel: Channel, path: String, metadata: [MetadataField] = [],
        deadlineNanoseconds: UInt64? = nil, onHead: (([MetadataField]) -> Void)? = nil,
        onEnd: @escaping (CallEnd) -> Void
    ) throws(CallError) {
        guard let core = channel.core else { throw .refused("the channel is closed") }
        guard isLegalPath(path) else { throw .illegalPath(path) }
        for field in metadata { try field.check() }
        self.channel = channel
        self.onHead = onHead
        self.onEnd = onEnd
        client = .allocate(capacity: 1)
        CGRPC_client_init(client)
        incoming = .allocate(capacity: 1)
        incoming.initialize(to: nil)
        var path = path
        client.pointee.call = path.withUTF8 { text in
            guard let start = text.baseAddress else { return nil }
            return CGRPC_create_call(
                core, channel.queue.core, start, text.count, deadlineNanoseconds ?? UInt64.max)
        }
        guard client.pointee.call != nil else { throw .refused("no call could be made") }
        try begin(CoreMetadata(metadata))
    }

    deinit {
        CGRPC_client_destroy(client)
        client.deallocate()
        if let message = incoming.pointee { grpc_byte_buffer_destroy(message) }
        incoming.deallocate()
    }

    private func begin(_ metadata: consuming CoreMetadata) throws(CallError) {
        let entries = metadata.entries
        let count = metadata.count
        let accepted = operation({ call, _ in call.tellHead() }) { _, tag in
            CGRPC_start_stream(client, entries, count, tag)
        }
        guard accepted else { throw .refused("the call could not be started") }
        operation({ _, _ in }) { _, tag in CGRPC_receive_status(client, tag) }
    }

    private func tellHead() {
        guard let onHead = onHead.take() else { return }
        onHead(readMetadata(client.pointee.initial_metadata))
    }

    /// Sends a message; `onSent` is called when the next may be sent, with false if the call is
    /// over. `moreFollows` lets C-core keep it to send several at once.
    /// Calling this while a message is on its way, or after `closeSending`, is a bug and traps.
    package func send(
        _ message: [UInt8], moreFollows: Bool = false, onSent: @escaping (Bool) -> Void
    ) {
        precondition(sending == .idle, "one message at a time, and none after the last")
        sending = .busy
        let flags: UInt32 = moreFollows ? UInt32(GRPC_WRITE_BUFFER_HINT) : 0
        let done: (StreamingCall, Bool) -> Void = { call, success in
            if call.sending == .busy { call.sending = .idle }
            onSent(success)
        }
        operation(done) { core, tag in
            message.withUnsafeBytes {
                CGRPC_send_message(core, $0.baseAddress, $0.count, flags, tag)
            }
        }
    }

    /// Says that no message follows.
    package func closeSending() {
        precondition(sending == .idle, "wait for the message on its way")
        sending = .closed
        operation({ _, _ in }) { core, tag in CGRPC_send_close(core, tag) }
    }

    /// Asks for the next message: nil when there is none any more. Calling this while one is
    /// awaited is a bug and traps.
    package func receive(onMessage: @escaping ([UInt8]?) -> Void) {
        precondition(receiving != .busy, "one message at a time")
        guard receiving == .idle else { return onMessage(nil) }
        receiving = .busy
        let done: (StreamingCall, Bool) -> Void = { call, _ in
            let message = call.takeMessage()
            call.receiving = message == nil ? .ended : .idle
            onMessage(message)
        }
        let incoming = incoming
        operation(done) { core, tag in CGRPC_receive_message(core, incoming, tag) }
    }

    /// `onEnd` comes soon after, with `cancelled` unless the call was already over.
    package func cancel() {
        guard let call = client.pointee.call else { return }
        grpc_call_cancel(call, nil)
    }

    private func takeMessage() -> [UInt8]? {
        guard let buffer = incoming.pointee else { return nil }
        incoming.pointee = nil
        defer { grpc_byte_buffer_destroy(buffer) }
        return message(in: buffer)
    }

    /// Starts one operation; its completion keeps the call alive.
    @discardableResult
    private func operation(
        _ done: @escaping (StreamingCall, Bool) -> Void,
        start: (OpaquePointer, UnsafeMutableRawPointer) -> grpc_call_error
    ) -> Bool {
        guard channel.queue.takesOperations, let core = client.pointee.call else {
            done(self, false)
            return false
        }
        let completion = StreamCompletion(call: self, done: done)
        let tag = completion.retainedTag()
        outstanding += 1
        guard start(core, tag) == GRPC_CALL_OK else {
            completion.dropTag(tag)
            outstanding -= 1
            done(self, false)
            return false
        }
        return true
    }

    fileprivate func finished(_ done: (StreamingCall, Bool) -> Void, success: Bool) {
        outstanding -= 1
        done(self, success)
        // The status is one of the operations, so none outstanding means that it came.
        guard outstanding == 0, let onEnd = onEnd.take() else { return }
        let end = readEnd(client, channel: channel)
        sending = .closed
        receiving = .ended
        CGRPC_client_reset(client)
        onEnd(end)
    }
}

private final class StreamCompletion: Completion {
    private let call: StreamingCall
    private let done: (StreamingCall, Bool) -> Void

    init(call: StreamingCall, done: @escaping (StreamingCall, Bool) -> Void) {
        self.call = call
        self.done = done
    }

    override func complete(success: Bool) {
        call.finished(done, success: success)
    }
}
