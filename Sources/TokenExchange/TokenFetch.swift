// Carries out a TokenPlan: files, signatures, requests to token endpoints. Blocks its thread up to
// a few exchanges' patience: never call it on the worker's loop.

package import Credentials
import Kernel

package struct TokenFetch {
    /// PEM of roots to trust beside the system's; nil: none.
    private let roots: String?

    package init(roots: String?) {
        self.roots = roots
    }

    package func token(_ plan: TokenPlan) throws(TokenFailure) -> GivenToken {
        switch plan {
        case .selfSigned(let key, let audience, let scopes):
            let token = JSONWebToken.selfSigned(
                key, audience: audience, scopes: scopes, nowSeconds: Self.nowSeconds)
            return GivenToken(
                text: try PrivateKey(pem: key.privateKey).sign(token),
                lifetimeMilliseconds: JSONWebToken.lifetimeSeconds * 1000)
        case .grant(let key, let scopes):
            let token = JSONWebToken.grant(key, scopes: scopes, nowSeconds: Self.nowSeconds)
            let assertion = try PrivateKey(pem: key.privateKey).sign(token)
            return try ask(TokenRequests.grant(key, assertion: assertion)).oauthToken()
        case .refresh(let user, let scopes):
            return try ask(TokenRequests.refresh(user, scopes: scopes)).oauthToken()
        case .exchange(let account, let scopes):
            let subject = try subject(account)
            return try ask(TokenRequests.exchange(account, subject: subject, scopes: scopes))
                .oauthToken()
        case .metadataServer(let url):
            return try ask(TokenRequests.metadata(url)).oauthToken()
        case .impersonated(let source, let wanted):
            let token = try self.token(source)
            return try ask(TokenRequests.impersonate(wanted, with: token.text))
                .impersonatedToken(nowMilliseconds: Int64(Clock.wallMilliseconds()))
        }
    }

    private static var nowSeconds: Int64 { Int64(Clock.wallMilliseconds() / 1000) }

    private func subject(_ account: ExternalAccount) throws(TokenFailure) -> Secret {
        switch account.source {
        case .file(let path):
            return try account.subjectToken(in: try CredentialFile.read(path))
        case .url(let url, let headers):
            return try account.subjectToken(
                in: try ask(TokenRequests.subject(url, headers)).content)
        }
    }

    private func ask(_ request: HTTPRequest) throws(TokenFailure) -> TokenAnswer {
        let patience = Patience(origin: request.url.origin)
        let connection = try Connection.open(request.url, roots: roots, patience)
        try connection.send(request.bytes)
        var reader = HTTPResponseReader()
        while true {
            let bytes = try connection.receive()
            switch reader.take(bytes, atEnd: bytes.isEmpty) {
            case .more: continue
            case .done(let response): return try TokenAnswer(request, response)
            case .broken(let what):
                throw TokenFailure("\(request.url.origin) answered with \(what)")
            }
        }
    }
}
