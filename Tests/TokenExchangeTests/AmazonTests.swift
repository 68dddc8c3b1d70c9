// External accounts on AWS: the signed request as google.auth.aws makes it, and the whole way from
// a metadata server to a token.

import Credentials
import Foundation
import Settings
import Synchronization
import Testing

@testable import TokenExchange

@Suite struct AmazonTests {
    private static let regional =
        "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"

    private func file(_ source: [String: String], tokenURL: String = "https://h/sts") throws -> Data
    {
        var whole = ["environment_id": "aws1", "regional_cred_verification_url": Self.regional]
        whole.merge(source) { _, new in new }
        return try JSONSerialization.data(withJSONObject: [
            "type": "external_account", "audience": "//iam/pool", "token_url": tokenURL,
            "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
            "credential_source": whole,
        ])
    }

    private func plan(_ file: Data, _ environment: [String: String]) throws -> TokenPlan {
        var target = Settings.Target(name: "t")
        target.address = "a.example:443"
        target.credentials = .external("/file")
        let credential = try TargetCredential(target, environment: { environment[$0] })
        return try #require(credential).resolve(Array(file), type: "external_account").plan
    }

    private func source(_ plan: TokenPlan) -> AmazonSource? {
        guard case .exchange(let account, _) = plan, case .amazon(let source) = account.source
        else { return nil }
        return source
    }

    static let keys = [
        "AWS_REGION": "us-east-2", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    ]

    /// What google.auth.aws 2.x signs at this time with these keys.
    static let vectors: [(url: String, session: String?, signature: String)] = [
        (regional, nil, "1c7ba673df336c3fbbdcfa6659ab3c3e400a4c4aa6f80a63a1e0eb643f579358"),
        (
            "https://sts-fips.{region}.amazonaws.com/a/../b/./c?z=%2Fx+y&a=2&a=1&empty=&b=%7E~*",
            "S/+=TOKEN", "85de5cce57d7252517eef483369f38bfd1ceefacaab9b4b9747a2c09decf6901"
        ),
    ]

    @Test(arguments: vectors)
    func `a request is signed as google.auth.aws signs it`(
        url: String, session: String?, signature: String
    ) throws {
        var environment = Self.keys
        environment["AWS_SESSION_TOKEN"] = session
        let file = try file(["regional_cred_verification_url": url])
        let source = try #require(source(try plan(file, environment)))
        let keys = try #require(source.environment.keys)
        let request = try AmazonRequest(
            source, region: "us-east-2", keys: keys, time: Digest.time(1_795_281_711))
        let signed = try request.signed(for: "//iam/pool", Digest.all)
        let text = try #require(signed.subject.text.removingPercentEncoding)
        #expect(text.contains("Signature=\(signature)\""), "\(text)")
        #expect(text.contains("\"key\":\"x-amz-date\",\"value\":\"20261121T172151Z\""))
        #expect(!text.contains("wJalr"))
    }

    @Test func `what neither file nor environment says is told before anybody is asked`() throws {
        let near = "http://169.254.169.254/x"
        let without: [([String: String], [String: String], String)] = [
            ([:], [:], "has no region_url, and AWS_REGION is not set"),
            (["region_url": near], [:], "has no url, and AWS_ACCESS_KEY_ID"),
            ([:], ["AWS_REGION": "a/b"], "in the environment is no region"),
            (
                [:], Self.keys.merging(["AWS_SESSION_TOKEN": "HUSH\n"]) { _, new in new },
                "holds what no key has"
            ),
        ]
        for (source, environment, wanted) in without {
            do {
                _ = try plan(try file(source), environment)
                Issue.record("a plan")
            } catch let fault as KeyFault {
                #expect(fault.what.contains(wanted), "\(fault)")
                #expect(!"\(fault)".contains("HUSH"))
            }
        }
        _ = try plan(try file(["region_url": near, "url": near]), [:])
        var dumped = ""
        dump(try plan(try file([:]), Self.keys), to: &dumped)
        #expect(dumped.contains("us-east-2") && !dumped.contains("wJalr"))
    }

