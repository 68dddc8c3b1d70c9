// What a channel is told when it is made. Values only; Channel.swift hands them to C-core.

/// How the connection to a target is secured.
package enum ChannelCredentials: Sendable {
    /// Plain text: for loopback, Unix sockets and meshes that encrypt by themselves.
    case insecure
    /// TLS with the server's certificate checked.
    case tls(ClientTLS)
}

/// PEM texts, not file names: whoever reads the files decides when.
package struct ClientTLS: Sendable {
    /// Trusted roots; nil: the system's.
    package var roots: String?
    /// The client's own certificate chain and key, for mutual TLS.
    package var identity: TLSIdentity?

    package init(roots: String? = nil, identity: TLSIdentity? = nil) {
        self.roots = roots
        self.identity = identity
    }
}

package struct TLSIdentity: Sendable {
    package var certificateChain: String
    package var privateKey: String

    package init(certificateChain: String, privateKey: String) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
    }
}

/// Pings on an otherwise silent connection. Servers close connections that ping more often than
/// they allow (usually every 5 minutes).
package struct Keepalive: Sendable {
    package var timeMilliseconds: Int32
    package var timeoutMilliseconds: Int32

    package init(timeMilliseconds: Int32, timeoutMilliseconds: Int32 = 20_000) {
        self.timeMilliseconds = timeMilliseconds
        self.timeoutMilliseconds = timeoutMilliseconds
    }
}

package struct ChannelOptions: Sendable {
    package var credentials = ChannelCredentials.insecure
    /// The name expected of the server's certificate and sent as `:authority`; "": the target's.
    package var authority = ""
    /// Longest message taken from the server; -1: no limit. C-core's own default is 4 MiB.
    package var receiveBytesMax: Int32 = 4 * 1024 * 1024
    /// Longest message sent; -1: no limit.
    package var sendBytesMax: Int32 = -1
    /// A gRPC service config as JSON, or "". Of one that it does not like C-core makes a channel on
    /// which every call fails, so give it only what was checked, and no `retryPolicy` in it: prong
    /// makes its own retries. The name resolver's service config is never asked for.
    package var serviceConfig = ""
    /// Back-off between attempts to connect. C-core's default of 120 s at most would take minutes
    /// to see a target come back.
    package var reconnectInitialMilliseconds: Int32 = 100
    package var reconnectMaxMilliseconds: Int32 = 1_000
    /// An attempt to connect, handshake included, that takes longer has failed.
    package var connectTimeoutMilliseconds: Int32 = 5_000
    /// A name is not resolved again sooner. C-core's default of 30 s would miss a target that came
    /// back under another address for as long.
    package var resolveIntervalMilliseconds: Int32 = 2_000
    package var keepalive: Keepalive?
    /// Connections of its own, shared with no other channel of the process.
    package var ownsConnections = false
    /// Goes in front of C-core's own in the `user-agent` header.
    package var userAgent = ""

    package init() {}
}

/// C-core's own idea of a channel's connection.
package enum ChannelState: UInt8, Sendable {
    case idle = 0
    case connecting = 1
    case ready = 2
    case transientFailure = 3
    case shutDown = 4
}

package enum ChannelError: Error, Equatable, Sendable {
    /// C-core made no usable channel of the target and options; its reason is in its log.
    case refused(target: String)
}
