// Hands back the settings that the test put into the environment, or refuses as it was told.

import Glibc
import Kernel
import Ops
import WireFormat

enum FakeLoader {
    static func main(_ context: consuming ChildContext) -> Int32 {
        let log = context.log
        Scratch.append("loader.log", "fds \(Scratch.descriptors())")
        if let code = Scratch.number("loader.exit") { return Int32(code) }
        do {
            var bytes = try header().encoded()
            if context.bundle >= 0 {
                guard try MemoryFile.read(context.bundle).starts(with: bytes) else { return 70 }
                bytes += Array("by \(context.identity)".utf8)
                if Scratch.text("loader.mode") == "hang" { while true { pause() } }
            }
            if Scratch.text("loader.mode") == "silent" { return 0 }
            let bundle = try MemoryFile.sealed(name: "bundle", bytes: bytes)
            try context.link.hand(bundle: bundle)
            return 0
        } catch {
            log.error("\(error)")
            return 71
        }
    }

    private static func header() -> BundleHeader {
        BundleHeader(
            workers: UInt32(number("FAKE_WORKERS", 2)),
            spawnMilliseconds: number("FAKE_SPAWN", 5000),
            stuckMilliseconds: number("FAKE_STUCK", 3000),
            drainMilliseconds: number("FAKE_DRAIN", 2000), logLevel: 7,
            logFormat: UInt8(number("FAKE_LOG_FORMAT", 0)),
            clientSocketPath: Scratch.path("prong.sock"), clientSocketMode: 0o660,
            clientSocketGroup: nil, workerSocketPath: Scratch.path("workers.sock"),
            lockPath: Scratch.path("store.lock"))
    }

    private static func number(_ name: String, _ fallback: UInt64) -> UInt64 {
        UInt64(Scratch.environment(name, "\(fallback)")) ?? fallback
    }
}

/// The test's folder.
enum Scratch {
    static func environment(_ name: String, _ fallback: String) -> String {
        getenv(name).map { String(cString: $0) } ?? fallback
    }

    static func path(_ name: String) -> String { environment("FAKE_DIR", ".") + "/" + name }

    static func append(_ name: String, _ line: String) {
        let file = open(path(name), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600)
        let bytes = Array((line + "\n").utf8)
        _ = write(file, bytes, bytes.count)
        close(file)
    }

    static func text(_ name: String) -> String? {
        ProcFiles.text(path(name)).map { String($0.filter { $0 != "\n" }) }
    }

    static func number(_ name: String) -> Int? { text(name).flatMap { Int($0) } }

    /// "0 1 2 3…" of this process.
    static func descriptors() -> String {
        ((try? ProcFiles.openDescriptors()) ?? []).map { String($0) }.joined(separator: " ")
    }
}
