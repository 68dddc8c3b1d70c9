// How prongd ends, and what is left when it is ended.

import Foundation
import Testing

@Suite(.serialized) struct EndTests {
    @Test func `a drain lets the workers go first and then the queue`() throws {
        let daemon = try Daemon()
        try daemon.startAndWait()
        daemon.signal(SIGTERM)
        try daemon.expectExit(0)
        #expect(daemon.text("queue.log").contains("left after the last worker"))
        #expect(daemon.lines("rows.log", containing: "state=dead exit=drained").count == 2)
    }

    @Test func `who does not stop is cut when the time is over, and prongd exits 0`() throws {
        let daemon = try Daemon(drain: 300)
        try daemon.write("worker-1.mode", "deaf")
        try daemon.startAndWait()
        daemon.signal(SIGTERM)
        try daemon.expectExit(0)
        #expect(daemon.text("rows.log").contains("state=dead exit=cut"))
    }

    @Test func `a second TERM ends the wait`() throws {
        let daemon = try Daemon(drain: 3_600_000)
        try daemon.write("worker-1.mode", "deaf")
        try daemon.startAndWait()
        daemon.signal(SIGTERM)
        try daemon.expect("the drain") { daemon.text("stderr.log").contains("draining: ") }
        daemon.signal(SIGTERM)
        try daemon.expectExit(0)
    }

    @Test func `children of a killed supervisor see end of file and leave`() throws {
        let daemon = try Daemon()
        try daemon.startAndWait()
        let children = [1, 2].compactMap(daemon.workerPid) + [daemon.queuePid].compactMap { $0 }
        #expect(children.count == 3)
        daemon.signal(SIGKILL)
        try daemon.expect("their ends") { !children.contains(where: daemon.lives) }
        #expect(daemon.lines("workers.log", containing: "end of file").count == 2)
        #expect(daemon.lines("queue.log", containing: "end of file").count == 1)
    }

    @Test func `a successor of a killed supervisor starts over its stale sockets`() throws {
        let daemon = try Daemon()
        try daemon.startAndWait()
        daemon.signal(SIGKILL)
        try daemon.expect("its death") { !daemon.process.isRunning }
        try daemon.start()
        try daemon.expect("ready again") {
            daemon.text("stderr.log").components(separatedBy: "and the queue serve").count == 3
        }
        #expect(daemon.ask() != nil)
        daemon.signal(SIGTERM)
        try daemon.expectExit(0)
    }

    @Test func `a successor waits for the children of a killed supervisor`() throws {
        let daemon = try Daemon()
        try daemon.startAndWait()
        let orphan = try #require(daemon.workerPid(1))
        try daemon.write("worker-1.mode", "linger")
        daemon.signal(SIGKILL)
        try daemon.expect("its death") { !daemon.process.isRunning }
        try daemon.start()
        try daemon.expect("its word") { daemon.text("stderr.log").contains("waiting for") }
        #expect(daemon.text("stderr.log").contains("processes \(orphan)"))
        #expect(daemon.lines("queue.log", containing: "role=queue").count == 1)
        try daemon.write("worker-1.mode", "")
        try daemon.expect("the second queue") {
            daemon.lines("queue.log", containing: "role=queue").count == 2
        }
    }

    @Test func `a second prongd gives up with 69 and names who holds the store`() throws {
        let first = try Daemon(drain: 100)
        try first.startAndWait()
        let second = Process()
        second.executableURL = Daemon.program
        second.environment = ["FAKE_DIR": first.folder.path, "FAKE_DRAIN": "100"]
        let output = Pipe()
        second.standardError = output
        try second.run()
        let words = String(
            decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        second.waitUntilExit()
        #expect(second.terminationStatus == 69)
        #expect(words.contains("\(first.pid)"))
        #expect(first.ask() != nil)
    }

    @Test func `a socket in use is refused with 69`() throws {
        let first = try Daemon()
        try first.startAndWait()
        let second = try Daemon()
        let path = second.folder.appendingPathComponent("prong.sock").path
        try FileManager.default.createSymbolicLink(
            atPath: path,
            withDestinationPath: first.folder.appendingPathComponent("prong.sock").path)
        try second.start()
        try second.expectExit(69)
        #expect(second.text("stderr.log").contains("in use"))
        #expect(first.ask() != nil)
    }

    @Test func `a socket handed over by the service manager is used and left`() throws {
        let daemon = try Daemon()
        let path = daemon.folder.appendingPathComponent("prong.sock").path
        try daemon.start(extra: ["FAKE_LISTEN": path])
        try daemon.expect("ready") { daemon.text("stderr.log").contains("and the queue serve") }
        #expect(daemon.ask()?.hasPrefix("queue gen 1") == true)
        #expect(daemon.lines("queue.log")[0].hasSuffix(" fds 0 1 2 3 4 5 6 7"))
        daemon.signal(SIGTERM)
        try daemon.expectExit(0)
        #expect(FileManager.default.fileExists(atPath: path))
    }
}
