// Where the built programs are. The harness never builds: it uses what the build of these tests
// has left beside them, or the folder that PRONG_BUILD_DIR names.
import Foundation

package enum Programs {
    /// The repository, from this file's place in it.
    package static let repository: String = {
        var url = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        for _ in 0..<3 { url.deleteLastPathComponent() }
        return url.path
    }()

    package static let folder: String = {
        let environment = ProcessInfo.processInfo.environment
        if let named = environment["PRONG_BUILD_DIR"], !named.isEmpty { return named }
        return "\(repository)/.build/debug"
    }()

    package static var prongd: String { "\(folder)/prongd" }
    package static var prong: String { "\(folder)/prong" }
    package static var exampleServer: String { "\(folder)/prong-example-server" }

    /// What makes fsync(2) fail while a file is there; to be preloaded into prongd.
    package static var failingSync: String { "\(folder)/libprong-failing-sync.so" }

    /// True where the programs are built.
    package static var areBuilt: Bool {
        [prongd, prong, exampleServer].allSatisfy(FileManager.default.isExecutableFile(atPath:))
    }

    /// Whether prongd was built with the trait FaultPoints.
    package static let haveFaultPoints: Bool = {
        guard let program = try? Data(contentsOf: URL(fileURLWithPath: prongd)) else {
            return false
        }
        return program.range(of: Data("PRONG_FAULTS".utf8)) != nil
    }()

    /// A program of the system, found on PATH; nil where it is not installed.
    package static func installed(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let folders = path.split(separator: ":").map(String.init)
        let usual = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        for folder in folders + usual where access("\(folder)/\(name)", X_OK) == 0 {
            return "\(folder)/\(name)"
        }
        return nil
    }
}
