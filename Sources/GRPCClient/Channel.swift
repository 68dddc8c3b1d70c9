// A client of one target: connections, name resolution and reconnection are C-core's; prong wants
// to know the state at any time and to see a target come back within about a second.
//
//     idle ──▶ connecting ──▶ ready
//       ▲          │  ▲          │         a channel whose state is watched is always asked to
//       │          ▼  └─ back-off┤         connect, so idle never lasts
//       └── transientFailure ◀───┘

internal import CGRPC

/// One client channel. Made and used on the thread that runs its queue.
package final class Channel {
    package let target: String
    let queue: CompletionQueue
    /// Nil once closed.
    private(set) var core: OpaquePointer?
    private var watch: ConnectivityWatch?
    private var lastPeer = ""
    /// Of the last call: it needs no second look.
    var lastPath: String?

    /// Connects only when asked to: by a call, or by `watchState`.
    package init(
        target: String, options: ChannelOptions, queue: CompletionQueue
    ) throws(ChannelError) {
        queue.checkProcess()
        self.target = target
        self.queue = queue
        guard let credentials = Self.makeCredentials(options.credentials) else {
            throw .refused(target: target)
        }
        defer { grpc_channel_credentials_release(credentials) }
        var arguments = Self.makeArguments(target: target, options: options)
        let made = arguments.with { grpc_channel_create(target, credentials, $0) }
        guard let made else { throw .refused(target: target) }
        // What C-core could make nothing of is a channel that fails all calls. It is known by its
        // state: a usable one is idle until it is asked to connect.
        guard grpc_channel_check_connectivity_state(made, 0) == GRPC_CHANNEL_IDLE else {
            grpc_channel_destroy(made)
            throw .refused(target: target)
        }
        core = made
    }

    deinit {
        watch?.stop()
        if let core { grpc_channel_destroy(core) }
    }

    /// The state now. With `connecting`, an idle channel begins to connect.
    package func state(connecting: Bool = false) -> ChannelState {
        guard let core else { return .shutDown }
        let state = grpc_channel_check_connectivity_state(core, connecting ? 1 : 0)
        return ChannelState(rawValue: UInt8(truncatingIfNeeded: state.rawValue)) ?? .shutDown
    }

    /// Connects, keeps connected, and calls back on the loop with the first state and each other.
    /// C-core cannot be told to end a watch, so it is renewed every `periodMilliseconds`; that long
    /// after `close` the queue may still have it.
    package func watchState(
        periodMilliseconds: UInt64 = 1_000, _ onChange: @escaping (ChannelState) -> Void
    ) {
        watch?.stop()
        let watch = ConnectivityWatch(
            channel: self, periodNanoseconds: periodMilliseconds * 1_000_000, onChange: onChange)
        self.watch = watch
        watch.begin()
    }

    /// Connects at once if it waits in its back-off.
    package func reconnectNow() {
        guard let core else { return }
        grpc_channel_reset_connect_backoff(core)
    }

    /// Ends calls that run on it as C-core sees fit; nothing more can be started.
    package func close() {
        watch?.stop()
        watch = nil
        guard let core = core.take() else { return }
        grpc_channel_destroy(core)
    }

    /// The text of a peer. Nearly always the same one as before, so it is kept.
    func peer(of call: OpaquePointer) -> String {
        guard let text = grpc_call_get_peer(call) else { return "" }
        defer { gpr_free(text) }
        let same = lastPeer.withCString { strcmp($0, text) == 0 }
        if !same { lastPeer = String(cString: text) }
        return lastPeer
    }

    func startWatch(last: ChannelState, untilNanoseconds deadline: UInt64, tag: Completion) {
        guard queue.takesOperations, let core else { return }
        grpc_channel_watch_connectivity_state(
            core, grpc_connectivity_state(rawValue: UInt32(last.rawValue)),
            CGRPC_deadline(deadline), queue.core, tag.retainedTag())
    }
}

extension Channel {
    private static func makeCredentials(_ credentials: ChannelCredentials) -> OpaquePointer? {
        switch credentials {
        case .insecure:
            return grpc_insecure_credentials_create()
        case .tls(let tls):
            guard let identity = tls.identity else {
                return grpc_ssl_credentials_create_ex(tls.roots, nil, nil, nil)
            }
            return identity.withCorePair { grpc_ssl_credentials_create_ex(tls.roots, $0, nil, nil) }
        }
    }

