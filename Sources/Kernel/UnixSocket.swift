// Unix sockets: pairs for the links, listeners for the two sockets (unix(7)).

internal import CLinux
import Glibc

package enum UnixSocket {
    /// The longest path that fits sun_path with its terminator.
    package static let pathBytesMax = 107
    /// Connections that wait while the queue is being replaced.
    package static let backlog: CInt = 4096

    /// Two connected ends of a packet socket, close-on-exec.
    package static func packetPair() throws(SystemError) -> Pair {
        var numbers: [CInt] = [-1, -1]
        let kind = CInt(SOCK_SEQPACKET.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
        try check("socketpair") { socketpair(AF_UNIX, kind, 0, &numbers) }
        return Pair(
            ours: FileDescriptor(owning: numbers[0]), theirs: FileDescriptor(owning: numbers[1]))
    }

    package struct Pair: ~Copyable {
        package let ours: FileDescriptor
        package let theirs: FileDescriptor

        /// Closes the other end and keeps this one.
        package consuming func keepOurs() -> FileDescriptor { ours }

        /// Closes neither: for the child after a fork, whose descriptors are others already.
        package consuming func forget() {
            _ = ours.release()
            _ = theirs.release()
        }
    }

    /// A listening, non-blocking stream socket at the path, with this mode and, if given, group.
    /// The mode is set before anybody can connect: by the umask at bind(2), then exactly.
    package static func listen(
        path: String, mode: UInt32, group: UInt32?
    ) throws(SystemError) -> FileDescriptor {
        let socket = try stream()
        let number = socket.number
        let before = umask(0o177)
        defer { umask(before) }
        try withAddress(path) { (address, length) throws(SystemError) in
            try check("bind \(path)") { bind(number, address, length) }
        }
        if let group {
            try check("chown \(path)") { chown(path, uid_t.max, gid_t(group)) }
        }
        try check("chmod \(path)") { chmod(path, mode_t(mode)) }
        try check("listen \(path)") { Glibc.listen(number, backlog) }
        return socket
    }

    /// Whether somebody listens at the path: a connection is made and dropped.
    package static func isServed(path: String) throws(SystemError) -> Bool {
        do {
            _ = try connect(path: path)
            return true
        } catch {
            // A full backlog is a listener as well.
            if error.errno == EAGAIN { return true }
            if error.errno == ECONNREFUSED || error.errno == ENOENT { return false }
            throw error
        }
    }

    /// A connected, non-blocking stream socket; a full backlog is an error (EAGAIN).
    package static func connect(path: String) throws(SystemError) -> FileDescriptor {
        let socket = try stream()
        let number = socket.number
        try withAddress(path) { (address, length) throws(SystemError) in
            try check("connect \(path)") { Glibc.connect(number, address, length) }
        }
        return socket
    }

    private static func stream() throws(SystemError) -> FileDescriptor {
        let kind =
            CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
            | CInt(SOCK_NONBLOCK.rawValue)
        return FileDescriptor(owning: try check("socket") { socket(AF_UNIX, kind, 0) })
    }

    @discardableResult
    private static func withAddress<Result>(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        guard path.utf8.count <= pathBytesMax, !path.utf8.contains(0) else {
            throw SystemError("sun_path \(path)", errno: ENAMETOOLONG)
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { room in
            room.copyBytes(from: path.utf8)
        }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        // The closures of the standard library throw untyped or not at all: carry the result out.
        let outcome = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                Swift.Result<Result, SystemError> { () throws(SystemError) in
                    try body(generic, length)
                }
            }
        }
        return try outcome.get()
    }
}
