// What is asked of token endpoints, and what their answers mean. Each request is a value; messages
// about an answer name the endpoint, the status and OAuth's own error, never a body.

import GoogleAPI
import Schema

/// A token as it was given.
package struct GivenToken: Equatable, Sendable {
    package var text: Secret
    /// How long it is good for, from the moment the request was sent; nil: nobody said.
    package var lifetimeMilliseconds: Int64?

    package init(text: Secret, lifetimeMilliseconds: Int64?) {
        self.text = text
        self.lifetimeMilliseconds = lifetimeMilliseconds
    }
}

/// Why there is no token, in one line that holds no secret.
package struct TokenFailure: Error, Equatable, Sendable {
    package var reason: String

    package init(_ reason: String) {
        self.reason = reason
    }
}

package enum TokenRequests {
    package static func grant(_ key: ServiceAccountKey, assertion: Secret) -> HTTPRequest {
        HTTPRequest(
            key.tokenURL,
            .form([
                ("grant_type", Secret("urn:ietf:params:oauth:grant-type:jwt-bearer")),
                ("assertion", assertion),
            ]), secrets: [assertion])
    }

    package static func refresh(_ user: AuthorizedUser, scopes: [String]) -> HTTPRequest {
        var form: [(name: String, value: Secret)] = [
            ("grant_type", Secret("refresh_token")), ("client_id", Secret(user.clientId)),
            ("client_secret", user.clientSecret), ("refresh_token", user.refreshToken),
        ]
        if !scopes.isEmpty { form.append(("scope", Secret(scopes.joined(separator: " ")))) }
        return HTTPRequest(
            user.tokenURL, .form(form), secrets: [user.clientSecret, user.refreshToken])
    }

    /// For the subject token itself, where a URL gives it.
    package static func subject(_ url: EndpointURL, _ headers: [HTTPField]) -> HTTPRequest {
        HTTPRequest(url, headers: headers, secrets: headers.map { Secret($0.value) })
    }

    /// - Parameter parts: of the subject token that are secrets as well. AWS's subject is itself
    ///   percent-encoded, so they are kept from being quoted as they stand in it, too.
    package static func exchange(
        _ account: ExternalAccount, subject: Secret, parts: [Secret] = [], scopes: [String]
    ) -> HTTPRequest {
        var form: [(name: String, value: Secret)] = [
            ("grant_type", Secret("urn:ietf:params:oauth:grant-type:token-exchange")),
            ("audience", Secret(account.audience)),
            ("scope", Secret(scopes.joined(separator: " "))),
            ("requested_token_type", Secret("urn:ietf:params:oauth:token-type:access_token")),
            ("subject_token", subject),
            ("subject_token_type", Secret(account.subjectTokenType)),
        ]
        var headers: [HTTPField] = []
        if !account.clientId.isEmpty {
            var encoded: [UInt8] = []
            Array("\(account.clientId):\(account.clientSecret.text)".utf8).withUnsafeBytes {
                appendBase64($0, padded: true, to: &encoded)
            }
            headers.append(
                HTTPField("Authorization", "Basic " + String(decoding: encoded, as: UTF8.self)))
        } else if !account.workforceUserProject.isEmpty {
            var options = JSONWriter()
            options.beginObject()
            options.member("userProject", account.workforceUserProject)
            options.endObject()
            form.append(("options", Secret(String(decoding: options.bytes, as: UTF8.self))))
        }
        return HTTPRequest(
            account.tokenURL, .form(form), headers: headers,
            secrets: [subject, account.clientSecret] + parts
                + parts.map { Secret(PercentEncoding.quote.encode($0.text)) })
    }

    package static func metadata(_ url: EndpointURL) -> HTTPRequest {
        var request = HTTPRequest(url, headers: [HTTPField("Metadata-Flavor", "Google")])
        request.expectsMetadataFlavor = true
        return request
    }

    package static func impersonate(_ wanted: Impersonation, with token: Secret) -> HTTPRequest {
        var body = JSONWriter()
        body.beginObject()
        body.list("delegates", wanted.delegates)
        body.list("scope", wanted.scopes)
        body.member("lifetime", "\(wanted.lifetimeSeconds)s")
        body.endObject()
        return HTTPRequest(
            wanted.url, .json(Secret(String(decoding: body.bytes, as: UTF8.self))),
            headers: [HTTPField("Authorization", "Bearer \(token.text)")], secrets: [token])
    }
}

