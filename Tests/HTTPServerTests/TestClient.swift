// A blocking HTTP client that lets a test say exactly which bytes go out, and when.

import Foundation

enum ClientFault: Error {
    case system(Int32)
    case timeout(String)
    case closed(String)
    case noServer
}

final class TestClient: @unchecked Sendable {
    /// Long enough for a busy machine; only a failing test waits for so long.
    static let patienceSeconds = 20.0

    struct Response {
        var status = 0
        var fields: [(name: String, value: String)] = []
        var body: [UInt8] = []
        var text: String { String(decoding: body, as: UTF8.self) }

        subscript(_ name: String) -> String? {
            fields.first { $0.name.lowercased() == name.lowercased() }?.value
        }
    }

    let descriptor: Int32
    private var received: [UInt8] = []
    private var isOpen = true

    /// - Parameter isBlocking: false: fail if the kernel cannot queue the connection at once.
    init(path: String, isBlocking: Bool = true) throws {
        let kind = Int32(SOCK_STREAM.rawValue) | (isBlocking ? 0 : Int32(SOCK_NONBLOCK.rawValue))
        descriptor = socket(AF_UNIX, kind, 0)
        let result = withUnixAddress(path) { connect(descriptor, $0, $1) }
        guard result == 0 else { throw ClientFault.system(errno) }
    }

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw ClientFault.system(errno) }
    }

    deinit { close() }

    func close() {
        if isOpen { Glibc.close(descriptor) }
        isOpen = false
    }

    /// Says that nothing more will be sent.
    func endSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw ClientFault.system(errno) }
            sent += count
        }
    }

    /// Sends as much as goes without waiting; how much that was.
    func sendWhatGoes(_ bytes: [UInt8]) -> Int {
        let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
        return max(
            0, bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, flags) })
    }

    func request(_ text: String) throws -> Response {
        try send(text)
        return try response()
    }

    /// The next response; interim ones are skipped unless asked for.
    func response(toHead: Bool = false, interim: Bool = false) throws -> Response {
        var response = try head()
        if response.status == 100, !interim { response = try head() }
        if toHead || response.status < 200 || response.status == 204 { return response }
        if response["Transfer-Encoding"] == "chunked" {
            response.body = try chunks()
        } else if let length = response["Content-Length"].flatMap({ Int($0) }) {
            while received.count < length { try receive("a body of \(length) bytes") }
            response.body = take(length)
        } else {
            response.body = try rest()
        }
        return response
    }

    func head() throws -> Response {
        var response = Response()
        let status = try line()
        response.status = Int(status.split(separator: " ").dropFirst().first ?? "") ?? 0
        while true {
            let line = try line()
            if line.isEmpty { return response }
            guard let colon = line.firstIndex(of: ":") else { throw ClientFault.closed(line) }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            response.fields.append((String(line[..<colon]), String(value)))
        }
    }

    /// All that comes until the server closes its sending side.
    func rest() throws -> [UInt8] {
        while try receive("the end", mayEnd: true) {}
        return take(received.count)
    }

    /// One chunk's content; nil after the last one.
    func chunk() throws -> [UInt8]? {
        let length = Int(try line(), radix: 16) ?? 0
        while received.count < length + 2 { try receive("a chunk") }
        let content = take(length)
        _ = take(2)
        return length == 0 ? nil : content
    }

    private func chunks() throws -> [UInt8] {
        var whole: [UInt8] = []
        while let chunk = try chunk() { whole += chunk }
        return whole
    }

    private func line() throws -> String {
        while true {
            if let end = received.firstIndex(of: 10) {
                let line = take(end + 1).dropLast(2)
                return String(decoding: line, as: UTF8.self)
            }
            try receive("a line")
        }
    }

    private func take(_ count: Int) -> [UInt8] {
        let taken = Array(received.prefix(count))
        received.removeFirst(count)
        return taken
    }

    @discardableResult
    private func receive(_ what: String, mayEnd: Bool = false) throws -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard Glibc.poll(&poll, 1, Int32(Self.patienceSeconds * 1000)) == 1 else {
            throw ClientFault.timeout(what)
        }
        var room = [UInt8](repeating: 0, count: 65536)
        let count = recv(descriptor, &room, room.count, 0)
        if count > 0 {
            received += room[..<count]
            return true
        }
        guard mayEnd else { throw ClientFault.closed(what) }
        return false
    }
}
