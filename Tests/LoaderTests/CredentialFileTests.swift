// Credentials as the loader sees them: what the descriptors declare, what the environment says, and
// files that cannot work.

import LoaderProcess
import Settings
import Testing
import WireFormat

@Suite struct CredentialFileTests {
    private let folder = ScratchFolder()

    private func request(
        _ lines: String, _ environment: [String: String] = [:]
    ) -> LoadRequest {
        let configuration = folder.configuration(
            """
            [targets.t]
            address = "127.0.0.1:1"
            descriptors = ["t.binpb"]
            \(lines)
            """)
        return loadRequest(configuration, environment)
    }

    private func lines(_ request: LoadRequest) -> [String] { loadFailure(request)?.lines ?? [] }

    @Test func `scopes and host come from the offered services, paths become absolute`() throws {
        folder.write(
            "t.binpb", smallDescriptorSet(host: "t.example", scopes: "https://s/a,https://s/b"))
        folder.write("token", "abc\n")
        let loaded = try load(request("credentials = \"token-file:token\""))
        let bundle = try Bundle.decode(try makeBundle(loaded))
        let target = bundle.settings.targets[0]
        #expect(target.defaultScopes == ["https://s/a", "https://s/b"])
        #expect(target.defaultHost == "t.example")
        #expect(target.credentials == .tokenFile("\(folder.path)/token"))
    }

    @Test func `a bundle holds nothing of a credential file`() throws {
        folder.write("t.binpb", smallDescriptorSet())
        folder.write("token", "SECRET-TOKEN\n")
        let bundle = try makeBundle(try load(request("credentials = \"token-file:token\"")))
        #expect(!String(decoding: bundle, as: UTF8.self).contains("SECRET"))
    }

    @Test func `what cannot work is told with its place, and nothing of what is in it`() {
        folder.write("t.binpb", smallDescriptorSet())
        folder.write("key.json", "{\"type\": \"service_account\", \"private_key\": \"SECRET\"}")
        let user =
            "{\"type\": \"authorized_user\", \"client_id\": \"i\", \"client_secret\": \"SECRET\","
            + " \"refresh_token\": \"SECRET\"}"
        folder.write("user.json", user)
        folder.write(
            "aws.json",
            "{\"type\": \"external_account\", \"audience\": \"a\", \"subject_token_type\":"
                + " \"urn:ietf:params:aws:token-type:aws4_request\", \"credential_source\":"
                + " {\"environment_id\": \"aws1\", \"regional_cred_verification_url\":"
                + " \"https://sts.{region}.amazonaws.com?a=b\"}}")
        let amazon = [
            "AWS_REGION": "r", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "SECRET",
        ]
        let handed = ["CREDENTIALS_DIRECTORY": folder.path]
        let cases: [(String, [String: String], String)] = [
            ("service-account:gone.json", [:], "gone.json: no such file or directory"),
            ("service-account:key.json", [:], "key.json: it has no client_email"),
            ("service-account:user.json", [:], "its type is authorized_user, not service_account"),
            ("external:.", [:], "this is not a regular file"),
            ("external:aws.json", [:], "has no region_url, and AWS_REGION is not set"),
            (
                "external:aws.json", amazon.merging(["AWS_REGION": "a/b"]) { _, new in new },
                "in the environment is no region"
            ),
            ("credential:key.json", handed, "key.json: it has no client_email"),
            ("credential:key.json", [:], "$CREDENTIALS_DIRECTORY is not set"),
            (
                "google", ["GOOGLE_APPLICATION_CREDENTIALS": "\(folder.path)/none"],
                "none: no such file"
            ),
            ("google", ["NO_GCE_CHECK": "true"], "there are no application default credentials"),
            ("google", ["GCE_METADATA_HOST": "a b"], "GCE_METADATA_HOST is no host"),
        ]
        for (credentials, environment, wanted) in cases {
            let found = lines(request("credentials = \"\(credentials)\"", environment))
            #expect(found.count == 1, "\(found)")
            #expect(found.first?.contains("prong.toml:6:1: targets.t.credentials: ") == true)
            #expect(found.first?.contains(wanted) == true, "\(found)")
            #expect(!found.contains { $0.contains("SECRET") })
        }
        #expect(lines(request("credentials = \"credential:user.json\"", handed)).isEmpty)
        #expect(lines(request("credentials = \"google\"")).isEmpty)
        #expect(lines(request("credentials = \"external:aws.json\"", amazon)).isEmpty)
    }
}
