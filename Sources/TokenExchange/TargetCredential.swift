// From the settings of a target to where its token comes from. The loader asks so at `--check`, the
// worker before each token: both come to the same answer from the same environment.

package import Credentials
package import Settings

package struct TargetCredential: Equatable, Sendable {
    package enum Source: Equatable, Sendable {
        /// The token itself.
        case tokenFile(String)
        /// A credential file; of this `type`, or of any.
        case keyFile(String, type: String?)
        /// Application default credentials, in this order.
        case defaults([DefaultCredentials.Place])
    }

    package let source: Source
    package let wish: TokenWish
    /// What the settings or the environment say; "": the file's own.
    private let quotaProject: String
    private let amazon: AmazonEnvironment

    /// What a credential file comes to.
    package struct Resolved: Equatable, Sendable {
        package var plan: TokenPlan
        /// For `x-goog-user-project`; "": none.
        package var quotaProject: String
    }

    /// Nil for a target without tokens.
    ///
    /// - Parameter environment: a variable's value.
    /// - Throws: where the environment lacks what the settings need.
    package init?(
        _ target: Settings.Target, environment: (String) -> String?
    ) throws(TokenFailure) {
        switch target.credentials {
        case .insecure, .tls: return nil
        case .google: source = .defaults(DefaultCredentials.places(environment))
        case .serviceAccount(let path): source = .keyFile(path, type: "service_account")
        case .external(let path): source = .keyFile(path, type: "external_account")
        case .tokenFile(let path): source = .tokenFile(path)
        case .credential(let name):
            guard let folder = environment("CREDENTIALS_DIRECTORY"), !folder.isEmpty else {
                throw TokenFailure(
                    "$CREDENTIALS_DIRECTORY is not set, so there is no credential of systemd's;"
                        + " run prongd as a service with LoadCredential=\(name):FILE, or name the"
                        + " file itself")
            }
            source = .keyFile("\(folder)/\(name)", type: nil)
        }
        wish = TokenWish(
            scopes: target.scopes, defaultScopes: target.defaultScopes, host: target.apiHost,
            universeDomain: target.universeDomain,
            environmentUniverse: environment("GOOGLE_CLOUD_UNIVERSE_DOMAIN"),
            impersonate: target.impersonate)
        amazon = AmazonEnvironment(environment)
        quotaProject =
            target.quotaProject.isEmpty
            ? environment("GOOGLE_CLOUD_QUOTA_PROJECT") ?? "" : target.quotaProject
    }

    /// The plan for a credential file's content.
    package func resolve(
        _ bytes: [UInt8], type: String? = nil
    ) throws(KeyFault) -> Resolved {
        var file = try KeyFile(parsing: bytes)
        if let type, type != file.type {
            throw KeyFault(
                "its type is \(file.type), not \(type)",
                "write credentials = \"google\" and name it in GOOGLE_APPLICATION_CREDENTIALS,"
                    + " or give a file of the type \(type)")
        }
        try file.take(amazon)
        return Resolved(
            plan: try TokenPlan(file, wish),
            quotaProject: quotaProject.isEmpty ? file.quotaProject : quotaProject)
    }

    package func resolve(metadataServer host: String) throws(KeyFault) -> Resolved {
        Resolved(
            plan: try TokenPlan(metadataServer: host, wish), quotaProject: quotaProject)
    }

    /// Of a token that is not prong's to make.
    package var ownQuotaProject: String { quotaProject }
}

extension Settings.Target {
    /// The host of the API, which a self-signed token is for: as the API declares it, else the name
    /// that is expected of the server, else the address's.
    var apiHost: String {
        if !defaultHost.isEmpty { return Self.host(of: defaultHost) }
        if !authority.isEmpty { return Self.host(of: authority) }
        // "dns:///host:port" and "dns://server/host:port" name the host last.
        let last = address.split(separator: "/").last.map(String.init) ?? address
        return Self.host(of: last)
    }

    private static func host(of text: String) -> String {
        TCPAddress(text)?.host ?? text
    }
}
