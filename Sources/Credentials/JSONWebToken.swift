// A JSON Web Token (RFC 7515, 7519) up to its signature: who signs is passed in. Claims as Google's
// own libraries write them (AIP-4111 for tokens that a service account signs for itself).

import Schema

package enum SigningAlgorithm: String, Equatable, Sendable {
    case rs256 = "RS256"
    case es256 = "ES256"
}

package struct JSONWebToken: Equatable, Sendable {
    package var keyId: String
    package var issuer: String
    /// "" for a grant, whose issuer is the subject.
    package var subject: String
    package var audience: String
    package var scope: String
    package var issuedAtSeconds: Int64

    /// Google refuses longer ones.
    package static let lifetimeSeconds: Int64 = 3_600

    /// What a service account presents to an API itself: for that API alone where no scopes are
    /// asked for, else with the scopes and no audience, as Google's clients do (in a universe that
    /// has no endpoint for grants).
    package static func selfSigned(
        _ key: ServiceAccountKey, audience: String, scopes: [String], nowSeconds: Int64
    ) -> JSONWebToken {
        JSONWebToken(
            keyId: key.keyId, issuer: key.email, subject: key.email,
            audience: scopes.isEmpty ? audience : "", scope: scopes.joined(separator: " "),
            issuedAtSeconds: nowSeconds)
    }

    /// Who a grant is for. Google's clients name one address of Google's endpoint, for older key
    /// files hold others of it; any other endpoint looks for its own (RFC 7523, 3).
    static func grantAudience(_ endpoint: EndpointURL) -> String {
        let isGoogles = [".googleapis.com", ".google.com"].contains(where: endpoint.host.hasSuffix)
        return isGoogles ? "https://oauth2.googleapis.com/token" : endpoint.text
    }

    /// What it presents to the token endpoint (RFC 7523).
    package static func grant(
        _ key: ServiceAccountKey, scopes: [String], nowSeconds: Int64
    ) -> JSONWebToken {
        JSONWebToken(
            keyId: key.keyId, issuer: key.email, subject: "",
            audience: grantAudience(key.tokenURL), scope: scopes.joined(separator: " "),
            issuedAtSeconds: nowSeconds)
    }

    /// Header and claims, which the signature is over.
    package func signingInput(_ algorithm: SigningAlgorithm) -> [UInt8] {
        var header = JSONWriter()
        header.beginObject()
        header.member("typ", "JWT")
        header.member("alg", algorithm.rawValue)
        if !keyId.isEmpty { header.member("kid", keyId) }
        header.endObject()
        return base64URL(header.bytes) + [UInt8(ascii: ".")] + base64URL(claims)
    }

    private var claims: [UInt8] {
        var claims = JSONWriter()
        claims.beginObject()
        claims.member("iss", issuer)
        if !subject.isEmpty { claims.member("sub", subject) }
        if !audience.isEmpty { claims.member("aud", audience) }
        if !scope.isEmpty { claims.member("scope", scope) }
        claims.key("iat")
        claims.integer(issuedAtSeconds)
        claims.key("exp")
        claims.integer(issuedAtSeconds + Self.lifetimeSeconds)
        claims.endObject()
        return claims.bytes
    }

    package static func complete(_ input: [UInt8], signature: [UInt8]) -> Secret {
        let bytes = input + [UInt8(ascii: ".")] + base64URL(signature)
        return Secret(String(decoding: bytes, as: UTF8.self))
    }
}

extension JSONWriter {
    mutating func member(_ name: String, _ value: String) {
        key(name)
        string(value)
    }
}

/// RFC 4648's URL-safe alphabet, without padding.
func base64URL(_ data: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    data.withUnsafeBytes { appendBase64($0, padded: false, to: &bytes) }
    return bytes.map { byte in
        switch byte {
        case UInt8(ascii: "+"): UInt8(ascii: "-")
        case UInt8(ascii: "/"): UInt8(ascii: "_")
        default: byte
        }
    }
}
