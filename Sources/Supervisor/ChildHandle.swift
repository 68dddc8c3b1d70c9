// The supervisor's side of one child: its process, its link, and what could not be sent yet. (The
// child's side of the link is SupervisorLink in Ops.)

import Glibc
import Kernel
import PoolLogic
import WireFormat

final class ChildHandle {
    let key: ChildKey
    let pid: pid_t
    private let link: OpenFile
    /// Nil after end of file: the process may still be there.
    private var linkWatch: Watch?
    private let exitWatch: Watch
    /// Orders that found no room, oldest first, with what travels beside them.
    private var waiting: [(frame: [UInt8], file: OpenFile?)] = []
    /// Of a loader: what it has handed back.
    private(set) var bundle: OpenFile?

    /// A child that leaves so much unread is stuck, and its heartbeat will say so.
    private static let waitingMax = 4096
    /// Packets read in one turn, whatever is in them, so that a child that floods its link delays
    /// nobody.
    private static let packetsPerTurn = 64

    init(_ key: ChildKey, _ child: NewChild, _ loop: EventLoop) throws(SystemError) {
        self.key = key
        pid = child.pid
        link = child.link
        exitWatch = try loop.watch(pid: child.pid, of: key)
        linkWatch = try loop.watch(link: child.link.number, of: key)
    }

    var linkNumber: CInt { link.number }

    /// The process is the one that was forked: it is reaped only by the loop, which has then
    /// noted its end.
    func signal(_ signal: CInt) { kill(pid, signal) }

    func send(_ order: SupervisorOrder, file: OpenFile? = nil) {
        let frame = SupervisorLinkFrame.encode(order, generation: key.generation)
        if waiting.isEmpty, sendPacket(frame, file) { return }
        guard linkWatch != nil, waiting.count < Self.waitingMax else { return }
        waiting.append((frame, file))
        linkWatch?.watchRoom(true)
    }

    /// Sends what waited, as far as there is room.
    func flush() {
        guard !waiting.isEmpty else { return }
        while let next = waiting.first, sendPacket(next.frame, next.file) {
            waiting.removeFirst()
        }
        if waiting.isEmpty { linkWatch?.watchRoom(false) }
    }

    /// What a turn's reading of the link gave.
    struct Heard {
        var reports: [ChildReport] = []
        var malformed: [SupervisorLinkError] = []
        var isClosed = false
    }

    /// Reads what is there; at end of file the link is not watched any more.
    func hear(all: Bool = false) -> Heard {
        var heard = Heard()
        var room = [UInt8](repeating: 0, count: SupervisorLinkFrame.bytesPerFrame + 1)
        var packets = 0
        while linkWatch != nil, all || packets < Self.packetsPerTurn {
            if key.name == .loader {
                guard hearLoader(&heard) else { break }
                packets += 1
                continue
            }
            let count = recv(link.number, &room, room.count, CInt(MSG_DONTWAIT))
            if count < 0, errno == EINTR { continue }
            if count < 0, errno == EAGAIN { break }
            if count <= 0 {
                heard.isClosed = true
                linkWatch = nil
                break
            }
            packets += 1
            note(Array(room[..<count]), &heard)
        }
        return heard
    }

    /// The one child whose packets may bring a descriptor. Of several bundles the last counts, as
    /// at the start. False: nothing is there, or the link has ended.
    private func hearLoader(_ heard: inout Heard) -> Bool {
        let packet: [UInt8]
        let file: OpenFile?
        do throws(SystemError) {
            let received = try DescriptorPassing.receive(
                limit: SupervisorLinkFrame.bytesPerFrame + 1, from: link.number)
            packet = received.bytes
            file = if let passed = received.takeDescriptor() { OpenFile(passed) } else { nil }
        } catch {
            if error.errno == EAGAIN { return false }
            packet = []
            file = nil
        }
        guard !packet.isEmpty else {
            heard.isClosed = true
            linkWatch = nil
            return false
        }
        note(packet, &heard)
        if heard.reports.last == .bundle, let file, MemoryFile.isSealed(file.number) {
            bundle = file
        }
        return true
    }

    private func note(_ packet: [UInt8], _ heard: inout Heard) {
        do {
            let (report, generation) = try SupervisorLinkFrame.decodeReport(packet)
            if generation == key.generation { heard.reports.append(report) }
        } catch {
            heard.malformed.append(error)
        }
    }

    private func sendPacket(_ frame: [UInt8], _ file: OpenFile?) -> Bool {
        if let file { return sendPacket(frame, with: file) }
        let sent = Glibc.send(
            link.number, frame, frame.count, CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL))
        if sent == frame.count { return true }
        // To a child that reads no more nothing can be said; it will be seen leaving.
        return errno != EAGAIN && errno != EINTR
    }

    private func sendPacket(_ frame: [UInt8], with file: OpenFile) -> Bool {
        // closed meanwhile: a newer one waits behind it
        guard file.number >= 0 else { return true }
        do throws(SystemError) {
            try DescriptorPassing.send(
                frame, descriptor: file.number, over: link.number, blocks: false)
            return true
        } catch {
            return error.errno != EAGAIN
        }
    }
}
