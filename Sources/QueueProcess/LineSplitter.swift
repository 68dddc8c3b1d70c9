// A body's bytes, however they come, cut into lines. What was looked at is not looked at again, and
// a line over the limit is thrown away as it comes: it is told by its mark alone.

import Glibc
import NIOCore

struct LineSplitter {
    struct Line {
        var bytes: ByteBuffer
        var isOverlong: Bool

        var isBlank: Bool {
            bytes.readableBytesView.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }
        }
    }

    private let limit: Int
    private var partial = ByteBuffer()
    private var scannedBytes = 0
    /// The line that is coming in has lost bytes already.
    private var isOverlong = false

    /// - Parameter limit: bytes of a line, at most.
    init(limit: Int) {
        self.limit = limit
    }

    mutating func append(_ bytes: ByteBuffer) {
        if partial.readableBytes == 0 {
            partial = bytes
        } else {
            partial.writeImmutableBuffer(bytes)
        }
    }

    /// The next whole line, without its end; nothing: more bytes are needed.
    mutating func next() -> Line? {
        guard let length = lengthOfLine(), let bytes = partial.readSlice(length: length) else {
            keepPartial()
            return nil
        }
        partial.moveReaderIndex(forwardBy: 1)
        scannedBytes = 0
        return line(bytes)
    }

    /// At the end of the body: what stands behind the last line's end.
    mutating func rest() -> Line? {
        guard partial.readableBytes > 0 || isOverlong else { return nil }
        let bytes = partial
        partial = ByteBuffer()
        return line(bytes)
    }

    private mutating func line(_ bytes: ByteBuffer) -> Line {
        defer { isOverlong = false }
        return Line(bytes: bytes, isOverlong: isOverlong || bytes.readableBytes > limit)
    }

    private func lengthOfLine() -> Int? {
        partial.withUnsafeReadableBytes { bytes in
            let rest = UnsafeRawBufferPointer(rebasing: bytes.dropFirst(scannedBytes))
            guard let start = rest.baseAddress,
                let end = memchr(start, Int32(UInt8(ascii: "\n")), rest.count)
            else { return nil }
            return scannedBytes + (UnsafeRawPointer(end) - start)
        }
    }

    private mutating func keepPartial() {
        scannedBytes = partial.readableBytes
        if scannedBytes > limit {
            isOverlong = true
            partial.clear()
            scannedBytes = 0
        }
        partial.discardReadBytes()
    }
}