    /// A metadata server and a token service in one.
    private func cloud() throws -> LoopbackServer {
        try LoopbackServer { request in
            let path = request.split(separator: " ")[1]
            let isKnown = request.contains("X-aws-ec2-metadata-token: SESSION-SECRET\r\n")
            switch path {
            case "/session" where request.hasPrefix("PUT "): return .answer(200, "SESSION-SECRET")
            case "/zone" where isKnown: return .answer(200, "us-east-2b")
            case "/roles" where isKnown: return .answer(200, "my-role")
            case "/roles/my-role" where isKnown:
                return .answer(
                    200,
                    "{\"Code\": \"Success\", \"AccessKeyId\": \"AKID\","
                        + " \"SecretAccessKey\": \"KEY-SECRET\", \"Token\": \"TOKEN-SECRET\"}")
            case "/sts": return .answer(200, "{\"access_token\": \"given\", \"expires_in\": 60}")
            default: return .answer(404, "{\"error\": \"none\"}")
            }
        }
    }

    private func token(_ plan: TokenPlan) -> Result<GivenToken, TokenFailure> {
        Result { () throws(TokenFailure) in try TokenFetch(roots: nil).token(plan) }
    }

    private func near(_ server: LoopbackServer, _ change: [String: String] = [:]) throws -> Data {
        let own = [
            "region_url": "\(server.origin)/zone", "url": "\(server.origin)/roles",
            "imdsv2_session_token_url": "\(server.origin)/session",
        ]
        return try file(
            own.merging(change) { _, new in new }, tokenURL: "\(server.origin)/sts")
    }

    @Test func `the metadata server gives region and keys, the token service a token`() throws {
        let server = try cloud()
        defer { server.stop() }
        let given = token(try plan(try near(server), [:]))
        #expect(
            given == .success(GivenToken(text: Secret("given"), lifetimeMilliseconds: 60_000)))
        let asked = server.requests
        #expect(
            asked.map { $0.split(separator: " ").prefix(2).joined(separator: " ") } == [
                "PUT /session", "GET /zone", "GET /roles", "GET /roles/my-role", "POST /sts",
            ])
        #expect(asked[0].contains("X-aws-ec2-metadata-token-ttl-seconds: 300\r\n"))
        #expect(asked[0].contains("Content-Length: 0\r\n"))
        #expect(asked[4].contains("sts.us-east-2.amazonaws.com"))
        #expect(asked[4].contains("TOKEN-SECRET") && !asked[4].contains("KEY-SECRET"))
    }

    @Test func `what the environment says the metadata server is not asked for`() throws {
        let server = try cloud()
        defer { server.stop() }
        _ = token(try plan(try near(server), Self.keys))
        #expect(server.requests.map { $0.hasPrefix("POST /sts") } == [true])
        let region = ["AWS_DEFAULT_REGION": "eu-west-1"]
        _ = token(try plan(try near(server), region))
        #expect(server.requests.count == 5)
        #expect(server.requests[4].contains("sts.eu-west-1.amazonaws.com"))
    }

    @Test func `a metadata server that refuses is told with what it was asked for`() throws {
        let server = try cloud()
        defer { server.stop() }
        func reason(_ change: [String: String]) throws -> String {
            guard case .failure(let failure) = token(try plan(try near(server, change), [:]))
            else { return "a token" }
            return failure.reason
        }
        let gone = "\(server.origin)/gone"
        #expect(
            try reason(["imdsv2_session_token_url": gone])
                == "AWS gave no session token: \(server.origin) answered 404: none")
        #expect(try reason(["region_url": gone]).hasPrefix("AWS gave no region: "))
        #expect(try reason(["url": gone]).hasPrefix("AWS gave no role: "))
        #expect(
            try reason(["url": "\(server.origin)/session"]).hasPrefix("AWS gave no role: "))
        #expect(
            try reason(["region_url": "http://127.0.0.1:1/"])
                .hasPrefix("AWS gave no region: http://127.0.0.1:1 cannot be reached"))
    }
}
