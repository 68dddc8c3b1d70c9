// Credential files: what is taken, and in which words the rest is refused. No message may hold a
// value of a file.

import SeededRandom
import Testing

@testable import Credentials

enum Samples {
    static let serviceAccount = """
        {"type": "service_account", "client_email": "a@p.iam.gserviceaccount.com",
         "private_key": "PEM-SECRET", "private_key_id": "kid1", "project_id": "p",
         "token_uri": "https://127.0.0.1:8443/token"}
        """
    static let user = """
        {"type": "authorized_user", "client_id": "id", "client_secret": "SECRET-ONE",
         "refresh_token": "SECRET-TWO", "quota_project_id": "billed",
         "token_uri": "http://localhost:99/token"}
        """
    static func external(_ source: String, _ more: String = "") -> String {
        """
        {"type": "external_account", "audience": "//iam/pool", "subject_token_type": "urn:x:jwt",
         "token_url": "https://sts.example/v1/token", "credential_source": \(source)\(more)}
        """
    }
    static let impersonationURL =
        "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"
        + "b@x:generateAccessToken"
    static let impersonated = """
        {"type": "impersonated_service_account", "delegates": ["d@x"],
         "source_credentials": \(user),
         "service_account_impersonation_url": "\(impersonationURL)"}
        """

    static func parse(_ text: String) throws(KeyFault) -> KeyFile {
        try KeyFile(parsing: Array(text.utf8))
    }
}

@Suite struct KeyFileTests {
    private func fault(_ text: String) -> KeyFault? {
        do throws(KeyFault) {
            _ = try Samples.parse(text)
            return nil
        } catch {
            return error
        }
    }

    @Test func `each kind of file is known by its type`() throws {
        let source = "{\"file\": \"/token\"}"
        let texts = [
            Samples.serviceAccount, Samples.user, Samples.impersonated, Samples.external(source),
        ]
        #expect(
            try texts.map { try Samples.parse($0).type } == [
                "service_account", "authorized_user", "impersonated_service_account",
                "external_account",
            ])
        #expect(try Samples.parse(Samples.user).quotaProject == "billed")
        #expect(try Samples.parse(Samples.user).universeDomain == "googleapis.com")
    }

    static let faults: [(String, String)] = [
        ("-----BEGIN", "this is not JSON (line 1, column 2)"),
        ("[]", "this is JSON, but no object"),
        ("{\"type\": \"service_account\", \"type\": \"x\"}", "this is not JSON"),
        ("{}", "it has no type"),
        ("{\"type\": 7}", "its type is no text"),
        ("{\"type\": \"hunter2\"}", "its type is none of a Google credential file"),
        ("{\"type\": \"gdch_service_account\"}", "is one that prong does not know"),
        ("{\"type\": \"service_account\"}", "it has no client_email"),
        (
            "{\"type\": \"service_account\", \"client_email\": \"a\\nb\"}",
            "its client_email holds what is not printable ASCII"
        ),
        (
            Samples.serviceAccount.replacing("https://127", with: "http://10"),
            "its token_uri is not https://"
        ),
        (Samples.serviceAccount.replacing("https://", with: "ftp://"), "is no https:// URL"),
        (
            Samples.external("{\"environment_id\": \"aws1\"}"),
            "of the kind AWS, and its subject_token_type is not"
        ),
        (
            Samples.external("{\"certificate\": {}}"),
            "of the kind certificate, and prong shows token services no certificate"
        ),
        (
            Samples.external("{\"executable\": {\"command\": \"x\"}}"),
            "of the kind executable, and prong runs no program for a token"
        ),
        (Samples.external("{}"), "has neither file nor url"),
        (Samples.external("{\"url\": \"http://10.0.0.1/\"}"), "is not https://"),
        (
            Samples.external("{\"file\": \"/t\", \"format\": {\"type\": \"json\"}}"),
            "it has no credential_source.format.subject_token_field_name"
        ),
        (
            Samples.external("{\"url\": \"https://h/\", \"headers\": {\"a b\": \"c\"}}"),
            "a name that is none of HTTP's"
        ),
        (
            Samples.external(
                "{\"file\": \"/t\"}",
                ", \"service_account_impersonation\": {\"token_lifetime_seconds\": 9}"),
            "token_lifetime_seconds is out of range"
        ),
        ("{\"type\": \"impersonated_service_account\"}", "no service_account_impersonation_url"),
    ]

    @Test(arguments: faults)
    func `a file that cannot work says why`(text: String, wanted: String) {
        let what = fault(text)?.what ?? "nothing"
        #expect(what.contains(wanted), "\(what)")
    }

    @Test func `a metadata server may be asked for the subject token without TLS`() throws {
        let text = Samples.external(
            "{\"url\": \"http://169.254.169.254/x?a=b\", \"headers\": {\"Metadata\": \"True\"}}")
        guard case .external(let account) = try Samples.parse(text) else {
            Issue.record("not external")
            return
        }
        let url = try #require(EndpointURL("http://169.254.169.254/x?a=b"))
        #expect(account.source == .url(url, headers: [HTTPField("Metadata", "True")]))
    }

    @Test func `nothing that is printed holds a secret`() throws {
        for text in [Samples.serviceAccount, Samples.user, Samples.impersonated] {
            let file = try Samples.parse(text)
            var dumped = ""
            dump(file, to: &dumped)
            for shown in ["\(file)", String(reflecting: file), dumped] {
                #expect(!shown.contains("SECRET"), "\(shown)")
            }
        }
    }

    @Test(arguments: 1...300 as ClosedRange<UInt64>)
    func `a broken file never traps and never shows a value`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let all = [Samples.serviceAccount, Samples.user, Samples.impersonated]
        var bytes = Array((all.randomElement(using: &random) ?? "").utf8)
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let place = Int.random(in: bytes.indices, using: &random)
            switch Int.random(in: 0...2, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.remove(at: place)
            case _: bytes.removeSubrange(place...)
            }
            if bytes.isEmpty { break }
        }
        do throws(KeyFault) {
            _ = try KeyFile(parsing: bytes)
        } catch {
            #expect(!error.what.contains("SECRET") && !error.wanted.contains("SECRET"))
        }
    }

    @Test func `URLs are https, or stay on this machine`() {
        #expect(EndpointURL("https://h.example/a?b")?.path == "/a?b")
        #expect(EndpointURL("https://h.example?b")?.path == "/?b")
        #expect(EndpointURL("https://h.example")?.authority == "h.example")
        #expect(EndpointURL("https://[::1]:8443/x")?.authority == "[::1]:8443")
        #expect(EndpointURL("http://127.0.0.1:80/")?.isLoopback == true)
        #expect(EndpointURL("http://127.evil.example/")?.isLoopback == false)
        #expect(EndpointURL("http://169.254.evil.example/")?.isLinkLocal == false)
        for text in [
            "", "h", "https://", "https://u@h/", "https://h:0/", "https://h/#f",
            "https://h:x/", "https://h\r\nx/", "file:///etc/passwd",
        ] {
            #expect(EndpointURL(text) == nil, "\(text)")
        }
    }
}
