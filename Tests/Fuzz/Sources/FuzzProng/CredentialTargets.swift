// What credentials are made of: key files, and the answers of token endpoints. Whatever comes, no
// message may hold what the file or the request kept secret.
import Credentials

private let secret = "fuzzed-secret-0123456789"

/// A key file with a secret in it, and what its plan would ask.
func fuzzKeyFile(_ bytes: [UInt8]) {
    do throws(KeyFault) {
        let file = try KeyFile(parsing: bytes)
        _ = file.quotaProject
        let wish = TokenWish(
            host: "h.example", universeDomain: file.universeDomain, impersonate: "a@b")
        if case .impersonated(_, let wanted) = try TokenPlan(file, wish) {
            _ = TokenRequests.impersonate(wanted, with: Secret(secret)).bytes
        }
        if case .external(let account) = file {
            fuzzAmazon(account, bytes)
            if let subject = try? account.subjectToken(in: bytes) {
                _ = TokenRequests.exchange(account, subject: subject, scopes: ["s"]).bytes
            }
        }
    } catch {
        precondition(!error.what.contains(secret) && !error.wanted.contains(secret))
    }
}

/// What a metadata server might say, where the account is one on AWS, and what is signed then.
private func fuzzAmazon(_ account: ExternalAccount, _ bytes: [UInt8]) {
    guard case .amazon(let source) = account.source else { return }
    var inquiry = AmazonInquiry(source)
    // More than it ever asks: a question that is not answered comes again.
    for _ in 0..<6 {
        guard let question = try? inquiry.question() else { break }
        _ = inquiry.request(question).bytes
        try? inquiry.take(bytes.count > 40 ? Array("us-east-1a".utf8) : bytes, of: question)
    }
    let keys = AmazonKeys(id: Secret("id"), secret: Secret(secret), session: nil)
    let digests = AmazonDigests(sha256: { _ in [1] }, hmac: { _, _ in [2] })
    let time = "20261121T172151Z"
    guard let request = try? AmazonRequest(source, region: "r", keys: keys, time: time),
        let signed = try? request.signed(for: account.audience, digests)
    else { return }
    let wire = TokenRequests.exchange(
        account, subject: signed.subject, parts: signed.parts, scopes: ["s"])
    precondition(!String(decoding: wire.bytes, as: UTF8.self).contains(secret))
}

/// An endpoint's answer, whole and byte by byte: both must come to the same.
func fuzzTokenAnswer(_ bytes: [UInt8]) {
    guard let url = EndpointURL("https://token.example/token") else { return }
    var whole = HTTPResponseReader()
    let end = whole.take(bytes, atEnd: true)
    var pieces = HTTPResponseReader()
    var last = HTTPResponseReader.Progress.more
    for byte in bytes where last == .more { last = pieces.take([byte], atEnd: false) }
    if last == .more { last = pieces.take([], atEnd: true) }
    if case .done(let response) = end, case .done(let other) = last {
        precondition(response == other)
    }
    guard case .done(let response) = end else { return }
    do throws(TokenFailure) {
        let answer = try TokenAnswer(
            HTTPRequest(url, secrets: [Secret(secret)]), response)
        let token = try answer.oauthToken()
        precondition(isToken(token.text.text) && token.lifetimeMilliseconds ?? -1 >= 0)
        _ = try answer.impersonatedToken(nowMilliseconds: 0)
    } catch {
        precondition(!error.reason.contains(secret) && !error.reason.contains("\n"))
    }
}
