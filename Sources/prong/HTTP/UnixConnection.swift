// One connection to the daemon's Unix socket: never blocks longer than its deadline says.
// Closes with its owner. Writing to a closed connection is an error here, not a signal.
import Glibc

/// How reading or writing ended short of a byte.
enum ConnectionFault: Error, Equatable {
    /// The other side closed or reset the connection.
    case closed
    case timedOut
    case system(Int32)
}

final class UnixConnection {
    /// Read at once from the socket: big enough for bulk results, small for one answer.
    static let readBytesMax = 128 * 1024

    let fd: Int32

    private init(fd: Int32) {
        self.fd = fd
    }

    deinit {
        close(fd)
    }

    /// Connects, waiting for room in the backlog where a restarting daemon leaves it full.
    static func connect(
        to place: SocketPlace, until deadline: Deadline
    ) throws(Failure) -> UnixConnection {
        var address = try socketAddress(place.path)
        let kind =
            Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
            | Int32(SOCK_NONBLOCK.rawValue)
        let fd = socket(AF_UNIX, kind, 0)
        guard fd >= 0 else {
            throw Failure(.unavailable, "cannot make a socket: \(errnoText(errno))")
        }
        let connection = UnixConnection(fd: fd)
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        while true {
            let result = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    Glibc.connect(fd, $0, length)
                }
            }
            if result == 0 { return connection }
            let number = errno
            guard number == EAGAIN || number == EINTR, !deadline.hasPassed else {
                throw connectFailure(number, place.path)
            }
            // The backlog is full; there is nothing to poll for, so look again soon.
            _ = poll(nil, 0, 10)
        }
    }

    /// Waits until the socket can be read (or written, if `alsoWrite`) or the deadline passes.
    func await(
        alsoWrite: Bool, until deadline: Deadline
    ) throws(ConnectionFault) -> (read: Bool, write: Bool) {
        var ready = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
        if alsoWrite { ready.events |= Int16(POLLOUT) }
        while true {
            let count = poll(&ready, 1, deadline.pollMilliseconds)
            if count > 0 { break }
            if count == 0 { throw .timedOut }
            if errno != EINTR { throw .system(errno) }
        }
        let ended = ready.revents & Int16(POLLHUP | POLLERR) != 0
        return (
            ready.revents & Int16(POLLIN) != 0 || ended,
            ready.revents & Int16(POLLOUT) != 0
        )
    }

    /// Sends what the socket takes now and returns how much, 0 if it takes nothing.
    func sendSome(_ bytes: ArraySlice<UInt8>) throws(ConnectionFault) -> Int {
        let sent = bytes.withUnsafeBytes {
            send(fd, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
        if sent >= 0 { return sent }
        switch errno {
        case EAGAIN, EINTR: return 0
        case EPIPE, ECONNRESET: throw .closed
        default: throw .system(errno)
        }
    }

    /// Returns what has come, nil if nothing is there now; throws `closed` at the end.
    func receiveSome() throws(ConnectionFault) -> ArraySlice<UInt8>? {
        var count = 0
        let fd = self.fd
        let bytes = [UInt8](unsafeUninitializedCapacity: Self.readBytesMax) { buffer, filled in
            count = recv(fd, buffer.baseAddress, buffer.count, 0)
            filled = max(count, 0)
        }
        if count > 0 { return bytes[...] }
        if count == 0 { throw .closed }
        switch errno {
        case EAGAIN, EINTR: return nil
        case ECONNRESET, EPIPE: throw .closed
        default: throw .system(errno)
        }
    }
}

private func socketAddress(_ path: String) throws(Failure) -> sockaddr_un {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    let capacity = MemoryLayout.size(ofValue: address.sun_path) - 1
    guard !bytes.isEmpty, bytes.count <= capacity, !bytes.contains(0) else {
        throw Failure(
            .usage,
            "\"\(path)\" cannot be a socket's path: it must have 1 to \(capacity) bytes")
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    return address
}

private func connectFailure(_ number: Int32, _ path: String) -> Failure {
    switch number {
    case ENOENT:
        Failure(
            .unavailable,
            "no daemon: there is no socket at \(path); start prongd, or name its socket with "
                + "--socket or PRONG_SOCKET")
    case ECONNREFUSED:
        Failure(
            .unavailable,
            "no daemon: nobody listens at \(path); start prongd")
    case EACCES, EPERM:
        Failure(
            .notAllowed,
            "not allowed to use \(path): join the group that owns the socket, or ask the operator")
    case EAGAIN:
        Failure(.unavailable, "the daemon at \(path) takes no connection; see its log")
    case ENOTSOCK, EPROTOTYPE:
        Failure(.unavailable, "\(path) is not the socket of a daemon")
    default:
        Failure(.unavailable, "cannot connect to \(path): \(errnoText(number))")
    }
}
