// What can happen to a worker, and what it can decide to do: the words between WorkerState, which
// decides, and WorkerLoop, which does. Values only.

package import WireFormat

/// Names a call inside this worker, for life. A ticket cannot: a queue that was started anew counts
/// its direct calls from the beginning while the old ones still end here.
package struct CallNumber: Hashable, Comparable, Sendable {
    package var rawValue: UInt64

    package init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

package enum WorkerEvent: Equatable, Sendable {
    // the link to the queue
    case connected
    /// Also a connection that could not be made.
    case disconnected
    case received(LinkMessage)
    // the calls
    case ended([EndedCall])
    /// The server's metadata of a call that streams to its caller; before its messages, at most
    /// once.
    case head(CallNumber, [HeaderField])
    /// One message of a call that streams to its caller; always before its end.
    case streamed(CallNumber, [UInt8])
    /// The target had no ready channel, so nothing was sent.
    case notStarted([CallNumber])
    case target(TargetState)
    // the supervisor
    case order(SupervisorOrder)
    case supervisorGone
    // time
    case tick
    case measured(threads: UInt32, residentBytes: UInt64)
}

package struct EndedCall: Equatable, Sendable {
    package var number: CallNumber
    package var outcome: CallOutcome

    package init(number: CallNumber, outcome: CallOutcome) {
        self.number = number
        self.outcome = outcome
    }
}

package enum WorkerEffect: Equatable, Sendable {
    /// Connect to workers.sock; the answer is `connected` or `disconnected`.
    case connect
    /// Close the connection: the other side does not keep to the protocol. `disconnected` follows.
    case disconnect(because: String)
    case send(LinkMessage)
    case start(CallNumber, CallOrder)
    case cancel(CallNumber)
    /// Its caller has room for so many bytes more.
    case grant(CallNumber, bytes: UInt32)
    case report(ChildReport)
    /// Look at this process: `measured` follows.
    case measure
    /// A picture of this process to the log.
    case dump
    case warn(String)
    /// The last one: leave. `isCut`: calls were cut off, and only the goodbye tells the queue so.
    case leave(isCut: Bool)
}
