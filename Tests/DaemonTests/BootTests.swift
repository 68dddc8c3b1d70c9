// How a daemon starts, and how it refuses to: exit code and sentence of each refusal.
import DaemonHarness
import Foundation
import Testing

@Suite(.keepsEvidence)
struct BootTests {
    @Test func `a started daemon is ready and names itself`() throws {
        try withBareDaemon { daemon in
            let status = try daemon.status()
            #expect(status["supervisor"]["pid"].int == Int(daemon.supervisor))
            #expect(status["version"].string?.isEmpty == false)
            let queue = try #require(status["queue"]["pid"].int)
            #expect(ProcessFacts(Int32(queue)).parent == daemon.supervisor)
        }
    }

    @Test func `the socket has the configured mode`() throws {
        try withBareDaemon(change: { $0.listen = "mode = \"0600\"" }) { daemon in
            let facts = try FileManager.default.attributesOfItem(atPath: daemon.socketPath)
            let mode = try #require(facts[.posixPermissions] as? Int)
            #expect(mode & 0o777 == 0o600)
        }
    }

    @Test func `asked to stop, it exits 0 and leaves no process`() throws {
        try withBareDaemon { try $0.expectDrained() }
    }

    @Test func `a socket left by a killed daemon is taken over`() throws {
        try withBareDaemon { daemon in
            try daemon.killAll()
            try daemon.start()
            #expect(try daemon.request("GET", "/healthz").status == 200)
        }
    }

    @Test func `the version is told`() throws {
        let told = try run(Programs.prongd, ["--version"])
        #expect(told.code == 0)
        #expect(told.output.contains("prong"))
        #expect(told.output.contains { $0.isNumber })
    }

    @Test func `an unknown option is a usage error: 64`() throws {
        let refused = try run(Programs.prongd, ["--no-such-option"])
        #expect(refused.code == 64)
        #expect(refused.errorOutput.contains("--no-such-option"))
    }

    @Test func `a socket in use is 69 and names the socket`() throws {
        try withBareDaemon { first in
            let second = try Daemon(DaemonSettings())
            defer { second.tearDown(keepEvidence: Evidence.isWanted) }
            var text = second.settings.toml(in: second.folder.path)
            text = text.replacingOccurrences(of: second.socketPath, with: first.socketPath)
            let config = try second.folder.write(text, to: "prong.toml")
            let refused = try run(Programs.prongd, ["--config", config], within: 30)
            #expect(refused.code == 69)
            #expect(refused.errorOutput.contains(first.socketPath), "\(refused.errorOutput)")
            #expect(try first.request("GET", "/healthz").status == 200)
        }
    }

    @Test func `a store from a newer version is 74 and stays as it is`() throws {
        try withBareDaemon { daemon in
            try daemon.expectDrained()
            try patchUserVersion(of: daemon.storePath, to: 9_999)
            let before = try Data(contentsOf: URL(fileURLWithPath: daemon.storePath))
            #expect(try daemon.launch().wait() == .exited(74))
            #expect(try Data(contentsOf: URL(fileURLWithPath: daemon.storePath)) == before)
            #expect(daemon.log.contains("prong.db"))
            #expect(daemon.log.contains("newer"))
            let checked = try run(Programs.prongd, ["--config", daemon.configPath, "--check"])
            #expect(checked.code == 74)
            #expect(checked.errorOutput.contains("newer"), "\(checked)")
        }
    }

    @Test func `a store that is no store is 74 and stays as it is`() throws {
        let daemon = try Daemon(DaemonSettings())
        defer { daemon.tearDown(keepEvidence: Evidence.isWanted) }
        let junk = String(repeating: "this is not a database. ", count: 500)
        try daemon.folder.write(junk, to: "state/prong.db")
        #expect(try daemon.launch().wait() == .exited(74))
        #expect(daemon.folder.read("state/prong.db") == junk)
        #expect(daemon.log.contains("prong.db"))
    }

    @Test func `a folder that may not be written is 77 and named`() throws {
        let daemon = try Daemon(DaemonSettings())
        defer { daemon.tearDown(keepEvidence: Evidence.isWanted) }
        let manager = FileManager.default
        let state = daemon.folder.file("state")
        try manager.setAttributes([.posixPermissions: 0o555], ofItemAtPath: state)
        let config = try daemon.folder.write(
            daemon.settings.toml(in: daemon.folder.path), to: "prong.toml")
        let refused = try runAsOrdinaryUser(
            Programs.prongd, ["--config", config], owning: daemon.folder, except: state)
        #expect(refused.code == 77, "\(refused.errorOutput)")
        #expect(refused.errorOutput.contains(state), "\(refused.errorOutput)")
    }

    @Test func `an ordinary user without a configuration and a runtime folder gets 78`() throws {
        let scratch = try ScratchFolder()
        defer { scratch.remove() }
        let refused = try runAsOrdinaryUser(
            "/usr/bin/env", ["-u", "XDG_RUNTIME_DIR", "-u", "PRONG_CONFIG", Programs.prongd],
            owning: scratch)
        #expect(refused.code == 78, "\(refused.errorOutput)")
        #expect(refused.errorOutput.contains("XDG_RUNTIME_DIR"))
    }

    @Test func `an ordinary user needs no configuration`() throws {
        let scratch = try ScratchFolder()
        defer { scratch.remove() }
        let environment = [
            "XDG_RUNTIME_DIR": scratch.path, "XDG_STATE_HOME": scratch.file("state-home"),
        ]
        let printed = try runAsOrdinaryUser(
            Programs.prongd, ["--print-config"], environment: environment, owning: scratch)
        #expect(printed.code == 0, "\(printed.errorOutput)")
        #expect(printed.output.contains("\(scratch.path)/prong/prong.sock"))
        #expect(printed.output.contains(scratch.file("state-home/prong/prong.db")))
    }

    /// SQLite's header holds user_version at byte 60, big-endian.
    private func patchUserVersion(of path: String, to version: UInt32) throws {
        var data = try Data(contentsOf: URL(fileURLWithPath: path))
        for index in 0..<4 {
            data[60 + index] = UInt8(truncatingIfNeeded: version >> (24 - 8 * index))
        }
        try data.write(to: URL(fileURLWithPath: path))
    }
}

/// Runs a program without root's rights: as `nobody` where the test is root.
func runAsOrdinaryUser(
    _ program: String, _ arguments: [String], environment: [String: String] = [:],
    owning folder: ScratchFolder, except: String? = nil
) throws -> Finished {
    guard getuid() == 0 else {
        return try run(program, arguments, environment: environment, within: 30)
    }
    let setpriv = try #require(Programs.installed("setpriv"))
    let nobody: [FileAttributeKey: Any] = [.ownerAccountID: 65_534]
    try FileManager.default.setAttributes(nobody, ofItemAtPath: folder.path)
    let names = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
    for name in names where folder.file(name) != except {
        try FileManager.default.setAttributes(nobody, ofItemAtPath: folder.file(name))
    }
    return try run(
        setpriv, ["--reuid=65534", "--regid=65534", "--clear-groups", program] + arguments,
        environment: environment.merging(["HOME": folder.path]) { given, _ in given }, within: 30)
}
