// The two sockets that prongd listens on. They belong to the supervisor for its whole life and the
// queue inherits them, so that callers wait in the backlog while a queue is being replaced.

import Glibc
import Kernel
import Ops
import WireFormat

final class ListeningSockets {
    let clients: OpenFile
    let workers: OpenFile
    /// Paths bound by this process, to be removed by it.
    private var ownPaths: [String] = []

    init(
        handedOver: HandedOverSockets, header: BundleHeader, log: Log
    ) throws(StartFailure) {
        for name in handedOver.unknownNames {
            log.warning(
                "the service manager handed over a socket called \"\(name)\", which prong does not "
                    + "use: its name must be \"\(HandedOverSockets.clientName)\" and it must listen"
            )
        }
        if let fd = handedOver.clients {
            clients = OpenFile(FileDescriptor(owning: fd))
            try Self.prepare(fd, log)
        } else {
            clients = try Self.bind(
                header.clientSocketPath, header.clientSocketMode, header.clientSocketGroup, log)
            ownPaths.append(header.clientSocketPath)
        }
        // Workers are children of the same user: nobody else has business there.
        workers = try Self.bind(header.workerSocketPath, 0o600, nil, log)
        ownPaths.append(header.workerSocketPath)
    }

    /// Removes the sockets that this process bound, so that the next connection is refused rather
    /// than left waiting. Only while the store's lock is held, so no successor's are removed.
    func unlinkOwn() {
        for path in ownPaths { unlink(path) }
    }

    private static func prepare(_ fd: CInt, _ log: Log) throws(StartFailure) {
        do {
            try Descriptors.setNonblocking(fd, true)
            try Descriptors.setCloseOnExec(fd, true)
        } catch {
            throw StartFailure(
                exitCode: ExitCode.system, sentence: "the system refused: \(error)", log: log)
        }
    }

    private static func bind(
        _ path: String, _ mode: UInt32, _ group: UInt32?, _ log: Log
    ) throws(StartFailure) -> OpenFile {
        let isServed: Bool
        do {
            isServed = try UnixSocket.isServed(path: path)
        } catch {
            throw failure(path, error, log)
        }
        if isServed {
            throw StartFailure(
                exitCode: ExitCode.unavailable,
                sentence: "\(path) is in use: another process listens there; stop it, or "
                    + "choose another place (listen.socket)",
                log: log)
        }
        do {
            try removeStale(path)
            return OpenFile(try UnixSocket.listen(path: path, mode: mode, group: group))
        } catch {
            throw failure(path, error, log)
        }
    }

    /// Removes what a killed prongd left; never anything but a socket.
    private static func removeStale(_ path: String) throws(SystemError) {
        var about = stat()
        guard lstat(path, &about) == 0 else { return }
        guard about.st_mode & S_IFMT == S_IFSOCK else { return }
        try check("unlink \(path)") { unlink(path) }
    }

    private static func failure(_ path: String, _ error: SystemError, _ log: Log) -> StartFailure {
        let denied = [EACCES, EPERM, EROFS].contains(error.errno)
        return StartFailure(
            exitCode: denied ? ExitCode.noPermission : ExitCode.unavailable,
            sentence: "cannot listen on \(path): \(error); "
                + (denied
                    ? "give prong's user the folder, or choose another place (listen.socket)"
                    : "choose another place (listen.socket)"),
            log: log)
    }
}
