// The strings of the JSON reader: finding their end, checking UTF-8 and escapes, resolving them.
//
// A string is checked wholly while its end is looked for, so that resolving it later cannot fail.

extension JSONReader {
    /// Reads a string from its opening quote on.
    @inline(__always)
    mutating func readToken() throws(JSONError) -> JSONToken {
        let start = offset + 1
        let stop = skipPlain(from: start)
        if stop < end, text[stop] == UInt8(ascii: "\"") {
            offset = stop + 1
            return JSONToken(start: start, end: stop, hasEscapes: false)
        }
        return try readRest(start: start, from: stop)
    }

    /// The first byte from `place` on that is not plain: a quote, a backslash, a control
    /// character, or the start of a longer UTF-8 sequence. Eight bytes at a time.
    @inline(__always)
    private func skipPlain(from place: Int) -> Int {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        var at = place
        while at + 8 <= end {
            let word = UInt64(
                littleEndian: text.loadUnaligned(fromByteOffset: at, as: UInt64.self))
            // A byte of zero in x makes its high bit show in (x - ones) & ~x; the lowest such
            // bit is always right, and only the lowest is used.
            let quote = word ^ (ones &* 0x22)
            let slash = word ^ (ones &* 0x5C)
            let found =
                (((quote &- ones) & ~quote) | ((slash &- ones) & ~slash)
                    | ((word &- ones &* 0x20) & ~word) | word) & highs
            if found != 0 { return at + found.trailingZeroBitCount >> 3 }
            at += 8
        }
        while at < end {
            let byte = text[at]
            if byte < 0x20 || byte >= 0x80 || byte == 0x22 || byte == 0x5C { return at }
            at += 1
        }
        return at
    }

