// What the loader accepts and refuses, seen from the command line: the exit code, and a line for
// each fault with file, line, key, what is wrong and what would be right.
import DaemonHarness
import Foundation
import Testing

@Suite(.keepsEvidence)
struct ConfigurationTests {
    private func check(
        _ text: String, _ option: String = "--check", files: [String: [UInt8]] = [:]
    ) throws -> Finished {
        let scratch = try ScratchFolder()
        defer { scratch.remove() }
        for (name, bytes) in files {
            try Data(bytes).write(to: URL(fileURLWithPath: scratch.file(name)))
        }
        let filled = text.replacingOccurrences(of: "FOLDER", with: scratch.path)
        let config = try scratch.write(filled, to: "prong.toml")
        return try run(Programs.prongd, ["--config", config, option], within: 30)
    }

    private func prefixed(_ text: String) -> String {
        """
        [listen]
        socket = "FOLDER/prong.sock"
        [store]
        path = "FOLDER/prong.db"
        \(text)
        """
    }

    /// A target whose descriptor set is the file.
    private func target(_ descriptors: String) -> String {
        prefixed(
            """
            [targets.a]
            address = "127.0.0.1:1"
            credentials = "insecure"
            descriptors = ["\(descriptors)"]
            """)
    }

    @Test func `a sound configuration passes the check`() throws {
        let passed = try check(prefixed("[worker]\nin_flight = 8"))
        #expect(passed.code == 0, "\(passed.errorOutput)")
    }

    @Test func `the check of a target reads its descriptor set`() throws {
        let file = try ExampleServer.descriptors()
        let passed = try check(
            target("\(file)"))
        #expect(passed.code == 0, "\(passed.errorOutput)")
    }

    @Test func `a file that is not there is 78 and named`() throws {
        let refused = try run(Programs.prongd, ["--config", "/nonexistent/prong.toml"])
        #expect(refused.code == 78)
        #expect(refused.errorOutput.contains("/nonexistent/prong.toml"))
    }

    @Test func `a syntax error is told with its line, alone`() throws {
        let refused = try check("workers = 4\n[listen\nno_such_key = 1\n")
        #expect(refused.code == 78)
        let lines = refused.errorOutput.split(separator: "\n").filter { $0.contains("prong.toml") }
        #expect(lines.count == 1, "\(refused.errorOutput)")
        #expect(refused.errorOutput.contains("prong.toml:2"), "\(refused.errorOutput)")
    }

    @Test func `all other faults are told at once, a line each`() throws {
        let refused = try check(
            """
            workers = "four"
            [listen]
            no_such_key = 1
            head_timeout = "10 parsecs"
            [worker]
            in_flight = 0
            """)
        #expect(refused.code == 78)
        let expected = [
            ("1", "workers"), ("3", "no_such_key"), ("4", "head_timeout"), ("6", "in_flight"),
        ]
        for (line, key) in expected {
            let found = refused.errorOutput.split(separator: "\n").contains {
                $0.contains("prong.toml:\(line)") && $0.contains(key)
            }
            #expect(found, "line \(line), \(key) in:\n\(refused.errorOutput)")
        }
    }

    @Test func `a credential file that cannot work is a fault of the configuration`() throws {
        let file = try ExampleServer.descriptors()
        let text = prefixed(
            """
            [targets.a]
            address = "127.0.0.1:1"
            descriptors = ["\(file)"]
            credentials = "service-account:gone.json"
            """)
        let refused = try check(text)
        #expect(refused.code == 78)
        #expect(refused.errorOutput.contains("gone.json: no such file"), "\(refused.errorOutput)")
    }

    @Test(arguments: [
        ("worker", "retire_after_jobs = 10"), ("worker", "retire_after = \"1h\""),
        ("targets.a", "reflection = true"),
        ("targets.a", "rate = \"600/1m\""), ("targets.a", "weight = 2"),
        ("targets.a", "allow = [\"user:root\"]"),
        ("access", "operate = [\"group:root\"]"),
    ])
    func `a key that this version does not carry out is refused by name`(
        _ table: String, _ line: String
    ) throws {
        let file = try ExampleServer.descriptors()
        var text = prefixed("[\(table)]\n\(line)\n")
        if table == "targets.a" {
            text += "credentials = \"insecure\"\n"
            text += "address = \"127.0.0.1:1\"\ndescriptors = [\"\(file)\"]\n"
        }
        let refused = try check(text)
        #expect(refused.code == 78, "\(refused.errorOutput)")
        let key = String(line.prefix { $0 != " " })
        #expect(refused.errorOutput.contains(key), "\(refused.errorOutput)")
    }

    @Test func `a broken descriptor set is refused with its name`() throws {
        let refused = try check(
            target("broken.binpb"),
            files: ["broken.binpb": [0x0A, 0xFF, 0xFF, 0x03, 0x01]])
        #expect(refused.code == 78)
        #expect(refused.errorOutput.contains("broken.binpb"), "\(refused.errorOutput)")
    }

    @Test func `a descriptor set that misses a dependency names both files`() throws {
        let name = Array("a.proto".utf8)
        let missing = Array("missing.proto".utf8)
        let syntax = Array("proto3".utf8)
        let file =
            [0x0A, UInt8(name.count)] + name + [0x1A, UInt8(missing.count)] + missing
            + [0x62, UInt8(syntax.count)] + syntax
        let refused = try check(
            target("half.binpb"),
            files: ["half.binpb": [0x0A, UInt8(file.count)] + file])
        #expect(refused.code == 78)
        #expect(refused.errorOutput.contains("half.binpb"), "\(refused.errorOutput)")
        #expect(refused.errorOutput.contains("missing.proto"), "\(refused.errorOutput)")
    }

    @Test func `a descriptor set that is not there is refused with its name`() throws {
        let refused = try check(
            target("gone.binpb"))
        #expect(refused.code == 78)
        #expect(refused.errorOutput.contains("gone.binpb"), "\(refused.errorOutput)")
    }

    @Test func `the printed configuration is a configuration that prints the same`() throws {
        let scratch = try ScratchFolder()
        defer { scratch.remove() }
        let text = prefixed("[worker]\nin_flight = 9")
            .replacingOccurrences(of: "FOLDER", with: scratch.path)
        let config = try scratch.write(text, to: "prong.toml")
        let first = try run(Programs.prongd, ["--config", config, "--print-config"])
        #expect(first.code == 0, "\(first.errorOutput)")
        #expect(first.output.contains("in_flight = 9"))
        #expect(first.output.contains("max_connections = 10000"))
        let printed = try scratch.write(first.output, to: "printed.toml")
        let again = try run(Programs.prongd, ["--config", printed, "--print-config"])
        #expect(again.code == 0, "\(again.errorOutput)")
        #expect(again.output == first.output)
    }

    @Test func `the shipped configuration is sound`() throws {
        let path = "\(Programs.repository)/Config/prong.toml"
        let printed = try run(Programs.prongd, ["--config", path, "--print-config"])
        #expect(printed.code == 0, "\(printed.errorOutput)")
    }

    @Test func `a daemon with a broken configuration exits 78 and leaves no process`() throws {
        let daemon = try Daemon(DaemonSettings { $0.worker = "in_flight = -1" })
        defer { daemon.tearDown(keepEvidence: Evidence.isWanted) }
        #expect(try daemon.launch().wait() == .exited(78))
        #expect(daemon.log.contains("in_flight"))
    }
}
