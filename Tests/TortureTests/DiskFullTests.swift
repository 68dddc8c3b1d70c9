// A disk that is full: submissions are refused, health fails, what runs goes on, nothing accepted
// is lost, and acceptance returns when there is room. The disk is a small tmpfs, so this needs the
// right to mount.
import DaemonHarness
import Foundation
import Testing

/// A tmpfs on a folder, unmounted at the end.
final class SmallDisk {
    let folder: String

    init?(on folder: String, mebibytes: Int) {
        self.folder = folder
        guard Self.mount("size=\(mebibytes)m", on: folder) else { return nil }
    }

    private static func mount(_ options: String, on folder: String) -> Bool {
        guard getuid() == 0, let program = Programs.installed("mount") else { return false }
        let done = try? run(
            program, ["-t", "tmpfs", "-o", options, "prong-test", folder], within: 30)
        return done?.code == 0
    }

    func grow(toMebibytes size: Int) throws {
        let done = try run(
            try #require(Programs.installed("mount")), ["-o", "remount,size=\(size)m", folder])
        try #require(done.code == 0, "\(done)")
    }

    deinit {
        if let program = Programs.installed("umount") {
            _ = try? run(program, ["--lazy", folder], within: 30)
        }
    }

    static let isPossible: Bool = {
        guard let scratch = try? ScratchFolder() else { return false }
        defer { scratch.remove() }
        return SmallDisk(on: scratch.path, mebibytes: 1) != nil
    }()
}

@Suite(.serialized, .enabled(if: SmallDisk.isPossible, "needs the right to mount a tmpfs"))
struct DiskFullTests {
    private func fill(_ daemon: Daemon) throws -> (ids: [String], refusal: HTTPResponse) {
        let payload = String(repeating: "x", count: 100_000)
        var ids: [String] = []
        for _ in 0..<1_000 {
            let answer = try daemon.post(
                "/v1/jobs",
                [
                    "method": .string("\(ExampleServer.service)/EchoSafe"), "delay": "1h",
                    "request": ["text": .string(payload)],
                ])
            guard answer.status == 202 else { return (ids, answer) }
            ids.append(try #require(try answer.json()["id"].string))
        }
        throw HarnessFailure("the disk never filled")
    }

    @Test func `a full disk refuses, keeps what runs, and takes again when there is room`() throws {
        let server = try ExampleServer()
        let daemon = try Daemon(DaemonSettings(try server.target()))
        let disk = try #require(SmallDisk(on: daemon.folder.file("state"), mebibytes: 8))
        var isGood = false
        defer { daemon.tearDown(keepEvidence: !isGood) }
        try daemon.start()
        let running = try daemon.submit(
            "Delay", ["milliseconds": 4_000, "key": "runs-on"], ["timeout": "1m"])
        try daemon.job(running, reaches: "running")

        let (ids, refusal) = try fill(daemon)
        #expect(ids.count > 5)
        #expect(refusal.status == 429 || refusal.status == 503, "\(refusal)")
        #expect(refusal[header: "retry-after"] != nil, "\(refusal.head)")
        try eventuallyTrue("health fails") {
            try daemon.request("GET", "/healthz", within: 10).status == 503
        }
        #expect(try daemon.call("Echo", ["text": "direct"]).status == 200, "direct calls go on")

        try disk.grow(toMebibytes: 64)
        try eventuallyTrue("acceptance returns") {
            try daemon.post(
                "/v1/jobs",
                ["method": .string("\(ExampleServer.service)/EchoSafe"), "request": [:]]
            ).status == 202
        }
        try daemon.job(running, reaches: "succeeded")
        #expect(server.calls(holding: "runs-on") == 1)
        for id in ids { #expect(try daemon.job(id)["state"] == "scheduled") }
        try eventuallyTrue("health is back") {
            try daemon.request("GET", "/healthz", within: 10).status == 200
        }
        isGood = true
    }
}
