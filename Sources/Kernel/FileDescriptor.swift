// A descriptor with exactly one owner. Closing it twice, or using it afterwards, does not compile.

import Glibc
internal import CLinux

/// An open descriptor, closed when its owner lets go of it.
package struct FileDescriptor: ~Copyable, Sendable {
    /// For a call that borrows it; never close(2) this number.
    package let number: CInt

    /// Takes ownership of an open descriptor.
    package init(owning number: CInt) {
        precondition(number >= 0, "a descriptor is never negative")
        self.number = number
    }

    deinit { _ = close(number) }

    /// Gives up ownership: the caller closes it, or it lives as long as the process.
    package consuming func release() -> CInt {
        let number = self.number
        discard self
        return number
    }

    /// open(2), close-on-exec.
    package static func open(
        _ path: String, _ flags: CInt, mode: UInt32 = 0o600
    ) throws(SystemError) -> FileDescriptor {
        FileDescriptor(owning: try check("open \(path)") { CLinux_open(path, flags, mode) })
    }

    /// write(2) until all bytes are out.
    package borrowing func writeAll(_ bytes: [UInt8]) throws(SystemError) {
        var done = 0
        let number = self.number
        while done < bytes.count {
            done += try check("write") {
                bytes.withUnsafeBytes { room in
                    write(number, room.baseAddress?.advanced(by: done), room.count - done)
                }
            }
        }
    }
}
