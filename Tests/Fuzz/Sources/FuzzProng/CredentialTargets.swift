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
            if let subject = try? account.subjectToken(in: bytes) {
                _ = TokenRequests.exchange(account, subject: subject, scopes: ["s"]).bytes
            }
        }
    } catch {
        precondition(!error.what.contains(secret) && !error.wanted.contains(secret))
    }
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
