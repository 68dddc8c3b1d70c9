// Beats, and misbehaves as the file worker-SLOT.mode says: "crash" at its start, "mute" (its loop
// hangs without a heartbeat), "late" (never ready), "deaf" (ignores the order to stop), "linger"
// (has work left when its supervisor is gone), "babble" (sends what is no report, without end),
// "chatter" (sends heartbeats, without end).

import Glibc
import Kernel
import Ops
import WireFormat

struct FakeWorker {
    private let identity: Identity
    private let link: SupervisorLink
    private let beatMilliseconds: CInt
    private let modeFile: String

    init(context: consuming ChildContext) {
        identity = context.identity
        link = context.link
        beatMilliseconds = CInt(min(50, context.heartbeatMilliseconds))
        modeFile = "worker-\(context.identity.slot).mode"
    }

    func main() -> Int32 {
        Scratch.append("workers.log", "\(identity) fds \(Scratch.descriptors())")
        if mode == "crash" { return 7 }
        if mode == "late" { hang() }
        link.send(.ready)
        while true {
            var wanted = pollfd(fd: link.descriptor, events: Int16(POLLIN), revents: 0)
            poll(&wanted, 1, beatMilliseconds)
            if mode == "mute" { hang() }
            if mode == "babble" { flood([0xFF]) }
            if mode == "chatter" { chatter() }
            link.send(.heartbeat(Heartbeat()))
            switch link.poll() {
            case .nothing: break
            case .closed:
                Scratch.append("workers.log", "\(identity) end of file")
                while mode == "linger" { poll(nil, 0, 5) }
                return 0
            case .order(let order): if isEnd(order) { return 0 }
            case .bundle: break
            }
        }
    }

    private var mode: String? { Scratch.text(modeFile) }

    private func isEnd(_ order: SupervisorOrder) -> Bool {
        switch order {
        case .stop:
            if mode == "deaf" { return false }
            link.send(.draining)
            link.send(.goodbye)
            return true
        case .stopNow: return mode != "deaf"
        case .dump:
            Scratch.append("workers.log", "\(identity) dump")
            return false
        case .worker, .workersComplete, .figures, .newBundle: return false
        }
    }

    /// Until the supervisor ends it.
    private func flood(_ packet: [UInt8]) -> Never {
        while true { _ = send(link.descriptor, packet, packet.count, CInt(MSG_NOSIGNAL)) }
    }

    private func chatter() -> Never {
        while true { link.send(.heartbeat(Heartbeat())) }
    }

    @inline(never)
    private func hang() -> Never {
        while true { poll(nil, 0, 1000) }
    }
}
