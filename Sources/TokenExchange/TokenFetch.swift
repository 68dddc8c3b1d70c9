// Carries out a TokenPlan: files, signatures, requests to token endpoints. Blocks its thread up to
// a few exchanges' patience: never call it on the worker's loop.

package import Credentials
import Kernel

package struct TokenFetch {
    /// PEM of roots to trust beside the system's; nil: none.
    private let roots: String?
    /// For each request.
    private let milliseconds: UInt64
    /// For all together, by the monotonic clock.
    private let untilNanoseconds: UInt64

    package init(
        roots: String?, milliseconds: UInt64 = TokenFetch.patienceMilliseconds,
        untilNanoseconds: UInt64 = .max
    ) {
        self.roots = roots
        self.milliseconds = milliseconds
        self.untilNanoseconds = untilNanoseconds
    }

    /// A token endpoint answers within a second; one that has not after ten is taken as down.
    package static let patienceMilliseconds: UInt64 = 10_000

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
            let (subject, parts) = try subject(account)
            let request = TokenRequests.exchange(
                account, subject: subject, parts: parts, scopes: scopes)
            return try ask(request).oauthToken()
        case .metadataServer(let url):
            return try ask(TokenRequests.metadata(url)).oauthToken()
        case .impersonated(let source, let wanted):
            let token = try self.token(source)
            return try ask(TokenRequests.impersonate(wanted, with: token.text))
                .impersonatedToken(nowMilliseconds: Int64(Clock.wallMilliseconds()))
        }
    }

    private static var nowSeconds: Int64 { Int64(Clock.wallMilliseconds() / 1000) }

    private func subject(
        _ account: ExternalAccount
    ) throws(TokenFailure) -> (Secret, parts: [Secret]) {
        switch account.source {
        case .file(let path):
            return (try account.subjectToken(in: try CredentialFile.read(path)), [])
        case .url(let url, let headers):
            let answer = try ask(TokenRequests.subject(url, headers))
            return (try account.subjectToken(in: answer.content), [])
        case .amazon(let source):
            let (region, keys) = try regionAndKeys(source)
            let request = try AmazonRequest(
                source, region: region, keys: keys, time: Digest.time(Self.nowSeconds))
            let signed = try request.signed(for: account.audience, Digest.all)
            return (signed.subject, signed.parts)
        }
    }

    /// What the environment does not say the machine's metadata server is asked for.
    private func regionAndKeys(
        _ source: AmazonSource
    ) throws(TokenFailure) -> (String, AmazonKeys) {
        var inquiry = AmazonInquiry(source)
        while let question = try inquiry.question() {
            do throws(TokenFailure) {
                let answer = try ask(inquiry.request(question))
                try inquiry.take(answer.content, of: question)
            } catch {
                throw TokenFailure("AWS gave no \(question.subject): \(error.reason)")
            }
        }
        guard let region = inquiry.region, let keys = inquiry.keys else {
            throw TokenFailure("AWS gave no region or no keys")
        }
        return (region, keys)
    }

    private func patience(_ origin: String) throws(TokenFailure) -> Patience {
        let now = Clock.monotonicNanoseconds()
        guard now < untilNanoseconds else {
            throw TokenFailure("\(origin) was not asked: there was no time left")
        }
        let left = (untilNanoseconds - now + 999_999) / 1_000_000
        return Patience(origin: origin, milliseconds: min(milliseconds, left))
    }

    private func ask(_ request: HTTPRequest) throws(TokenFailure) -> TokenAnswer {
        let patience = try patience(request.url.origin)
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
