// AWS without a network: which file is one of AWS's, what the metadata server is asked in which
// order, and the text that is signed, with the values of google.auth.aws.

import SeededRandom
import Testing

@testable import Credentials

@Suite struct AmazonRequestTests {
    static let regional =
        "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
    static let near = "http://169.254.169.254/latest"

    private func account(
        _ source: String, url: String = regional
    ) throws(KeyFault) -> AmazonSource? {
        let text = Samples.external(
            "{\"environment_id\": \"aws1\", \"regional_cred_verification_url\": \"\(url)\""
                + "\(source)}"
        ).replacing("urn:x:jwt", with: AmazonSource.subjectTokenType)
        guard case .external(let account) = try Samples.parse(text),
            case .amazon(let source) = account.source
        else { return nil }
        return source
    }

    private func keys(_ session: String? = nil) -> AmazonKeys {
        AmazonKeys(
            id: Secret("AKIDEXAMPLE"), secret: Secret("HUSH"),
            session: session.map { Secret($0) })
    }

    private func canonical(_ url: String, session: String? = nil) throws -> String {
        let source = try #require(try account("", url: url))
        return try AmazonRequest(
            source, region: "us-east-2", keys: keys(session), time: "20261121T172151Z"
        ).canonical(payload: "PAYLOAD")
    }

