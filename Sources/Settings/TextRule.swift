// What a text must look like to be a path, an address, a name. Shape only: whether the file exists
// or the host answers is for the loader and the worker to find out.

/// The rule that the text of one key must meet.
enum TextRule: Sendable {
    /// An absolute path for a Unix socket; the workers' socket lies beside it.
    case socketPath
    /// An absolute path.
    case absolutePath
    /// A path, relative to the configuration file; "" is none unless it stands in a list.
    case path
    /// A group's name or number; "" is the daemon's own.
    case group
    /// "ADDRESS:PORT" or "[ADDRESS]:PORT"; "" is none.
    case tcpAddress
    /// A gRPC target.
    case targetAddress
    /// A host name with or without a port; "" is none.
    case authority
    /// "package.Service".
    case serviceName
    /// A pattern over "package.Service/Method".
    case methodPattern
    /// "group:NAME" or "user:NAME".
    case principal
    /// "N/UNIT"; "" is none.
    case rate
    /// Anything printable.
    case printable
    /// How a target's calls are authorized.
    case credentials
    /// An OAuth scope.
    case scope
    /// A project of Google's; "" is none.
    case project
    /// A domain name; "" is the default.
    case domain
    /// A service account's address; "" is none.
    case account

    /// What is wrong with a text, or nil.
    func refusal(of text: String) -> Refusal? {
        if text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F }) {
            return Refusal(what: "\(quoted(text)) holds a control character", wanted: example)
        }
        if text.utf8.count > TextRule.longestBytes {
            return Refusal(
                what: "the text is longer than \(TextRule.longestBytes) bytes", wanted: example)
        }
        return isMet(by: text) ? nil : Refusal(what: "\(quoted(text)) \(fault)", wanted: example)
    }

    /// Shorter than a path may be on Linux (PATH_MAX, 4096), by the suffixes that prong appends.
    static let longestBytes = 4000
    /// sun_path less its NUL (unix(7)).
    static let longestSocketPathBytes = 107

    private func isMet(by text: String) -> Bool {
        switch self {
        case .socketPath:
            text.hasPrefix("/") && !text.hasSuffix("/") && Settings.socketPathsFit(text)
        case .absolutePath: text.hasPrefix("/") && !text.hasSuffix("/")
        case .path, .printable: true
        case .group: text.isEmpty || TextRule.isWord(text, also: "_-.$")
        case .tcpAddress: text.isEmpty || TCPAddress(text) != nil
        case .targetAddress: TextRule.isTargetAddress(text)
        case .authority: text.isEmpty || TextRule.isWord(text, also: "-._:[]")
        case .serviceName: TextRule.isServiceName(text)
        case .methodPattern: !text.isEmpty && TextRule.isWord(text, also: "._/*")
        case .principal: TextRule.isPrincipal(text)
        case .rate: RateText.isRate(text)
        case .credentials: Settings.Credentials(text) != nil
        case .scope: !text.isEmpty && text.utf8.allSatisfy { 0x21...0x7E ~= $0 }
        case .project: TextRule.isWord(text, also: "-.:_")
        case .domain: TextRule.isWord(text, also: "-.")
        case .account: text.isEmpty || (text.contains("@") && TextRule.isWord(text, also: "-._@"))
        }
    }

    private var fault: String {
        switch self {
        case .socketPath: "is not an absolute path of a socket, or is too long"
        case .absolutePath: "is not an absolute path of a file"
        case .path, .printable: "is not usable"
        case .group: "is not a group's name"
        case .tcpAddress: "is not an address with a port"
        case .targetAddress: "is not an address with a port"
        case .authority: "is not a host name"
        case .serviceName: "is not the full name of a service"
        case .methodPattern: "is not a pattern of method names"
        case .principal: "names no group and no user"
        case .rate: "is not a rate"
        case .credentials: "is none of the choices"
        case .scope: "is not a scope"
        case .project: "is not a project"
        case .domain: "is not a domain name"
        case .account: "is not a service account's address"
        }
    }

    private var example: String {
        switch self {
        case .socketPath:
            "write a path like \"/run/prong/prong.sock\" that leaves room for workers.sock "
                + "beside it (\(TextRule.longestSocketPathBytes) bytes each)"
        case .absolutePath: "write a path like \"/var/lib/prong/prong.db\""
        case .path, .printable: "write printable text"
        case .group: "write a name like \"www-data\""
        case .tcpAddress: "write one like \"127.0.0.1:9464\""
        case .targetAddress: "write one like \"translate.googleapis.com:443\""
        case .authority: "write one like \"server.example\""
        case .serviceName: "write one like \"package.v1.Service\""
        case .methodPattern: "write one like \"*/Get*\""
        case .principal: "write \"group:NAME\" or \"user:NAME\""
        case .rate: "write one like \"600/1m\""
        case .credentials:
            "write " + Settings.Credentials.words.map { "\"\($0)\"" }.joined(separator: ", ")
        case .scope: "write one like \"https://www.googleapis.com/auth/cloud-platform\""
        case .project: "write one like \"my-project\""
        case .domain: "write one like \"googleapis.com\""
        case .account: "write one like \"name@project.iam.gserviceaccount.com\""
        }
    }

    private static func isWord(_ text: String, also extra: String) -> Bool {
        text.utf8.allSatisfy { isLetter($0) || isDigit($0) || extra.utf8.contains($0) }
    }

    private static func isServiceName(_ text: String) -> Bool {
        !text.hasPrefix(".") && !text.hasSuffix(".") && !text.isEmpty
            && isWord(text, also: "._")
    }

    private static func isPrincipal(_ text: String) -> Bool {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        return parts.count == 2 && (parts[0] == "group" || parts[0] == "user")
            && !parts[1].isEmpty && isWord(String(parts[1]), also: "_-.$")
    }

    /// A URI is left to the C-core, but for its shape; a bare address must have its port, because
    /// the C-core would silently take "https".
    private static func isTargetAddress(_ text: String) -> Bool {
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return false }
        let schemes = ["dns:", "unix:", "unix-abstract:", "ipv4:", "ipv6:", "vsock:"]
        if let scheme = schemes.first(where: { text.hasPrefix($0) }) {
            return text.utf8.count > scheme.utf8.count
        }
        return TCPAddress(text) != nil
    }
}

