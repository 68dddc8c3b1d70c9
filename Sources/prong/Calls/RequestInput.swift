// Where a request comes from: the argument itself, standard input, or a file.
import Glibc

enum RequestInput {
    /// Larger ones are refused by any daemon; the bound keeps a wrong FILE from filling memory.
    static let bytesMax = 1 << 30

    /// - Parameter argument: JSON, `@FILE`, `-`, or nil, which means standard input too.
    static func read(_ argument: String?) throws(Failure) -> [UInt8] {
        guard let argument, argument != "-" else {
            if isTerminal(STDIN_FILENO) {
                complain("reading the request from the terminal; end it with control-D")
            }
            return try readAll(STDIN_FILENO, name: "standard input")
        }
        guard argument.hasPrefix("@") else { return Array(argument.utf8) }
        let path = String(argument.dropFirst())
        let fd = try openFile(path)
        defer { close(fd) }
        return try readAll(fd, name: path)
    }

    /// JSON for a message: nothing but space stands for the empty message.
    static func readJSONText(_ argument: String?) throws(Failure) -> [UInt8] {
        let bytes = try read(argument)
        let isBlank = bytes.allSatisfy { $0 == 0x20 || (0x09...0x0d).contains($0) }
        return isBlank ? Array("{}".utf8) : bytes
    }

    static func openFile(_ path: String) throws(Failure) -> Int32 {
        let fd = open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { throw unreadable(path, errno) }
        return fd
    }

    static func unreadable(_ name: String, _ number: Int32) -> Failure {
        Failure(.noInput, "cannot read \(name): \(errnoText(number))")
    }

    private static func readAll(_ fd: Int32, name: String) throws(Failure) -> [UInt8] {
        var all: [UInt8] = []
        while all.count <= bytesMax {
            guard let part = try readSome(fd, name: name) else { return all }
            all += part
        }
        throw Failure(.refused, "\(name) is longer than a request can be")
    }

    /// What is there now (waiting for at least a byte), nil at the end.
    static func readSome(_ fd: Int32, name: String) throws(Failure) -> ArraySlice<UInt8>? {
        while true {
            var count = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: 128 * 1024) { buffer, filled in
                count = Glibc.read(fd, buffer.baseAddress, buffer.count)
                filled = max(count, 0)
            }
            if count > 0 { return bytes[...] }
            if count == 0 { return nil }
            if errno == EAGAIN {
                var ready = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
                _ = poll(&ready, 1, -1)
            } else if errno != EINTR {
                throw unreadable(name, errno)
            }
        }
    }
}