    /// What a server may send of a stream that nobody reads: enough for 25 MB/s at 10 ms, and for
    /// 64 slow readers 16 MiB. A message that is asked for is let in whole, however long.
    private static let lookaheadBytes: Int32 = 256 << 10

    private static func makeArguments(target: String, options: ChannelOptions) -> CoreArguments {
        var arguments = CoreArguments()
        arguments.set(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, options.receiveBytesMax)
        arguments.set(GRPC_ARG_MAX_SEND_MESSAGE_LENGTH, options.sendBytesMax)
        arguments.set(
            GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, options.reconnectInitialMilliseconds)
        arguments.set(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, options.reconnectMaxMilliseconds)
        // C-core's name misleads: this is how long one attempt may take.
        arguments.set(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, options.connectTimeoutMilliseconds)
        arguments.set(
            GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, options.resolveIntervalMilliseconds)
        // Its probe of the bandwidth opens windows to megabytes a stream, whether anybody reads or
        // not: 32 slow readers of one server held 1.1 GB.
        arguments.set(GRPC_ARG_HTTP2_BDP_PROBE, 0)
        arguments.set(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, Self.lookaheadBytes)
        arguments.set(GRPC_ARG_SERVICE_CONFIG, options.serviceConfig)
        arguments.set(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1)
        // A watched channel stays connected however long no call is made.
        arguments.set(GRPC_ARG_CLIENT_IDLE_TIMEOUT_MS, Int32.max)
        arguments.set(GRPC_SSL_TARGET_NAME_OVERRIDE_ARG, options.authority)
        arguments.set(GRPC_ARG_DEFAULT_AUTHORITY, options.authority)
        arguments.set(GRPC_ARG_PRIMARY_USER_AGENT_STRING, options.userAgent)
        if options.ownsConnections { arguments.set(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1) }
        if isOnThisMachine(target) { arguments.set(GRPC_ARG_ENABLE_HTTP_PROXY, 0) }
        if let keepalive = options.keepalive {
            arguments.set(GRPC_ARG_KEEPALIVE_TIME_MS, keepalive.timeMilliseconds)
            arguments.set(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, keepalive.timeoutMilliseconds)
            arguments.set(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1)
        }
        return arguments
    }

    /// A proxy of the environment is for the world outside, never for loopback.
    private static func isOnThisMachine(_ target: String) -> Bool {
        let host = target.split(separator: "/").last ?? ""
        return target.hasPrefix("unix") || host.hasPrefix("127.") || host.hasPrefix("localhost")
            || host.hasPrefix("[::1]") || target.hasPrefix("ipv4:127.")
            || target.hasPrefix("ipv6:[::1]")
    }
}

extension TLSIdentity {
    /// C-core copies what it needs before this returns.
    func withCorePair<Result>(
        _ body: (UnsafeMutablePointer<grpc_ssl_pem_key_cert_pair>) -> Result
    ) -> Result {
        privateKey.withCString { key in
            certificateChain.withCString { chain in
                var pair = grpc_ssl_pem_key_cert_pair(private_key: key, cert_chain: chain)
                return body(&pair)
            }
        }
    }
}

/// The repeated question "has the state changed from this one?".
private final class ConnectivityWatch: Completion {
    private unowned let channel: Channel
    private let periodNanoseconds: UInt64
    private let onChange: (ChannelState) -> Void
    private var last = ChannelState.idle
    private var isStopped = false

    init(
        channel: Channel, periodNanoseconds: UInt64, onChange: @escaping (ChannelState) -> Void
    ) {
        self.channel = channel
        self.periodNanoseconds = periodNanoseconds
        self.onChange = onChange
    }

    func begin() {
        last = channel.state(connecting: true)
        again()
        onChange(last)
    }

    func stop() {
        isStopped = true
    }

    private func again() {
        channel.startWatch(
            last: last, untilNanoseconds: CompletionQueue.now() + periodNanoseconds, tag: self)
    }

    override func complete(success: Bool) {
        guard !isStopped else { return }
        let state = channel.state(connecting: true)
        let changed = state != last
        last = state
        again()
        if changed { onChange(state) }
    }
}