func isLetter(_ byte: UInt8) -> Bool {
    (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
}

/// "HOST:PORT", where an IPv6 address stands in brackets.
package struct TCPAddress: Equatable, Sendable {
    /// Without brackets.
    package let host: String
    /// 1…65535.
    package let port: UInt16

    /// Nil where the text is not one.
    package init?(_ text: String) {
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")),
            let number = decimal(text[text.index(after: colon)...]),
            let port = UInt16(exactly: number), port > 0
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]"), host.utf8.count > 2 {
            host = host.dropFirst().dropLast()
            let isIPv6 = host.utf8.allSatisfy {
                isDigit($0) || isLetter($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".")
                    || $0 == UInt8(ascii: "%")
            }
            guard isIPv6 else { return nil }
        } else {
            let plain = host.utf8.allSatisfy {
                isDigit($0) || isLetter($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
                    || $0 == UInt8(ascii: "_")
            }
            guard !host.isEmpty, plain else { return nil }
        }
        self.host = String(host)
        self.port = port
    }
}

extension Settings {
    /// The socket that workers pull from: in the directory of the callers' socket.
    package static func workersSocketPath(beside socketPath: String) -> String {
        let directory = socketPath.lastIndex(of: "/").map { socketPath[...$0] } ?? ""
        return directory + "workers.sock"
    }

    static func socketPathsFit(_ socketPath: String) -> Bool {
        let workers = workersSocketPath(beside: socketPath)
        let longest = TextRule.longestSocketPathBytes
        return socketPath.utf8.count <= longest && workers.utf8.count <= longest
            && workers != socketPath
    }
}