    @Test func `the text that is signed holds method, place, query, headers and payload`() throws {
        #expect(
            try canonical(Self.regional) == """
                POST
                /
                Action=GetCallerIdentity&Version=2011-06-15
                host:sts.us-east-2.amazonaws.com
                x-amz-date:20261121T172151Z

                host;x-amz-date
                PAYLOAD
                """)
        #expect(
            try canonical(
                "https://STS.{region}.amazonaws.com/a/../b/./c?z=%2Fx+y&a=2&a=1&e=&=v&b=%7E~*",
                session: "S/+=") == """
                    POST
                    /b/c
                    =v&a=1&a=2&b=~~%2A&z=%2Fx%20y
                    host:sts.us-east-2.amazonaws.com
                    x-amz-date:20261121T172151Z
                    x-amz-security-token:S/+=

                    host;x-amz-date;x-amz-security-token
                    PAYLOAD
                    """)
    }

    @Test func `the key is derived for day, region and service, and is not in what goes out`()
        throws
    {
        let source = try #require(try account("", url: "https://sts-fips.{region}.x.example/"))
        let request = try AmazonRequest(
            source, region: "us-east-2", keys: keys("SESSION"), time: "20261121T172151Z")
        var derived: [String] = []
        let digests = AmazonDigests(
            sha256: { _ in [0xAB] },
            hmac: { key, data in
                derived.append(String(decoding: data, as: UTF8.self))
                return derived.count == 1
                    ? (key == Array("AWS4HUSH".utf8) ? [1] : []) : key + [UInt8(derived.count)]
            })
        let signed = try request.signed(for: "//iam/pool", digests)
        #expect(
            derived == [
                "20261121", "us-east-2", "sts", "aws4_request",
                "AWS4-HMAC-SHA256\n20261121T172151Z\n"
                    + "20261121/us-east-2/sts/aws4_request\nab",
            ])
        #expect(
            signed.subject.text.hasPrefix(
                "%7B%22headers%22%3A%5B%7B%22key%22%3A%22Authorization%22%2C%22value%22%3A%22"
                    + "AWS4-HMAC-SHA256%20Credential%3DAKIDEXAMPLE/20261121/us-east-2/sts/"
                    + "aws4_request%2C%20SignedHeaders%3Dhost%3Bx-amz-date%3B"
                    + "x-amz-security-token%2C%20Signature%3D0102030405%22%7D%2C"))
        #expect(
            signed.subject.text.hasSuffix(
                "%22method%22%3A%22POST%22%2C%22url%22%3A%22"
                    + "https%3A//sts-fips.us-east-2.x.example/%22%7D"))
        #expect(!signed.subject.text.contains("HUSH"))
        #expect(signed.parts.map(\.text) == ["AKIDEXAMPLE", "0102030405", "SESSION"])
    }

    static let broken: [(String, String, String)] = [
        ("environment_id\": \"aws1", "environment_id\": \"aws2", "is not aws1"),
        ("environment_id", "id", "it has no credential_source.environment_id"),
        ("https://sts.{", "http://sts.{", "is no https:// URL"),
        ("https://sts.{region}", "{region}", "is no https:// URL"),
        ("_cred_verification", "", "no credential_source.regional_cred_verification_url"),
        ("aws4_request", "other", "of the kind AWS, and its subject_token_type is not"),
        ("\"}, ", "\", \"url\": \"http://10.0.0.1/\"}, ", "url is not https://"),
    ]

    @Test(arguments: broken)
    func `a file of AWS's that cannot work says why`(from: String, to: String, wanted: String) {
        let text = Samples.external(
            "{\"environment_id\": \"aws1\", \"regional_cred_verification_url\":"
                + " \"\(Self.regional)\"}", ", \"x\": 1"
        ).replacing("urn:x:jwt", with: AmazonSource.subjectTokenType)
        let changed = text.replacing(from, with: to)
        #expect(changed != text)
        do throws(KeyFault) {
            _ = try Samples.parse(changed)
            Issue.record("a file")
        } catch {
            #expect(error.what.contains(wanted), "\(error.what)")
        }
    }

    private var asked: AmazonSource {
        get throws {
            let own =
                ", \"region_url\": \"\(Self.near)/zone\", \"url\": \"\(Self.near)/roles\","
                + " \"imdsv2_session_token_url\": \"\(Self.near)/token\""
            return try #require(try account(own))
        }
    }

    @Test func `the session token comes first, and the others are asked with it`() throws {
        var inquiry = AmazonInquiry(try asked)
        var lines: [String] = []
        let answers = [
            "SESSION", "us-west-2-lax-1a\n", "role\n",
            "{\"AccessKeyId\": \"a\", \"SecretAccessKey\": \"b\", \"Token\": \"c\"}",
        ]
        for answer in answers {
            let question = try #require(try inquiry.question())
            let request = inquiry.request(question)
            let fields = request.headers.map { "\($0.name)=\($0.value)" }
            lines.append("\(request.method.rawValue) \(request.url.path) \(fields)")
            try inquiry.take(Array(answer.utf8), of: question)
        }
        #expect(
            lines == [
                "PUT /latest/token [\"X-aws-ec2-metadata-token-ttl-seconds=300\"]",
                "GET /latest/zone [\"X-aws-ec2-metadata-token=SESSION\"]",
                "GET /latest/roles [\"X-aws-ec2-metadata-token=SESSION\"]",
                "GET /latest/roles/role [\"X-aws-ec2-metadata-token=SESSION\"]",
            ])
        #expect(try inquiry.question() == nil)
        #expect(inquiry.region == "us-west-2-lax-1")
        #expect(
            inquiry.keys
                == AmazonKeys(id: Secret("a"), secret: Secret("b"), session: Secret("c")))
    }

    @Test func `an empty variable is none, and half a pair of keys is none`() {
        let half = AmazonEnvironment { ["AWS_ACCESS_KEY_ID": "a", "AWS_REGION": ""][$0] }
        #expect(half.keys == nil && half.region == nil)
        let whole = AmazonEnvironment {
            [
                "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "",
                "AWS_DEFAULT_REGION": "r",
            ][$0]
        }
        #expect(whole.region == "r")
        #expect(whole.keys == AmazonKeys(id: Secret("a"), secret: Secret("b"), session: nil))
    }

    @Test(arguments: 1...300 as ClosedRange<UInt64>)
    func `no answer of a metadata server traps, and none becomes more than it says`(
        seed: UInt64
    ) throws {
        var random = SeededRandom(seed: seed)
        var inquiry = AmazonInquiry(try asked)
        let texts = [
            "a-1b", "", "a\r\nb", "?", "#", "{}", "{\"AccessKeyId\": 1}", "..", "ä", "a b",
        ]
        for _ in 0..<8 {
            guard let question = try? inquiry.question() else { return }
            let text = texts.randomElement(using: &random) ?? ""
            try? inquiry.take(Array(text.utf8), of: question)
            for field in inquiry.request(question).headers {
                #expect(field.value.utf8.allSatisfy { 0x21...0x7E ~= $0 })
            }
            if let region = inquiry.region { #expect(AmazonSource.isRegion(region)) }
        }
        #expect(inquiry.keys == nil)
    }
}
