// How a target's connection is secured and its calls are authorized, as the text that `credentials`
// is in a configuration. What the named files hold is for others.

extension Settings {
    /// `credentials` of a target.
    package enum Credentials: Equatable, Sendable {
        /// Plain text: for loopback, Unix sockets and meshes that encrypt by themselves.
        case insecure
        /// TLS with the server's certificate checked; mutual when `cert` and `key` are given.
        case tls
        /// TLS, and application default credentials as Google's own clients find them.
        case google
        /// TLS, and a service account's key file; absolute after the loader.
        case serviceAccount(String)
        /// TLS, and a bearer token from a file that somebody else renews.
        case tokenFile(String)
        /// TLS, and an external account's file (workload identity federation).
        case external(String)
        /// TLS, and a credential file of any kind that systemd hands over by this name.
        case credential(String)

        /// The words that a configuration may say.
        static let words = [
            "insecure", "tls", "google", "service-account:FILE", "token-file:FILE",
            "external:FILE", "credential:NAME",
        ]

        /// Nil where the text is none of them.
        init?(_ text: String) {
            switch text {
            case "insecure": self = .insecure
            case "tls": self = .tls
            case "google": self = .google
            case _:
                guard let colon = text.firstIndex(of: ":") else { return nil }
                let rest = String(text[text.index(after: colon)...])
                guard !rest.isEmpty else { return nil }
                switch text[..<colon] {
                case "service-account": self = .serviceAccount(rest)
                case "token-file": self = .tokenFile(rest)
                case "external": self = .external(rest)
                case "credential" where Self.isName(rest): self = .credential(rest)
                case _: return nil
                }
            }
        }

        /// A file's name in systemd's directory, and no way out of it (systemd.exec(5)).
        private static func isName(_ text: String) -> Bool {
            !text.contains("/") && text != "." && text != ".."
        }

        var text: String {
            switch self {
            case .insecure: "insecure"
            case .tls: "tls"
            case .google: "google"
            case .serviceAccount(let path): "service-account:\(path)"
            case .tokenFile(let path): "token-file:\(path)"
            case .external(let path): "external:\(path)"
            case .credential(let name): "credential:\(name)"
            }
        }

        /// Each call carries a token.
        package var hasToken: Bool {
            switch self {
            case .insecure, .tls: false
            case .google, .serviceAccount, .tokenFile, .external, .credential: true
            }
        }

        /// The token is made for scopes; one in a file is what it is.
        package var isGoogle: Bool {
            if case .tokenFile = self { false } else { hasToken }
        }

        /// The same with the path that `resolve` makes of its own.
        package func resolving(_ resolve: (String) -> String) -> Credentials {
            switch self {
            case .serviceAccount(let path): .serviceAccount(resolve(path))
            case .tokenFile(let path): .tokenFile(resolve(path))
            case .external(let path): .external(resolve(path))
            case .insecure, .tls, .google, .credential: self
            }
        }
    }
}

extension Settings.Target {
    /// `credentials` as a text, for the table of keys.
    var credentialsText: String {
        get { credentials.text }
        set { credentials = Settings.Credentials(newValue) ?? .tls }
    }
}

extension TargetRelations {
    /// What only goes with credentials that bring tokens, or with Google's.
    static func checkTokens(
        _ target: Settings.Target, _ node: ConfigurationNode, _ path: String,
        _ reading: inout ValueReading
    ) {
        let given: [(key: String, isSet: Bool, fits: Bool)] = [
            ("scopes", !target.scopes.isEmpty, target.credentials.isGoogle),
            ("universe_domain", !target.universeDomain.isEmpty, target.credentials.isGoogle),
            ("impersonate", !target.impersonate.isEmpty, target.credentials.isGoogle),
            ("quota_project", !target.quotaProject.isEmpty, target.credentials.hasToken),
        ]
        for (key, isSet, fits) in given where isSet && !fits {
            reading.complain(
                node[key] ?? node, "\(path).\(key)",
                "\(quoted(kind(target.credentials))) credentials have no use for \(key)",
                "leave it out, or write credentials = \"google\" or another of Google's")
        }
        guard target.credentials.hasToken,
            target.metadata.contains(where: { $0.name == "authorization" })
        else { return }
        reading.complain(
            node["metadata"] ?? node, "\(path).metadata.authorization",
            "the credentials set it", "leave it out, or write credentials = \"tls\"")
    }

    private static func kind(_ credentials: Settings.Credentials) -> String {
        String(credentials.text.prefix { $0 != ":" })
    }
}
