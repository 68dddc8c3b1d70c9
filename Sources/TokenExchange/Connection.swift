// A connection to a token endpoint: the socket, and TLS over it where the URL says https. Blocks
// the thread that uses it, up to its patience: never the worker's loop.

import CTLS
import Credentials
import Glibc
import Kernel

struct Connection: ~Copyable {
    private let socket: FileDescriptor
    /// Nil: plain, which EndpointURL allows for this machine and metadata servers alone.
    private var tls: OpaquePointer?
    private let patience: Patience

    private static let errorBytes = 256

    private init(_ socket: consuming FileDescriptor, _ patience: Patience) {
        self.socket = socket
        self.patience = patience
    }

    /// Connected, and where it is secure: with the server's certificate verified.
    ///
    /// - Parameter roots: PEM of trusted roots beside the system's.
    static func open(
        _ url: EndpointURL, roots: String?, _ patience: Patience
    ) throws(TokenFailure) -> Connection {
        var connection: Connection
        switch ProxyChoice.of(url, environment: ProcessEnvironment.value(of:)) {
        case .direct:
            connection = Connection(try Addresses.connect(url, patience), patience)
        case .unusable(let name):
            throw TokenFailure("\(name) names no proxy like http://HOST:PORT")
        case .tunnel(let proxy):
            connection = Connection(try Addresses.connect(proxy, patience), patience)
            try connection.tunnel(to: url, through: proxy)
        }
        if url.isSecure { try connection.secure(url, roots) }
        return connection
    }

    /// What follows goes to the endpoint itself.
    private borrowing func tunnel(
        to url: EndpointURL, through proxy: EndpointURL
    ) throws(TokenFailure) {
        try send(ProxyChoice.request(for: url))
        var answer: [UInt8] = []
        while true {
            let bytes = try receive()
            answer += bytes
            let status = HTTPResponseReader.statusOfHead(answer) ?? (bytes.isEmpty ? 0 : nil)
            guard let status else { continue }
            if status == 200 { return }
            let said = status > 0 ? ": it answered \(status)" : ""
            throw TokenFailure("the proxy \(proxy.origin) gives no way to \(url.origin)\(said)")
        }
    }

    private mutating func secure(_ url: EndpointURL, _ roots: String?) throws(TokenFailure) {
        var text = [CChar](repeating: 0, count: Self.errorBytes)
        tls = CTLS_open(socket.number, url.host, roots, &text, text.count)
        guard let tls else {
            throw TokenFailure("\(url.origin) cannot be reached: \(Self.words(text))")
        }
        while true {
            let result = CTLS_handshake(tls, &text, text.count)
            if result == CInt(CTLS_DONE) { return }
            try wait(result, text)
        }
    }

    deinit {
        if let tls { CTLS_close(tls) }
    }

    private static func words(_ text: [CChar]) -> String {
        let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: bytes, as: UTF8.self)
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
