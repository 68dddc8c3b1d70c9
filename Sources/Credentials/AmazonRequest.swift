// The request that proves to Google who a machine of AWS is: GetCallerIdentity, signed (SigV4) and
// not sent, but given to Google's token service, which sends it. As google.auth.aws has it, to the
// byte. Hashes come in; the secret key must never be in what goes out.

import GoogleAPI
import Schema

/// SHA-256 and its HMAC, which need a library.
package struct AmazonDigests {
    package typealias Bytes = [UInt8]
    let sha256: (Bytes) throws(TokenFailure) -> Bytes
    let hmac: (_ key: Bytes, _ data: Bytes) throws(TokenFailure) -> Bytes

    package init(
        sha256: @escaping (Bytes) throws(TokenFailure) -> Bytes,
        hmac: @escaping (_ key: Bytes, _ data: Bytes) throws(TokenFailure) -> Bytes
    ) {
        self.sha256 = sha256
        self.hmac = hmac
    }
}

package struct AmazonRequest: Equatable, Sendable {
    /// The subject token, and what in it must not come back to light.
    package struct Signed: Equatable, Sendable {
        package var subject: Secret
        package var parts: [Secret]
    }

    private let text: String
    private let host: String
    private let path: String
    private let query: String
    private let region: String
    private let keys: AmazonKeys
    /// "20261121T172151Z".
    private let time: String

    private static let algorithm = "AWS4-HMAC-SHA256"

    /// - Throws: where the address makes no URL with this region.
    package init(
        _ source: AmazonSource, region: String, keys: AmazonKeys, time: String
    ) throws(TokenFailure) {
        text = source.verificationText(in: region)
        guard let url = EndpointURL(text), url.isSecure else {
            throw TokenFailure("the regional_cred_verification_url is no https:// URL")
        }
        host = url.host.lowercased()
        let parts = url.path.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = Self.normalized(parts[0])
        query = parts.count > 1 ? Self.canonicalQuery(parts[1]) : ""
        self.region = region
        self.keys = keys
        self.time = time
    }

    /// Without empty segments, "." and "..".
    private static func normalized(_ path: Substring) -> String {
        var segments: [Substring] = []
        for segment in path.split(separator: "/") where segment != "." {
            if segment == ".." { _ = segments.popLast() } else { segments.append(segment) }
        }
        return "/" + segments.joined(separator: "/")
    }

    /// Decoded, encoded anew and in order; a field without a value counts for nothing.
    private static func canonicalQuery(_ query: Substring) -> String {
        var pairs: [(String, String)] = []
        for field in query.split(separator: "&") {
            let parts = field.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[1].isEmpty else { continue }
            let plain = PercentEncoding.unreserved
            pairs.append((plain.encode(decoded(parts[0])), plain.encode(decoded(parts[1]))))
        }
        return pairs.sorted { $0 < $1 }.map { "\($0)=\($1)" }.joined(separator: "&")
    }

    private static func decoded(_ text: Substring) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? 0x20 : byte)
            }
        }
        return bytes
    }

    /// "sts" of sts.us-east-2.amazonaws.com and of sts-fips.us-east-2.amazonaws.com.
    private var service: String {
        let first = host.split(separator: ".").first.map(String.init) ?? host
        return first.hasSuffix("-fips") ? String(first.dropLast(5)) : first
    }

    private var date: String { String(time.prefix(8)) }
    private var scope: String { "\(date)/\(region)/\(service)/aws4_request" }

    /// What is signed, in the order of their names.
    private var headers: [(name: String, value: String)] {
        var headers = [("host", host), ("x-amz-date", time)]
        if let session = keys.session { headers.append(("x-amz-security-token", session.text)) }
        return headers
    }

    private var signedHeaders: String { headers.map(\.name).joined(separator: ";") }

    /// - Parameter payload: the hash of no bytes, in hexadecimal digits.
    func canonical(payload: String) -> String {
        let lines = headers.map { "\($0.name):\($0.value)\n" }.joined()
        return "POST\n\(path)\n\(query)\n\(lines)\n\(signedHeaders)\n\(payload)"
    }

    func signature(_ digests: AmazonDigests) throws(TokenFailure) -> String {
        let canonical = canonical(payload: hexadecimal(try digests.sha256([])))
        let hash = hexadecimal(try digests.sha256(Array(canonical.utf8)))
        let signed = "\(Self.algorithm)\n\(time)\n\(scope)\n\(hash)"
        var key = Array("AWS4\(keys.secret.text)".utf8)
        for part in [date, region, service, "aws4_request", signed] {
            key = try digests.hmac(key, Array(part.utf8))
        }
        return hexadecimal(key)
    }

    /// - Parameter target: the audience of the external account, which the token is for.
    package func signed(
        for target: String, _ digests: AmazonDigests
    ) throws(TokenFailure) -> Signed {
        let signature = try signature(digests)
        let authorization =
            "\(Self.algorithm) Credential=\(keys.id.text)/\(scope),"
            + " SignedHeaders=\(signedHeaders), Signature=\(signature)"
        let all =
            [("Authorization", authorization)] + headers
            + [("x-goog-cloud-target-resource", target)]
        var json = JSONWriter()
        json.beginObject()
        json.key("headers")
        json.beginArray()
        for (name, value) in all {
            json.beginObject()
            json.member("key", name)
            json.member("value", value)
            json.endObject()
        }
        json.endArray()
        json.member("method", "POST")
        json.member("url", text)
        json.endObject()
        let parts = [keys.id, Secret(signature)] + (keys.session.map { [$0] } ?? [])
        return Signed(subject: Secret(PercentEncoding.quote.encode(json.bytes)), parts: parts)
    }
}

private func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    return String(decoding: text, as: UTF8.self)
}
