// Answers each connection with one line, keeps the workers' table, leaves after the last worker.

import Glibc
import Kernel
import Ops
import WireFormat

struct FakeQueue {
    private let identity: Identity
    private let link: SupervisorLink
    private let listener: CInt
    private let safeMode: Bool
    private let beatMilliseconds: CInt
    private var living: Set<UInt32> = []
    private var isStopping = false

    init(context: consuming ChildContext) {
        identity = context.identity
        link = context.link
        listener = context.listeners?.clients ?? -1
        safeMode = context.safeMode
        beatMilliseconds = CInt(context.heartbeatMilliseconds)
    }

    mutating func main() -> Int32 {
        Scratch.append("queue.log", "\(identity) safe=\(safeMode) fds \(Scratch.descriptors())")
        if let code = Scratch.number("queue.fatal") {
            link.send(.fatal(exitCode: UInt8(code), text: "the store is from a newer version"))
            return Int32(code)
        }
        if Scratch.text("queue.mode") == "crash" { return 3 }
        link.send(.ready)
        while true {
            var wanted = [
                pollfd(fd: link.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: listener, events: Int16(POLLIN), revents: 0),
            ]
            poll(&wanted, isStopping ? 1 : 2, beatMilliseconds)
            link.send(.heartbeat(Heartbeat()))
            if wanted[1].revents != 0 { answer() }
            if let code = obeyAll() { return code }
            if isStopping, living.isEmpty {
                link.send(.goodbye)
                Scratch.append("queue.log", "left after the last worker")
                return 0
            }
        }
    }

    private func answer() {
        let client = accept(listener, nil, nil)
        guard client >= 0 else { return }
        // A caller that sends a request would get a reset if it stayed unread.
        var wanted = pollfd(fd: client, events: Int16(POLLIN), revents: 0)
        var room = [UInt8](repeating: 0, count: 4096)
        if poll(&wanted, 1, 20) > 0 { _ = read(client, &room, room.count) }
        let line = Array("queue gen \(identity.generation) pid \(identity.pid)\n".utf8)
        _ = send(client, line, line.count, CInt(MSG_NOSIGNAL))
        close(client)
    }

    private mutating func obeyAll() -> Int32? {
        while true {
            switch link.poll() {
            case .nothing: return nil
            case .closed:
                Scratch.append("queue.log", "end of file")
                return 0
            case .order(let order): if let code = obey(order) { return code }
            case .bundle(let file): note(file)
            }
        }
    }

    private mutating func obey(_ order: SupervisorOrder) -> Int32? {
        switch order {
        case .stop: isStopping = true
        case .stopNow: return 0
        case .dump: Scratch.append("queue.log", "dump")
        case .worker(let row): note(row)
        case .workersComplete: Scratch.append("queue.log", "complete")
        case .figures(let figures): Scratch.append("figures.log", "\(figures)")
        case .newBundle: break
        }
        if case .dump = order, let text = Scratch.text("queue.ask") { ask(text) }
        return nil
    }

    private func note(_ file: PassedFile) {
        let bytes = (try? MemoryFile.read(file.number)) ?? []
        let isSealed = MemoryFile.isSealed(file.number)
        Scratch.append(
            "bundles.log",
            "queue=\(identity.generation) sealed=\(isSealed) "
                + String(decoding: bytes.dropFirst(BundleHeader.byteCount), as: UTF8.self))
    }

    /// "scale N", "replace SLOT GENERATION" or "load", at a dump order.
    private func ask(_ text: String) {
        let words = text.split(separator: " ")
        let numbers = words.dropFirst().compactMap { UInt32($0) }
        if words.first == "load" { link.send(.askLoad(target: 0)) }
        if words.first == "scale" { link.send(.scale(workers: numbers[0])) }
        if words.first == "replace" {
            link.send(.askReplace(slot: numbers[0], generation: numbers[1]))
        }
    }

    private mutating func note(_ row: WorkerRow) {
        if row.state == .dead { living.remove(row.slot) } else { living.insert(row.slot) }
        Scratch.append(
            "rows.log",
            "queue=\(identity.generation) slot=\(row.slot) gen=\(row.generation) pid=\(row.pid) "
                + "state=\(row.state) exit=\(row.exit.label)")
    }
}