    /// Goes on after the first byte that is not plain.
    @inline(never)
    private mutating func readRest(start: Int, from: Int) throws(JSONError) -> JSONToken {
        var at = from
        var hasEscapes = false
        while at < end {
            let byte = text[at]
            if byte == UInt8(ascii: "\"") {
                offset = at + 1
                return JSONToken(start: start, end: at, hasEscapes: hasEscapes)
            }
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                at = try skipEscape(at)
            } else if byte >= 0x80 {
                let count = utf8SequenceLength(text, at: at, end: end)
                guard count > 0 else { throw fail("bytes that are not UTF-8", at: at) }
                at += count
                // Scripts other than Latin come in runs.
                if at < end, text[at] >= 0x80 { continue }
            } else {
                throw fail("a control character in a string, which must be escaped", at: at)
            }
            at = skipPlain(from: at)
        }
        throw fail("a string is not closed", at: start - 1)
    }

    /// Checks the escape that starts at `place`; returns the place after it.
    private func skipEscape(_ place: Int) throws(JSONError) -> Int {
        guard place + 1 < end else { throw fail("a string is not closed", at: place) }
        switch text[place + 1] {
        case UInt8(ascii: "u"): break
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
            UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return place + 2
        default: throw fail("an escape that JSON does not have", at: place)
        }
        guard let unit = hexUnit(place + 2) else {
            throw fail("four hexadecimal digits should follow \\u", at: place)
        }
        guard unit & 0xF800 == 0xD800 else { return place + 6 }
        guard unit < 0xDC00, place + 7 < end, text[place + 6] == UInt8(ascii: "\\"),
            text[place + 7] == UInt8(ascii: "u"), let low = hexUnit(place + 8),
            low & 0xFC00 == 0xDC00
        else { throw fail("half of a surrogate pair, which is no character", at: place) }
        return place + 12
    }

    /// Four hexadecimal digits as a number; nil if they are not there.
    private func hexUnit(_ place: Int) -> UInt32? {
        guard place + 4 <= end else { return nil }
        var unit: UInt32 = 0
        for index in place..<place + 4 {
            guard let digit = hexDigit(text[index]) else { return nil }
            unit = unit << 4 | UInt32(digit)
        }
        return unit
    }

    // MARK: resolving

    /// The string of a token, escapes resolved.
    package func string(_ token: JSONToken) -> String {
        guard token.hasEscapes else {
            return String(
                decoding: UnsafeRawBufferPointer(rebasing: text[token.start..<token.end]),
                as: UTF8.self)
        }
        return String(unsafeUninitializedCapacity: token.end - token.start) { buffer in
            unescape(token, into: UnsafeMutableRawBufferPointer(buffer))
        }
    }

    /// The UTF-8 of a token, escapes resolved.
    package func bytes(_ token: JSONToken) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: token.end - token.start) { buffer, count in
            count = unescape(token, into: UnsafeMutableRawBufferPointer(buffer))
        }
    }

    /// Whether a token is exactly this string.
    package func matches(_ token: JSONToken, _ word: StaticString) -> Bool {
        guard !token.hasEscapes else { return string(token) == "\(word)" }
        guard token.end - token.start == word.utf8CodeUnitCount else { return false }
        for index in 0..<word.utf8CodeUnitCount
        where text[token.start + index] != word.utf8Start[index] {
            return false
        }
        return true
    }

    /// Writes the token's UTF-8 into `buffer`, which holds at least the token's raw length (the
    /// result is never longer), and returns how many bytes it is.
    func unescape(_ token: JSONToken, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        var at = token.start
        var count = 0
        while at < token.end {
            let byte = text[at]
            guard byte == UInt8(ascii: "\\") else {
                buffer[count] = byte
                count += 1
                at += 1
                continue
            }
            guard text[at + 1] == UInt8(ascii: "u") else {
                buffer[count] = simpleEscape(text[at + 1])
                count += 1
                at += 2
                continue
            }
            var scalar = hexUnit(at + 2) ?? 0
            at += 6
            if scalar & 0xFC00 == 0xD800 {
                scalar = 0x10000 + (scalar & 0x3FF) << 10 + ((hexUnit(at + 2) ?? 0) & 0x3FF)
                at += 6
            }
            count = putScalar(scalar, into: buffer, at: count)
        }
        return count
    }

    /// The byte at `place` as it stands in a sentence.
    func shown(at place: Int) -> String {
        guard place < end else { return "the end of the text" }
        let byte = text[place]
        guard byte > 0x20, byte < 0x7F else { return "byte 0x" + String(byte, radix: 16) }
        return "'\(Unicode.Scalar(byte))'"
    }
}

/// The character that a backslash and `letter` stand for.
private func simpleEscape(_ letter: UInt8) -> UInt8 {
    switch letter {
    case UInt8(ascii: "b"): 0x08
    case UInt8(ascii: "f"): 0x0C
    case UInt8(ascii: "n"): 0x0A
    case UInt8(ascii: "r"): 0x0D
    case UInt8(ascii: "t"): 0x09
    default: letter
    }
}

private func putScalar(
    _ scalar: UInt32, into buffer: UnsafeMutableRawBufferPointer, at place: Int
) -> Int {
    func tail(_ shift: UInt32) -> UInt8 { UInt8(0x80 | (scalar >> shift) & 0x3F) }
    switch scalar {
    case 0..<0x80:
        buffer[place] = UInt8(scalar)
        return place + 1
    case 0x80..<0x800:
        buffer[place] = UInt8(0xC0 | scalar >> 6)
        buffer[place + 1] = tail(0)
        return place + 2
    case 0x800..<0x10000:
        buffer[place] = UInt8(0xE0 | scalar >> 12)
        buffer[place + 1] = tail(6)
        buffer[place + 2] = tail(0)
        return place + 3
    default:
        buffer[place] = UInt8(0xF0 | (scalar >> 18) & 0x07)
        buffer[place + 1] = tail(12)
        buffer[place + 2] = tail(6)
        buffer[place + 3] = tail(0)
        return place + 4
    }
}

@inline(__always)
func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
