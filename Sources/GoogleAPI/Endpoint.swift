// Where a Google API is called, derived from its service's `google.api.default_host` as Google's
// generated clients do it (google-api-core, `_get_api_endpoint`): the universe's domain, and the
// mTLS host where a client certificate is used. Looks at no environment: its words come in.

package struct EndpointRequest: Equatable, Sendable {
    /// The service's google.api.default_host, with or without a port.
    package var defaultHost: String
    /// The target's `universe_domain`; "" is the default one.
    package var universeDomain = ""
    package var hasClientCertificate = false
    /// `GOOGLE_API_USE_MTLS_ENDPOINT`; nil: not set.
    package var useMTLSEndpoint: String?
    /// `GOOGLE_CLOUD_UNIVERSE_DOMAIN`; nil: not set.
    package var environmentUniverse: String?

    package init(defaultHost: String) {
        self.defaultHost = defaultHost
    }
}

package enum EndpointError: Error, Equatable, Sendable {
    /// `GOOGLE_API_USE_MTLS_ENDPOINT` is none of its three words.
    case unknownWord(String)
    /// mTLS is there in the default universe only.
    case noMTLSInUniverse(String)
}

package enum Endpoint {
    package static let defaultUniverse = "googleapis.com"

    /// "host:port".
    package static func address(_ request: EndpointRequest) throws(EndpointError) -> String {
        let universe = universe(request.universeDomain, environment: request.environmentUniverse)
        let word = request.useMTLSEndpoint?.lowercased() ?? "auto"
        let isMutual: Bool
        switch word {
        case "always": isMutual = true
        case "never": isMutual = false
        case "auto", "": isMutual = request.hasClientCertificate
        default: throw .unknownWord(word)
        }
        if isMutual, universe != defaultUniverse { throw .noMTLSInUniverse(universe) }
        let host = isMutual ? mutual(request.defaultHost) : request.defaultHost
        return withPort(moved(host, to: universe))
    }

    /// The universe that the target is in: its setting, else the environment's, else the default.
    package static func universe(_ setting: String, environment: String?) -> String {
        for candidate in [setting, environment ?? ""] where !candidate.isEmpty { return candidate }
        return defaultUniverse
    }

    private static func moved(_ host: String, to universe: String) -> String {
        let (name, port) = split(host)
        let suffix = ".\(defaultUniverse)"
        guard name.hasSuffix(suffix) else { return host }
        return "\(name.dropLast(suffix.count)).\(universe)\(port)"
    }

    /// `X.googleapis.com` → `X.mtls.googleapis.com`, `X.sandbox.googleapis.com` likewise; others
    /// stay as they are.
    package static func mutual(_ host: String) -> String {
        let (name, port) = split(host)
        for suffix in [".sandbox.\(defaultUniverse)", ".\(defaultUniverse)"]
        where name.hasSuffix(suffix) {
            let first = name.dropLast(suffix.count)
            guard !first.isEmpty, !first.hasSuffix(".mtls"), first != "mtls" else { return host }
            return "\(first).mtls\(suffix)\(port)"
        }
        return host
    }

    private static func withPort(_ host: String) -> String {
        split(host).port.isEmpty ? "\(host):443" : host
    }

    private static func split(_ host: String) -> (name: String, port: String) {
        guard let colon = host.lastIndex(of: ":") else { return (host, "") }
        return (String(host[..<colon]), String(host[colon...]))
    }

    /// Services that stand beside an API's own on the same host; their own default_host is not
    /// where they are called (google/longrunning/operations.proto and its like).
    package static let mixins: Set<String> = [
        "google.longrunning.Operations", "google.cloud.location.Locations",
        "google.iam.v1.IAMPolicy",
    ]
}
