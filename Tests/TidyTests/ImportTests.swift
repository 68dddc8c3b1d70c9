// Holds every import line to the edges of Package.swift and to the rules that no build tool
// checks: who owns a C module, who is pure, and what the supervisor must not reach.
import Testing

struct ImportLine: Sendable, CustomStringConvertible {
    let file: String
    let number: Int
    let target: String
    let access: String
    let module: String

    var description: String { "\(file):\(number): import \(module)" }

    static func all(in files: [SourceFile]) -> [ImportLine] {
        files.flatMap { file in
            file.code.enumerated().compactMap { index, line in
                guard line.utf8Contains("import ") else { return nil }
                return parse(line, file: file, number: index + 1)
            }
        }
    }

    private static func parse(_ line: String, file: SourceFile, number: Int) -> ImportLine? {
        // (attributes) (access) import (kind of declaration) module
        let pattern =
            #/
            ^\s* (?:@\w+(?:\([^)]*\))?\s+)*
            (public\s|package\s|internal\s|fileprivate\s|private\s)?
            import\s (?:(?:struct|class|enum|func|var|let|protocol|typealias)\s)? (\w+)
            /#
        guard let match = line.firstMatch(of: pattern) else { return nil }
        return ImportLine(
            file: file.path, number: number, target: file.target,
            access: String(match.1 ?? "").trimmingSuffix(while: " "), module: String(match.2))
    }
}

extension String {
    func trimmingSuffix(while character: Character) -> String {
        var text = self
        while text.last == character { text.removeLast() }
        return text
    }
}

struct ImportTests {
    private let imports = ImportLine.all(in: SourceTree.swiftSources)
    private let manifest = Manifest.current

    /// The standard library and nothing else: no clock, no randomness, no system.
    private let pure = [
        "Settings", "WireFormat", "Schema", "ServerReflection", "JobLogic", "PoolLogic",
        "GoogleAPI", "Credentials",
    ]

    /// What the toolchain offers to a target that may do IO.
    private let system: Set<String> = ["Glibc", "Synchronization"]

    /// The client and nothing else may use these.
    private let clientOnly: Set<String> = [
        "Foundation", "FoundationEssentials", "Dispatch", "ArgumentParser",
    ]

    /// Each C module and who may import it. CLinux has a header for each of its two owners: the
    /// kernel's calls and the peer of a connection.
    private let owners: [String: Set<String>] = [
        "CFork": ["Supervisor"], "CGRPC": ["GRPCClient"], "CSQLite": ["JobStorage"],
        "CTOML": ["LoaderProcess"], "CLinux": ["Kernel", "HTTPServer"],
        "CSystemd": ["Supervisor"], "CTLS": ["TokenExchange"],
    ]

    /// What tests share; no product.
    private let testSupport: Set<String> = ["DaemonHarness", "SeededRandom"]

    @Test func `the manifest was read`() {
        #expect(manifest.targets.count > 20)
        #expect(manifest.targets["prongd"]?.dependencies.contains("Supervisor") == true)
        #expect(imports.count > 20)
    }

