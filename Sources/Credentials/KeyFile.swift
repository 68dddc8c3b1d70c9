// The credential files that Google's tools write, checked: what is in them, or what is wrong. Their
// `type` says which kind they are. Messages name fields, never values.

import GoogleAPI

/// A credential file's content.
package enum KeyFile: Equatable, Sendable {
    case serviceAccount(ServiceAccountKey)
    case authorizedUser(AuthorizedUser)
    case impersonated(ImpersonatedAccount)
    case external(ExternalAccount)

    /// No key file is longer.
    package static let bytesMax = 64 << 10

    package init(parsing bytes: [UInt8]) throws(KeyFault) {
        let tree: JSONTree
        do throws(JSONFault) {
            tree = try JSONTree(parsing: bytes)
        } catch {
            throw KeyFault(
                "this is not JSON (line \(error.line), column \(error.column))",
                "give the file that Google's console or gcloud wrote, unchanged")
        }
        guard case .object = tree else {
            throw KeyFault("this is JSON, but no object", "give a credential file")
        }
        self = try KeyFile(KeyFields(tree), depth: 0)
    }

    init(_ fields: KeyFields, depth: Int) throws(KeyFault) {
        let type = try fields.text("type")
        switch type {
        case "service_account": self = .serviceAccount(try ServiceAccountKey(fields))
        case "authorized_user": self = .authorizedUser(try AuthorizedUser(fields))
        case "external_account": self = .external(try ExternalAccount(fields))
        case "impersonated_service_account" where depth == 0:
            self = .impersonated(try ImpersonatedAccount(fields))
        case "gdch_service_account", "external_account_authorized_user":
            throw KeyFault("its type, \(type), is one that prong does not know", Self.wanted)
        case _: throw KeyFault("its type is none of a Google credential file", Self.wanted)
        }
    }

    private static let wanted =
        "give a service_account, authorized_user, external_account or impersonated_service_account"

    /// The file's `type`.
    package var type: String {
        switch self {
        case .serviceAccount: "service_account"
        case .authorizedUser: "authorized_user"
        case .impersonated: "impersonated_service_account"
        case .external: "external_account"
        }
    }

    /// `quota_project_id`, "" where there is none.
    package var quotaProject: String {
        switch self {
        case .serviceAccount(let key): key.quotaProject
        case .authorizedUser(let user): user.quotaProject
        case .impersonated(let account): account.quotaProject
        case .external(let account): account.quotaProject
        }
    }

    /// `universe_domain`, or Google's own.
    package var universeDomain: String {
        switch self {
        case .serviceAccount(let key): key.universeDomain
        case .authorizedUser(let user): user.universeDomain
        case .impersonated(let account): account.universeDomain
        case .external(let account): account.universeDomain
        }
    }

    /// Takes what the environment says for an external account on AWS.
    ///
    /// - Throws: where neither of them says what is needed.
    package mutating func take(_ environment: AmazonEnvironment) throws(KeyFault) {
        guard case .external(var account) = self, case .amazon(var source) = account.source else {
            return
        }
        if let fault = source.fault(environment) { throw fault }
        source.environment = environment
        account.source = .amazon(source)
        self = .external(account)
    }

    /// The private key inside, if there is one, for whoever can tell whether it is one.
    package var privateKey: Secret? {
        switch self {
        case .serviceAccount(let key): key.privateKey
        case .impersonated(let account): account.source.privateKey
        case .authorizedUser, .external: nil
        }
    }
}

/// What is wrong with a credential file; holds no value of it.
package struct KeyFault: Error, Equatable, Sendable {
    package let what: String
    package let wanted: String

    package init(_ what: String, _ wanted: String) {
        self.what = what
        self.wanted = wanted
    }
}

package struct ServiceAccountKey: Equatable, Sendable {
    package var email: String
    /// PEM.
    package var privateKey: Secret
    package var keyId: String
    package var tokenURL: EndpointURL
    package var quotaProject: String
    package var universeDomain: String

    init(_ fields: KeyFields) throws(KeyFault) {
        email = try fields.text("client_email")
        privateKey = Secret(try fields.text("private_key", printable: false))
        keyId = try fields.text("private_key_id", else: "")
        tokenURL = try fields.url("token_uri", else: "https://oauth2.googleapis.com/token")
        quotaProject = try fields.text("quota_project_id", else: "")
        universeDomain = try fields.universe()
    }
}

/// What `gcloud auth application-default login` writes.
package struct AuthorizedUser: Equatable, Sendable {
    package var clientId: String
    package var clientSecret: Secret
    package var refreshToken: Secret
    package var tokenURL: EndpointURL
    package var quotaProject: String
    package var universeDomain: String

    init(_ fields: KeyFields) throws(KeyFault) {
        clientId = try fields.text("client_id")
        clientSecret = Secret(try fields.text("client_secret"))
        refreshToken = Secret(try fields.text("refresh_token"))
        tokenURL = try fields.url("token_uri", else: "https://oauth2.googleapis.com/token")
        quotaProject = try fields.text("quota_project_id", else: "")
        universeDomain = try fields.universe()
    }
}

