// Where a token is fetched from: "https://HOST[:PORT]/PATH". Plain "http://" is for this machine
// and for the metadata servers of clouds alone: a secret must never travel in the clear.

package struct EndpointURL: Equatable, Sendable {
    package let isSecure: Bool
    /// Without brackets.
    package let host: String
    package let port: UInt16
    /// With the query; begins with "/".
    package let path: String

    package init(isSecure: Bool, host: String, port: UInt16, path: String) {
        self.isSecure = isSecure
        self.host = host
        self.port = port
        self.path = path
    }

    /// Nil where the text is no such URL: other schemes, users, fragments, control characters.
    package init?(_ text: String) {
        guard text.utf8.allSatisfy({ 0x21...0x7E ~= $0 }), text.utf8.count <= Self.bytesMax,
            !text.utf8.contains(UInt8(ascii: "#"))
        else { return nil }
        let schemes = [("https://", true), ("http://", false)]
        guard let (scheme, isSecure) = schemes.first(where: { text.hasPrefix($0.0) }) else {
            return nil
        }
        let rest = text.dropFirst(scheme.count)
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        guard let (host, port) = Self.authority(rest[..<end]) else { return nil }
        self.isSecure = isSecure
        self.host = host
        self.port = port ?? (isSecure ? 443 : 80)
        path = rest[end...].hasPrefix("/") ? String(rest[end...]) : "/" + rest[end...]
    }

    static let bytesMax = 2048

    private static func authority(_ text: Substring) -> (String, UInt16?)? {
        var host = text
        var port: UInt16?
        if let colon = text.lastIndex(of: ":"), !text.hasSuffix("]") {
            guard let number = UInt16(text[text.index(after: colon)...]), number > 0 else {
                return nil
            }
            port = number
            host = text[..<colon]
        }
        var allowed = "-._"
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            allowed = ":."
        }
        let isPlain = host.utf8.allSatisfy { byte in
            isLetterOrDigit(byte) || allowed.utf8.contains(byte)
        }
        return host.isEmpty || !isPlain ? nil : (String(host), port)
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        0x30...0x39 ~= byte || 0x61...0x7A ~= byte | 0x20
    }

    /// What stands in the `Host` header: the port only where it is not the scheme's.
    package var authority: String {
        let shown = host.contains(":") ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? shown : "\(shown):\(port)"
    }

    /// The URL without its path, for messages.
    package var origin: String { "\(isSecure ? "https" : "http")://\(authority)" }

    /// The whole URL, for the audience of a token.
    package var text: String { origin + path }

    /// Nothing leaves this machine.
    package var isLoopback: Bool {
        host == "localhost" || host == "::1" || Self.isAddress(host, below: "127.")
    }

    /// The metadata servers of the clouds (RFC 3927's block, and Google's name for its own).
    package var isLinkLocal: Bool {
        Self.isAddress(host, below: "169.254.") || host == "metadata.google.internal"
            || host == "fd00:ec2::254"
    }

    private static func isAddress(_ host: String, below prefix: String) -> Bool {
        host.hasPrefix(prefix) && host.utf8.allSatisfy { 0x30...0x39 ~= $0 || $0 == 0x2E }
    }
}
