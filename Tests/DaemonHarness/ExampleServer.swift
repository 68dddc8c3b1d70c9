// The project's example gRPC server as a process of its own, with a ledger of the calls that
// reached it: what the ledger does not hold, did not happen.
package import Foundation

package final class ExampleServer: @unchecked Sendable {
    package let folder: ScratchFolder
    package private(set) var process: ChildProcess
    /// `127.0.0.1:PORT`, kept over restarts.
    package private(set) var address: String
    /// When it last began to listen, as seen from here.
    package private(set) var startedAt: Date?
    private let options: [String]

    /// The full name of the service that it offers.
    package static let service = "prong.example.v1.Example"

    package init(options: [String] = []) throws {
        folder = try ScratchFolder("prong-example")
        self.options = options
        (process, address) = try Self.launch(
            in: folder, address: "127.0.0.1:0", options: options)
        startedAt = Date()
    }

    deinit {
        process.end()
        folder.remove()
    }

    package var port: Int { address.split(separator: ":").last.flatMap { Int($0) } ?? 0 }

    /// Stops it; its address then refuses connections.
    package func stop() {
        process.signal(SIGKILL)
        _ = try? process.wait(within: 20)
    }

    /// Starts it again at the same address.
    package func restart() throws {
        stop()
        (process, address) = try Self.launch(in: folder, address: address, options: options)
        startedAt = Date()
    }

    /// Its target table under `name`.
    package func target(_ name: String = "example", lines: String = "") throws -> TargetSettings {
        TargetSettings(
            name, address: address, descriptors: try Self.descriptors(), lines: lines)
    }

    /// The ledger's lines, one for each call that reached a handler.
    package var ledger: [String] {
        folder.read("ledger").split(separator: "\n").map(String.init)
    }

    /// How many ledger lines hold `text`.
    package func calls(holding text: String) -> Int {
        ledger.count { $0.contains(text) }
    }

    private static func launch(
        in folder: ScratchFolder, address: String, options: [String]
    ) throws -> (ChildProcess, String) {
        let output = folder.file("output-\(UInt32.random(in: 0...UInt32.max))")
        let arguments = ["--listen", address, "--ledger", folder.file("ledger")] + options
        let child = try ChildProcess(
            Programs.exampleServer, arguments, output: output)
        let line = try eventually("the example server listens") {
            if let ending = child.poll() {
                throw HarnessFailure(
                    "example server: \(ending): \(textOfFile(output))", isFinal: true)
            }
            return textOfFile(output).split(separator: "\n")
                .first { $0.hasPrefix("listening on ") }
        }
        return (child, String(line.dropFirst("listening on ".count)))
    }

    private static let descriptorsFile: Result<String, any Error> = Result {
        let folder = try ScratchFolder("prong-descriptors")
        let file = folder.file("example.binpb")
        let finished = try run(Programs.exampleServer, ["--descriptors", file], within: 30)
        guard FileManager.default.fileExists(atPath: file) else {
            throw HarnessFailure("no descriptor set: \(finished.errorOutput)")
        }
        return file
    }

    /// Its FileDescriptorSet, written once for the whole test run.
    package static func descriptors() throws -> String { try descriptorsFile.get() }
}
