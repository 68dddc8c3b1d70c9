// Keys that sign and texts that are none; files that are told apart.

import Credentials
import Foundation
import Settings
import Testing

@testable import TokenExchange

@Suite struct PrivateKeyTests {
    @Test(arguments: ["RSA", "EC"])
    func `openssl agrees with a token's signature`(kind: String) throws {
        let options =
            kind == "RSA"
            ? ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]
            : OpenSSL.curveKey
        let pem = try OpenSSL.run(options)
        let key = try OpenSSL.account(pem)
        let given = try TokenFetch(roots: nil).token(
            .selfSigned(key, audience: "https://h/", scopes: []))
        let parts = given.text.text.split(separator: ".")
        #expect(parts.count == 3)
        let header = try #require(OpenSSL.decoded(parts[0]))
        #expect(String(decoding: header, as: UTF8.self).contains(kind == "RSA" ? "RS256" : "ES256"))
        var signature = try #require(OpenSSL.decoded(parts[2]))
        if kind == "EC" { signature = Self.asn1(signature) }
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try pem.write(to: folder.appending(path: "key"))
        try signature.write(to: folder.appending(path: "signature"))
        let said = try OpenSSL.run(
            [
                "dgst", "-sha256", "-prverify", folder.appending(path: "key").path, "-signature",
                folder.appending(path: "signature").path,
            ], input: Data("\(parts[0]).\(parts[1])".utf8))
        #expect(String(decoding: said, as: UTF8.self) == "Verified OK\n")
    }

    /// r and s as a SEQUENCE of two INTEGERs.
    private static func asn1(_ signature: Data) -> Data {
        func integer(_ bytes: Data) -> Data {
            var value = Data(bytes.drop { $0 == 0 })
            if (value.first ?? 0) >= 0x80 { value.insert(0, at: 0) }
            return Data([2, UInt8(value.count)]) + value
        }
        let body = integer(signature.prefix(32)) + integer(signature.suffix(32))
        return Data([0x30, UInt8(body.count)]) + body
    }

    @Test func `what is no key says so, and asks nobody for a passphrase`() throws {
        let curve = try OpenSSL.run(["genpkey", "-algorithm", "ED25519"])
        let locked = try OpenSSL.run(["genpkey", "-algorithm", "RSA", "-aes256", "-pass", "pass:x"])
        for (pem, wanted) in [
            (Data("PEM-SECRET".utf8), "no PEM of a private key"), (curve, "neither RSA nor"),
            (locked, "no PEM of a private key"), (Data(), "no PEM of a private key"),
        ] {
            let text = Secret(String(decoding: pem, as: UTF8.self))
            do throws(TokenFailure) {
                _ = try PrivateKey(pem: text)
                Issue.record("a key")
            } catch {
                #expect(error.reason.contains(wanted))
                #expect(!error.reason.contains("SECRET"))
            }
        }
    }

    @Test func `a token file holds one token on one line`() throws {
        func token(_ text: String) -> String? {
            (try? CredentialFile.token(in: Array(text.utf8)))?.text
        }
        #expect(token("abc\n") == "abc")
        #expect(token("\r\n abc \r\n") == "abc")
        for text in ["", "\n", "a b", "a\nb\n", "Bearer abc", "ä\n", "a\tb"] {
            #expect(token(text) == nil, "\(text)")
        }
    }

    @Test func `a file that was replaced or written is another`() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
        defer { unlink(path) }
        let missing = FileStamp(path: path)
        try Data("a".utf8).write(to: URL(fileURLWithPath: path))
        let first = FileStamp(path: path)
        #expect(first != missing && first == FileStamp(path: path))
        try Data("bc".utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
        #expect(FileStamp(path: path) != first)
    }

    @Test func `an endpoint that nobody listens at is told by its origin`() throws {
        let user =
            "{\"type\":\"authorized_user\",\"client_id\":\"i\",\"client_secret\":\"s\","
            + "\"refresh_token\":\"r\",\"token_uri\":\"https://127.0.0.1:1/hidden\"}"
        guard case .authorizedUser(let key) = try KeyFile(parsing: Array(user.utf8)) else { return }
        do throws(TokenFailure) {
            _ = try TokenFetch(roots: nil).token(.refresh(key, scopes: []))
            Issue.record("a token")
        } catch {
            #expect(error.reason.hasPrefix("https://127.0.0.1:1 cannot be reached: connection"))
        }
    }

    @Test func `systemd's credential needs its directory`() {
        var target = Settings.Target(name: "t")
        target.credentials = .credential("key")
        #expect(throws: TokenFailure.self) {
            try TargetCredential(target, environment: { _ in nil })
        }
        let found = try? TargetCredential(
            target, environment: { $0 == "CREDENTIALS_DIRECTORY" ? "/c" : nil })
        #expect(found?.source == .keyFile("/c/key", type: nil))
    }

    @Test func `a token is for the API's own host, else for the name that is expected`() throws {
        func host(_ change: (inout Settings.Target) -> Void) throws -> String? {
            var target = Settings.Target(name: "t")
            target.address = "dns:///a.example:443"
            target.credentials = .google
            change(&target)
            return try TargetCredential(target, environment: { _ in nil })?.wish.host
        }
        #expect(try host { _ in } == "a.example")
        #expect(try host { $0.authority = "b.example" } == "b.example")
        #expect(
            try host {
                $0.authority = "b.example"
                $0.defaultHost = "c.example"
            } == "c.example")
    }
}
