// workers.sock is for workers that the supervisor named. Others are few, and soon gone; meanwhile
// workers come and go as ever.
import DaemonHarness
import Foundation
import Testing

@Suite(.keepsEvidence)
struct WorkersSocketTests {
    private func stranger(_ daemon: Daemon) throws -> HTTPConnection {
        try HTTPConnection(socket: daemon.folder.file("workers.sock"))
    }

    @Test func `connections that say nothing are bounded, cut off, and in nobody's way`() throws {
        try withPool { daemon, _ in
            let many = try (0..<300).map { _ in try stranger(daemon) }
            let victim = try #require(try daemon.workers().first)
            kill(victim.pid, SIGKILL)
            try daemon.expectReplaced(worker: victim)
            #expect(try daemon.submitAndEnd() == "succeeded")
            let queue = ProcessFacts(try daemon.queuePid())
            #expect(queue.descriptors.count < 150, "\(queue.descriptors.count) descriptors")
            for connection in many { #expect(try connection.isClosedByPeer()) }
            #expect(daemon.log.contains("workers.sock was refused"))
        }
    }

    @Test func `a first frame larger than any hello is cut off before it is held`() throws {
        try withPool { daemon, _ in
            let connection = try stranger(daemon)
            // A head that announces 64 MiB, which a worker that is known may send.
            try connection.send([0, 0, 0, 4, 1])
            let zeros = [UInt8](repeating: 0, count: 64 << 10)
            var sent = 0
            while sent < 4 << 20, (try? connection.send(zeros)) != nil { sent += zeros.count }
            // What the socket's buffers hold is beside what the queue has read.
            #expect(sent < 2 << 20, "\(sent) bytes were taken")
            #expect(try connection.isClosedByPeer())
            #expect(try daemon.submitAndEnd() == "succeeded")
        }
    }

    @Test func `a hello of another instance is no worker's`() throws {
        try withPool { daemon, _ in
            let workers = try daemon.workers()
            // The link protocol's example: instance 7, slot 1, generation 2.
            let hello: [UInt8] = [
                0x16, 0, 0, 0, 1, 0x08, 1, 0x10, 7, 0x18, 2, 0x20, 4, 0x28, 0xC6, 1, 0x30, 0, 0x38,
                0x40, 0x42, 5, 8, 0xAC, 2, 0x10, 2,
            ]
            let connection = try stranger(daemon)
            try connection.send(hello)
            #expect(try connection.isClosedByPeer())
            #expect(try daemon.workers() == workers)
            #expect(try daemon.submitAndEnd() == "succeeded")
        }
    }
}
