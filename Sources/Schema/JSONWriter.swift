// Appends compact JSON to a byte array, setting the commas itself.
//
// It never looks back at what it wrote and holds no stack: the caller opens and closes in order.
// What it writes is valid UTF-8 as long as the strings it is given are.

/// Use: `beginObject()`, then `key(_:)` and one value each, then `endObject()`.
package struct JSONWriter: Sendable {
    /// What has been written so far; take it when done.
    package private(set) var bytes: [UInt8]
    /// True after a value: another one needs a comma before it.
    private var commaDue = false

    /// Appends to `bytes`, whose content is left as it is.
    package init(appendingTo bytes: consuming [UInt8] = []) {
        self.bytes = bytes
    }

    // MARK: structure

    @inline(__always)
    private mutating func startValue() {
        if commaDue { bytes.append(UInt8(ascii: ",")) }
        commaDue = true
    }

    package mutating func beginObject() {
        startValue()
        bytes.append(UInt8(ascii: "{"))
        commaDue = false
    }

    package mutating func endObject() {
        bytes.append(UInt8(ascii: "}"))
        commaDue = true
    }

    package mutating func beginArray() {
        startValue()
        bytes.append(UInt8(ascii: "["))
        commaDue = false
    }

    package mutating func endArray() {
        bytes.append(UInt8(ascii: "]"))
        commaDue = true
    }

    /// A key; its value must follow.
    package mutating func key(_ name: StaticString) {
        startValue()
        name.withUTF8Buffer { putQuoted(UnsafeRawBufferPointer($0)) }
        bytes.append(UInt8(ascii: ":"))
        commaDue = false
    }

    package mutating func key(_ name: String) {
        string(name)
        bytes.append(UInt8(ascii: ":"))
        commaDue = false
    }

    /// A key that is written with quotes, colon and escapes already, such as `"name":`.
    @inline(__always)
    mutating func key(quoted: UnsafeRawBufferPointer) {
        startValue()
        bytes.append(contentsOf: quoted)
        commaDue = false
    }

    /// Makes the string just written a key.
    mutating func colon() {
        bytes.append(UInt8(ascii: ":"))
        commaDue = false
    }

    /// Starts the next document or line: `separator` as it is, and no comma is due.
    package mutating func restart(after separator: StaticString = "") {
        separator.withUTF8Buffer { bytes.append(contentsOf: $0) }
        commaDue = false
    }

    /// How far it has come, to go back there with `rollBack(to:)`.
    struct Checkpoint {
        fileprivate let count: Int
        fileprivate let commaDue: Bool
    }

    var checkpoint: Checkpoint { Checkpoint(count: bytes.count, commaDue: commaDue) }

    mutating func rollBack(to checkpoint: Checkpoint) {
        bytes.removeLast(bytes.count - checkpoint.count)
        commaDue = checkpoint.commaDue
    }

    /// Empties the buffer, keeping its memory.
    package mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        commaDue = false
    }

    // MARK: values

    package mutating func null() { word("null") }

    package mutating func bool(_ value: Bool) {
        if value { word("true") } else { word("false") }
    }

    @inline(__always)
    private mutating func word(_ word: StaticString) {
        startValue()
        word.withUTF8Buffer { bytes.append(contentsOf: $0) }
    }

    package mutating func integer(_ value: some BinaryInteger) {
        startValue()
        putDecimal(value)
    }

    /// A 64-bit integer as a string, as protobuf's JSON writes it.
    package mutating func integerString(_ value: some BinaryInteger) {
        startValue()
        bytes.append(UInt8(ascii: "\""))
        putDecimal(value)
        bytes.append(UInt8(ascii: "\""))
    }

    /// The shortest digits that read back as the same double: `1`, `0.1`, `1e-07`. What is not
    /// finite becomes a string, as protobuf's JSON has it.
    package mutating func number(_ value: Double) {
        if value.isFinite { put(floating: value.description) } else { put(special: value) }
    }

    /// As `number(_:)` for a float: fewer digits are enough.
    package mutating func number(_ value: Float) {
        if value.isFinite { put(floating: value.description) } else { put(special: Double(value)) }
    }

    package mutating func string(_ value: String) {
        startValue()
        var value = value
        value.withUTF8 { putQuoted(UnsafeRawBufferPointer($0)) }
    }

    package mutating func string(_ value: StaticString) {
        startValue()
        value.withUTF8Buffer { putQuoted(UnsafeRawBufferPointer($0)) }
    }

    /// A string given as UTF-8, which must be valid.
    package mutating func string(utf8: UnsafeRawBufferPointer) {
        startValue()
        putQuoted(utf8)
    }

    /// A string given as bytes that claim to be UTF-8; if they are not, writes nothing and returns
    /// where the first fault is.
    mutating func string(checking text: UnsafeRawBufferPointer) -> Int? {
        if firstNotPlain(text, from: 0, andNotASCII: true) < text.count,
            let bad = firstInvalidUTF8(text)
        {
            return bad
        }
        string(utf8: text)
        return nil
    }

    /// Bytes as a string of base64 (RFC 4648 section 4); unpadded where Connect asks for it.
    package mutating func base64(_ data: UnsafeRawBufferPointer, padded: Bool = true) {
        startValue()
        bytes.append(UInt8(ascii: "\""))
        appendBase64(data, padded: padded, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    package mutating func base64(_ data: [UInt8], padded: Bool = true) {
        data.withUnsafeBytes { base64($0, padded: padded) }
    }

    /// A value that is JSON already, taken as it is.
    package mutating func raw(_ json: UnsafeRawBufferPointer) {
        startValue()
        bytes.append(contentsOf: json)
    }

    package mutating func raw(_ json: [UInt8]) {
        startValue()
        bytes.append(contentsOf: json)
    }

    // MARK: parts

    private mutating func put(floating text: String) {
        startValue()
        let isMinusZero = text == "-0.0"
        var text = text
        text.withUTF8 { digits in
            // Swift writes whole numbers with ".0", which JSON does not need; but minus zero
            // without it would be read as the integer 0 by some.
            let isWhole =
                digits.count > 2 && !isMinusZero && digits[digits.count - 1] == UInt8(ascii: "0")
                && digits[digits.count - 2] == UInt8(ascii: ".")
            bytes.append(contentsOf: isWhole ? digits[..<(digits.count - 2)] : digits[...])
        }
    }

    private mutating func put(special value: Double) {
        if value.isNaN {
            string("NaN")
        } else if value < 0 {
            string("-Infinity")
        } else {
            string("Infinity")
        }
    }

    private mutating func putDecimal<Number: BinaryInteger>(_ value: Number) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        var rest = UInt64(truncatingIfNeeded: value.magnitude)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var at = 20
            repeat {
                at -= 1
                digits[at] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                rest /= 10
            } while rest > 0
            bytes.append(contentsOf: digits[at...])
        }
    }

    private mutating func putQuoted(_ text: UnsafeRawBufferPointer) {
        bytes.append(UInt8(ascii: "\""))
        appendEscaped(text, to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }
}

