// A small blocking HTTP/1.1 client over a Unix socket or TCP: exact enough to check what the
// daemon answers, loose enough to send it what no client should. No product code is behind it.
import Foundation

package struct HTTPHead: Sendable {
    package let status: Int
    package let headers: [(name: String, value: String)]

    /// A header's values joined by a comma; names without regard to case.
    package subscript(name: String) -> String? {
        let found = headers.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
        return found.isEmpty ? nil : found.joined(separator: ", ")
    }
}

package struct HTTPResponse: Sendable, CustomStringConvertible {
    package let head: HTTPHead
    package let body: [UInt8]
    /// Interim answers (100 Continue) that came before.
    package let interim: [Int]

    package var status: Int { head.status }
    package var text: String { String(decoding: body, as: UTF8.self) }
    package subscript(header name: String) -> String? { head[name] }

    package func json() throws -> JSON { try JSON(parsing: body) }

    /// The Connect error's code, or nil where the body is none.
    package var code: String? { (try? json())?["code"].string }
    package var message: String { (try? json())?["message"].string ?? "" }

    /// The body's lines, each as JSON.
    package func lines() throws -> [JSON] {
        try text.split(separator: "\n").map { try JSON(parsing: String($0)) }
    }

    package var description: String { "\(status) \(text.prefix(600))" }
}

