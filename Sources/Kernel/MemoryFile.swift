// A sealed memory file: bytes written once by the loader, which nobody can change afterwards, not
// even its writer. The supervisor passes it on without reading more than the header.

internal import CLinux
import Glibc

package enum MemoryFile {
    /// A new memory file with these bytes, sealed against every change (memfd_create(2)).
    package static func sealed(
        name: String, bytes: [UInt8]
    ) throws(SystemError) -> FileDescriptor {
        let file = FileDescriptor(
            owning: try check("memfd_create") { CLinux_memfd_create(name) })
        try file.writeAll(bytes)
        let number = file.number
        try check("fcntl F_ADD_SEALS") { CLinux_memfd_seal(number) }
        return file
    }

    /// Whether the descriptor is a memory file with all four seals.
    package static func isSealed(_ fd: CInt) -> Bool { CLinux_memfd_is_sealed(fd) == 1 }

    /// The bytes from `offset`, at most `limit` of them; does not move a shared file position.
    package static func read(
        _ fd: CInt, offset: Int = 0, limit: Int = .max
    ) throws(SystemError) -> [UInt8] {
        let size = try bytesInFile(fd)
        let wanted = max(0, min(limit, size - offset))
        var bytes = [UInt8](repeating: 0, count: wanted)
        var done = 0
        while done < wanted {
            let got = try check("pread") {
                bytes.withUnsafeMutableBytes { room in
                    pread(
                        fd, room.baseAddress?.advanced(by: done), wanted - done,
                        off_t(offset + done))
                }
            }
            if got == 0 { break }
            done += got
        }
        return Array(bytes.prefix(done))
    }

    /// fstat(2)'s size.
    package static func bytesInFile(_ fd: CInt) throws(SystemError) -> Int {
        var about = stat()
        try check("fstat") { fstat(fd, &about) }
        return Int(about.st_size)
    }
}
