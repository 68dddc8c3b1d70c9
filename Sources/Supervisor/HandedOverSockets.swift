// Sockets that the service manager opened before prongd was there (sd_listen_fds(3)), by name: a
// restart of the service refuses no connection.

internal import CSystemd
import Glibc

struct HandedOverSockets {
    /// FileDescriptorName= in prong.socket.
    static let clientName = "prong"

    /// prong.sock, non-blocking and listening as it came.
    let clients: CInt?
    /// Names that prongd does not know; their descriptors were closed.
    let unknownNames: [String]

    /// Takes them out of the environment, so that no child finds them there.
    static func take() -> HandedOverSockets {
        var names: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
        let count = sd_listen_fds_with_names(1, &names)
        let first: CInt = 3  // SD_LISTEN_FDS_START
        guard count > 0 else {
            return HandedOverSockets(clients: nil, unknownNames: [])
        }
        var clients: CInt?
        var unknown: [String] = []
        for index in 0..<Int(count) {
            let name = names?[index].map { String(cString: $0) } ?? ""
            let fd = first + CInt(index)
            if name == clientName, clients == nil, isListening(fd) {
                clients = fd
            } else {
                unknown.append(name)
                close(fd)
            }
            free(names?[index])
        }
        free(names)
        return HandedOverSockets(
            clients: clients, unknownNames: unknown)
    }

    private static func isListening(_ fd: CInt) -> Bool {
        sd_is_socket_unix(fd, CInt(SOCK_STREAM.rawValue), 1, nil, 0) > 0
    }
}
