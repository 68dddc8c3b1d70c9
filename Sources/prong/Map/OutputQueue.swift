// Results on their way to standard output. To a pipe it writes only what the pipe takes without
// blocking, so that a reader who is also our writer can never hold us in a deadly embrace.
import Glibc

struct OutputQueue {
    /// What a pipe takes after poll(2) called it writable (pipe(7): PIPE_BUF).
    static let pipeBytes = 4096

    let fd: Int32
    private let isPipe: Bool
    private var bytes: [UInt8] = []
    private var start = 0

    init(fd: Int32) {
        self.fd = fd
        var status = stat()
        isPipe = fstat(fd, &status) == 0 && [S_IFIFO, S_IFSOCK].contains(status.st_mode & S_IFMT)
    }

    var pending: Int { bytes.count - start }

    mutating func append(_ line: [UInt8]) {
        bytes += line
        bytes.append(0x0a)
    }

    /// Writes what is pending, waiting for the reader: a line that has begun is not left half. For
    /// the end; a reader who does not read is ended by a second signal.
    mutating func finishLine() throws(Failure) {
        try writeAll(Array(bytes[start...]), to: fd)
        bytes = []
        start = 0
    }

    /// Writes some; to be called when poll(2) says that the descriptor is writable.
    mutating func writeSome() throws(Failure) {
        let part = bytes[start...].prefix(isPipe ? Self.pipeBytes : 1 << 20)
        let written = part.withUnsafeBytes { write(fd, $0.baseAddress, $0.count) }
        if written < 0 {
            guard errno == EAGAIN || errno == EINTR else {
                throw Failure(.failed, "cannot write the results: \(errnoText(errno))")
            }
            return
        }
        start += written
        if start == bytes.count {
            bytes.removeAll(keepingCapacity: bytes.count < 1 << 20)
            start = 0
        } else if start > 1 << 20 {
            bytes.removeSubrange(..<start)
            start = 0
        }
    }
}
