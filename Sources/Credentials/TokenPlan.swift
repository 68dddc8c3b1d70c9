// How the token of a target is come by: what the credential file is, what the target asks for, and
// Google's rules for both. A value; who carries it out needs files, a network and a signature.
//
//     service account             signs a token itself, nobody is asked     (AIP-4111)
//     … with scopes asked for     a grant at its token endpoint             (RFC 7523)
//     … in another universe       signs a token itself, with those scopes   (AIP-4111)
//     authorized user             a refresh at its token endpoint           (RFC 6749, 6)
//     external account            an exchange at the token service          (RFC 8693)
//     no file                     the metadata server
//     impersonation               with the token of one of these, another's (generateAccessToken)

import GoogleAPI

/// What a target wants of its token.
package struct TokenWish: Equatable, Sendable {
    /// Asked for by the settings.
    package var scopes: [String]
    /// Those of the API, where the settings ask for none.
    package var defaultScopes: [String]
    /// The API's host, which a self-signed token is for.
    package var host: String
    package var universeDomain: String
    /// The service account to act as; "": none.
    package var impersonate: String

    /// - Parameter environmentUniverse: `GOOGLE_CLOUD_UNIVERSE_DOMAIN`; nil: not set.
    package init(
        scopes: [String] = [], defaultScopes: [String] = [], host: String,
        universeDomain: String = "", environmentUniverse: String? = nil, impersonate: String = ""
    ) {
        self.scopes = scopes
        self.defaultScopes = defaultScopes.isEmpty ? [Self.cloudPlatform] : defaultScopes
        self.host = host
        self.universeDomain = Endpoint.universe(universeDomain, environment: environmentUniverse)
        self.impersonate = impersonate
    }

    /// What an API whose scopes are not known takes.
    static let cloudPlatform = "https://www.googleapis.com/auth/cloud-platform"
    /// What is needed to act as another.
    static let impersonation = ["https://www.googleapis.com/auth/iam"]

    package var effectiveScopes: [String] { scopes.isEmpty ? defaultScopes : scopes }

    /// The wish for the token that another's is asked for with.
    var ofSource: TokenWish {
        var wish = self
        wish.scopes = Self.impersonation
        wish.impersonate = ""
        return wish
    }
}

package struct Impersonation: Equatable, Sendable {
    package var url: EndpointURL
    package var delegates: [String]
    package var scopes: [String]
    package var lifetimeSeconds: Int
}

package indirect enum TokenPlan: Equatable, Sendable {
    case selfSigned(ServiceAccountKey, audience: String, scopes: [String])
    case grant(ServiceAccountKey, scopes: [String])
    case refresh(AuthorizedUser, scopes: [String])
    case exchange(ExternalAccount, scopes: [String])
    case metadataServer(EndpointURL)
    case impersonated(TokenPlan, Impersonation)

    /// - Throws: where the file is of another universe than the target.
    package init(_ file: KeyFile, _ wish: TokenWish) throws(KeyFault) {
        guard file.universeDomain == wish.universeDomain else {
            throw KeyFault(
                "it is of the universe \(file.universeDomain), and the target of"
                    + " \(wish.universeDomain)", "set universe_domain, or give another file")
        }
        guard wish.impersonate.isEmpty else {
            let source = try TokenPlan.plan(file, wish.ofSource, isSource: true)
            self = .impersonated(source, try TokenPlan.impersonation(wish))
            return
        }
        self = try TokenPlan.plan(file, wish, isSource: false)
    }

    /// Without a file: the metadata server at `host`.
    package init(metadataServer host: String, _ wish: TokenWish) throws(KeyFault) {
        let isDirect = wish.impersonate.isEmpty
        let scopes = isDirect ? wish.effectiveScopes : TokenWish.impersonation
        let list = scopes.map(PercentEncoding.form.encode).joined(separator: "%2C")
        let path = "/computeMetadata/v1/instance/service-accounts/default/token?scopes=\(list)"
        guard let url = EndpointURL("http://\(host)\(path)") else {
            throw KeyFault(
                "GCE_METADATA_HOST is no host", "set it to one, such as 169.254.169.254")
        }
        let source = TokenPlan.metadataServer(url)
        self = isDirect ? source : .impersonated(source, try TokenPlan.impersonation(wish))
    }

    private static func plan(
        _ file: KeyFile, _ wish: TokenWish, isSource: Bool
    ) throws(KeyFault) -> TokenPlan {
        switch file {
        case .serviceAccount(let key):
            // Outside of Google's own universe there is no endpoint for grants.
            let isGranted = wish.universeDomain == Endpoint.defaultUniverse
            guard isGranted, !wish.scopes.isEmpty else {
                return .selfSigned(key, audience: "https://\(wish.host)/", scopes: wish.scopes)
            }
            return .grant(key, scopes: wish.scopes)
        case .authorizedUser(let user):
            return .refresh(user, scopes: isSource ? [] : wish.scopes)
        case .impersonated(let account):
            let source = try plan(account.source, wish.ofSource, isSource: true)
            let impersonation = Impersonation(
                url: account.url, delegates: account.delegates, scopes: wish.effectiveScopes,
                lifetimeSeconds: ExternalAccount.lifetimeSecondsDefault)
            return .impersonated(source, impersonation)
        case .external(let account):
            guard let url = account.impersonationURL else {
                return .exchange(account, scopes: wish.effectiveScopes)
            }
            let impersonation = Impersonation(
                url: url, delegates: [], scopes: wish.effectiveScopes,
                lifetimeSeconds: account.impersonationSeconds)
            return .impersonated(
                .exchange(account, scopes: TokenWish.impersonation), impersonation)
        }
    }

    private static func impersonation(_ wish: TokenWish) throws(KeyFault) -> Impersonation {
        let text =
            "https://iamcredentials.\(wish.universeDomain)/v1/projects/-/serviceAccounts/"
            + "\(PercentEncoding.segment.encode(wish.impersonate)):generateAccessToken"
        guard let url = EndpointURL(text) else {
            throw KeyFault("the universe_domain makes no URL", "give a domain name")
        }
        return Impersonation(
            url: url, delegates: [], scopes: wish.effectiveScopes,
            lifetimeSeconds: ExternalAccount.lifetimeSecondsDefault)
    }

    /// Whether somebody must be asked; else the token is made here, at once.
    package var needsNetwork: Bool {
        if case .selfSigned = self { false } else { true }
    }
}
