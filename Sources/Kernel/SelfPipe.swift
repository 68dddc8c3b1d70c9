// A pipe by which one thread wakes another that waits in poll(2). What there is to do travels by
// other ways: here only that there is something.

import Glibc

package struct SelfPipe: ~Copyable, Sendable {
    private let reader: FileDescriptor
    private let writer: FileDescriptor

    /// Both ends non-blocking and close-on-exec.
    package init() throws(SystemError) {
        var numbers: [CInt] = [-1, -1]
        try check("pipe") { pipe(&numbers) }
        let reader = FileDescriptor(owning: numbers[0])
        let writer = FileDescriptor(owning: numbers[1])
        for number in numbers {
            try Descriptors.setNonblocking(number, true)
            try Descriptors.setCloseOnExec(number, true)
        }
        self.reader = reader
        self.writer = writer
    }

    /// Readable from a poke on until it is drained.
    package var descriptor: CInt { reader.number }

    /// From any thread; never blocks.
    package borrowing func poke() {
        var byte: UInt8 = 0
        // A full pipe wakes as well as another byte.
        _ = write(writer.number, &byte, 1)
    }

    /// Takes all pokes, before what they are about is looked at.
    package borrowing func drain() {
        var room = [UInt8](repeating: 0, count: 64)
        while read(reader.number, &room, room.count) > 0 {}
    }
}
