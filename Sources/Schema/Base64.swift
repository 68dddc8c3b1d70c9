// Base64 (RFC 4648): writes the standard alphabet, reads the standard and the URL-safe one, with
// or without padding, as protobuf's JSON asks for.

private let alphabet: StaticString =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

/// Appends `data` in base64.
package func appendBase64(
    _ data: UnsafeRawBufferPointer, padded: Bool, to bytes: inout [UInt8]
) {
    let letters = alphabet.utf8Start
    var at = 0
    bytes.reserveCapacity(bytes.count + (data.count + 2) / 3 * 4)
    while at < data.count {
        let left = data.count - at
        let second = left > 1 ? data[at + 1] : 0
        let third = left > 2 ? data[at + 2] : 0
        let group = Int(data[at]) << 16 | Int(second) << 8 | Int(third)
        bytes.append(letters[group >> 18])
        bytes.append(letters[group >> 12 & 63])
        if left > 1 { bytes.append(letters[group >> 6 & 63]) }
        if left > 2 { bytes.append(letters[group & 63]) }
        if padded, left < 3 {
            for _ in left..<3 { bytes.append(UInt8(ascii: "=")) }
        }
        at += 3
    }
}

/// The six bits that a letter of either alphabet stands for.
@inline(__always)
private func bits(of letter: UInt8) -> UInt32? {
    switch letter {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(letter - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(letter - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(letter - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"), UInt8(ascii: "-"): 62
    case UInt8(ascii: "/"), UInt8(ascii: "_"): 63
    default: nil
    }
}

/// Decodes base64 into `buffer`, which holds at least three quarters of the text's length, and
/// returns how many bytes it is; nil if the text is not base64. Padding may be left out, but where
/// it stands it must be whole.
func decodeBase64(
    _ text: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer
) -> Int? {
    var count = text.count
    while count > 0, text.count - count < 2, text[count - 1] == UInt8(ascii: "=") { count -= 1 }
    if count < text.count, text.count % 4 != 0 { return nil }
    guard count % 4 != 1 else { return nil }
    var group: UInt32 = 0
    var written = 0
    for at in 0..<count {
        guard let value = bits(of: text[at]) else { return nil }
        group = group << 6 | value
        if at & 3 != 0 {
            // Each letter after a group's first completes one byte.
            let shift = UInt32(6 - 2 * (at & 3))
            buffer[written] = UInt8(truncatingIfNeeded: group >> shift)
            written += 1
        }
    }
    return written
}

/// Base64 of either alphabet, padded or not, as bytes; nil if it is not base64.
package func decodedBase64(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
    var isValid = true
    let result = [UInt8](unsafeUninitializedCapacity: text.count * 3 / 4 + 3) { buffer, count in
        let decoded = decodeBase64(text, into: UnsafeMutableRawBufferPointer(buffer))
        isValid = decoded != nil
        count = decoded ?? 0
    }
    return isValid ? result : nil
}
