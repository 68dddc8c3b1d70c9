// What the server bounds and counts, and what can go wrong at its start.

package import NIOCore

/// Limits, all of them with a default.
package struct ServerLimits: Sendable {
    /// Connections at once. The last `reservedConnections` of them serve reserved routes and
    /// operators only.
    package var maxConnections = 10_000
    package var reservedConnections = 16
    /// From a request's first byte to the end of its head; then 408.
    package var headTimeout: TimeAmount = .seconds(10)
    /// A connection without a request is closed.
    package var idleTimeout: TimeAmount = .seconds(75)
    /// A client that takes no byte of what is sent for so long is cut off.
    package var writeStallTimeout: TimeAmount = .seconds(60)
    /// A client that sends no byte of a body that is collected, for so long, is answered 408.
    /// Streamed bodies may come as slowly as they like.
    package var bodyStallTimeout: TimeAmount = .seconds(60)
    /// Of one request's head: its target and fields together; then 431.
    package var maxHeaderBytes = 64 * 1024
    /// Bytes of bodies held for `collectBody` over all connections, until their exchange ends;
    /// then 503.
    package var maxBodyBytesHeld = 256 * 1024 * 1024

    package init() {}

    /// Deadlines are late by at most this: a second, or less where a limit is short.
    var sweepInterval: TimeAmount {
        let shortest = min(headTimeout, idleTimeout, writeStallTimeout, bodyStallTimeout)
        return max(.milliseconds(10), min(.seconds(1), .nanoseconds(shortest.nanoseconds / 4)))
    }
}

/// Counts since the start.
package struct ServerCounts {
    /// Connections open now.
    package var connections = 0
    /// Bytes of bodies in memory now.
    package var bodyBytesHeld = 0
    package var accepted: UInt64 = 0
    /// Connections and requests refused because the limit or the descriptors were reached.
    package var refused: UInt64 = 0
    /// Responses ended, by route template ("" for what had no route) and Connect code ("ok" for
    /// none). A client that went before the response ended counts as `canceled`.
    package var requests: [RequestKey: UInt64] = [:]

    package struct RequestKey: Hashable, Sendable {
        package let route: String
        package let code: String
    }
}

package enum ServerError: Error, Equatable {
    /// A system call refused; `errno` is 0 when the fault is not the system's.
    case cannotListen(what: String, errno: Int32)
    case badAddress(String)
}
