// One gRPC client per target, built here, in this process, after the fork; kept connected, and its
// state watched. A target whose calls need a token is ready only while there is one. Certificates
// and their keys are read here too: a private key passes no other process.

import Credentials
import GRPCClient
import Kernel
import Settings
import TargetChannel
import WireFormat

/// The clients of one worker, in the order of the settings' targets.
final class TargetClients {
    private struct Client {
        let channel: Channel?
        let metadata: [MetadataField]
        /// The channel's own.
        var state: TargetState
        /// Nil: its calls carry no token of prong's.
        var token: CallToken?

        /// What calls find.
        var told: TargetState {
            guard let token, token.standing.token == nil, channel != nil else { return state }
            var state = state
            let isFetching = token.standing == TokenStanding.none
            if state.connectivity == .ready {
                state.connectivity = isFetching ? .connecting : .transientFailure
            }
            state.reason = "there is no token for its calls: \(token.standing.reason)"
            return state
        }
    }

    private var clients: [Client] = []
    private let board: TokenBoard
    private var onChange: ((TargetState) -> Void)?

    /// Builds all clients; one that cannot be built stays as a target that is never ready, with the
    /// reason, so that the others serve.
    init(settings: Settings, queue: CompletionQueue, userAgent: String, board: TokenBoard) {
        self.board = board
        for (index, target) in settings.targets.enumerated() {
            let builtAt = Int64(Clock.wallMilliseconds())
            var state = TargetState(
                target: UInt32(index), connectivity: .idle, builtAtMilliseconds: builtAt)
            var channel: Channel?
            do throws(ClientFailure) {
                channel = try Self.build(target, settings, queue, userAgent)
            } catch {
                state.connectivity = .shutdown
                state.reason = error.reason
            }
            let token = target.credentials.hasToken ? CallToken(standing: .none) : nil
            clients.append(
                Client(
                    channel: channel, metadata: target.metadataFields, state: state,
                    token: token))
        }
    }

    var states: [TargetState] { clients.map(\.told) }

    /// Connects all, and tells each change of a state.
    func watch(_ onChange: @escaping (TargetState) -> Void) {
        self.onChange = onChange
        for index in clients.indices {
            guard let channel = clients[index].channel else {
                onChange(clients[index].told)
                continue
            }
            channel.watchState { [self] state in
                clients[index].state.connectivity =
                    WireFormat.Connectivity(rawValue: state.rawValue) ?? .shutdown
                onChange(clients[index].told)
            }
        }
    }

    /// Takes over the tokens that have come, and tells each change of a state.
    func noteTokens() {
        for (index, token) in board.take() where clients.indices.contains(index) {
            let before = clients[index].told
            clients[index].token = token
            if clients[index].told != before { onChange?(clients[index].told) }
        }
    }

    /// The channel, only while it is connected and its calls have their token: a call on any other
    /// might wait and be sent at a moment that nobody knows.
    func readyChannel(_ target: UInt32) -> Channel? {
        guard clients.indices.contains(Int(target)) else { return nil }
        let client = clients[Int(target)]
        guard let channel = client.channel, channel.state() == .ready,
            client.token.map({ $0.standing.token != nil }) ?? true
        else { return nil }
        return channel
    }

    /// The order's own entries, and behind them what its target and the token add.
    func metadata(for order: CallOrder) -> [MetadataField] {
        var fields = order.metadata.map { MetadataField(name: $0.name, value: $0.value) }
        if order.isGoogle, !fields.contains(where: { $0.name == ClientName.header }) {
            fields.append(ClientName.field)
        }
        let client = clients[Int(order.target)]
        fields.join(target: client.metadata, token: client.token?.fields)
        return fields
    }

    private static func build(
        _ target: Settings.Target, _ settings: Settings, _ queue: CompletionQueue,
        _ userAgent: String
    ) throws(ClientFailure) -> Channel {
        var options: ChannelOptions
        do throws(FileFault) {
            options = try ChannelOptions(of: target, userAgent: userAgent)
        } catch {
            throw ClientFailure(reason: "\(error)")
        }
        options.receiveBytesMax = Int32(clamping: settings.listen.maxResponseBytes)
        options.serviceConfig = target.channelServiceConfig
        do throws(ChannelError) {
            return try Channel(target: target.address, options: options, queue: queue)
        } catch {
            throw ClientFailure(
                reason: "gRPC takes neither this address nor these options; the log has its words")
        }
    }
}

/// Why a target has no client.
struct ClientFailure: Error {
    let reason: String
}
