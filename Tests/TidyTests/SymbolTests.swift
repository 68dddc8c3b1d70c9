// What the compiled objects refer to: the supervisor's modules must name no symbol of gRPC, NIO,
// SQLite or Dispatch, and prongd must link no Foundation. Needs a build and `nm`; without them the
// tests say that they are skipped.
import Foundation
import Testing

enum Build {
    static let folder: String = {
        let named = ProcessInfo.processInfo.environment["PRONG_BUILD_DIR"] ?? ""
        return named.isEmpty ? "\(SourceTree.root)/.build/debug" : named
    }()

    static func objects(of module: String) -> [String] {
        let path = "\(folder)/\(module).build"
        let names = (try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? []
        return names.filter { $0.hasSuffix(".o") }.sorted().map { "\(path)/\($0)" }
    }

    static var isThere: Bool {
        FileManager.default.isExecutableFile(atPath: "\(folder)/prongd")
            && !objects(of: "Supervisor").isEmpty
            && FileManager.default.isExecutableFile(atPath: "/usr/bin/nm")
    }

    static func output(of program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }
}

@Suite(.enabled(if: Build.isThere, "needs a debug build of prongd and nm"))
struct SymbolTests {
    /// The supervisor and every module of ours that it reaches, C shims included.
    private var guarded: [String] {
        let manifest = Manifest.current
        let named = ["Supervisor", "PoolLogic", "WireFormat", "Kernel", "Ops", "CFork"]
        return manifest.closure(of: "Supervisor").union(named)
            .filter { manifest.targets[$0].map { $0.kind != .system } ?? false }.sorted()
    }

    @Test func `the supervisor's objects refer to no gRPC, NIO, SQLite, Dispatch or Foundation`()
        throws
    {
        // Swift mangles a module as its length and its name.
        let banned = [
            "grpc_", "gpr_", "sqlite3_", "dispatch_", "swift_task_", "7NIOCore", "8NIOPosix",
            "8NIOHTTP1", "CNIO", "8Dispatch", "10Foundation", "20FoundationEssentials",
        ]
        for module in guarded {
            let objects = Build.objects(of: module)
            #expect(!objects.isEmpty, "\(module) has no objects")
            for object in objects {
                let symbols = try Build.output(of: "/usr/bin/nm", ["-u", object])
                for line in symbols.split(separator: "\n") {
                    let found = banned.first { line.contains($0) }
                    #expect(found == nil, "\(object) refers to \(line)")
                }
            }
        }
    }

    @Test func `prongd links no Foundation`() throws {
        let libraries = try Build.output(of: "/usr/bin/ldd", ["\(Build.folder)/prongd"])
        #expect(libraries.contains("libgrpc"), "\(libraries)")
        #expect(!libraries.contains("Foundation"), "\(libraries)")
        let symbols = try Build.output(of: "/usr/bin/nm", ["\(Build.folder)/prongd"])
        #expect(!symbols.contains("$s10Foundation"))
    }
}
