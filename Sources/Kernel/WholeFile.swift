// Reading a whole file that a user named, of a bounded size. A directory, a FIFO or a device is
// refused before it could block its reader.

import Glibc

/// Why a file was not read.
package enum FileFault: Error, Equatable, Sendable, CustomStringConvertible {
    case failed(SystemError)
    case notAFile(String)
    case tooLong(String, bytesMax: Int)

    /// What is wrong, after the file's name.
    package var what: String {
        switch self {
        case .failed(let error): error.reason
        case .notAFile: "this is not a regular file"
        case .tooLong(_, let bytesMax): "the file is longer than \(bytesMax) bytes"
        }
    }

    /// What is wrong, with the file's name.
    package var description: String {
        switch self {
        case .failed(let error): error.description
        case .notAFile(let path), .tooLong(let path, _): "\(path): \(what)"
        }
    }

    package var isPermission: Bool {
        if case .failed(let error) = self {
            error.errno == EACCES || error.errno == EPERM
        } else {
            false
        }
    }

    package var isMissing: Bool {
        if case .failed(let error) = self { error.errno == ENOENT } else { false }
    }
}

package enum WholeFile {
    /// A PEM file of certificates or a key that is longer is none.
    package static let pemBytesMax = 1 << 20

    /// All bytes of a regular file.
    package static func read(_ path: String, bytesMax: Int) throws(FileFault) -> [UInt8] {
        do throws(SystemError) {
            // Non-blocking: opening a FIFO without a writer would wait for ever.
            let file = try FileDescriptor.open(path, O_RDONLY | O_NONBLOCK)
            return try contents(of: file, path, bytesMax: bytesMax)
        } catch {
            throw error.errno == EFBIG
                ? .tooLong(path, bytesMax: bytesMax)
                : error.errno == EISDIR ? .notAFile(path) : .failed(error)
        }
    }

    /// Read to the end, not to the size of before: the file may grow meanwhile.
    private static func contents(
        of file: borrowing FileDescriptor, _ path: String, bytesMax: Int
    ) throws(SystemError) -> [UInt8] {
        let call = "read \(path)"
        let number = file.number
        var about = stat()
        try check("fstat \(path)") { fstat(number, &about) }
        guard about.st_mode & S_IFMT == S_IFREG else { throw SystemError(call, errno: EISDIR) }
        guard Int(about.st_size) <= bytesMax else { throw SystemError(call, errno: EFBIG) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(about.st_size))
        var room = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = try check(call) { Glibc.read(number, &room, room.count) }
            if count == 0 { return bytes }
            bytes += room[..<count]
            guard bytes.count <= bytesMax else { throw SystemError(call, errno: EFBIG) }
        }
    }
}
