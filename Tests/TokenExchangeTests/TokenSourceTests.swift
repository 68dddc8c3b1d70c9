// From a target's settings to its token: what is here at once, what must be asked for, and that an
// exchange of several requests has ended when its time is over.

import Credentials
import Foundation
import Settings
import Testing

@testable import TokenExchange

@Suite struct TokenSourceTests {
    private let folder = FileManager.default.temporaryDirectory
        .appending(path: UUID().uuidString)

    private func source(
        _ credentials: Settings.Credentials, _ file: String, _ content: String,
        untilNanoseconds: UInt64 = .max
    ) throws -> TokenSource {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try content.write(
            to: folder.appending(path: file), atomically: true, encoding: .utf8)
        var target = Settings.Target(name: "t")
        target.address = "h.test:443"
        target.credentials = credentials
        target.quotaProject = "mine"
        return TokenSource(target, untilNanoseconds: untilNanoseconds)
    }

    private func environment(_ name: String) -> String? {
        name == "CREDENTIALS_DIRECTORY" ? folder.path : nil
    }

    @Test func `a token file's token is here at once, and its file is remembered`() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "token").path
        var source = try source(.tokenFile(path), "token", "SECRET\n")
        guard case .token(let given) = try source.prepare(environment: environment) else {
            Issue.record("somebody would be asked")
            return
        }
        #expect(given.text.text == "SECRET")
        #expect(source.quotaProject == "mine")
        #expect(source.stamps == [path: FileStamp(path: path)])
        let carried = TokenSource.metadata(given.text, quotaProject: source.quotaProject)
        #expect(carried.map(\.name) == ["authorization", "x-goog-user-project"])
        #expect(carried.map(\.value) == ["Bearer SECRET", "mine"])
    }

    @Test func `an exchange has ended when its time is over, whatever its own patience`() throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let server = try LoopbackServer { _ in .silence }
        defer { server.stop() }
        let user =
            "{\"type\": \"authorized_user\", \"client_id\": \"i\", \"client_secret\":"
            + " \"SECRET\", \"refresh_token\": \"SECRET\", \"token_uri\": \"\(server.origin)/t\"}"
        let began = DispatchTime.now().uptimeNanoseconds
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let start = UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
        for (until, wanted) in [(start, "no time left"), (start + 300_000_000, "did not answer")] {
            var source = try source(
                .credential("user"), "user", user, untilNanoseconds: until)
            guard case .exchange(let plan, let fetch) = try source.prepare(environment: environment)
            else {
                Issue.record("nobody would be asked")
                continue
            }
            do throws(TokenFailure) {
                _ = try fetch.token(plan)
                Issue.record("a token")
            } catch {
                #expect(error.reason.contains(wanted), "\(error.reason)")
                #expect(!error.reason.contains("SECRET"))
            }
        }
        let spent = DispatchTime.now().uptimeNanoseconds - began
        #expect(spent < TokenFetch.patienceMilliseconds * 1_000_000, "not each one's own patience")
    }
}
