// Token endpoints and metadata servers that are down, slow, wrong or endless: each exchange ends by
// itself, with a sentence that names the endpoint and the cause and holds no secret.

import Credentials
import Foundation
import Testing

@testable import TokenExchange

@Suite struct TokenEndpointTests {
    /// For an answer that must come, on a machine that is busy as well.
    static let patience: UInt64 = 30_000
    /// For one that never comes: short enough to wait for.
    static let briefPatience: UInt64 = 500
    static let refusal =
        "{\"error\": \"invalid_grant\", \"error_description\": \"Invalid JWT Signature.\"}"

    private func user(_ url: String) throws -> TokenPlan {
        let text =
            "{\"type\": \"authorized_user\", \"client_id\": \"i\", \"client_secret\":"
            + " \"SECRET-A\", \"refresh_token\": \"SECRET-B\", \"token_uri\": \"\(url)\"}"
        return try TokenPlan(KeyFile(parsing: Array(text.utf8)), TokenWish(host: "h"))
    }

    private func reason(_ plan: TokenPlan, within patience: UInt64 = Self.patience) -> String {
        do throws(TokenFailure) {
            _ = try TokenFetch(roots: nil, milliseconds: patience).token(plan)
            return "a token"
        } catch {
            return error.reason
        }
    }

    private func reason(
        of reply: LoopbackServer.Reply, within patience: UInt64
    ) throws -> String {
        let server = try LoopbackServer { _ in reply }
        defer { server.stop() }
        let found = reason(try user("\(server.origin)/token"), within: patience)
        #expect(found.hasPrefix(server.origin), "\(found)")
        #expect(!found.contains("SECRET"), "\(found)")
        return found
    }

    static let endless: [LoopbackServer.Reply] = [
        .silence, .trickle("HTTP/1.1 200 OK\r\nX: "),
        .trickle("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"),
    ]

    @Test(arguments: endless)
    func `an endpoint that does not come to an end is given up`(
        reply: LoopbackServer.Reply
    ) throws {
        let found = try reason(of: reply, within: Self.briefPatience)
        #expect(found.hasSuffix(" did not answer within 500 ms"), "\(found)")
    }

    static let faults: [(LoopbackServer.Reply, String)] = [
        (.flood("HTTP/1.1 200 OK\r\n\r\n{"), "answered with more than 65536 bytes"),
        (.flood("HTTP/1.1 200 OK\r\nX: "), "answered with more than 65536 bytes"),
        (
            .flood("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"),
            "answered with a length that is none, or more than 65536 bytes"
        ),
        (.answer(200, "<html>SECRET</html>"), "answered 200 with what is not JSON"),
        (.answer(502, "<html>SECRET</html>"), "answered 502"),
        (.answer(400, refusal), "answered 400: invalid_grant (Invalid JWT Signature.)"),
        (.answer(400, "{\"error\": \"SECRET-B\"}"), "answered 400"),
        (.answer(307, "", "Location: https://x.example/\r\n"), "a redirect; prong follows none"),
        (.text(""), "answered with what is not HTTP"),
        (.text("SSH-2.0-x\r\n"), "answered with what is not HTTP"),
        (.text("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), "answered with half an answer"),
    ]

    @Test(arguments: faults)
    func `an endpoint that is no good is told with its cause`(
        reply: LoopbackServer.Reply, wanted: String
    ) throws {
        let found = try reason(of: reply, within: Self.patience)
        #expect(found.contains(wanted), "\(found)")
    }

    @Test func `a metadata server that is not there, or is none, is told by its address`() throws {
        let absent = try TokenPlan(metadataServer: "127.0.0.1:1", TokenWish(host: "h"))
        #expect(reason(absent).hasPrefix("http://127.0.0.1:1 cannot be reached: connection"))
        let server = try LoopbackServer { _ in
            .answer(200, "{\"access_token\": \"SECRET\", \"expires_in\": 60}")
        }
        defer { server.stop() }
        let other = try TokenPlan(
            metadataServer: "127.0.0.1:\(server.port)", TokenWish(host: "h"))
        #expect(reason(other).hasSuffix("answered, but is no metadata server of Google's"))
    }

    @Test func `a metadata server that never takes the connection is given up`() throws {
        try LoopbackServer.withDeafPort { port in
            let deaf = try TokenPlan(metadataServer: "127.0.0.1:\(port)", TokenWish(host: "h"))
            #expect(
                reason(deaf, within: Self.briefPatience)
                    == "http://127.0.0.1:\(port) cannot be reached: connection timed out")
        }
    }

    @Test func `a key that its endpoint knows no more says so in the endpoint's words`() throws {
        let server = try LoopbackServer { _ in .answer(400, Self.refusal) }
        defer { server.stop() }
        let key = try OpenSSL.account(
            OpenSSL.run(OpenSSL.curveKey), ["token_uri": "\(server.origin)/token"])
        let plan = try TokenPlan(.serviceAccount(key), TokenWish(scopes: ["s"], host: "h"))
        #expect(
            reason(plan)
                == "\(server.origin) answered 400: invalid_grant (Invalid JWT Signature.)")
        let form = try #require(server.requests.first)
        #expect(form.contains("jwt-bearer&assertion=ey"))
        guard let assertion = form.split(separator: "assertion=").last else { return }
        let claims = String(
            decoding: try #require(OpenSSL.decoded(assertion.split(separator: ".")[1])),
            as: UTF8.self)
        #expect(claims.contains("\"aud\":\"\(server.origin)/token\",\"scope\":\"s\""))
    }
}
