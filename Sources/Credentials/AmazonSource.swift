// The credential_source of an external account on AWS: where region and keys are found, in the
// environment or at the machine's metadata server (IMDSv2), and in which order it is asked, as
// Google's clients do it. Looks at no environment and no network: both come in.

/// What is in AWS's variables; a variable that is empty counts as not set.
package struct AmazonEnvironment: Equatable, Sendable {
    package var region: String?
    package var keys: AmazonKeys?

    package init(_ environment: (String) -> String? = { _ in nil }) {
        func set(_ name: String) -> String? {
            environment(name).flatMap { $0.isEmpty ? nil : $0 }
        }
        region = set("AWS_REGION") ?? set("AWS_DEFAULT_REGION")
        guard let id = set("AWS_ACCESS_KEY_ID"), let secret = set("AWS_SECRET_ACCESS_KEY") else {
            return
        }
        keys = AmazonKeys(
            id: Secret(id), secret: Secret(secret),
            session: set("AWS_SESSION_TOKEN").map { Secret($0) })
    }
}

/// What a request to AWS is signed with.
package struct AmazonKeys: Equatable, Sendable {
    package var id: Secret
    package var secret: Secret
    /// Of keys that end.
    package var session: Secret?

    package init(id: Secret, secret: Secret, session: Secret?) {
        self.id = id
        self.secret = secret
        self.session = session
    }

    /// They become part of headers.
    var areWhole: Bool { [id, secret, session ?? id].allSatisfy { isToken($0.text) } }
}

package struct AmazonSource: Equatable, Sendable {
    /// Its answer is the zone that the machine is in.
    var regionURL: EndpointURL?
    /// Its answer is the role's name; at that name below it are the role's keys.
    var keysURL: EndpointURL?
    /// Where IMDSv2 gives the token that the others are asked with; nil: they take none.
    var sessionURL: EndpointURL?
    /// Of AWS's GetCallerIdentity, with "{region}" in it.
    package var verificationURL: String
    package var environment = AmazonEnvironment()

    static let subjectTokenType = "urn:ietf:params:aws:token-type:aws4_request"

    init(_ fields: KeyFields) throws(KeyFault) {
        guard try fields.text("environment_id") == "aws1" else {
            throw KeyFault(
                "its credential_source.environment_id is not aws1, the only one there is",
                KeyFields.anew)
        }
        regionURL = try fields.optionalURL("region_url", linkLocal: true)
        keysURL = try fields.optionalURL("url", linkLocal: true)
        sessionURL = try fields.optionalURL("imdsv2_session_token_url", linkLocal: true)
        verificationURL = try fields.text("regional_cred_verification_url")
        guard let url = EndpointURL(verificationText(in: "us-east-1")), url.isSecure else {
            throw KeyFault(
                "its credential_source.regional_cred_verification_url is no https:// URL",
                KeyFields.anew)
        }
    }

    func verificationText(in region: String) -> String {
        verificationURL.replacing("{region}", with: region)
    }

    /// What neither the file nor the environment says, or says wrongly; nil: it can work.
    func fault(_ environment: AmazonEnvironment) -> KeyFault? {
        if let region = environment.region {
            guard Self.isRegion(region) else {
                return KeyFault(
                    "AWS_REGION (or AWS_DEFAULT_REGION) in the environment is no region",
                    "set it to one, such as us-east-1")
            }
        } else if regionURL == nil {
            return KeyFault(
                "its credential_source has no region_url, and AWS_REGION is not set",
                "set AWS_REGION in prongd's environment")
        }
        if let keys = environment.keys {
            guard keys.areWhole else {
                return KeyFault(
                    "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN in the"
                        + " environment holds what no key has", "set them anew")
            }
        } else if keysURL == nil {
            return KeyFault(
                "its credential_source has no url, and AWS_ACCESS_KEY_ID and"
                    + " AWS_SECRET_ACCESS_KEY are not set", "set both in prongd's environment")
        }
        return nil
    }

    /// It becomes part of a host's name.
    static func isRegion(_ text: String) -> Bool {
        1...64 ~= text.utf8.count
            && text.utf8.allSatisfy { byte in
                0x30...0x39 ~= byte || 0x61...0x7A ~= byte | 0x20 || byte == 0x2D
            }
    }
}

/// The questions to the metadata server, until region and keys are known: at most four.
package struct AmazonInquiry {
    package enum Question: Equatable, Sendable {
        case session(EndpointURL)
        case zone(EndpointURL)
        case role(EndpointURL)
        case keys(EndpointURL)

        /// What is asked for, in messages.
        package var subject: String {
            switch self {
            case .session: "session token"
            case .zone: "region"
            case .role: "role"
            case .keys: "keys"
            }
        }

        var url: EndpointURL {
            switch self {
            case .session(let url), .zone(let url), .role(let url), .keys(let url): url
            }
        }

        var isNotThere: TokenFailure {
            TokenFailure("\(url.origin) answered with what holds none")
        }
    }

    package private(set) var region: String?
    package private(set) var keys: AmazonKeys?
    private let source: AmazonSource
    private var session: Secret?
    private var role: String?

    /// As Google's clients ask for: it is used at once.
    private static let sessionSeconds = 300

    package init(_ source: AmazonSource) {
        self.source = source
        region = source.environment.region
        keys = source.environment.keys
    }

    /// Nil: both are known.
    package func question() throws(TokenFailure) -> Question? {
        guard region == nil || keys == nil else { return nil }
        if let url = source.sessionURL, session == nil { return .session(url) }
        if region == nil {
            guard let url = source.regionURL else { throw TokenFailure("nothing says its region") }
            return .zone(url)
        }
        guard let url = source.keysURL else { throw TokenFailure("nothing says its keys") }
        guard let role else { return .role(url) }
        guard let below = EndpointURL("\(url.text)/\(role)") else {
            throw TokenFailure("\(url.origin) answered with a role that is none")
        }
        return .keys(below)
    }

    package func request(_ question: Question) -> HTTPRequest {
        let prefix = "X-aws-ec2-metadata-token"
        switch question {
        case .session(let url):
            var request = HTTPRequest(
                url, headers: [HTTPField("\(prefix)-ttl-seconds", "\(Self.sessionSeconds)")])
            request.method = .put
            return request
        case .zone(let url), .role(let url), .keys(let url):
            let secrets = session.map { [$0] } ?? []
            return HTTPRequest(
                url, headers: secrets.map { HTTPField(prefix, $0.text) }, secrets: secrets)
        }
    }

    package mutating func take(_ answer: [UInt8], of question: Question) throws(TokenFailure) {
        let text = trimmedLine(String(decoding: answer, as: UTF8.self))
        switch question {
        case .session:
            guard isToken(text) else { throw question.isNotThere }
            session = Secret(text)
        case .zone:
            // "us-east-2b" is in us-east-2.
            let name = String(text.dropLast())
            guard AmazonSource.isRegion(name) else { throw question.isNotThere }
            region = name
        case .role:
            guard isToken(text), !text.contains("?") else {
                throw question.isNotThere
            }
            role = text
        case .keys:
            guard let found = Self.keys(in: answer) else { throw question.isNotThere }
            keys = found
        }
    }

    private static func keys(in answer: [UInt8]) -> AmazonKeys? {
        guard let tree = try? JSONTree(parsing: answer), let id = tree["AccessKeyId"]?.text,
            let secret = tree["SecretAccessKey"]?.text
        else { return nil }
        let keys = AmazonKeys(
            id: Secret(id), secret: Secret(secret), session: tree["Token"]?.text.map { Secret($0) })
        return keys.areWhole ? keys : nil
    }
}
