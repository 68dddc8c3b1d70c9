// A connection to a token endpoint: the socket, and TLS over it where the URL says https. Blocks the
// thread that uses it, up to its patience: never the worker's loop.

import CTLS
import Credentials
import Glibc
import Kernel

struct Connection: ~Copyable {
    private let socket: FileDescriptor
    /// Nil: plain, which EndpointURL allows for this machine and metadata servers alone.
    private let tls: OpaquePointer?
    private let patience: Patience

    private static let errorBytes = 256

    /// Connected, and where it is secure: with the server's certificate verified.
    ///
    /// - Parameter roots: PEM of trusted roots beside the system's.
    init(_ url: EndpointURL, roots: String?, _ patience: Patience) throws(TokenFailure) {
        self.patience = patience
        let socket = try Addresses.connect(url, patience)
        guard url.isSecure else {
            self.socket = socket
            tls = nil
            return
        }
        var text = [CChar](repeating: 0, count: Self.errorBytes)
        guard let tls = CTLS_open(socket.number, url.host, roots, &text, text.count) else {
            throw TokenFailure("\(url.origin) cannot be reached: \(Self.words(text))")
        }
        self.socket = socket
        self.tls = tls
        try handshake(tls)
    }

    deinit {
        if let tls { CTLS_close(tls) }
    }

    private static func words(_ text: [CChar]) -> String {
        let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }

    private borrowing func handshake(_ tls: OpaquePointer) throws(TokenFailure) {
        var text = [CChar](repeating: 0, count: Self.errorBytes)
        while true {
            let result = CTLS_handshake(tls, &text, text.count)
            if result == CInt(CTLS_DONE) { return }
            try wait(result, text)
        }
    }

    /// - Throws: where there is nothing to wait for, or no time left.
    private borrowing func wait(_ result: CInt, _ text: [CChar]) throws(TokenFailure) {
        switch result {
        case CInt(CTLS_WANTS_READ):
            guard patience.wait(socket.number, POLLIN) else { throw patience.failure }
        case CInt(CTLS_WANTS_WRITE):
            guard patience.wait(socket.number, POLLOUT) else { throw patience.failure }
        case CInt(CTLS_CLOSED):
            throw TokenFailure("\(patience.origin) ended the connection")
        default:
            throw TokenFailure("\(patience.origin) cannot be reached: \(Self.words(text))")
        }
    }

    borrowing func send(_ bytes: [UInt8]) throws(TokenFailure) {
        var rest = bytes[...]
        while !rest.isEmpty { rest = rest.dropFirst(try sendSome(rest)) }
    }

    private borrowing func sendSome(_ bytes: ArraySlice<UInt8>) throws(TokenFailure) -> Int {
        var text = [CChar](repeating: 0, count: Self.errorBytes)
        guard let tls else {
            let number = socket.number
            let count = bytes.withUnsafeBytes {
                Glibc.send(number, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            if count >= 0 { return count }
            try wait(Self.meaning(of: errno, waiting: CInt(CTLS_WANTS_WRITE), &text), text)
            return 0
        }
        var written = 0
        let result = bytes.withUnsafeBufferPointer { buffer -> CInt in
            guard let start = buffer.baseAddress else { return CInt(CTLS_DONE) }
            return CTLS_write(tls, start, buffer.count, &written, &text, text.count)
        }
        if result == CInt(CTLS_DONE) { return written }
        try wait(result, text)
        return 0
    }

    /// Some bytes; none: the other side has ended.
    borrowing func receive() throws(TokenFailure) -> [UInt8] {
        var room = [UInt8](repeating: 0, count: 16 << 10)
        var text = [CChar](repeating: 0, count: Self.errorBytes)
        let size = room.count
        while true {
            guard !patience.isOver else { throw patience.failure }
            var count = 0
            var result = CInt(CTLS_DONE)
            if let tls {
                result = CTLS_read(tls, &room, size, &count, &text, text.count)
            } else {
                count = recv(socket.number, &room, size, 0)
                if count < 0 {
                    result = Self.meaning(of: errno, waiting: CInt(CTLS_WANTS_READ), &text)
                }
            }
            if result == CInt(CTLS_CLOSED) { return [] }
            if result == CInt(CTLS_DONE) { return Array(room[..<count]) }
            try wait(result, text)
        }
    }

    private static func meaning(
        of code: CInt, waiting: CInt, _ text: inout [CChar]
    ) -> CInt {
        if code == EAGAIN || code == EINTR { return waiting }
        let reason = Array(SystemError("", errno: code).reason.utf8CString)
        for (index, letter) in reason.prefix(errorBytes - 1).enumerated() { text[index] = letter }
        return CInt(CTLS_FAILED)
    }
}
