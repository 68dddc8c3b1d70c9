// What a person at a terminal sees and a pipe does not: the progress bar, indented JSON, a
// question before many jobs are touched.
import Foundation
import Glibc
import Testing

/// A pseudo-terminal whose master end the test holds.
struct PseudoTerminal {
    let master: FileHandle
    let slave: FileHandle

    init() {
        // Glibc's module lacks posix_openpt: ptmx(4), TIOCSPTLCK and TIOCGPTN by hand.
        let fd = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        var unlocked: Int32 = 0
        var number: UInt32 = 0
        guard fd >= 0, ioctl(fd, 0x4004_5431, &unlocked) == 0, ioctl(fd, 0x8004_5430, &number) == 0
        else { fatalError("no pseudo-terminal: errno \(errno)") }
        var size = winsize(ws_row: 24, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0)
        let other = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
        _ = ioctl(other, UInt(TIOCSWINSZ), &size)
        master = FileHandle(fileDescriptor: fd, closeOnDealloc: true)
        slave = FileHandle(fileDescriptor: other, closeOnDealloc: true)
    }
}

/// Reads a terminal until its last process is gone.
final class TerminalReader: Sendable {
    private let fd: Int32
    private let collected: Collecting

    init(_ master: FileHandle) {
        fd = master.fileDescriptor
        collected = Collecting(fd)
    }

    var text: String { collected.text }

    func finish() -> String {
        collected.wait()
        return collected.text
    }
}

@Suite struct TerminalTests {
    /// Runs prong with some of its three descriptors on one terminal.
    static func run(
        _ arguments: [String], socket: String, terminalInput: Bool = false,
        terminalOutput: Bool = false, input: String = ""
    ) throws -> (status: Int32, terminal: String, output: String) {
        let terminal = PseudoTerminal()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: prongPath)
        process.arguments = ["--socket", socket] + arguments
        process.environment = ["TERM": "xterm"]
        let stdin = Pipe()
        let stdout = Pipe()
        process.standardInput = terminalInput ? terminal.slave : stdin
        process.standardOutput = terminalOutput ? terminal.slave : stdout
        process.standardError = terminal.slave
        try process.run()
        try terminal.slave.close()
        let reader = TerminalReader(terminal.master)
        let output = Collected(stdout.fileHandleForReading)
        if terminalOutput { try stdout.fileHandleForWriting.close() }
        if terminalInput {
            #expect(eventually { reader.text.contains("[y/N]") })
            try terminal.master.write(contentsOf: Data(input.utf8))
        } else {
            try stdin.fileHandleForWriting.write(contentsOf: Data(input.utf8))
            try stdin.fileHandleForWriting.close()
        }
        let said = reader.finish()
        output.wait()
        process.waitUntilExit()
        return (process.terminationStatus, said, String(decoding: output.bytes, as: UTF8.self))
    }

    @Test func `a terminal gets a progress bar with rate and time left`() throws {
        let daemon = MapTests.daemon { connection in
            connection.beginStream()
            var count = 0
            connection.eachBatch { batch in
                for line in batch {
                    _ = connection.chunk(success(line))
                    count += 1
                    // Slow enough that the bar is drawn several times.
                    if count % 10 == 0 { usleep(30_000) }
                }
                return true
            }
            connection.endStream()
        }
        let input = MapTests.lines(0..<300)
        let outcome = try Self.run(["map", "Shout"], socket: daemon.path, input: input)
        #expect(outcome.status == 0)
        #expect(outcome.output == input)
        #expect(outcome.terminal.contains("/300"))
        #expect(outcome.terminal.contains("/s"))
        #expect(outcome.terminal.contains("left"))
        #expect(outcome.terminal.contains("[#"))
        #expect(outcome.terminal.contains("300 lines in "))
    }

    @Test func `a terminal gets indented JSON`() throws {
        let daemon = FakeDaemon { _, connection in
            connection.answer(200, #"{"a":[1,{}],"b":"x\u001b[31m"}"#)
        }
        let outcome = try Self.run(
            ["call", "a.B/C", "{}"], socket: daemon.path, terminalOutput: true)
        let expected = "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": \"x\\u001b[31m\"\n}\n"
        #expect(outcome.terminal.replacingOccurrences(of: "\r\n", with: "\n") == expected)
    }

    static func jobs() -> FakeDaemon {
        FakeDaemon { request, connection in
            if request.method == "GET" {
                connection.answer(200, #"{"jobs":[{"id":"a"},{"id":"b"}]}"#)
            } else {
                connection.answer(200, #"{"matched":2}"#)
            }
        }
    }

    @Test(arguments: ["n\n", "\n", "\u{4}"])
    func `a person at a terminal is asked before many jobs are touched`(answer: String) throws {
        let daemon = Self.jobs()
        let outcome = try Self.run(
            ["purge", "--state", "failed"], socket: daemon.path, terminalInput: true,
            input: answer)
        #expect(outcome.status == 1)
        #expect(outcome.terminal.contains("purge 2 jobs? [y/N]"))
        #expect(daemon.seen.allSatisfy { $0.method == "GET" })
    }

    @Test func `a person who says yes has it done`() throws {
        let daemon = Self.jobs()
        let outcome = try Self.run(
            ["purge", "--state", "failed"], socket: daemon.path, terminalInput: true,
            input: "y\n")
        #expect(outcome.status == 0)
        #expect(daemon.seen.last?.target == "/v1/jobs:purge?state=failed")
        #expect(outcome.output == "purge: 2 jobs\n")
    }
}
