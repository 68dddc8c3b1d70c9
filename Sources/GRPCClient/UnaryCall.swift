// One request, one response: the hot path. A call object owns the C struct that C-core writes its
// results into and is used again for other calls, so a call costs no lock, no table and few
// allocations. The tag is the object.
//
//     start ── six operations, one batch ──▶ under way ── tag ──▶ results copied, object given
//       │                                     │                   back, callback run
//       └─ CallError: nothing happened        └─ cancel: the callback comes all the same

internal import CGRPC

/// A unary call to be made.
package struct UnaryRequest: Sendable {
    /// "/package.Service/Method".
    package var path: String
    package var metadata: [MetadataField]
    package var message: [UInt8]
    /// CLOCK_MONOTONIC; nil: none.
    package var deadlineNanoseconds: UInt64?
    /// Waits for a connection until the deadline, where a call fails at once otherwise.
    package var waitsForReady: Bool

    package init(
        path: String, metadata: [MetadataField] = [], message: [UInt8],
        deadlineNanoseconds: UInt64? = nil, waitsForReady: Bool = false
    ) {
        self.path = path
        self.metadata = metadata
        self.message = message
        self.deadlineNanoseconds = deadlineNanoseconds
        self.waitsForReady = waitsForReady
    }
}

/// How a unary call ended.
package struct UnaryResult: Equatable, Sendable {
    package var end: CallEnd
    /// The response; nil if none came, which a failed call never has and an OK one always.
    package var response: [UInt8]?
    /// The status is not the server's word: it said OK, and sent nothing.
    package private(set) var lacksMessage = false

    /// C-core leaves it to its users to see that a server said OK and sent nothing.
    fileprivate init(_ end: CallEnd, _ response: [UInt8]?) {
        self.end = end
        guard end.status == .ok else { return }
        self.response = response
        guard response == nil else { return }
        lacksMessage = true
        self.end.status = .internal
        self.end.message = "the server answered OK without a message"
    }
}

/// A unary call under way; good for nothing but cancelling it.
package struct UnaryCall {
    fileprivate let operation: UnaryOperation
    /// The object may serve another call by now.
    fileprivate let serial: UInt64

    /// The callback comes soon after, with `cancelled` unless the call was already over. Without
    /// effect on a call whose callback has been run.
    package func cancel() {
        operation.cancel(serial: serial)
    }
}

extension Channel {
    /// Starts the call; `onEnd` is called once, from the queue's `next`, unless this throws.
    @discardableResult
    package func start(
        _ request: borrowing UnaryRequest, onEnd: @escaping (UnaryResult) -> Void
    ) throws(CallError) -> UnaryCall {
        guard queue.takesOperations, let core else { throw .refused("the channel is closed") }
        // mostly the path of the call before; equal Strings may have other bytes, but not as many
        // of them if one is ASCII
        if request.path != lastPath || request.path.utf8.count != lastPath?.utf8.count {
            guard isLegalPath(request.path) else { throw .illegalPath(request.path) }
            lastPath = request.path
        }
        for field in request.metadata { try field.check() }
        let operation = queue.takeUnaryCall()
        do throws(CallError) {
            try operation.start(request, on: self, core: core, onEnd: onEnd)
        } catch {
            queue.giveBack(operation)
            throw error
        }
        return UnaryCall(operation: operation, serial: operation.serial)
    }
}

/// "/package.Service/Method", of printable ASCII.
func isLegalPath(_ path: String) -> Bool {
    guard path.utf8.first == UInt8(ascii: "/"), path.utf8.allSatisfy({ 0x21...0x7E ~= $0 }) else {
        return false
    }
    guard let last = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return false }
    let method = path.utf8[last...].dropFirst()
    return last != path.utf8.startIndex && !method.isEmpty
}

/// The reusable object behind `UnaryCall`.
final class UnaryOperation: Completion {
    private let client: UnsafeMutablePointer<CGRPC_Client>
    /// Nil while idle.
    private var channel: Channel?
    private var onEnd: ((UnaryResult) -> Void)?
    /// Counts the calls that the object served.
    private(set) var serial: UInt64 = 0

    override init() {
        client = .allocate(capacity: 1)
        CGRPC_client_init(client)
    }

    deinit {
        CGRPC_client_destroy(client)
        client.deallocate()
    }

    func start(
        _ request: borrowing UnaryRequest, on channel: Channel, core: OpaquePointer,
        onEnd: @escaping (UnaryResult) -> Void
    ) throws(CallError) {
        var path = request.path
        let deadline = request.deadlineNanoseconds ?? UInt64.max
        client.pointee.call = path.withUTF8 { text in
            guard let start = text.baseAddress else { return nil }
            return CGRPC_create_call(core, channel.queue.core, start, text.count, deadline)
        }
        guard client.pointee.call != nil else { throw .refused("no call could be made") }
        let metadata = CoreMetadata(request.metadata)
        let tag = retainedTag()
        let error = request.message.withUnsafeBytes { message in
            CGRPC_start_unary(
                client, metadata.entries, metadata.count,
                request.waitsForReady ? waitForReadyFlags : 0, message.baseAddress, message.count,
                tag)
        }
        guard error == GRPC_CALL_OK else {
            dropTag(tag)
            CGRPC_client_reset(client)
            throw .refused(String(cString: grpc_call_error_to_string(error)))
        }
        serial &+= 1
        self.channel = channel
        self.onEnd = onEnd
    }

    override func complete(success: Bool) {
        guard let channel = channel.take(), let onEnd = onEnd.take() else {
            preconditionFailure("an idle call object came out of the completion queue")
        }
        let end = readEnd(client, channel: channel)
        let response = client.pointee.response.map { message(in: $0) }
        let result = UnaryResult(end, response)
        // The object is free before the callback runs, which often starts the next call.
        serial &+= 1
        CGRPC_client_reset(client)
        channel.queue.giveBack(self)
        onEnd(result)
    }

    func cancel(serial: UInt64) {
        guard serial == self.serial else { return }
        cancelAny()
    }

    func cancelAny() {
        guard let call = client.pointee.call else { return }
        grpc_call_cancel(call, nil)
    }
}

/// Both are needed: the service config's word would win otherwise.
private let waitForReadyFlags: UInt32 = 0x20 | 0x80

/// Copies what C-core left in the struct of a finished client call.
func readEnd(_ client: UnsafeMutablePointer<CGRPC_Client>, channel: Channel) -> CallEnd {
    var errorText = ""
    if let text = client.pointee.error_string { errorText = String(cString: text) }
    var peer = ""
    if let call = client.pointee.call { peer = channel.peer(of: call) }
    let status = CallStatus(number: client.pointee.status.rawValue)
    let trailing = client.pointee.trailing_metadata
    return CallEnd(
        status: status, message: text(of: &client.pointee.status_message),
        statusDetails: readMetadata(trailing, named: MetadataField.statusDetailsName),
        headers: readMetadata(client.pointee.initial_metadata),
        trailers: readMetadata(trailing, skipping: MetadataField.statusDetailsName),
        peer: peer, errorText: errorText)
}
