// What token endpoints answer, in order and out of it.

import SeededRandom
import Testing

@testable import Credentials

@Suite struct TokenAnswerTests {
    private func request(_ secrets: [Secret] = []) throws -> HTTPRequest {
        HTTPRequest(
            try #require(EndpointURL("https://token.example/token?key=hidden")), secrets: secrets)
    }

    private func answer(
        _ status: Int, _ body: String, secrets: [Secret] = []
    ) throws -> Result<GivenToken, TokenFailure> {
        let request = try request(secrets)
        let response = HTTPResponse(status: status, headers: [], body: Array(body.utf8))
        return Result { () throws(TokenFailure) in
            try TokenAnswer(request, response).oauthToken()
        }
    }

    private func reason(_ status: Int, _ body: String, secrets: [Secret] = []) throws -> String {
        switch try answer(status, body, secrets: secrets) {
        case .success: "a token"
        case .failure(let failure): failure.reason
        }
    }

    @Test func `a token comes with its life, or is given a short one`() throws {
        #expect(
            try answer(200, "{\"access_token\": \"t\", \"expires_in\": 60}")
                == .success(GivenToken(text: Secret("t"), lifetimeMilliseconds: 60_000)))
        #expect(
            try answer(200, "{\"access_token\": \"t\"}")
                == .success(GivenToken(text: Secret("t"), lifetimeMilliseconds: 300_000)))
        #expect(
            try answer(200, "{\"access_token\": \"t\", \"expires_in\": 1e300}")
                == .success(GivenToken(text: Secret("t"), lifetimeMilliseconds: 86_400_000)))
    }

    @Test func `a refusal is told by OAuth's own words, without the body`() throws {
        #expect(
            try reason(
                400, "{\"error\": \"invalid_grant\", \"error_description\": \"Bad\\nRequest\"}")
                == "https://token.example answered 400: invalid_grant (Bad?Request)")
        #expect(
            try reason(403, "{\"error\": {\"status\": \"PERMISSION_DENIED\", \"message\": \"no\"}}")
                == "https://token.example answered 403: PERMISSION_DENIED (no)")
        #expect(try reason(500, "<html>x</html>") == "https://token.example answered 500")
        #expect(
            try reason(302, "") == "https://token.example answered 302, a redirect;"
                + " prong follows none")
        #expect(
            try reason(200, "<html>x</html>")
                == "https://token.example answered 200 with what is not JSON")
        #expect(try reason(200, "{}").hasSuffix("with no token"))
        #expect(
            try reason(200, "{\"access_token\": \"a\\r\\nb\"}")
                .hasSuffix("with a token that no header can carry"))
        #expect(
            try reason(200, "{\"access_token\": \"t\", \"expires_in\": 0}")
                .hasSuffix("with a token that has ended"))
    }

    @Test func `an endpoint that repeats a secret is not quoted`() throws {
        for echo in ["1//HUSH", "1%2F%2FHUSH"] {
            let body = "{\"error\": \"invalid_grant\", \"error_description\": \"no \(echo)\"}"
            #expect(
                try reason(400, body, secrets: [Secret("1//HUSH")])
                    == "https://token.example answered 400: invalid_grant")
        }
    }

    @Test(arguments: [
        "HUSH+a/b=", "HUSH%2Ba%2Fb%3D", "HUSH%2Ba/b%3D", "HUSH%252Ba%2Fb%253D",
    ])
    func `a piece of AWS's subject is not quoted, as often encoded as it was sent`(
        echo: String
    ) throws {
        guard
            case .external(let account) = try Samples.parse(Samples.external("{\"file\": \"/t\"}"))
        else {
            Issue.record("no external account")
            return
        }
        let session = "HUSH+a/b="
        let subject = Secret("%7B%22value%22%3A%22HUSH%2Ba/b%3D%22%7D")
        let request = TokenRequests.exchange(
            account, subject: subject, parts: [Secret(session)], scopes: [])
        #expect(request.body.content.contains("HUSH%252Ba%2Fb%253D"))
        let body = "{\"error\": \"invalid_grant\", \"error_description\": \"no \(echo)\"}"
        let response = HTTPResponse(status: 400, headers: [], body: Array(body.utf8))
        let refusal = TokenFailure("\(account.tokenURL.origin) answered 400: invalid_grant")
        #expect(throws: refusal) { try TokenAnswer(request, response) }
    }

    @Test func `another's token ends when it says so`() throws {
        let body = Array(
            "{\"accessToken\": \"t\", \"expireTime\": \"1970-01-01T00:01:00Z\"}".utf8)
        let answer = try TokenAnswer(
            request(), HTTPResponse(status: 200, headers: [], body: body))
        #expect(try answer.impersonatedToken(nowMilliseconds: 1_000).lifetimeMilliseconds == 59_000)
        #expect(throws: TokenFailure.self) {
            try answer.impersonatedToken(nowMilliseconds: 60_000)
        }
    }

    @Test func `only Google's metadata server is believed to be one`() throws {
        var request = try request()
        request.expectsMetadataFlavor = true
        let body = Array("{\"access_token\": \"t\"}".utf8)
        #expect(throws: TokenFailure.self) {
            try TokenAnswer(request, HTTPResponse(status: 200, headers: [], body: body))
        }
        let flavor = HTTPField("metadata-flavor", "Google")
        _ = try TokenAnswer(request, HTTPResponse(status: 200, headers: [flavor], body: body))
    }

    // MARK: HTTP

    private func read(_ text: String, atEnd: Bool = false) -> HTTPResponseReader.Progress {
        var reader = HTTPResponseReader()
        return reader.take(Array(text.utf8), atEnd: atEnd)
    }

    private func body(_ progress: HTTPResponseReader.Progress) -> String? {
        guard case .done(let response) = progress else { return nil }
        return String(decoding: response.body, as: UTF8.self)
    }

    @Test func `an answer ends by its length, its chunks or its connection`() {
        #expect(body(read("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc")) == "ab")
        #expect(read("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc") == .more)
        let chunked = "HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\n\r\n3;x\r\nabc\r\n"
        #expect(read(chunked) == .more)
        #expect(body(read(chunked + "0\r\n\r\n")) == "abc")
        #expect(read("HTTP/1.0 200 OK\r\n\r\nabc") == .more)
        #expect(body(read("HTTP/1.0 200 OK\r\n\r\nabc", atEnd: true)) == "abc")
        #expect(
            body(read("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx"))
                == "x")
    }

    @Test(arguments: [
        "SSH-2.0-x\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: 70_000),
    ])
    func `what is no answer is broken`(text: String) {
        guard case .broken = read(text) else {
            Issue.record("\(read(text))")
            return
        }
    }

    @Test func `an answer in pieces is the same answer`() {
        let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
        var reader = HTTPResponseReader()
        var last = HTTPResponseReader.Progress.more
        for byte in text.utf8 where last == .more { last = reader.take([byte], atEnd: false) }
        #expect(body(last) == "ab")
    }

    @Test(arguments: 1...500 as ClosedRange<UInt64>)
    func `no bytes trap the reader`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var bytes = Array(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\nab\r\n0\r\n\r\n".utf8)
        for _ in 0..<3 {
            let place = Int.random(in: bytes.indices, using: &random)
            bytes[place] = UInt8.random(in: 0...255, using: &random)
        }
        var reader = HTTPResponseReader()
        _ = reader.take(bytes, atEnd: true)
    }
}
