// Other people's jobs do not exist, at once and whatever the request waits for.
import DaemonHarness
import Foundation
import Testing

@Suite(.keepsEvidence, .enabled(if: getuid() == 0, "needs root, to be somebody else"))
struct VisibilityTests {
    /// The status that `nobody` is answered with.
    private func statusForStranger(_ daemon: Daemon, _ path: String) throws -> String {
        let home = try ScratchFolder()
        defer { home.remove() }
        let asked = try runAsOrdinaryUser(
            try #require(Programs.installed("curl")),
            [
                "--silent", "--output", "/dev/null", "--write-out", "%{http_code}",
                "--unix-socket", daemon.socketPath, "http://prong\(path)",
            ], owning: home)
        #expect(asked.code == 0, "\(asked)")
        return asked.output
    }

    @Test(arguments: ["", "?wait=10m", "/response", "/response?wait=10m"])
    func `a stranger's job is 404 at once, also for who would wait`(_ suffix: String) throws {
        try withPool(change: { $0.listen = "mode = \"0666\"" }) { daemon, _ in
            try FileManager.default.setAttributes(
                [.posixPermissions: 0o755], ofItemAtPath: daemon.folder.path)
            let id = try daemon.submit("Echo", [:], ["delay": "1h"])
            #expect(try statusForStranger(daemon, "/v1/jobs/\(id)\(suffix)") == "404")
            #expect(try daemon.job(id)["state"] == "scheduled")
        }
    }
}
