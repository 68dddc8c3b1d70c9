// Accepts connections on a Unix socket and gives them to the server one by one. C-core could listen
// by itself, but then every client of the socket would have the same peer text, and no single
// connection could be cut. Runs on a thread of its own, which does nothing else.

import GRPCClient
import Glibc

enum UnixListener {
    private static let backlog: Int32 = 1024

    /// Binds the socket; one that is left over from a dead server is replaced.
    static func open(path: String) throws(Failure) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw Failure("the path of a Unix socket has 1 to 107 bytes: \(path)", exitCode: 64)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { throw Files.failure("cannot make a socket for", path) }
        removeSocket(path)
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard bound == 0, listen(descriptor, backlog) == 0 else {
            throw Files.failure("cannot listen on", path)
        }
        return descriptor
    }

    /// Only ever a socket, never a file of the user's.
    static func removeSocket(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return }
        unlink(path)
    }

    /// Starts the thread, which ends with the process.
    static func serve(_ descriptor: Int32, server: Server) {
        let box = AcceptBox(descriptor: descriptor, server: server)
        Thread.start {
            while true {
                let connection = accept(box.descriptor, nil, nil)
                guard connection >= 0 else {
                    if errno == EINTR || errno == ECONNABORTED { continue }
                    return
                }
                _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
                let flags = fcntl(connection, F_GETFL)
                _ = fcntl(connection, F_SETFL, flags | O_NONBLOCK)
                box.server.adopt(connection: connection)
            }
        }
    }
}

/// Unchecked: `adopt` is the one method of a server that any thread may call.
private struct AcceptBox: @unchecked Sendable {
    let descriptor: Int32
    let server: Server
}

/// A bare POSIX thread.
enum Thread {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    static func start(_ run: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let body = Unmanaged.passRetained(Body(run)).toOpaque()
        let result = pthread_create(
            &thread, nil,
            { body in
                guard let body else { return nil }
                Unmanaged<Body>.fromOpaque(body).takeRetainedValue().run()
                return nil
            }, body)
        precondition(result == 0, "no thread could be started")
        pthread_detach(thread)
    }
}
