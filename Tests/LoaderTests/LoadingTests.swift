// The whole way from a file's name to a bundle, and every reason to refuse.

import Foundation
import Kernel
import LoaderProcess
import Settings
import Testing
import WireFormat

@Suite struct LoadingTests {
    private let folder = ScratchFolder()

    private func failure(_ lines: String) -> LoadFailure? {
        loadFailure(loadRequest(folder.configuration(lines)))
    }

    private let targetLines = """
        [targets.t]
        address = "127.0.0.1:1"
        descriptors = ["t.binpb"]

        """

    @Test func `a configuration and its files become a sealed bundle`() throws {
        folder.write("t.binpb", smallDescriptorSet())
        folder.write(
            "t.json",
            """
            {"loadBalancingPolicy": "round_robin", "methodConfig": [{"name": [{"service": "t.S"}],
             "timeout": "20s", "retryPolicy": {"initialBackoff": "0.1s", "maxBackoff": "60s",
             "backoffMultiplier": 1.3, "retryableStatusCodes": ["UNAVAILABLE", 4]}}]}
            """)
        let path = folder.configuration(
            targetLines + "service_config = \"t.json\"\nservices = [\"t.S\"]\n"
                + "[targets.u]\naddress = \"b:2\"\ndescriptors = [\"t.binpb\"]\n")
        let bytes = try makeBundle(try load(loadRequest(path)))
        let file = try MemoryFile.sealed(name: "test", bytes: bytes)
        #expect(MemoryFile.isSealed(file.number))
        let read = try MemoryFile.read(file.number)

        let header = try BundleHeader(decoding: read)
        #expect(header.workers == 4)
        #expect(header.lockPath == "\(folder.path)/prong.db.lock")
        #expect(header.workerSocketPath == "\(folder.path)/workers.sock")
        let bundle = try Bundle.decode(read)
        let target = bundle.settings.targets[0]
        #expect(target.descriptorPaths == ["\(folder.path)/t.binpb"])
        #expect(target.channelServiceConfig == "{\"loadBalancingPolicy\":\"round_robin\"}")
        let policy = target.methodPolicy(service: "t.S", method: "Do")
        #expect(policy?.timeoutMilliseconds == 20_000)
        #expect(policy?.retry?.codes == [4, 14])
        #expect(policy?.retry?.attempts == nil)
        #expect(bundle.descriptorSets.map(\.target) == [0, 1])
        #expect(bundle.bytes(of: bundle.descriptorSets[0]) == smallDescriptorSet())
    }

    @Test func `the environment names the configuration where the command line does not`() throws {
        let path = folder.configuration("workers = 9")
        #expect(try load(loadRequest(nil, ["PRONG_CONFIG": path])).settings.workers == 9)
    }

