// Reads protobuf's wire format (protobuf.dev/programming-guides/encoding) from bytes in place.
//
// Offsets count from the start of the WHOLE buffer, so that an error inside a nested message points
// at the byte that the user sees. It must never trap on any input.

/// What is wrong with protobuf bytes, and at which byte of the whole buffer.
struct WireFault: Error, Equatable {
    let offset: Int
    let message: String
    /// The bytes are as protobuf has them, but exceed one of prong's limits.
    var exceedsLimit = false
}

enum WireType: UInt8 {
    case varint = 0
    case fixed64 = 1
    case lengthDelimited = 2
    case startGroup = 3
    case endGroup = 4
    case fixed32 = 5
}

struct WireTag {
    let number: UInt32
    let type: WireType
}

struct WireReader {
    let bytes: UnsafeRawBufferPointer
    var offset: Int
    let end: Int

    /// Groups inside groups that no field names, at most: protobuf's own limit.
    static let depthLimit = 100

    init(_ bytes: UnsafeRawBufferPointer, range: Range<Int>? = nil) {
        self.bytes = bytes
        offset = range?.lowerBound ?? 0
        end = range?.upperBound ?? bytes.count
    }

    @inline(__always)
    var isAtEnd: Bool { offset >= end }

    @inline(never)
    func truncated() -> WireFault {
        WireFault(offset: offset, message: "the bytes end in the middle of a field")
    }

    @inline(__always)
    mutating func varint() throws(WireFault) -> UInt64 {
        guard offset < end else { throw truncated() }
        let first = bytes[offset]
        if first < 0x80 {
            offset += 1
            return UInt64(first)
        }
        return try longVarint()
    }

    @inline(never)
    private mutating func longVarint() throws(WireFault) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        var at = offset
        while at < end, shift < 70 {
            let byte = bytes[at]
            at += 1
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 {
                // Bits beyond the 64th fall away, as in protobuf's own readers.
                offset = at
                return value
            }
            shift += 7
        }
        if at >= end, shift < 70 { throw truncated() }
        throw WireFault(offset: offset, message: "a number longer than 64 bits")
    }

    @inline(__always)
    mutating func tag() throws(WireFault) -> WireTag {
        let start = offset
        let value = try varint()
        guard value <= UInt64(UInt32.max), value >> 3 != 0,
            let type = WireType(rawValue: UInt8(value & 7))
        else { throw badTag(start) }
        return WireTag(number: UInt32(value >> 3), type: type)
    }

    @inline(never)
    private func badTag(_ start: Int) -> WireFault {
        WireFault(offset: start, message: "a field tag that protobuf does not have")
    }

    @inline(__always)
    mutating func fixed32() throws(WireFault) -> UInt32 {
        guard end - offset >= 4 else { throw truncated() }
        let value = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
        offset += 4
        return UInt32(littleEndian: value)
    }

    @inline(__always)
    mutating func fixed64() throws(WireFault) -> UInt64 {
        guard end - offset >= 8 else { throw truncated() }
        let value = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
        offset += 8
        return UInt64(littleEndian: value)
    }

    /// The payload of a length-delimited field; its length has been checked against the end.
    @inline(__always)
    mutating func payload() throws(WireFault) -> Range<Int> {
        let start = offset
        let count = try varint()
        guard count <= UInt64(end - offset) else {
            throw WireFault(
                offset: start, message: "a length of \(count) that reaches past the end")
        }
        let range = offset..<(offset + Int(count))
        offset = range.upperBound
        return range
    }

    /// Steps over the value of a field whose tag was read.
    mutating func skip(_ tag: WireTag, depth: Int = 0) throws(WireFault) {
        switch tag.type {
        case .varint: _ = try varint()
        case .fixed64: _ = try fixed64()
        case .fixed32: _ = try fixed32()
        case .lengthDelimited: _ = try payload()
        case .startGroup: _ = try groupBody(tag.number, depth: depth)
        case .endGroup:
            throw WireFault(offset: offset, message: "the end of a group that was not begun")
        }
    }

    /// Steps over a group whose start tag was read, and returns where its fields stand.
    mutating func groupBody(_ number: UInt32, depth: Int = 0) throws(WireFault) -> Range<Int> {
        let start = offset
        guard depth < Self.depthLimit else {
            throw WireFault(offset: offset, message: "groups nested deeper than \(Self.depthLimit)")
        }
        while true {
            let stop = offset
            let inner = try tag()
            guard inner.type == .endGroup else {
                try skip(inner, depth: depth + 1)
                continue
            }
            guard inner.number == number else {
                throw WireFault(offset: stop, message: "the end of a group that was not begun")
            }
            return start..<stop
        }
    }

    func string(_ range: Range<Int>) throws(WireFault) -> String {
        let slice = UnsafeRawBufferPointer(rebasing: bytes[range])
        if let bad = firstInvalidUTF8(slice) {
            throw WireFault(offset: range.lowerBound + bad, message: "text that is not UTF-8")
        }
        return String(decoding: slice, as: UTF8.self)
    }
}
