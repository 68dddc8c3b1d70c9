// A server on the loopback that keeps what it is asked and answers as a test says: a token endpoint
// or a metadata server, a good one or a bad one. Listens on a port of the kernel's choice.

import Credentials
import Foundation
import Synchronization

final class LoopbackServer: Sendable {
    enum Reply: Sendable {
        /// Head and body, then the end.
        case text(String)
        /// The text, then one byte after the other without an end.
        case trickle(String)
        /// The text, then bytes without an end, as fast as they go.
        case flood(String)
        /// Nothing, until the client leaves.
        case silence

        /// A whole answer.
        static func answer(_ status: Int, _ body: String, _ headers: String = "") -> Reply {
            let length = "Content-Length: \(body.utf8.count)\r\n"
            return .text("HTTP/1.1 \(status) X\r\n\(length)\(headers)\r\n\(body)")
        }
    }

    let port: UInt16
    private let socket: CInt
    private let asked = Mutex<[String]>([])
    private let reply: @Sendable (String) -> Reply

    /// What was asked so far, each request whole.
    var requests: [String] { asked.withLock { $0 } }
    var origin: String { "http://127.0.0.1:\(port)" }

    /// - Parameter reply: what is answered to a request.
    init(_ reply: @escaping @Sendable (String) -> Reply) throws {
        self.reply = reply
        (socket, port) = try Self.listening(backlog: 16)
        Thread { [self] in accept() }.start()
    }

    private static func listening(backlog: CInt) throws -> (socket: CInt, port: UInt16) {
        let socket = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutableBytes(of: &address) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) { buffer in
                bind(socket, buffer.baseAddress, size) == 0 && listen(socket, backlog) == 0
                    && getsockname(socket, buffer.baseAddress, &size) == 0
            }
        }
        guard isListening else { throw TokenFailure("no loopback server") }
        return (socket, UInt16(bigEndian: address.sin_port))
    }

    /// Gives the port of a socket whose queue is full: the kernel answers no further connection.
    static func withDeafPort(_ body: (UInt16) throws -> Void) throws {
        let (socket, port) = try listening(backlog: 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        address.sin_port = port.bigEndian
        let first = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(first) }
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isFull = withUnsafeBytes(of: &address) { bytes in
            bytes.withMemoryRebound(to: sockaddr.self) {
                connect(first, $0.baseAddress, size) == 0
            }
        }
        guard isFull else { throw TokenFailure("the queue takes nobody") }
        try body(port)
    }

    func stop() { shutdown(socket, CInt(SHUT_RDWR)) }

    private func accept() {
        while true {
            let connection = Glibc.accept(socket, nil, nil)
            guard connection >= 0 else { break }
            Thread { [self] in
                serve(connection)
                close(connection)
            }.start()
        }
        close(socket)
    }

    private func serve(_ connection: CInt) {
        var bytes: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 4_096)
        while !Self.isWhole(bytes) {
            let count = recv(connection, &room, room.count, 0)
            guard count > 0 else { return }
            bytes += room[..<count]
        }
        let request = String(decoding: bytes, as: UTF8.self)
        asked.withLock { $0.append(request) }
        switch reply(request) {
        case .text(let text): _ = send(text, connection)
        case .trickle(let text):
            var isThere = send(text, connection)
            while isThere {
                // Slow enough to be one by one; the client's patience ends it, whatever the pace.
                usleep(5_000)
                isThere = send("x", connection)
            }
        case .flood(let text):
            let more = String(repeating: "x", count: 4_096)
            var isThere = send(text, connection)
            while isThere { isThere = send(more, connection) }
        case .silence: while recv(connection, &room, room.count, 0) > 0 {}
        }
    }

    private static func isWhole(_ bytes: [UInt8]) -> Bool {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.range(of: "\r\n\r\n") else { return false }
        let head = text[..<end.lowerBound]
        guard let line = head.range(of: "Content-Length: ") else { return true }
        let length = Int(head[line.upperBound...].prefix { $0.isNumber }) ?? 0
        return text[end.upperBound...].utf8.count >= length
    }

    private func send(_ text: String, _ connection: CInt) -> Bool {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(connection, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
