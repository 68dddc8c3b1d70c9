// From the settings of a target to what its gRPC channel is told: the loader asks a server so, the
// workers call it so. Reads certificates and their keys in the process that uses them, and never
// shows what is in them. Tokens are not a channel's matter.

package import GRPCClient
package import Kernel
package import Settings

enum PEMFile {
    static func text(_ path: String) throws(FileFault) -> String {
        String(decoding: try WholeFile.read(path, bytesMax: WholeFile.pemBytesMax), as: UTF8.self)
    }
}

extension ChannelOptions {
    /// - Throws: where a certificate or a key cannot be read.
    package init(of target: Settings.Target, userAgent: String) throws(FileFault) {
        self.init()
        credentials = try ChannelCredentials(of: target)
        authority = target.authority
        self.userAgent = userAgent
    }
}

extension ChannelCredentials {
    init(of target: Settings.Target) throws(FileFault) {
        switch target.credentials {
        case .insecure:
            self = .insecure
        case .tls, .google, .serviceAccount, .tokenFile, .external, .credential:
            var tls = ClientTLS()
            if !target.caPath.isEmpty { tls.roots = try PEMFile.text(target.caPath) }
            if !target.certificatePath.isEmpty {
                tls.identity = TLSIdentity(
                    certificateChain: try PEMFile.text(target.certificatePath),
                    privateKey: try PEMFile.text(target.keyPath))
            }
            self = .tls(tls)
        }
    }
}