/// Appends UTF-8 with what JSON demands escaped: quote, backslash, control characters.
func appendEscaped(_ text: UnsafeRawBufferPointer, to bytes: inout [UInt8]) {
    var start = 0
    while true {
        let stop = firstNotPlain(text, from: start, andNotASCII: false)
        bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: text[start..<stop]))
        guard stop < text.count else { return }
        appendEscape(text[stop], to: &bytes)
        start = stop + 1
    }
}

/// The first byte that must be escaped, or, if asked for, that is not ASCII. Eight bytes at a time,
/// as the reader's strings do it.
@inline(__always)
private func firstNotPlain(
    _ text: UnsafeRawBufferPointer, from place: Int, andNotASCII: Bool
) -> Int {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let highs: UInt64 = 0x8080_8080_8080_8080
    var at = place
    while at + 8 <= text.count {
        let word = UInt64(littleEndian: text.loadUnaligned(fromByteOffset: at, as: UInt64.self))
        let quote = word ^ (ones &* 0x22)
        let slash = word ^ (ones &* 0x5C)
        let found =
            (((quote &- ones) & ~quote) | ((slash &- ones) & ~slash)
                | ((word &- ones &* 0x20) & ~word) | (andNotASCII ? word : 0)) & highs
        if found != 0 { return at + found.trailingZeroBitCount >> 3 }
        at += 8
    }
    while at < text.count {
        let byte = text[at]
        if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return at }
        if andNotASCII, byte >= 0x80 { return at }
        at += 1
    }
    return at
}

private func appendEscape(_ byte: UInt8, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\\"))
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
    case 0x08: bytes.append(UInt8(ascii: "b"))
    case 0x09: bytes.append(UInt8(ascii: "t"))
    case 0x0A: bytes.append(UInt8(ascii: "n"))
    case 0x0C: bytes.append(UInt8(ascii: "f"))
    case 0x0D: bytes.append(UInt8(ascii: "r"))
    default:
        bytes.append(contentsOf: [UInt8(ascii: "u"), UInt8(ascii: "0"), UInt8(ascii: "0")])
        for digit in [byte >> 4, byte & 0x0F] {
            bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }
}
