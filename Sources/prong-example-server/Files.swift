// Reading and writing whole files, and failing with a sentence.

import Glibc

struct Failure: Error {
    var text: String
    var exitCode: Int32

    init(_ text: String, exitCode: Int32 = 1) {
        self.text = text
        self.exitCode = exitCode
    }
}

enum Files {
    static func read(_ path: String) throws(Failure) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("cannot open", path) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &piece, piece.count)
            guard count >= 0 else { throw failure("cannot read", path) }
            if count == 0 { break }
            bytes += piece[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func write(_ bytes: [UInt8], to path: String) throws(Failure) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure("cannot create", path) }
        defer { close(descriptor) }
        guard writeAll(bytes, to: descriptor) else { throw failure("cannot write", path) }
    }

    /// To a descriptor, with one write(2) unless the kernel takes less.
    @discardableResult
    static func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var start = 0
        while start < bytes.count {
            let count = bytes.withUnsafeBytes { bytes in
                Glibc.write(descriptor, bytes.baseAddress.map { $0 + start }, bytes.count - start)
            }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return false }
            start += count
        }
        return true
    }

    static func failure(_ what: String, _ path: String) -> Failure {
        Failure("\(what) \(path): \(String(cString: strerror(errno)))")
    }
}
