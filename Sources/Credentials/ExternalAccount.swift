// Workload identity federation: a token of somebody else's, from a file or a URL, is exchanged for
// one of Google's (RFC 8693); on AWS the token is a signed request instead. The kinds that run a
// program or show a certificate are refused by name.

package struct ExternalAccount: Equatable, Sendable {
    package enum Source: Equatable, Sendable {
        case file(String)
        case url(EndpointURL, headers: [HTTPField])
        case amazon(AmazonSource)
    }

    package enum Format: Equatable, Sendable {
        /// The whole content is the token.
        case text
        /// A JSON object; the token is in this field.
        case json(field: String)
    }

    package var audience: String
    package var subjectTokenType: String
    package var tokenURL: EndpointURL
    package var source: Source
    package var format: Format
    /// The account to act as, after the exchange.
    package var impersonationURL: EndpointURL?
    package var impersonationSeconds: Int
    package var clientId: String
    package var clientSecret: Secret
    package var workforceUserProject: String
    package var quotaProject: String
    package var universeDomain: String

    /// Between ten minutes and twelve hours, says Google (generateAccessToken's `lifetime`).
    static let lifetimeSeconds = 600...43_200
    static let lifetimeSecondsDefault = 3_600

    init(_ fields: KeyFields) throws(KeyFault) {
        audience = try fields.text("audience")
        subjectTokenType = try fields.text("subject_token_type")
        universeDomain = try fields.universe()
        tokenURL = try fields.url("token_url", else: "https://sts.\(universeDomain)/v1/token")
        impersonationURL = try fields.optionalURL("service_account_impersonation_url")
        impersonationSeconds = try Self.lifetime(fields)
        clientId = try fields.text("client_id", else: "")
        clientSecret = Secret(try fields.text("client_secret", else: ""))
        workforceUserProject = try fields.text("workforce_pool_user_project", else: "")
        quotaProject = try fields.text("quota_project_id", else: "")
        let credential = try fields.object("credential_source")
        if subjectTokenType == AmazonSource.subjectTokenType {
            source = .amazon(try AmazonSource(credential))
            format = .text
        } else {
            source = try Self.source(credential)
            format = try Self.format(credential)
        }
    }

    private static func lifetime(_ fields: KeyFields) throws(KeyFault) -> Int {
        guard fields.has("service_account_impersonation") else { return lifetimeSecondsDefault }
        let options = try fields.object("service_account_impersonation")
        guard let seconds = options.number("token_lifetime_seconds") else {
            return lifetimeSecondsDefault
        }
        guard let whole = Int(exactly: seconds), lifetimeSeconds ~= whole else {
            throw KeyFault(
                "its service_account_impersonation.token_lifetime_seconds is out of range",
                "give \(lifetimeSeconds.lowerBound) to \(lifetimeSeconds.upperBound)")
        }
        return whole
    }

    private static func source(_ fields: KeyFields) throws(KeyFault) -> Source {
        guard !fields.has("environment_id") else {
            throw KeyFault(
                "its credential_source is of the kind AWS, and its subject_token_type is not"
                    + " \(AmazonSource.subjectTokenType)", KeyFields.anew)
        }
        let others = [
            ("executable", "prong runs no program for a token"),
            ("certificate", "prong shows token services no certificate"),
        ]
        if let (kind, reason) = others.first(where: { fields.has($0.0) }) {
            throw KeyFault(
                "its credential_source is of the kind \(kind), and \(reason)",
                "use one with a file or a url, or a token-file that another program renews")
        }
        if fields.has("file") { return .file(try fields.text("file", printable: false)) }
        guard let url = try fields.optionalURL("url", linkLocal: true) else {
            throw KeyFault(
                "its credential_source has neither file nor url", "have the file written anew")
        }
        guard fields.has("headers") else { return .url(url, headers: []) }
        var headers: [HTTPField] = []
        for (name, value) in try fields.object("headers").members() {
            guard HTTPField.isName(name) else {
                throw KeyFault(
                    "its credential_source.headers hold a name that is none of HTTP's",
                    "have the file written anew")
            }
            headers.append(HTTPField(name, value))
        }
        return .url(url, headers: headers)
    }

    private static func format(_ fields: KeyFields) throws(KeyFault) -> Format {
        guard fields.has("format") else { return .text }
        let format = try fields.object("format")
        switch try format.text("type", else: "text") {
        case "text": return .text
        case "json": return .json(field: try format.text("subject_token_field_name"))
        case _:
            throw KeyFault(
                "its credential_source.format.type is neither text nor json",
                "have the file written anew")
        }
    }

    /// The token in what the source gave.
    package func subjectToken(in bytes: [UInt8]) throws(TokenFailure) -> Secret {
        let text: String?
        switch format {
        case .text: text = String(validating: bytes, as: UTF8.self)
        case .json(let field): text = (try? JSONTree(parsing: bytes))?[field]?.text
        }
        guard let trimmed = text.map(trimmedLine), !trimmed.isEmpty else {
            throw TokenFailure("the credential_source of the external account gave no token")
        }
        return Secret(trimmed)
    }
}

/// Without white space and line ends around it.
func trimmedLine(_ text: String) -> String {
    let isSpace: (Unicode.Scalar) -> Bool = { $0.value <= 0x20 }
    let scalars = text.unicodeScalars.drop(while: isSpace)
    guard let last = scalars.lastIndex(where: { !isSpace($0) }) else { return "" }
    return String(String.UnicodeScalarView(scalars[...last]))
}
