// Runs the built program as its users do and hands back what it said.
import Foundation
import Glibc
import Synchronization

struct Outcome: Sendable {
    let status: Int32
    let output: String
    let errors: String
    let outputBytes: [UInt8]
}

/// The program that was built beside this test's own executable.
let prongPath: String = {
    let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let places = [own, CommandLine.arguments[0]] + CommandLine.arguments
    for place in places {
        let folder = URL(fileURLWithPath: place).deletingLastPathComponent()
        let candidate = folder.appendingPathComponent("prong").path
        if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
    }
    fatalError("prong is not built beside \(own)")
}()

/// A started `prong` whose input and output are pipes.
final class RunningProng: Sendable {
    private let process: Process
    let input: FileHandle
    private let output: Collected
    private let errors: Collected

    init(_ arguments: [String], socket: String?, environment: [String: String] = [:]) {
        process = Process()
        process.executableURL = URL(fileURLWithPath: prongPath)
        process.arguments = arguments
        var all = ProcessInfo.processInfo.environment
        all["PRONG_SOCKET"] = socket
        for (name, value) in environment { all[name] = value }
        process.environment = all
        let stdin = Pipe()
        let stdout = Pipe()
        let stderr = Pipe()
        process.standardInput = stdin
        process.standardOutput = stdout
        process.standardError = stderr
        input = stdin.fileHandleForWriting
        do { try process.runUnblocked() } catch {
            fatalError("cannot run \(prongPath): \(error)")
        }
        output = Collected(stdout.fileHandleForReading)
        errors = Collected(stderr.fileHandleForReading)
    }

    /// What has come on standard output so far.
    var outputSoFar: String { String(decoding: output.bytes, as: UTF8.self) }

    func send(_ signal: Int32) {
        kill(process.processIdentifier, signal)
    }

    /// Everything's end.
    func finish() -> Outcome {
        output.wait()
        errors.wait()
        process.waitUntilExit()
        return Outcome(
            status: process.terminationReason == .exit
                ? process.terminationStatus : -process.terminationStatus,
            output: String(decoding: output.bytes, as: UTF8.self),
            errors: String(decoding: errors.bytes, as: UTF8.self),
            outputBytes: output.bytes)
    }
}

extension Process {
    /// Starts it as a shell would: the threads of this process have signals blocked, and what runs
    /// in the background of a script ignores SIGINT; a child would inherit both.
    func runUnblocked() throws {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        signal(SIGINT, SIG_DFL)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try run()
    }
}

/// Reads a pipe to its end on a thread of its own.
final class Collected: Sendable {
    private let held = Mutex<[UInt8]>([])
    private let ended = DispatchSemaphore(value: 0)

    init(_ handle: FileHandle) {
        Thread.detachNewThread { [self] in
            while true {
                let part = handle.availableData
                if part.isEmpty { break }
                held.withLock { $0 += part }
            }
            ended.signal()
        }
    }

    var bytes: [UInt8] { held.withLock { $0 } }

    func wait() {
        ended.wait()
        ended.signal()
    }
}

/// Runs `prong` to its end.
func prong(
    _ arguments: String..., socket: String?, input: String = "",
    environment: [String: String] = [:]
) -> Outcome {
    prong(arguments, socket: socket, input: Array(input.utf8), environment: environment)
}

func prong(
    _ arguments: [String], socket: String?, input: [UInt8] = [],
    environment: [String: String] = [:]
) -> Outcome {
    let running = RunningProng(arguments, socket: socket, environment: environment)
    let handle = running.input
    Thread.detachNewThread {
        try? handle.write(contentsOf: input)
        try? handle.close()
    }
    return running.finish()
}

/// Waits until something is true, far longer than it ever takes.
func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<12_000 {
        if condition() { return true }
        usleep(10_000)
    }
    return false
}
