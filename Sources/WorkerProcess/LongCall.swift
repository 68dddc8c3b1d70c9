// What calls of several messages and calls of several pages have in common: how the runner drives
// one, what it is given, and how much of what was answered is held. Knows no state of the worker.

import GRPCClient
import WireFormat

protocol LongCall: AnyObject {
    /// The end is told by `LongOrder.onEnd`, once and last; maybe before this returns.
    func start()
    func cancel()
    /// The caller has room for so many bytes more.
    func grant(bytes: Int)
    /// The time has come that `LongOrder.onWait` was told.
    func wake()
}

extension LongCall {
    func wake() {}
}

struct LongOrder {
    let order: CallOrder
    let extent: CallExtent
    let channel: Channel
    /// `listen.max_response`: of all that is collected.
    let responseBytesMax: Int
    /// Anew for each gRPC call: a token may have been replaced.
    let metadata: () -> [MetadataField]
    /// The server's metadata; before the first message, at most once.
    let onHead: ([MetadataField]) -> Void
    let onMessage: ([UInt8]) -> Void
    /// Nothing happens before this time of the monotonic clock; then `wake`.
    let onWait: (UInt64) -> Void
    let onEnd: (CallOutcome) -> Void

    func end(_ status: CallStatus, _ message: String) {
        onEnd(
            CallOutcome(
                ticket: order.ticket, code: status.rawValue, message: message, isMadeByProng: true))
    }

    var tooLarge: String {
        "the responses are together over \(responseBytesMax) bytes (listen.max_response, each"
            + " message counted with \(Chunk.messageOverheadBytes) more); prong cancelled the call"
    }
}

extension CallOrder {
    /// Nil: none.
    var deadlineNanoseconds: UInt64? {
        deadlineMonotonicNanoseconds == 0 ? nil : deadlineMonotonicNanoseconds
    }
}

/// How much may still be answered: a window that the caller opens, or what may be collected.
struct ResponseRoom {
    /// Nothing: responses are collected.
    private var window: Int?
    private var collectedBytes = 0
    private let bytesMax: Int

    init(window: UInt32?, bytesMax: Int) {
        self.window = window.map { Int($0) }
        self.bytesMax = bytesMax
    }

    var streams: Bool { window != nil }
    /// The next message may be asked for. It may be larger than the window: the window then waits
    /// until the caller has taken all of it.
    var isOpen: Bool { window.map { $0 > 0 } ?? true }

    /// - Returns: false if it was too much.
    mutating func take(bytes count: Int) -> Bool {
        if let window {
            self.window = window - Chunk.cost(ofBytes: count)
            return true
        }
        collectedBytes += Chunk.cost(ofBytes: count)
        return collectedBytes <= bytesMax + Chunk.messageOverheadBytes
    }

    mutating func grant(bytes: Int) {
        if let window { self.window = window + bytes }
    }
}
