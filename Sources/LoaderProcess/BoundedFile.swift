// Reading a whole file that a user named, of a bounded size. A directory, a FIFO or a device is
// refused before it could block the loader.

import Glibc
import Kernel

/// Why a file was not read.
enum FileFault: Error, Equatable {
    case failed(SystemError)
    case notAFile
    case tooLong(bytesMax: Int)

    /// What is wrong, after the file's name.
    var what: String {
        switch self {
        case .failed(let error): error.reason
        case .notAFile: "this is not a regular file"
        case .tooLong(let bytesMax): "the file is longer than \(bytesMax) bytes"
        }
    }

    var isPermission: Bool {
        if case .failed(let error) = self {
            error.errno == EACCES || error.errno == EPERM
        } else {
            false
        }
    }

    var isMissing: Bool {
        if case .failed(let error) = self { error.errno == ENOENT } else { false }
    }
}

enum BoundedFile {
    /// All bytes of a regular file.
    static func read(_ path: String, bytesMax: Int) throws(FileFault) -> [UInt8] {
        do throws(SystemError) {
            // Non-blocking: opening a FIFO without a writer would wait for ever.
            let file = try FileDescriptor.open(path, O_RDONLY | O_NONBLOCK)
            return try contents(file, bytesMax: bytesMax)
        } catch {
            throw error.errno == EFBIG
                ? .tooLong(bytesMax: bytesMax)
                : error.errno == EISDIR ? .notAFile : .failed(error)
        }
    }

    /// Read to the end, not to the size of before: the file may grow meanwhile.
    private static func contents(
        _ file: borrowing FileDescriptor, bytesMax: Int
    ) throws(SystemError) -> [UInt8] {
        let number = file.number
        var about = stat()
        try check("fstat") { fstat(number, &about) }
        guard about.st_mode & S_IFMT == S_IFREG else { throw SystemError("read", errno: EISDIR) }
        guard Int(about.st_size) <= bytesMax else { throw SystemError("read", errno: EFBIG) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(about.st_size))
        var room = [UInt8](repeating: 0, count: 65_536)
        while true {
            let size = room.count
            let count = try check("read") {
                room.withUnsafeMutableBytes { Glibc.read(number, $0.baseAddress, size) }
            }
            if count == 0 { return bytes }
            bytes += room[..<count]
            guard bytes.count <= bytesMax else { throw SystemError("read", errno: EFBIG) }
        }
    }
}