    @Test func `every import is an edge of the manifest`() {
        for line in imports {
            let declared = manifest.targets[line.target]?.dependencies ?? []
            let allowed = declared.union(pure.contains(line.target) ? [] : system)
            let isClient = line.target == "prong" && clientOnly.contains(line.module)
            #expect(
                allowed.contains(line.module) || isClient,
                "\(line): Package.swift gives \(line.target) only \(declared.sorted())")
        }
    }

    @Test func `every edge of the manifest to a module of ours is used`() {
        let inSources = Set(SourceTree.swiftSources.map(\.target))
        for (name, target) in manifest.targets where inSources.contains(name) {
            let used = Set(imports.filter { $0.target == name }.map(\.module))
            let own = target.dependencies.filter { manifest.targets[$0] != nil }
            let unused = own.subtracting(used)
            #expect(unused.isEmpty, "\(name) never imports \(unused.sorted())")
        }
    }

    @Test func `pure modules import only each other`() {
        for line in imports where pure.contains(line.target) {
            #expect(pure.contains(line.module), "\(line): \(line.target) is pure")
        }
    }

    @Test func `each C module is imported by its owner alone`() {
        for line in imports {
            guard let allowed = owners[line.module] else { continue }
            #expect(allowed.contains(line.target), "\(line): owned by \(allowed.sorted())")
        }
        for file in SourceTree.cSources where owners[file.target] == nil {
            Issue.record("\(file.target) has no owner in this test")
        }
    }

    @Test func `the supervisor reaches no gRPC, NIO, SQLite, TOML, Dispatch or Foundation`() {
        let reached = manifest.closure(of: "Supervisor")
        let forbidden = [
            "CGRPC", "GRPCClient", "CSQLite", "JobStorage", "HTTPServer", "QueueProcess",
            "WorkerProcess", "LoaderProcess", "CTOML", "Schema", "ServerReflection", "CTLS",
            "TokenExchange", "TargetChannel", "GoogleAPI", "NIOCore", "NIOPosix", "NIOHTTP1",
        ]
        #expect(reached.isDisjoint(with: forbidden), "\(reached.sorted())")
        for line in imports where reached.contains(line.target) {
            #expect(!clientOnly.contains(line.module), "\(line)")
        }
    }

    @Test func `the roles meet in prongd alone`() {
        let roles: Set<String> = ["Supervisor", "LoaderProcess", "QueueProcess", "WorkerProcess"]
        for line in imports where roles.contains(line.module) {
            #expect(line.target == "prongd", "\(line)")
        }
    }

    @Test func `nothing that prongd links imports Foundation or Dispatch`() {
        let linked = manifest.closure(of: "prongd")
        for line in imports where linked.contains(line.target) {
            #expect(!clientOnly.contains(line.module), "\(line)")
        }
    }

    @Test func `no Swift concurrency outside the client`() {
        let pattern = /\basync\b|\bawait\s|\bactor\s|\bTask\s*[.{(<]/
        expectNone(
            in: SourceTree.swiftSources.filter { $0.target != "prong" },
            holding: ["async", "await", "actor", "Task"]
        ) { $0.firstMatch(of: pattern) != nil }
    }

    @Test func `only the supervisor forks`() {
        expectNone(
            // A pure module's `fork` is an effect that it asks for: it cannot reach the call.
            in: SourceTree.swiftSources.filter {
                $0.target != "Supervisor" && !pure.contains($0.target)
            }, holding: ["fork("]
        ) { $0.firstMatch(of: /\bv?fork\(/) != nil }
    }

    /// Those fork nobody.
    @Test func `only the queue, the workers and the loader start threads`() {
        let mayNot = manifest.closure(of: "prongd")
            .subtracting(["QueueProcess", "WorkerProcess", "LoaderProcess", "Kernel"])
        expectNone(
            in: SourceTree.swiftSources.filter { mayNot.contains($0.target) },
            holding: ["NamedThread", "pthread_create"]
        ) { _ in true }
    }

    @Test func `black-box tests import no product module`() {
        let products = Set(manifest.targets.filter { $0.value.kind != .test }.keys)
            .subtracting(testSupport)
        let blackBox: Set<String> = ["DaemonTests", "TortureTests", "DaemonHarness", "TidyTests"]
        for line in ImportLine.all(in: SourceTree.swiftTests) where blackBox.contains(line.target) {
            #expect(!products.contains(line.module), "\(line)")
        }
    }

    @Test func `nothing in Sources imports test code`() {
        let tests = Set(manifest.targets.filter { $0.value.kind == .test }.keys)
            .union(testSupport)
        for line in imports {
            #expect(!tests.contains(line.module), "\(line)")
            #expect(line.module != "Testing" && line.module != "XCTest", "\(line)")
        }
    }

    @Test func `nothing is public: modules meet as one package`() {
        expectNone(in: SourceTree.swiftSources, holding: ["public", "open"]) {
            $0.firstMatch(of: /^\s*(?:@\w+\s+)*(public|open)\s+\w+(?:\s+\w|\()/) != nil
        }
    }
}
