// A scripted server on a Unix socket that plays the daemon: each connection has a thread, each
// request goes to a script that writes whatever it likes, in whatever pieces. It knows nothing of
// prong, so that the client is tested against bytes and not against itself.
import Foundation
import Glibc
import Synchronization

/// A request as the fake daemon read it.
struct SeenRequest: Sendable {
    let method: String
    let target: String
    let headers: [String: String]
    var body: [UInt8] = []

    var path: String { String(target.split(separator: "?", maxSplits: 1)[0]) }
    var query: String {
        let parts = target.split(separator: "?", maxSplits: 1)
        return parts.count == 2 ? String(parts[1]) : ""
    }
    var text: String { String(decoding: body, as: UTF8.self) }
}

/// One accepted connection, with blocking reads and writes.
final class FakeConnection: Sendable {
    let fd: Int32
    private let buffer = Mutex<[UInt8]>([])

    init(fd: Int32) {
        self.fd = fd
    }

    /// Writes text; false if the client is gone.
    @discardableResult
    func write(_ text: String) -> Bool {
        write(Array(text.utf8))
    }

    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                send(fd, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return false }
            sent += count
        }
        return true
    }

    /// A whole answer with a length.
    func answer(
        _ status: Int, _ body: String, type: String = "application/json",
        headers: [String: String] = [:]
    ) {
        answer(status, Array(body.utf8), type: type, headers: headers)
    }

    func answer(
        _ status: Int, _ body: [UInt8], type: String = "application/json",
        headers: [String: String] = [:]
    ) {
        var head = "HTTP/1.1 \(status) Said\r\nContent-Type: \(type)\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        write(Array((head + "Content-Length: \(body.count)\r\n\r\n").utf8) + body)
    }

    func chunk(_ text: String) -> Bool {
        write("\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n")
    }

    /// Reads more into the buffer; false at the end.
    private func fill() -> Bool {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = recv(fd, &bytes, bytes.count, 0)
        guard count > 0 else { return false }
        buffer.withLock { $0 += bytes[..<count] }
        return true
    }

    /// The next line without CR LF, nil at the end.
    func readLine() -> String? {
        var searched = 0
        while true {
            let line: [UInt8]? = buffer.withLock { held in
                guard let end = held[searched...].firstIndex(of: 0x0a) else {
                    searched = held.count
                    return nil
                }
                let line = Array(held[..<end])
                held.removeSubrange(...end)
                return line
            }
            if let line {
                return String(decoding: line.last == 0x0d ? line.dropLast() : line, as: UTF8.self)
            }
            if !fill() { return nil }
        }
    }

    func readBytes(_ count: Int) -> [UInt8]? {
        while buffer.withLock({ $0.count }) < count {
            if !fill() { return nil }
        }
        return buffer.withLock { held in
            defer { held.removeSubrange(..<count) }
            return Array(held[..<count])
        }
    }

    /// The head of the next request, nil when the client closed.
    func readHead() -> SeenRequest? {
        guard let first = readLine() else { return nil }
        let words = first.split(separator: " ")
        guard words.count == 3 else { return nil }
        var headers: [String: String] = [:]
        while let line = readLine(), !line.isEmpty {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { return nil }
            headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        return SeenRequest(method: String(words[0]), target: String(words[1]), headers: headers)
    }

    /// The next chunk's data, nil after the last one or at the end of the connection.
    func readChunk() -> [UInt8]? {
        guard let line = readLine(), let size = Int(line, radix: 16) else { return nil }
        guard size > 0 else {
            _ = readLine()
            return nil
        }
        let data = readBytes(size)
        _ = readLine()
        return data
    }

    func readBody(_ request: SeenRequest) -> [UInt8] {
        if request.headers["transfer-encoding"] == "chunked" {
            var body: [UInt8] = []
            while let chunk = readChunk() { body += chunk }
            return body
        }
        let length = request.headers["content-length"].flatMap { Int($0) } ?? 0
        return readBytes(length) ?? []
    }
}

/// Lives until the test process ends: a test that passes only its path on must not lose it.
final class FakeDaemon: Sendable {
    typealias Script = @Sendable (SeenRequest, FakeConnection) -> Void

    let path: String
    private let listener: Int32
    private let seenRequests = Mutex<[SeenRequest]>([])

    /// Every request that came, in the order in which their bodies were whole.
    var seen: [SeenRequest] { seenRequests.withLock { $0 } }

    /// - Parameters:
    ///   - streams: bodies sent in chunks are left to the script to read.
    ///   - script: answers one request; a connection closes when its script closes it.
    init(streams: Bool = false, _ script: @escaping Script) {
        path = makeTemporaryFolder() + "/s.sock"
        listener = listen(at: path)
        Thread.detachNewThread { [self] in
            while true {
                let fd = accept(listener, nil, nil)
                guard fd >= 0 else { return }
                Thread.detachNewThread { [self] in
                    serve(FakeConnection(fd: fd), streams, script)
                    close(fd)
                }
            }
        }
    }

    private func serve(_ connection: FakeConnection, _ streams: Bool, _ script: Script) {
        while var request = connection.readHead() {
            let isStream = streams && request.headers["transfer-encoding"] == "chunked"
            if !isStream { request.body = connection.readBody(request) }
            let seen = request
            seenRequests.withLock { $0.append(seen) }
            script(request, connection)
        }
    }
}

private let temporaryFolders = Mutex<[String]>([])

private let removesFoldersAtExit: Void = {
    atexit {
        for folder in temporaryFolders.withLock({ $0 }) {
            try? FileManager.default.removeItem(atPath: folder)
        }
    }
}()

/// A folder of its own, removed when the test process ends.
func makeTemporaryFolder() -> String {
    _ = removesFoldersAtExit
    let base = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
    var template = Array("\(base)/prong-client-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { fatalError("mkdtemp: errno \(errno)") }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    temporaryFolders.withLock { $0.append(path) }
    return path
}

func listen(at path: String) -> Int32 {
    let fd = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
    let result = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(fd, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
    guard result == 0, Glibc.listen(fd, 64) == 0 else { fatalError("listen: errno \(errno)") }
    return fd
}

/// What every script that calls methods needs.
let methodsAnswer = """
    {"methods":[\
    {"method":"example.v1.Echo/Say","targets":["example"],"safe":true,\
    "request":"example.v1.EchoRequest","response":"example.v1.EchoResponse"},\
    {"method":"example.v1.Echo/Shout","targets":["example"],"safe":false},\
    {"method":"other.v2.Echo/Say","targets":["other"],"safe":false}]}
    """