extension JSONWriter {
    fileprivate mutating func list(_ name: String, _ values: [String]) {
        key(name)
        beginArray()
        for value in values { string(value) }
        endArray()
    }
}

/// What an answer says.
package struct TokenAnswer {
    private let request: HTTPRequest
    private let response: HTTPResponse

    /// A token longer than this fits no header.
    package static let tokenBytesMax = 16 << 10
    /// OAuth only recommends to say how long a token is good for (RFC 6749, 5.1).
    static let assumedSeconds: Double = 300
    private static let secondsMax: Double = 86_400

    /// - Throws: for an answer that is no success, in words of the endpoint's own `error`.
    package init(_ request: HTTPRequest, _ response: HTTPResponse) throws(TokenFailure) {
        self.request = request
        self.response = response
        let origin = request.url.origin
        if request.expectsMetadataFlavor, response.header("metadata-flavor") != "Google" {
            throw TokenFailure("\(origin) answered, but is no metadata server of Google's")
        }
        guard response.status != 200 else { return }
        if 300..<400 ~= response.status {
            throw TokenFailure(
                "\(origin) answered \(response.status), a redirect; prong follows none")
        }
        let said = said.map { ": \($0)" } ?? ""
        throw TokenFailure("\(origin) answered \(response.status)\(said)")
    }

    /// The body of a success.
    package var content: [UInt8] { response.body }

    /// `access_token` and `expires_in` (RFC 6749).
    package func oauthToken() throws(TokenFailure) -> GivenToken {
        let tree = try tree()
        let token = try token(tree["access_token"]?.text)
        let seconds =
            tree["expires_in"]?.number ?? tree["expires_in"]?.text.flatMap(Double.init)
            ?? Self.assumedSeconds
        guard seconds > 0 else { throw failure("a token that has ended") }
        return GivenToken(
            text: token,
            lifetimeMilliseconds: Int64(min(seconds, Self.secondsMax) * 1000))
    }

    /// `accessToken` and `expireTime` of generateAccessToken.
    package func impersonatedToken(nowMilliseconds: Int64) throws(TokenFailure) -> GivenToken {
        let tree = try tree()
        let token = try token(tree["accessToken"]?.text)
        guard let end = tree["expireTime"]?.text.flatMap({ timestampMilliseconds(Array($0.utf8)) })
        else { throw failure("no expireTime") }
        guard end > nowMilliseconds else { throw failure("a token that has ended") }
        let longest = Int64(Self.secondsMax) * 1000
        return GivenToken(
            text: token, lifetimeMilliseconds: min(end - nowMilliseconds, longest))
    }

    private func tree() throws(TokenFailure) -> JSONTree {
        guard let tree = try? JSONTree(parsing: response.body), case .object = tree else {
            throw failure("what is not JSON")
        }
        return tree
    }

    private func token(_ text: String?) throws(TokenFailure) -> Secret {
        guard let text, !text.isEmpty else { throw failure("no token") }
        guard isToken(text) else { throw failure("a token that no header can carry") }
        return Secret(text)
    }

    private func failure(_ what: String) -> TokenFailure {
        TokenFailure("\(request.url.origin) answered \(response.status) with \(what)")
    }

    /// The `error` of OAuth with its description, or the message of a Google API.
    private var said: String? {
        guard let tree = try? JSONTree(parsing: response.body), let error = tree["error"] else {
            return nil
        }
        var parts = [error["status"]?.text, error["message"]?.text]
        if let name = error.text { parts = [name, tree["error_description"]?.text] }
        let shown = parts.compactMap { $0.flatMap(printable) }
        guard let first = shown.first else { return nil }
        return shown.count > 1 ? "\(first) (\(shown[1]))" : first
    }

    /// Short and printable, and nothing where it repeats a secret, as it is or as the form had it.
    private func printable(_ text: String) -> String? {
        let hidden = request.secrets.contains { secret in
            !secret.text.isEmpty
                && (text.contains(secret.text)
                    || text.contains(PercentEncoding.form.encode(secret.text)))
        }
        guard !hidden, !text.isEmpty else { return nil }
        let plain = text.unicodeScalars.prefix(160).map { scalar -> Character in
            0x20...0x7E ~= scalar.value ? Character(scalar) : "?"
        }
        return String(plain)
    }
}

/// What a header can carry: visible ASCII (RFC 6750's b64token and what others use), not too long.
package func isToken(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= TokenAnswer.tokenBytesMax
        && text.utf8.allSatisfy { 0x21...0x7E ~= $0 }
}