/// One account that acts as another.
package struct ImpersonatedAccount: Equatable, Sendable {
    /// "…/serviceAccounts/EMAIL:generateAccessToken".
    package var url: EndpointURL
    package var delegates: [String]
    package var quotaProject: String
    package var universeDomain: String
    /// One level: the source is a service account or a user.
    private var sources: [KeyFile]

    package var source: KeyFile { sources[0] }

    init(_ fields: KeyFields) throws(KeyFault) {
        guard let url = try fields.optionalURL("service_account_impersonation_url") else {
            throw KeyFault("it has no service_account_impersonation_url", KeyFields.anew)
        }
        self.url = url
        delegates = try fields.texts("delegates")
        quotaProject = try fields.text("quota_project_id", else: "")
        universeDomain = try fields.universe()
        let source = try KeyFile(try fields.object("source_credentials"), depth: 1)
        if case .external = source {
            throw KeyFault(
                "its source_credentials are an external_account",
                "give that file itself, with its service_account_impersonation_url")
        }
        sources = [source]
    }
}

/// The fields of a JSON object, each checked as it is asked for.
struct KeyFields {
    private let tree: JSONTree
    /// "source_credentials." inside of it.
    private let prefix: String

    static let anew = "have the file written anew"

    init(_ tree: JSONTree, prefix: String = "") {
        self.tree = tree
        self.prefix = prefix
    }

    private func present(_ name: String) -> JSONTree? {
        guard let value = tree[name], value != .null else { return nil }
        return value
    }

    func has(_ name: String) -> Bool { present(name) != nil }

    func text(_ name: String, printable: Bool = true) throws(KeyFault) -> String {
        guard present(name) != nil else {
            throw KeyFault("it has no \(prefix)\(name)", Self.anew)
        }
        let found = try text(name, else: "", printable: printable)
        guard !found.isEmpty else { throw KeyFault("its \(prefix)\(name) is empty", Self.anew) }
        return found
    }

    /// Printable ASCII: it becomes part of headers, URLs and messages.
    func text(
        _ name: String, else fallback: String, printable: Bool = true
    ) throws(KeyFault) -> String {
        guard let value = present(name) else { return fallback }
        guard let text = value.text else {
            throw KeyFault("its \(prefix)\(name) is no text", Self.anew)
        }
        guard !printable || text.utf8.allSatisfy({ 0x20...0x7E ~= $0 }) else {
            throw KeyFault("its \(prefix)\(name) holds what is not printable ASCII", Self.anew)
        }
        return text
    }

    func texts(_ name: String) throws(KeyFault) -> [String] {
        guard let value = present(name) else { return [] }
        guard case .array(let elements) = value else {
            throw KeyFault("its \(prefix)\(name) is no list", Self.anew)
        }
        let texts = elements.compactMap(\.text)
        guard texts.count == elements.count else {
            throw KeyFault("its \(prefix)\(name) holds what is no text", Self.anew)
        }
        return texts
    }

    func object(_ name: String) throws(KeyFault) -> KeyFields {
        guard let value = present(name) else {
            throw KeyFault("it has no \(prefix)\(name)", Self.anew)
        }
        guard case .object = value else {
            throw KeyFault("its \(prefix)\(name) is no object", Self.anew)
        }
        return KeyFields(value, prefix: "\(prefix)\(name).")
    }

    func universe() throws(KeyFault) -> String {
        let found = try text("universe_domain", else: "")
        return Endpoint.universe(found, environment: nil)
    }

    func number(_ name: String) -> Double? { present(name)?.number }

    /// All members, where all are texts.
    func members() throws(KeyFault) -> [(name: String, value: String)] {
        guard case .object(let members) = tree else { return [] }
        var found: [(name: String, value: String)] = []
        for name in members.keys.sorted() { found.append((name, try text(name))) }
        return found
    }

    func url(_ name: String, else fallback: String) throws(KeyFault) -> EndpointURL {
        if let url = try optionalURL(name) { return url }
        guard let url = EndpointURL(fallback) else {
            throw KeyFault("it has no \(prefix)\(name)", Self.anew)
        }
        return url
    }

    /// - Parameter linkLocal: whether a metadata server may be asked without TLS.
    func optionalURL(_ name: String, linkLocal: Bool = false) throws(KeyFault) -> EndpointURL? {
        guard has(name) else { return nil }
        guard let url = EndpointURL(try text(name)) else {
            throw KeyFault("its \(prefix)\(name) is no https:// URL", Self.anew)
        }
        guard url.isSecure || url.isLoopback || (linkLocal && url.isLinkLocal) else {
            throw KeyFault(
                "its \(prefix)\(name) is not https://, and secrets do not travel in the clear",
                "http:// is for addresses of this machine alone")
        }
        return url
    }
}
