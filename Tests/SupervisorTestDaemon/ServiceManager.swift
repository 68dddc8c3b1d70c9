// Plays the part of systemd that hands a socket over (sd_listen_fds(3)): binds it in this process,
// as descriptor 3, before the supervisor begins.

import Glibc
import Kernel

enum ServiceManager {
    static func pretend() {
        guard let path = getenv("FAKE_LISTEN").map({ String(cString: $0) }) else { return }
        guard let socket = try? UnixSocket.listen(path: path, mode: 0o660, group: nil) else {
            exit(1)
        }
        // A stray descriptor beside it, which no child may see.
        dup2(socket.number, 3)
        dup2(socket.number, 9)
        setenv("LISTEN_PID", "\(getpid())", 1)
        setenv("LISTEN_FDS", "1", 1)
        setenv("LISTEN_FDNAMES", "prong", 1)
        let number = socket.release()
        if number != 3 { close(number) }
    }
}
