// What prongd tells its service manager, read from a notify socket of the test's own. The units in
// a booted systemd have a script beside them, Packaging/systemd/boot-test.
import DaemonHarness
import Foundation
import Testing

@Suite(.keepsEvidence)
struct SystemdTests {
    @Test func `READY is told when the daemon is ready, STOPPING when it stops`() throws {
        let notified = try NotifySocket()
        let change: (inout DaemonSettings) -> Void = {
            $0.environment["NOTIFY_SOCKET"] = notified.path
        }
        try withPool(change: change) { daemon, _ in
            try notified.expect("READY=1")
            try notified.expect("STATUS=")
            try daemon.expectDrained()
            try notified.expect("STOPPING=1")
        }
    }

    @Test func `the watchdog is fed while the roles answer, and not when the queue is stuck`()
        throws
    {
        let notified = try NotifySocket()
        let change: (inout DaemonSettings) -> Void = {
            $0.environment["NOTIFY_SOCKET"] = notified.path
            $0.environment["WATCHDOG_USEC"] = "2000000"
            $0.worker = "stuck_timeout = \"1h\""
        }
        try withPool(change: change) { daemon, _ in
            try notified.expect("WATCHDOG=1")
            let queue = try daemon.queuePid()
            kill(queue, SIGSTOP)
            try eventuallyTrue("the feeding stops", within: 60) {
                notified.drain()
                let silence = monotonicSeconds() + 4
                while monotonicSeconds() < silence {
                    if notified.receive()?.contains("WATCHDOG=1") == true { return false }
                    usleep(50_000)
                }
                return true
            }
            kill(queue, SIGCONT)
            notified.forget()
            try notified.expect("WATCHDOG=1")
        }
    }
}

/// A datagram socket as systemd's: what the daemon tells its service manager.
final class NotifySocket: @unchecked Sendable {
    private let folder: ScratchFolder
    private let descriptor: Int32
    private var seen: [String] = []

    var path: String { folder.file("notify") }

    init() throws {
        folder = try ScratchFolder("prong-notify")
        let kind = Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
        descriptor = socket(AF_UNIX, kind, 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(folder.file("notify").utf8CString)
        withUnsafeMutableBytes(of: &address.sun_path) { room in
            for (index, byte) in bytes.enumerated() { room[index] = UInt8(bitPattern: byte) }
        }
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0 else { throw HarnessFailure("cannot bind \(path)") }
    }

    deinit {
        close(descriptor)
        folder.remove()
    }

    /// The next message that waits, or nil.
    func receive() -> String? {
        var room = [UInt8](repeating: 0, count: 4_096)
        let count = recv(descriptor, &room, room.count, Int32(MSG_DONTWAIT))
        guard count > 0 else { return nil }
        return String(decoding: room[..<count], as: UTF8.self)
    }

    func drain() {
        while let message = receive() { seen.append(message) }
    }

    func forget() { seen.removeAll() }

    /// Waits until a message that holds `text` has come.
    func expect(_ text: String, within seconds: Double = 30) throws {
        try eventuallyTrue("\(text) is told", within: seconds) {
            drain()
            return seen.contains { $0.contains(text) }
        }
    }
}
