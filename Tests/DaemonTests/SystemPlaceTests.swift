// The places that prongd makes for itself when root starts it and nobody else has made them:
// /run/prong and /var/lib/prong. Tried in a mount namespace of the test's own, in which both are
// empty, so that nothing of the machine is touched.
import DaemonHarness
import Foundation
import Testing

/// prongd at the system's places, seen from outside through /proc.
private struct SecludedDaemon {
    let process: ChildProcess
    let folder: ScratchFolder

    init(_ settings: String) throws {
        folder = try ScratchFolder("prong-places")
        let config = try folder.write(settings, to: "prong.toml")
        let script = """
            mount -t tmpfs none /run && mount -t tmpfs none /var/lib \
            && exec \(Programs.prongd) --config \(config)
            """
        process = try ChildProcess(
            try #require(Programs.installed("unshare")),
            ["--mount", "--propagation", "private", "/bin/sh", "-c", script],
            output: folder.file("log"))
    }

    /// A program as `nobody`, in the daemon's namespace.
    func runAsStranger(_ program: String, _ arguments: [String]) throws -> Finished {
        try run(
            try #require(Programs.installed("nsenter")),
            [
                "--mount=/proc/\(process.pid)/ns/mnt", try #require(Programs.installed("setpriv")),
                "--reuid=65534", "--regid=65534", "--clear-groups", program,
            ] + arguments, within: 30)
    }

    func mode(_ path: String) throws -> Int {
        let facts = try FileManager.default.attributesOfItem(
            atPath: "/proc/\(process.pid)/root\(path)")
        return try #require(facts[.posixPermissions] as? Int) & 0o777
    }

    static let isPossible: Bool = {
        guard getuid() == 0, let unshare = Programs.installed("unshare") else { return false }
        let tried = try? run(
            unshare, ["--mount", "/bin/sh", "-c", "mount -t tmpfs none /run"], within: 30)
        return tried?.code == 0 && Programs.installed("nsenter") != nil
    }()
}

@Suite(
    .keepsEvidence,
    .enabled(if: SecludedDaemon.isPossible, "needs the right to make a mount namespace"))
struct SystemPlaceTests {
    @Test func `the mode of the socket, not its folder, says who may connect`() throws {
        let daemon = try SecludedDaemon("workers = 1\n[listen]\nmode = \"0666\"\n")
        defer { daemon.process.end() }
        try eventuallyTrue("a stranger is answered") {
            let health = try daemon.runAsStranger(
                Programs.prong, ["--socket", "/run/prong/prong.sock", "health"])
            guard health.code == 0 else {
                throw HarnessFailure("\(health)\n\(daemon.folder.read("log"))")
            }
            return true
        }
        #expect(try daemon.mode("/run/prong") == 0o755)
        #expect(try daemon.mode("/run/prong/prong.sock") == 0o666)
        #expect(try daemon.mode("/run/prong/workers.sock") == 0o600)
        #expect(try daemon.mode("/var/lib/prong") == 0o700)
        #expect(try daemon.mode("/var/lib/prong/prong.db") == 0o600)
        daemon.process.signal(SIGTERM)
        #expect(try daemon.process.wait() == .exited(0))
        daemon.folder.remove()
    }
}
