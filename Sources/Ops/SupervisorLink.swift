// The child's side of the link to the supervisor (the supervisor's side is in Supervisor). Safe to
// use from several threads at once, for it is one descriptor and no state: reports go out from
// anywhere, one thread reads the orders. Never blocks in a report for longer than a second.

package import Kernel
import Glibc
package import WireFormat

/// What reading the link gave.
package enum LinkInput: Equatable, Sendable {
    case order(SupervisorOrder)
    /// The order `newBundle`, with its memory file.
    case bundle(PassedFile)
    /// Nothing there (only from `poll`).
    case nothing
    /// The supervisor is gone, or this process was sent TERM: drain by yourself and exit.
    case closed
}

/// A descriptor that came over the link, open as long as somebody refers to it.
package final class PassedFile: Equatable, Sendable {
    private let file: FileDescriptor

    package init(_ file: consuming FileDescriptor) { self.file = file }

    package var number: CInt { file.number }

    package static func == (left: PassedFile, right: PassedFile) -> Bool { left === right }
}

/// The child's end of its link.
package struct SupervisorLink: Sendable {
    /// For an event loop of one's own; readable means an order or end of file.
    package let descriptor: CInt
    package let generation: UInt32

    /// How long an important report waits for room in the socket.
    static let patienceMilliseconds: CInt = 1000

    package init(descriptor: CInt, generation: UInt32) {
        self.descriptor = descriptor
        self.generation = generation
    }

    /// Sends a report. A heartbeat that finds no room is dropped (another follows); any other waits
    /// up to a second. False if it did not go out: then the supervisor is stuck or gone, and end of
    /// file will say so.
    @discardableResult
    package func send(_ report: ChildReport) -> Bool {
        let frame = SupervisorLinkFrame.encode(report, generation: generation)
        if sendPacket(frame) { return true }
        if case .heartbeat = report { return false }
        guard errno == EAGAIN else { return false }
        var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard Glibc.poll(&wanted, 1, Self.patienceMilliseconds) == 1 else { return false }
        return sendPacket(frame)
    }

    /// The loader's result: the report with the sealed memory file beside it.
    package func hand(bundle: borrowing FileDescriptor) throws(SystemError) {
        let frame = SupervisorLinkFrame.encode(.bundle, generation: generation)
        try DescriptorPassing.send(frame, descriptor: bundle.number, over: descriptor)
    }

    /// Waits for the next order; for a thread that does nothing else.
    package func receive() -> LinkInput { read(blocks: true) }

    /// The next order if one is there; for a loop that watches `descriptor`.
    package func poll() -> LinkInput { read(blocks: false) }

    /// Behind `closed`: whether the supervisor is there all the same, so that this process was sent
    /// TERM. The handler of TERM shuts this end for reading only; a supervisor that is gone has
    /// closed its own (POLLHUP, poll(2)), and before it is seen to be dead.
    package var supervisorLives: Bool {
        var look = pollfd(fd: descriptor, events: 0, revents: 0)
        return Glibc.poll(&look, 1, 0) >= 0 && look.revents & Int16(POLLHUP) == 0
    }

    private func sendPacket(_ frame: [UInt8]) -> Bool {
        let flags = CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL)
        return Glibc.send(descriptor, frame, frame.count, flags) == frame.count
    }

    private func read(blocks: Bool) -> LinkInput {
        while true {
            let packet: [UInt8]
            let file: PassedFile?
            do throws(SystemError) {
                let received = try DescriptorPassing.receive(
                    limit: SupervisorLinkFrame.bytesPerFrame, from: descriptor, blocks: blocks)
                packet = received.bytes
                file = if let passed = received.takeDescriptor() { PassedFile(passed) } else { nil }
            } catch {
                return error.errno == EAGAIN ? .nothing : .closed
            }
            if packet.isEmpty { return .closed }
            // An order of another version cannot come from the program that forked this process;
            // what is not for this generation is a bug of the supervisor: neither is obeyed.
            guard let (order, meantFor) = try? SupervisorLinkFrame.decodeOrder(packet),
                meantFor == generation
            else { continue }
            guard case .newBundle = order else { return .order(order) }
            if let file { return .bundle(file) }
        }
    }
}
