// UTF-8 as RFC 3629 has it: no overlong form, no surrogate, nothing above U+10FFFF.

/// The length of the sequence of two to four bytes at `place`, or 0 if it is not valid.
/// `bytes[place]` must be at least 0x80.
@inline(__always)
func utf8SequenceLength(_ bytes: UnsafeRawBufferPointer, at place: Int, end: Int) -> Int {
    let first = bytes[place]
    guard first >= 0xC2, first <= 0xF4, place + 1 < end else { return 0 }
    let second = bytes[place + 1]
    if first < 0xE0 { return second & 0xC0 == 0x80 ? 2 : 0 }
    var low: UInt8 = 0x80
    var high: UInt8 = 0xBF
    switch first {
    case 0xE0: low = 0xA0
    case 0xED: high = 0x9F
    case 0xF0: low = 0x90
    case 0xF4: high = 0x8F
    default: break
    }
    guard second >= low, second <= high, place + 2 < end, bytes[place + 2] & 0xC0 == 0x80 else {
        return 0
    }
    if first < 0xF0 { return 3 }
    return place + 3 < end && bytes[place + 3] & 0xC0 == 0x80 ? 4 : 0
}

/// The offset of the first byte that is not part of valid UTF-8, or nil if all is well.
func firstInvalidUTF8(_ bytes: UnsafeRawBufferPointer) -> Int? {
    let highs: UInt64 = 0x8080_8080_8080_8080
    var at = 0
    while at < bytes.count {
        if at + 8 <= bytes.count,
            bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self) & highs == 0
        {
            at += 8
            continue
        }
        if bytes[at] < 0x80 {
            at += 1
            continue
        }
        let count = utf8SequenceLength(bytes, at: at, end: bytes.count)
        guard count > 0 else { return at }
        at += count
    }
    return nil
}
