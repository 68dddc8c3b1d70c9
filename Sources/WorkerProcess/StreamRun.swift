// One call whose client or server streams: all requests are written, the sending side is closed,
// all responses are read. They are collected, or handed on one by one while the caller's window is
// open; while it is shut nothing is read, and gRPC's own flow control holds the server back.
//
//     requests ── send ──▶ … ──▶ closeSending
//     the server's metadata, handed on ──▶ receive
//     receive ──▶ message ─┬─ collected ──────────────▶ receive
//        ▲                 └─ handed on ── window? ────┤
//        └──────────── grant ◀── shut ◀────────────────┘
//     the status came ──▶ outcome

import GRPCClient
import WireFormat

final class StreamRun: LongCall {
    private let order: LongOrder
    private var call: StreamingCall?
    private var unsent: ArraySlice<[UInt8]>
    private var responses: [[UInt8]] = []
    private var room: ResponseRoom
    private var hasHead = false
    private var isReceiving = false
    private var isTooLarge = false

    init(_ order: LongOrder) {
        self.order = order
        unsent = (order.extent.clientStreams ? order.extent.requests : [order.order.request])[...]
        room = ResponseRoom(window: order.extent.window, bytesMax: order.responseBytesMax)
    }

    func start() {
        do throws(CallError) {
            call = try StreamingCall(
                channel: order.channel, path: order.order.path, metadata: order.metadata(),
                deadlineNanoseconds: order.order.deadlineNanoseconds,
                onHead: { [self] in begin($0) }
            ) { [self] in finish($0) }
        } catch {
            return order.onEnd(CallOutcome(order.order.ticket, error))
        }
        sendNext()
    }

    /// Only now is the first message asked for, so that it cannot come before its metadata.
    private func begin(_ head: [MetadataField]) {
        hasHead = true
        if room.streams, !head.isEmpty { order.onHead(head) }
        receiveNext()
    }

    func cancel() {
        call?.cancel()
    }

    func grant(bytes: Int) {
        room.grant(bytes: bytes)
        receiveNext()
    }

    private func sendNext() {
        guard let call else { return }
        guard let message = unsent.popFirst() else { return call.closeSending() }
        // C-core may keep all but the last to send several at once
        call.send(message, moreFollows: !unsent.isEmpty) { [self] isSent in
            if isSent { sendNext() }
        }
    }

    private func receiveNext() {
        guard let call, hasHead, !isReceiving, !isTooLarge, room.isOpen else { return }
        isReceiving = true
        call.receive { [self] message in
            guard let message else { return }
            isReceiving = false
            take(message)
        }
    }

    private func take(_ message: [UInt8]) {
        guard room.take(bytes: message.count) else {
            isTooLarge = true
            responses = []
            return cancel()
        }
        if room.streams {
            order.onMessage(message)
        } else {
            responses.append(message)
        }
        receiveNext()
    }

    private func finish(_ end: CallEnd) {
        call = nil
        guard !isTooLarge else { return order.end(.resourceExhausted, order.tooLarge) }
        var outcome = CallOutcome(order.order.ticket, end)
        guard end.status == .ok else { return order.onEnd(outcome) }
        if order.extent.serverStreams {
            outcome.responses = responses
        } else if responses.count == 1 {
            outcome.response = responses[0]
        } else {
            outcome.code = CallStatus.internal.rawValue
            outcome.message =
                "the server answered OK with \(responses.count) messages instead of one"
            outcome.isMadeByProng = true
        }
        order.onEnd(outcome)
    }
}
