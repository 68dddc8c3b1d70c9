// Which proxy stands between prong and a token endpoint: what the environment says, as for C-core's
// own connections. Only for https, through a tunnel: a proxy never sees a secret.

package enum ProxyChoice: Equatable, Sendable {
    case direct
    case tunnel(EndpointURL)
    /// The environment names what is none.
    case unusable(String)

    package static func of(
        _ url: EndpointURL, environment: (String) -> String?
    ) -> ProxyChoice {
        func set(_ name: String) -> String? {
            environment(name).flatMap { $0.isEmpty ? nil : $0 }
        }
        guard url.isSecure, !url.isLoopback else { return .direct }
        let exceptions = set("no_proxy") ?? set("NO_PROXY") ?? ""
        guard !isExcepted(url.host, exceptions) else { return .direct }
        for name in ["https_proxy", "HTTPS_PROXY"] {
            guard let text = set(name) else { continue }
            let proxy = EndpointURL(text.contains("://") ? text : "http://\(text)")
            guard let proxy, !proxy.isSecure else { return .unusable(name) }
            return .tunnel(proxy)
        }
        return .direct
    }

    /// A host, or a domain with all below it; "*" is every host.
    private static func isExcepted(_ host: String, _ list: String) -> Bool {
        list.split(whereSeparator: { $0 == "," || $0 == " " }).contains { entry in
            let name = entry.drop { $0 == "." }
            return entry == "*" || host == name || host.hasSuffix(".\(name)")
        }
    }

    /// What asks the proxy for a way to the endpoint.
    package static func request(for url: EndpointURL) -> [UInt8] {
        let host = url.host.contains(":") ? "[\(url.host)]" : url.host
        let place = "\(host):\(url.port)"
        return Array("CONNECT \(place) HTTP/1.1\r\nHost: \(place)\r\n\r\n".utf8)
    }
}

extension HTTPResponseReader {
    /// The status of an answer that has a head only; nil: it is not whole yet, 0: it is none.
    package static func statusOfHead(_ bytes: [UInt8]) -> Int? {
        guard let end = find([13, 10, 13, 10], in: bytes, from: 0) else {
            return bytes.count > bytesMax ? 0 : nil
        }
        return head(bytes[..<end])?.0 ?? 0
    }
}
