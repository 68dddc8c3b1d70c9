// Starts the test daemon as a process of its own (the test runner has threads and must not fork)
// and waits for what it does. A failed test's folder stays and is named.

import Foundation
import Testing

final class Daemon {
    let folder: URL
    private(set) var process: Process
    private let environment: [String: String]
    /// Far above any time that a healthy daemon needs; only a broken one uses it up.
    static let patience: TimeInterval = 20

    init(workers: Int = 2, stuck: Int = 3000, spawn: Int = 5000, drain: Int = 2000) throws {
        var template = Array((NSTemporaryDirectory() + "/prong-pool-XXXXXX").utf8CString)
        guard mkdtemp(&template) != nil else { throw POSIXError(.EIO) }
        let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        folder = URL(fileURLWithPath: path)
        environment = [
            "FAKE_DIR": folder.path, "FAKE_WORKERS": "\(workers)", "FAKE_STUCK": "\(stuck)",
            "FAKE_SPAWN": "\(spawn)", "FAKE_DRAIN": "\(drain)",
            "SWIFT_BACKTRACE": "enable=no",
        ]
        process = Process()
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        try? FileManager.default.removeItem(at: folder)
    }

    /// The daemon's program, beside the test's own.
    static var program: URL {
        let own = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        let beside = own.deletingLastPathComponent()
        let candidates = [beside, Bundle.main.bundleURL]
            .map { $0.appendingPathComponent("supervisor-test-daemon") }
        return candidates.first { FileManager.default.isExecutableFile(atPath: $0.path) }
            ?? candidates[0]
    }

    /// - Parameter limits: options of the shell's `ulimit`, set before the daemon starts.
    func start(extra: [String: String] = [:], limits: [String] = []) throws {
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        let ulimits = limits.map { "ulimit \($0) && " }.joined()
        process.arguments = ["-c", ulimits + "exec \"$0\"", Self.program.path]
        process.environment = environment.merging(extra) { $1 }
        let log = folder.appendingPathComponent("stderr.log")
        if !FileManager.default.fileExists(atPath: log.path) {
            try Data().write(to: log)
        }
        let handle = try FileHandle(forWritingTo: log)
        handle.seekToEndOfFile()
        process.standardError = handle
        process.standardOutput = handle
        process.standardInput = FileHandle.nullDevice
        try process.run()
    }

    func startAndWait() throws {
        try start()
        try expect("ready") { self.text("stderr.log").contains("and the queue serve") }
    }

    var pid: Int32 { process.processIdentifier }

    func signal(_ signal: Int32) { kill(pid, signal) }

    func write(_ name: String, _ text: String) throws {
        try text.write(
            to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
    }

    func text(_ name: String) -> String {
        (try? String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)) ?? ""
    }

    func lines(_ name: String, containing part: String = "") -> [String] {
        text(name).split(separator: "\n").map(String.init).filter {
            part.isEmpty || $0.contains(part)
        }
    }

    /// Waits for something that must come to be true.
    func expect(
        _ what: String, within seconds: TimeInterval = patience,
        sourceLocation: SourceLocation = #_sourceLocation, _ isTrue: () -> Bool
    ) throws {
        let deadline = Date().addingTimeInterval(seconds)
        while !isTrue() {
            if Date() > deadline {
                Issue.record(
                    "never: \(what)\n\(text("stderr.log").suffix(3000))",
                    sourceLocation: sourceLocation)
                throw POSIXError(.ETIMEDOUT)
            }
            usleep(2000)
        }
    }

    func expectExit(
        _ code: Int32, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try expect("exit", sourceLocation: sourceLocation) { !self.process.isRunning }
        #expect(process.terminationStatus == code, sourceLocation: sourceLocation)
    }

    /// The newest pid of a worker's or the queue's row of children, as they named themselves.
    func newestPid(_ file: String, _ part: String) -> Int32? {
        lines(file, containing: part).last { $0.contains(" fds ") }
            .flatMap { $0.split(separator: " ").first { $0.hasPrefix("pid=") } }
            .flatMap { Int32($0.dropFirst(4)) }
    }

    var queuePid: Int32? { newestPid("queue.log", "role=queue") }

    func workerPid(_ slot: Int) -> Int32? { newestPid("workers.log", "slot=\(slot) ") }

    func lives(_ pid: Int32) -> Bool { kill(pid, 0) == 0 }

    /// Connects to prong.sock and returns the line that the queue answers with.
    func ask() -> String? {
        let socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let path = folder.appendingPathComponent("prong.sock").path
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard connected == 0 else { return nil }
        var room = [UInt8](repeating: 0, count: 256)
        let count = read(socket, &room, room.count)
        return count > 0 ? String(decoding: room.prefix(count), as: UTF8.self) : nil
    }
}
