// Where encoding puts protobuf's wire format.
//
// The length of a nested message stands before it but is known only after it. One byte is kept
// free for it; most messages are shorter than 128 bytes and fit. A longer length is remembered
// aside, and how many bytes it adds is counted into the lengths around it. At the end the bytes
// are copied out in one pass, the long lengths put in between: nothing is ever moved twice, so the
// cost stays linear however deeply messages are nested.

struct WireBuffer: ~Copyable {
    /// A place kept free for a length.
    struct Mark {
        fileprivate let place: Int
        fileprivate let extraBefore: Int
    }

    private struct LongLength {
        let place: Int
        let length: Int
    }

    private var base: UnsafeMutableRawPointer
    private var capacity: Int
    private(set) var count = 0
    /// Bytes that long lengths need beyond the one kept free.
    private var extra = 0
    private var longLengths: [LongLength] = []

    /// Bytes written at once at most by one `put` that does not reserve by itself: a tag of five
    /// bytes stored as eight, a number of ten.
    private static let slack = 32

    init(capacity: Int) {
        self.capacity = capacity + Self.slack
        base = .allocate(byteCount: self.capacity, alignment: 8)
    }

    deinit { base.deallocate() }

    @inline(__always)
    private mutating func reserve(_ bytes: Int) {
        if capacity - count < bytes + Self.slack { grow(bytes) }
    }

    @inline(never)
    private mutating func grow(_ bytes: Int) {
        let larger = max(capacity * 2, count + bytes + Self.slack)
        let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 8)
        moved.copyMemory(from: base, byteCount: count)
        base.deallocate()
        base = moved
        capacity = larger
    }

    // MARK: parts

    @inline(__always)
    mutating func put(tag: UInt64, length: UInt8) {
        reserve(0)
        base.storeBytes(of: tag.littleEndian, toByteOffset: count, as: UInt64.self)
        count += Int(length)
    }

    @inline(__always)
    mutating func put(byte: UInt8) {
        reserve(0)
        base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count += 1
    }

    @inline(__always)
    mutating func put(varint: UInt64) {
        reserve(0)
        var rest = varint
        while rest >= 0x80 {
            base.storeBytes(
                of: UInt8(truncatingIfNeeded: rest) | 0x80, toByteOffset: count, as: UInt8.self)
            count += 1
            rest >>= 7
        }
        base.storeBytes(of: UInt8(truncatingIfNeeded: rest), toByteOffset: count, as: UInt8.self)
        count += 1
    }

    mutating func put(fixed32: UInt32) {
        reserve(0)
        base.storeBytes(of: fixed32.littleEndian, toByteOffset: count, as: UInt32.self)
        count += 4
    }

    mutating func put(fixed64: UInt64) {
        reserve(0)
        base.storeBytes(of: fixed64.littleEndian, toByteOffset: count, as: UInt64.self)
        count += 8
    }

    /// Bytes with their length before them.
    @inline(__always)
    mutating func put(delimited bytes: UnsafeRawBufferPointer) {
        put(varint: UInt64(bytes.count))
        reserve(bytes.count)
        UnsafeMutableRawBufferPointer(start: base + count, count: bytes.count)
            .copyMemory(from: bytes)
        count += bytes.count
    }

    /// Lets `fill` write up to `capacity` bytes and say how many it was; nil takes them back.
    mutating func put(
        upTo capacity: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Int?
    ) -> Bool {
        reserve(capacity)
        let room = UnsafeMutableRawBufferPointer(start: base + count, count: capacity)
        guard let written = fill(room) else { return false }
        count += written
        return true
    }

    // MARK: lengths

    @inline(__always)
    mutating func beginLength() -> Mark {
        let mark = Mark(place: count, extraBefore: extra)
        put(byte: 0)
        return mark
    }

    @inline(__always)
    mutating func endLength(_ mark: Mark) {
        let length = count - mark.place - 1 + extra - mark.extraBefore
        if length < 0x80 {
            base.storeBytes(of: UInt8(length), toByteOffset: mark.place, as: UInt8.self)
        } else {
            longLengths.append(LongLength(place: mark.place, length: length))
            extra += varintLength(UInt64(length)) - 1
        }
    }

    /// Appends all that was written to `bytes`, the long lengths in their places.
    mutating func appendAll(to bytes: inout [UInt8]) {
        var copied = 0
        if !longLengths.isEmpty {
            // Inner messages ended, and were noted, before the ones around them.
            longLengths.sort { $0.place < $1.place }
            for long in longLengths {
                bytes.append(contentsOf: slice(copied..<long.place))
                var rest = UInt64(long.length)
                while rest >= 0x80 {
                    bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
                    rest >>= 7
                }
                bytes.append(UInt8(truncatingIfNeeded: rest))
                copied = long.place + 1
            }
        }
        bytes.append(contentsOf: slice(copied..<count))
    }

    private func slice(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }
}

func varintLength(_ value: UInt64) -> Int {
    (max(1, 64 - value.leadingZeroBitCount) + 6) / 7
}
