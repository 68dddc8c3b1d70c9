// The worker's end of workers.sock, shared by two threads: the loop writes, the link thread reads
// and writes what the socket did not take at once. Nothing here ever blocks the loop: a queue that
// stands still only makes the outbox grow, which the worker's places bound.
//
//     loop ── send ──▶ socket; the rest ──▶ outbox ── link thread, when writable ──▶ socket
//     loop ◀── inbox, wake ── link thread ◀── frames ── socket
//                                         ◀── orders ── supervisor

import GRPCClient
import Glibc
import Kernel
import Ops
import Synchronization
import WireFormat

/// What the link thread found.
enum Inbound: Sendable {
    case message(LinkMessage)
    case disconnected
    case order(SupervisorOrder)
    case supervisorGone
    /// What the other side sent cannot be read.
    case unreadable(String)
}

final class QueueLink: Sendable {
    private struct Connection {
        var descriptor: CInt = -1
        var outbox: [UInt8] = []
    }

    private let connection = Mutex(Connection())
    private let inbox = Mutex<[Inbound]>([])
    private let waker: Waker
    private let path: String
    /// Wakes the link thread.
    private let pokes: SelfPipe

    static let readBytes = 64 << 10

    init(path: String, waker: Waker) throws(SystemError) {
        self.path = path
        self.waker = waker
        pokes = try SelfPipe()
    }

    // MARK: the loop's side

    /// Connects at once or not at all: a full backlog counts as not.
    func connect() -> Bool {
        guard let descriptor = WorkersSocket.connect(path: path) else { return false }
        connection.withLock { $0 = Connection(descriptor: descriptor) }
        pokes.poke()
        return true
    }

    /// Writes as much as the socket takes and leaves the rest to the link thread. Without a
    /// connection the message is dropped: the state knows what it must say again.
    func send(_ messages: [LinkMessage]) {
        var bytes: [UInt8] = []
        for message in messages { message.append(to: &bytes) }
        let isLeft = connection.withLock { connection -> Bool in
            guard connection.descriptor >= 0 else { return false }
            var sent = 0
            if connection.outbox.isEmpty {
                sent = WorkersSocket.send(bytes[...], to: connection.descriptor)
            }
            guard sent < bytes.count else { return false }
            connection.outbox += bytes[sent...]
            return true
        }
        if isLeft { pokes.poke() }
    }

    /// The link thread then finds the end and says `disconnected`.
    func disconnect() {
        connection.withLock { connection in
            guard connection.descriptor >= 0 else { return }
            shutdown(connection.descriptor, CInt(SHUT_RDWR))
        }
    }

    /// Ends the sending side, behind everything that was sent. False if bytes are left.
    func finishSending() -> Bool {
        connection.withLock { connection in
            guard connection.descriptor >= 0 else { return true }
            guard connection.outbox.isEmpty else { return false }
            shutdown(connection.descriptor, CInt(SHUT_WR))
            return true
        }
    }

    /// Bytes that the queue has not taken yet.
    var waitingBytes: Int { connection.withLock { $0.outbox.count } }

    func takeInbox() -> [Inbound] {
        inbox.withLock { inbox in
            defer { inbox.removeAll(keepingCapacity: true) }
            return inbox
        }
    }

    // MARK: the link thread's side

    /// Reads and writes until the process ends.
    func serve(supervisor: SupervisorLink) {
        var frames = FrameStream()
        var room = [UInt8](repeating: 0, count: Self.readBytes)
        var supervisorIsThere = true
        while true {
            let (descriptor, wantsToWrite) = connection.withLock {
                ($0.descriptor, !$0.outbox.isEmpty)
            }
            var waits = [
                pollfd(fd: pokes.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(
                    fd: supervisorIsThere ? supervisor.descriptor : -1, events: Int16(POLLIN),
                    revents: 0),
                pollfd(
                    fd: descriptor, events: Int16(POLLIN) | (wantsToWrite ? Int16(POLLOUT) : 0),
                    revents: 0),
            ]
            guard poll(&waits, nfds_t(waits.count), -1) > 0 else { continue }
            var found: [Inbound] = []
            if waits[0].revents != 0 { pokes.drain() }
            if waits[1].revents != 0 {
                found += orders(from: supervisor)
                if case .supervisorGone? = found.last { supervisorIsThere = false }
            }
            if waits[2].revents & Int16(POLLOUT) != 0 { flush() }
            if waits[2].revents & ~Int16(POLLOUT) != 0 {
                found += receive(from: descriptor, &frames, &room)
            }
            guard !found.isEmpty else { continue }
            inbox.withLock { $0 += found }
            waker.wake()
        }
    }

    private func orders(from supervisor: SupervisorLink) -> [Inbound] {
        var found: [Inbound] = []
        while true {
            switch supervisor.poll() {
            case .order(let order): found.append(.order(order))
            // only the queue gets one
            case .bundle: break
            case .nothing: return found
            case .closed: return found + [.supervisorGone]
            }
        }
    }

    private func flush() {
        connection.withLock { connection in
            guard connection.descriptor >= 0 else { return }
            let sent = WorkersSocket.send(connection.outbox[...], to: connection.descriptor)
            connection.outbox.removeFirst(sent)
        }
    }

    private func receive(
        from descriptor: CInt, _ frames: inout FrameStream, _ room: inout [UInt8]
    ) -> [Inbound] {
        let count = recv(descriptor, &room, room.count, CInt(MSG_DONTWAIT))
        if count < 0 && (errno == EAGAIN || errno == EINTR) { return [] }
        guard count > 0 else {
            frames = FrameStream()
            close(descriptor)
            return [.disconnected]
        }
        frames.append(room[..<count])
        var found: [Inbound] = []
        do {
            while let frame = try frames.next() { found.append(.message(try LinkMessage(frame))) }
        } catch {
            found.append(.unreadable("\(error)"))
            frames = FrameStream()
            shutdown(descriptor, CInt(SHUT_RDWR))
        }
        return found
    }

    private func close(_ descriptor: CInt) {
        connection.withLock { connection in
            connection = Connection()
            _ = Glibc.close(descriptor)
        }
    }
}
