// One gRPC client per target, built here, in this process, after the fork; kept connected, and its
// state watched. Credentials' files are read here too: a private key passes no other process.

import GRPCClient
import Kernel
import Settings
import WireFormat

/// The clients of one worker, in the order of the settings' targets.
final class TargetClients {
    private struct Client {
        let channel: Channel?
        let metadata: [MetadataField]
        var state: TargetState
    }

    private var clients: [Client] = []

    /// A PEM file larger than this is none.
    private static let pemBytesMax = 1 << 20

    /// Builds all clients; one that cannot be built stays as a target that is never ready, with the
    /// reason, so that the others serve.
    init(settings: Settings, queue: CompletionQueue, userAgent: String) {
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
            clients.append(
                Client(channel: channel, metadata: Self.metadata(of: target), state: state))
        }
    }

    var states: [TargetState] { clients.map(\.state) }

    /// Connects all, and tells each change of a state.
    func watch(_ onChange: @escaping (TargetState) -> Void) {
        for index in clients.indices {
            guard let channel = clients[index].channel else {
                onChange(clients[index].state)
                continue
            }
            channel.watchState { [self] state in
                clients[index].state.connectivity =
                    WireFormat.Connectivity(rawValue: state.rawValue) ?? .shutdown
                onChange(clients[index].state)
            }
        }
    }

    /// The channel, only while it is connected: a call on any other might wait and be sent at a
    /// moment that nobody knows.
    func readyChannel(_ target: UInt32) -> Channel? {
        guard clients.indices.contains(Int(target)) else { return nil }
        guard let channel = clients[Int(target)].channel, channel.state() == .ready else {
            return nil
        }
        return channel
    }

    /// The target's own entries, behind the call's; the call's win.
    func metadata(for order: CallOrder) -> [MetadataField] {
        var fields = order.metadata.map { MetadataField(name: $0.name, value: $0.value) }
        let own = clients[Int(order.target)].metadata
        if order.isGoogle, !fields.contains(where: { $0.name == ClientName.header }) {
            fields.append(ClientName.field)
        }
        guard !own.isEmpty else { return fields }
        let given = Set(fields.map(\.name))
        fields += own.filter { !given.contains($0.name) }
        return fields
    }

    private static func metadata(of target: Settings.Target) -> [MetadataField] {
        target.metadata.map { MetadataField($0.name, $0.value) }
    }

    private static func build(
        _ target: Settings.Target, _ settings: Settings, _ queue: CompletionQueue,
        _ userAgent: String
    ) throws(ClientFailure) -> Channel {
        var options = ChannelOptions()
        options.credentials = try credentials(of: target)
        options.authority = target.authority
        options.receiveBytesMax = Int32(clamping: settings.listen.maxResponseBytes)
        options.serviceConfig = target.channelServiceConfig
        options.userAgent = userAgent
        do throws(ChannelError) {
            return try Channel(target: target.address, options: options, queue: queue)
        } catch {
            throw ClientFailure(
                reason: "gRPC takes neither this address nor these options; the log has its words")
        }
    }

    private static func credentials(
        of target: Settings.Target
    ) throws(ClientFailure) -> ChannelCredentials {
        switch target.credentials {
        case .insecure:
            return .insecure
        case .tls:
            var tls = ClientTLS()
            if !target.caPath.isEmpty { tls.roots = try pem(target.caPath) }
            if !target.certificatePath.isEmpty {
                tls.identity = TLSIdentity(
                    certificateChain: try pem(target.certificatePath),
                    privateKey: try pem(target.keyPath))
            }
            return .tls(tls)
        }
    }

    private static func pem(_ path: String) throws(ClientFailure) -> String {
        do throws(SystemError) {
            let bytes = try WholeFile.read(path, limit: pemBytesMax)
            return String(decoding: bytes, as: UTF8.self)
        } catch {
            throw ClientFailure(reason: "\(error)")
        }
    }
}

/// Why a target has no client.
struct ClientFailure: Error {
    let reason: String
}