package final class HTTPConnection: @unchecked Sendable {
    package let descriptor: Int32
    private var buffer: [UInt8] = []
    private var atEnd = false
    private var isClosed = false
    private var body = BodyState.none

    private enum BodyState: Equatable {
        case none
        case length(Int)
        case chunked
        case untilClose
    }

    package init(socket path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | closeOnExec, 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8CString)
        guard bytes.count <= MemoryLayout.size(ofValue: address.sun_path) else {
            throw HarnessFailure("socket path too long: \(path)")
        }
        withUnsafeMutableBytes(of: &address.sun_path) { room in
            for (index, byte) in bytes.enumerated() { room[index] = UInt8(bitPattern: byte) }
        }
        try connectOrThrow(&address, what: path)
    }

    package init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | closeOnExec, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        try connectOrThrow(&address, what: "127.0.0.1:\(port)")
    }

    private func connectOrThrow<Address>(_ address: inout Address, what: String) throws {
        let size = socklen_t(MemoryLayout<Address>.size)
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, size)
            }
        }
        guard code == 0 else {
            let reason = String(cString: strerror(errno))
            throw HarnessFailure("connect to \(what): \(reason)")
        }
    }

    deinit { close() }

    package func close() {
        guard !isClosed else { return }
        isClosed = true
        _ = Glibc.close(descriptor)
    }

    /// Says that nothing more will be sent; answers can still be read.
    package func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    // MARK: sending

    package func send(_ text: String) throws { try send(Array(text.utf8)) }

    package func send(_ bytes: [UInt8], within seconds: Double = 60) throws {
        var sent = 0
        let end = monotonicSeconds() + seconds
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { room in
                Glibc.send(
                    descriptor, room.baseAddress?.advanced(by: sent), bytes.count - sent,
                    Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if count > 0 {
                sent += count
            } else if errno == EAGAIN {
                try wait(for: POLLOUT, until: end)
            } else if errno != EINTR {
                throw HarnessFailure("send: \(String(cString: strerror(errno)))")
            }
        }
    }

    package func sendRequest(
        _ method: String, _ path: String, headers: [(String, String)] = [], body: [UInt8]? = nil
    ) throws {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: prong\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        if let body { head += "Content-Length: \(body.count)\r\n" }
        try send(Array((head + "\r\n").utf8) + (body ?? []))
    }

    // MARK: receiving

    /// True once the other side has closed and all it sent is read.
    package func isClosedByPeer(within seconds: Double = 30) throws -> Bool {
        let end = monotonicSeconds() + seconds
        do {
            while !atEnd {
                try fill(until: end)
                buffer.removeAll()
            }
        } catch is HarnessFailure { return false }
        return true
    }

    /// The head of the next answer; interim ones are collected.
    package func readHead(within seconds: Double = 60) throws -> (head: HTTPHead, interim: [Int]) {
        let end = monotonicSeconds() + seconds
        var interim: [Int] = []
        while true {
            let head = try readOneHead(until: end)
            if (100..<200).contains(head.status) {
                interim.append(head.status)
                continue
            }
            body = bodyState(of: head)
            return (head, interim)
        }
    }

    /// The status of an interim answer, such as 100 Continue.
    package func readInterim(within seconds: Double = 30) throws -> Int {
        try readOneHead(until: monotonicSeconds() + seconds).status
    }

    /// The next piece of the body, or nil at its end.
    package func readBodyPart(within seconds: Double = 60) throws -> [UInt8]? {
        let end = monotonicSeconds() + seconds
        switch body {
        case .none, .length(0):
            body = .none
            return nil
        case .length(let left):
            if buffer.isEmpty { try fillOrFail(until: end, "inside a body") }
            let part = Array(buffer.prefix(left))
            buffer.removeFirst(part.count)
            body = .length(left - part.count)
            return part
        case .untilClose:
            if buffer.isEmpty && !atEnd { try fill(until: end) }
            defer { buffer.removeAll() }
            return buffer.isEmpty ? nil : buffer
        case .chunked:
            return try readChunk(until: end)
        }
    }

    package func readResponse(
        within seconds: Double = 60, hasBody: Bool = true
    ) throws -> HTTPResponse {
        let (head, interim) = try readHead(within: seconds)
        var bytes: [UInt8] = []
        if hasBody {
            while let part = try readBodyPart(within: seconds) { bytes += part }
        }
        return HTTPResponse(head: head, body: bytes, interim: interim)
    }

    package func request(
        _ method: String, _ path: String, headers: [(String, String)] = [],
        body: [UInt8]? = nil, within seconds: Double = 60
    ) throws -> HTTPResponse {
        try sendRequest(method, path, headers: headers, body: body)
        return try readResponse(within: seconds, hasBody: method != "HEAD")
    }

    // MARK: parsing

    private func bodyState(of head: HTTPHead) -> BodyState {
        if head.status == 204 || head.status == 304 { return .none }
        if head["transfer-encoding"]?.lowercased() == "chunked" { return .chunked }
        if let length = head["content-length"].flatMap({ Int($0) }) { return .length(length) }
        return .untilClose
    }

    private func readOneHead(until end: Double) throws -> HTTPHead {
        let status = try readLine(until: end)
        let words = status.split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let code = Int(words[1]) else {
            throw HarnessFailure("not a status line: \(status.debugDescription)")
        }
        return HTTPHead(status: code, headers: try readFields(until: end))
    }

    private func readFields(until end: Double) throws -> [(name: String, value: String)] {
        var fields: [(name: String, value: String)] = []
        while true {
            let line = try readLine(until: end)
            if line.isEmpty { return fields }
            let parts = line.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else { throw HarnessFailure("not a header: \(line)") }
            let value = parts[1].trimmingCharacters(in: .whitespaces)
            fields.append((String(parts[0]), value))
        }
    }

    private func readChunk(until end: Double) throws -> [UInt8]? {
        let line = try readLine(until: end)
        guard let size = Int(line.prefix { $0 != ";" }, radix: 16) else {
            throw HarnessFailure("not a chunk size: \(line.debugDescription)")
        }
        guard size > 0 else {
            _ = try readFields(until: end)
            body = .none
            return nil
        }
        while buffer.count < size + 2 { try fillOrFail(until: end, "inside a chunk") }
        let part = Array(buffer.prefix(size))
        buffer.removeFirst(size + 2)
        return part
    }

    private func readLine(until end: Double) throws -> String {
        var searched = 0
        while true {
            if let position = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                var line = buffer[..<position]
                if line.last == UInt8(ascii: "\r") { line.removeLast() }
                let text = String(decoding: line, as: UTF8.self)
                buffer.removeSubrange(...position)
                return text
            }
            searched = buffer.count
            try fillOrFail(until: end, "inside a head")
        }
    }

    private func fillOrFail(until end: Double, _ place: String) throws {
        if !atEnd { try fill(until: end) }
        if atEnd && buffer.isEmpty { throw HarnessFailure("the connection was closed \(place)") }
        if atEnd { throw HarnessFailure("the connection was cut \(place)") }
    }

    private func fill(until end: Double) throws {
        try wait(for: POLLIN, until: end)
        var room = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &room, room.count, 0)
        if count > 0 {
            buffer += room[..<count]
        } else if count == 0 {
            atEnd = true
        } else if errno != EINTR && errno != EAGAIN {
            if errno == ECONNRESET {
                atEnd = true
                return
            }
            throw HarnessFailure("receive: \(String(cString: strerror(errno)))")
        }
    }

    private func wait(for events: Int32, until end: Double) throws {
        var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        while true {
            let left = end - monotonicSeconds()
            guard left > 0 else { throw HarnessFailure("no answer in time") }
            if poll(&entry, 1, Int32(left * 1000) + 1) > 0 { return }
        }
    }
}

private let closeOnExec = Int32(SOCK_CLOEXEC.rawValue)
