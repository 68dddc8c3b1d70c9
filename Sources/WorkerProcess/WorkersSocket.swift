// The system calls of the connection to workers.sock. Never blocks.

import Glibc
import Kernel

enum WorkersSocket {
    /// A connected, non-blocking socket; nil if nobody listens or the backlog is full.
    static func connect(path: String) -> CInt? {
        guard let socket = try? UnixSocket.connect(path: path) else { return nil }
        return socket.release()
    }

    /// How many bytes the socket took; a broken one takes none, and its reader finds that out.
    static func send(_ bytes: ArraySlice<UInt8>, to descriptor: CInt) -> Int {
        let flags = CInt(MSG_DONTWAIT) | CInt(MSG_NOSIGNAL)
        while true {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, flags)
            }
            if count < 0 && errno == EINTR { continue }
            return max(0, count)
        }
    }
}