    @Test func `a missing configuration is said with its name`() {
        let found = loadFailure(loadRequest("/nowhere/prong.toml"))
        #expect(found?.exitCode == 78)
        #expect(found?.lines.first?.hasPrefix("/nowhere/prong.toml: ") == true)
        #expect(
            loadFailure(loadRequest(folder.path))?.lines.first?.contains("not a regular file")
                == true)
    }

    @Test func `errors name the file`() {
        let path = folder.configuration("workers = 0")
        let found = loadFailure(loadRequest(path))
        #expect(found?.exitCode == 78)
        #expect(found?.lines.first?.hasPrefix("\(path):3:1: workers: ") == true, "\(found as Any)")
    }

    @Test(
        arguments: [
            ([], "t.binpb"), ([0xFF, 0xFF, 1], "t.binpb"),
            ([0x0A, 0x7F, 1], "t.binpb"),
        ] as [([UInt8], String)])
    func `a broken descriptor set is refused with the file's name`(
        bytes: [UInt8], expected: String
    ) {
        folder.write("t.binpb", bytes)
        let found = failure(targetLines)
        #expect(found?.exitCode == 78)
        #expect(found?.lines.count == 1)
        #expect(found?.lines.first?.contains(expected) == true, "\(found as Any)")
        #expect(found?.lines.first?.contains("targets.t.descriptors") == true)
    }

    @Test func `a missing descriptor set and an unknown service are refused`() {
        #expect(failure(targetLines)?.lines.first?.contains("no such file") == true)
        folder.write("t.binpb", smallDescriptorSet())
        let found = failure(targetLines + "services = [\"t.X\"]")
        #expect(found?.lines.first?.contains("\"t.X\" is not in the target's descriptors") == true)
        #expect(found?.lines.first?.contains("they hold t.S") == true)
    }

    @Test(arguments: [
        ("{", "t.json:1:2"), ("[]", "this is a list"),
        ("{\"methodConfig\": [\n{\"timeout\": 5}]}", "t.json:2:13: methodConfig[0].timeout: "),
        ("{\"methodConfig\": [{\"retryPolicy\": {}}]}", "initialBackoff is missing"),
        ("{\"methodConfig\": [{\"name\": [{\"method\": \"M\"}]}]}", "a method needs its service"),
        ("{\"methodConfig\": [{\"name\": [{}, {}]}]}", "this name is there twice"),
        ("{\"loadBalancingPolicy\": \"mine\"}", "not a policy that prong knows"),
        ("{\"a\": 1, \"a\": 2}", "a key is there twice"),
    ])
    func `a broken service config is refused with its own place`(text: String, expected: String) {
        folder.write("t.binpb", smallDescriptorSet())
        folder.write("t.json", text)
        let found = failure(targetLines + "service_config = \"t.json\"")
        #expect(found?.exitCode == 78)
        #expect(found?.lines.contains { $0.contains(expected) } == true, "\(found as Any)")
    }

    @Test func `certificates and keys must look like them, and are never shown`() {
        folder.write("t.binpb", smallDescriptorSet())
        let secret = "c2VjcmV0"
        func pem(_ kind: String) -> String {
            "-----BEGIN \(kind)-----\n\(secret)\n-----END \(kind)-----\n"
        }
        folder.write("good.pem", pem("CERTIFICATE"))
        folder.write("key.pem", pem("PRIVATE KEY"))
        folder.write("locked.pem", pem("ENCRYPTED PRIVATE KEY"))
        let good = "ca = \"good.pem\"\ncert = \"good.pem\"\nkey = \"key.pem\"\n"
        #expect(failure(targetLines + good) == nil)
        let swapped = failure(targetLines + "cert = \"key.pem\"\nkey = \"locked.pem\"\n")
        #expect(swapped?.lines.count == 2)
        #expect(swapped?.lines[0].contains("holds no PEM block of a certificate") == true)
        #expect(swapped?.lines[1].contains("is encrypted") == true)
        #expect(swapped?.lines.contains { $0.contains(secret) } == false)
        #expect(
            failure(targetLines + "ca = \"none.pem\"")?.lines[0].contains("no such file") == true)
    }

    @Test func `a FIFO in a file's place does not block the loader`() {
        mkfifo(folder.path + "/t.binpb", 0o600)
        #expect(failure(targetLines)?.lines.first?.contains("not a regular file") == true)
    }

    @Test func `a missing directory has the exit code of what it was for`() {
        func exitCode(_ socket: String, _ store: String) -> Int32? {
            let lines = "listen.socket = \"\(socket)\"\nstore.path = \"\(store)\"\n"
            return loadFailure(loadRequest(folder.write("prong.toml", lines)))?.exitCode
        }
        let path = folder.path
        #expect(exitCode("\(path)/no/prong.sock", "\(path)/prong.db") == 69)
        #expect(exitCode("\(path)/prong.sock", "\(path)/no/prong.db") == 74)
        #expect(exitCode("\(path)/prong.sock", "\(path)/prong.db") == nil)
    }

    @Test func `a file that is no store is left untouched`() throws {
        let store = folder.write("prong.db", "precious words, more than sixteen bytes")
        #expect(failure("")?.exitCode == 74)
        let text = try String(contentsOfFile: store, encoding: .utf8)
        #expect(text.hasPrefix("precious"))
    }

    /// A store's first bytes with these fields.
    private func storeHead(application: UInt32, version: UInt32) -> [UInt8] {
        var head = Array("SQLite format 3\0".utf8) + [UInt8](repeating: 0, count: 4080)
        head.replaceSubrange(16..<24, with: [16, 0, 2, 2, 0, 64, 32, 32])
        for (place, value) in [(60, version), (68, application)] {
            for byte in 0..<4 {
                head[place + byte] = UInt8(truncatingIfNeeded: value >> (24 - 8 * byte))
            }
        }
        return head
    }

    @Test func `a store of a newer prong, and another program's, are refused by the check`() {
        folder.write(
            "prong.db", storeHead(application: StoreHeader.applicationID, version: 1))
        #expect(failure("") == nil)
        folder.write(
            "prong.db", storeHead(application: StoreHeader.applicationID, version: 2))
        #expect(failure("")?.exitCode == 74)
        #expect(failure("")?.lines[0].contains("start the newer prong again") == true)
        folder.write("prong.db", storeHead(application: 7, version: 1))
        #expect(failure("")?.exitCode == 74)
        #expect(failure("")?.lines[0].contains("another program's database") == true)
    }

    /// Where, and what a damaged header has there.
    static let damages: [(place: Int, byte: UInt8)] = [
        (16, 0), (17, 7), (18, 9), (19, 0), (21, 0), (44, 1), (56, 0xFF),
    ]

    @Test(arguments: damages)
    func `a store whose header is damaged is refused by the check`(place: Int, byte: UInt8) {
        var head = storeHead(application: StoreHeader.applicationID, version: 1)
        head[place] = byte
        folder.write("prong.db", head)
        #expect(failure("")?.exitCode == 74)
        #expect(failure("")?.lines.count == 1)
        #expect(failure("")?.lines.first?.contains("prong.db is damaged") == true)
    }

    @Test func `a log without its store, and a link to no store, are refused by the check`() {
        folder.write("prong.db-wal", "words that are jobs")
        #expect(failure("")?.exitCode == 74)
        #expect(failure("")?.lines.first?.contains("prong.db-wal is not") == true)
        folder.write("prong.db", "")
        #expect(failure("")?.exitCode == 74)
        let path = folder.path
        unlink(path + "/prong.db")
        unlink(path + "/prong.db-wal")
        #expect(failure("") == nil)
        symlink(path + "/nowhere.db", path + "/prong.db")
        #expect(failure("")?.exitCode == 74)
        #expect(failure("")?.lines.first?.contains("a link to nothing") == true)
    }

    @Test func `faults of the text and of the files that it names are told together`() throws {
        let text = """
            [listen]
            socket = "/nowhere/at/all/p.sock"
            group = "no-such-group"
            [store]
            path = "FOLDER/p.db"
            [worker]
            in_fligt = 4
            [targets.t]
            address = "127.0.0.1:1"
            descriptors = ["none.binpb"]
            ca = "none.pem"
            [targets.u]
            address = 7
            descriptors = []
            service_config = "none.json"
            """
        let path = folder.write("all.toml", text.replacing("FOLDER", with: folder.path))
        let found = try #require(loadFailure(loadRequest(path)))
        #expect(found.exitCode == 78)
        for line in [2, 3, 7, 10, 11, 13, 14, 15] {
            let count = found.lines.count { $0.hasPrefix("\(path):\(line):") }
            #expect(count == 1, "line \(line): \(found.lines)")
        }
        #expect(found.lines.count == 8, "\(found.lines)")
    }

    @Test(arguments: [
        "sockt = \"/a/p.sock\"", "socket = 7", "socket = \"p.sock\"", "mode = \"0999\"",
    ])
    func `a default that stands in for a faulty key is not judged`(line: String) {
        let path = folder.write("f.toml", "[listen]\n\(line)\n[store]\npath = \"/nowhere/p.db\"\n")
        let environment = [
            "XDG_RUNTIME_DIR": folder.path + "/no", "XDG_STATE_HOME": folder.path + "/no",
        ]
        let found = loadFailure(loadRequest(path, environment, uid: 1000, makes: true))
        #expect(found?.exitCode == 78)
        #expect(found?.lines.count == 2, "\(found as Any)")
        #expect(found?.lines.first?.hasPrefix("\(path):2:") == true, "\(found as Any)")
        #expect(found?.lines.last?.hasPrefix("\(path):4:") == true, "\(found as Any)")
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/no"))
    }

    private static let places =
        "listen.socket = \"FOLDER/p.sock\"\nstore.path = \"FOLDER/p.db\"\n"
    private static let target = places + "[targets.\"a.b\"]\naddress = \"a:1\"\n"
    private static let store = "[store]\npath = \"FOLDER/p.db\"\n"

    /// A configuration with FOLDER for the test's own, how the faulty line begins, the exit code.
    static let placed: [(text: String, start: String, exitCode: Int32)] = [
        (target + "descriptors = [\n  \"t.binpb\",\n  \"none.binpb\"\n]", "  \"none", 78),
        (target + "descriptors = [\"t.binpb\"]\nservices = [\"t.X\"]", "services", 78),
        (target + "descriptors = [\"t.binpb\"]\n\nca = \"none.pem\"", "ca", 78),
        (store + "[listen]\nsocket = \"FOLDER/p.sock\"\ngroup = \"no-such-group\"", "group", 78),
        (store + "[listen]\nsocket = \"/nowhere/at/all/p.sock\"", "socket", 69),
        ("[listen]\nsocket = \"FOLDER/p.sock\"\n[store]\npath = \"/nowhere/p.db\"", "path", 74),
    ]

    @Test(arguments: placed)
    func `a fault that only a file or the machine shows is told with file and line`(
        text: String, start: String, exitCode: Int32
    ) throws {
        folder.write("t.binpb", smallDescriptorSet())
        let path = folder.write(
            "placed.toml", text.replacing("FOLDER", with: folder.path))
        let found = try #require(loadFailure(loadRequest(path)))
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let line = try #require(lines.firstIndex { $0.hasPrefix(start) }) + 1
        #expect(found.exitCode == exitCode)
        #expect(found.lines.count == 1)
        #expect(found.lines.first?.hasPrefix("\(path):\(line):") == true, "\(found.lines)")
        #expect(found.lines.first?.contains("; ") == true, "what would be right: \(found.lines)")
    }

    @Test func `an ordinary user's default directories are made, but not by a check`() throws {
        let environment = [
            "XDG_RUNTIME_DIR": folder.path + "/run", "XDG_STATE_HOME": folder.path + "/state",
        ]
        let empty = folder.write("empty.toml", "")
        #expect(loadFailure(loadRequest(empty, environment, uid: 1000)) == nil)
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/run"))
        let made = try load(loadRequest(empty, environment, uid: 1000, makes: true))
        #expect(made.settings.listen.socketPath == folder.path + "/run/prong/prong.sock")
        for made in ["/run/prong", "/state/prong"] {
            let facts = try FileManager.default.attributesOfItem(atPath: folder.path + made)
            #expect(facts[.posixPermissions] as? Int == 0o700, "\(made)")
        }
    }

    @Test func `an ordinary user without a runtime directory is told so`() {
        let found = loadFailure(
            loadRequest(folder.write("e.toml", ""), ["HOME": "/x"], uid: 1000))
        #expect(found?.exitCode == 78)
        #expect(found?.lines.first?.contains("XDG_RUNTIME_DIR is not set") == true)
    }

    @Test func `a group must exist`() throws {
        #expect(
            failure("listen.group = \"no-such-group\"")?.lines.first?.contains("no group") == true)
        let path = folder.configuration("listen.group = \"\(getegid())\"")
        #expect(try load(loadRequest(path)).settings.listen.groupId == getegid())
    }
}
