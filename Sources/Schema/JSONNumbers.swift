// The numbers of the JSON reader: their grammar, exact integers, and doubles.

/// A number of the text that was read and checked.
package struct JSONNumber: Sendable {
    package let start: Int
    package let end: Int
    /// True: digits alone, perhaps with a minus before them.
    package let isPlainInteger: Bool
}

extension JSONReader {
    /// Reads a number by the grammar of RFC 8259 without computing it.
    package mutating func readNumber() throws(JSONError) -> JSONNumber {
        skipSpace()
        let start = offset
        var at = offset
        if at < end, text[at] == UInt8(ascii: "-") { at += 1 }
        let digits = skipDigits(at)
        guard digits > at else {
            guard at > start else { throw wrongKind("a number") }
            throw fail("digits should follow the minus", at: at)
        }
        if text[at] == UInt8(ascii: "0"), digits > at + 1 {
            throw fail("a number with a leading zero", at: at)
        }
        at = digits
        var isPlain = true
        if at < end, text[at] == UInt8(ascii: ".") {
            isPlain = false
            at = try requireDigits(at + 1, "digits should follow the point")
        }
        if at < end, text[at] | 0x20 == UInt8(ascii: "e") {
            isPlain = false
            at += 1
            if at < end, text[at] == UInt8(ascii: "+") || text[at] == UInt8(ascii: "-") { at += 1 }
            at = try requireDigits(at, "digits should follow the exponent's sign")
        }
        offset = at
        return JSONNumber(start: start, end: at, isPlainInteger: isPlain)
    }

    @inline(__always)
    private func skipDigits(_ place: Int) -> Int {
        var at = place
        while at < end, isDigit(text[at]) { at += 1 }
        return at
    }

    private func requireDigits(_ place: Int, _ message: String) throws(JSONError) -> Int {
        let after = skipDigits(place)
        guard after > place else { throw fail(message, at: place) }
        return after
    }

    /// A number without a fraction (`5`, `5.0` and `5e0` alike) within the bounds of Int64.
    package mutating func readInt64() throws(JSONError) -> Int64 {
        let number = try readNumber()
        guard let value = wholeNumber(text, number.start, number.end) else {
            throw fail("a whole number should stand here", at: number.start)
        }
        guard let result = value.int64 else {
            throw fail("a number beyond 64 bits", at: number.start)
        }
        return result
    }

    /// As `readInt64()`, within the bounds of UInt64.
    package mutating func readUInt64() throws(JSONError) -> UInt64 {
        let number = try readNumber()
        guard let value = wholeNumber(text, number.start, number.end) else {
            throw fail("a whole number should stand here", at: number.start)
        }
        guard let result = value.uint64 else {
            throw fail("a number below zero or beyond 64 bits", at: number.start)
        }
        return result
    }

    /// Any number as the nearest double; one beyond a double's range is refused.
    package mutating func readDouble() throws(JSONError) -> Double {
        let number = try readNumber()
        let value = decimalDouble(text, number.start, number.end)
        guard value.isFinite else {
            throw fail("a number beyond the range of a double", at: number.start)
        }
        return value
    }
}

/// A whole number of either sign; `overflows` when its magnitude is beyond 64 bits.
struct WholeNumber {
    var isNegative: Bool
    var magnitude: UInt64
    var overflows: Bool

    var int64: Int64? {
        guard !overflows else { return nil }
        if isNegative {
            return magnitude <= 1 << 63 ? Int64(bitPattern: 0 &- magnitude) : nil
        }
        return Int64(exactly: magnitude)
    }

    var uint64: UInt64? {
        overflows || (isNegative && magnitude != 0) ? nil : magnitude
    }
}

@inline(__always)
func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

/// The exact value of a checked decimal number if it has no fraction, else nil. Exact also where
/// a double would round: `9007199254740993.0` is what it says.
func wholeNumber(_ text: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> WholeNumber? {
    let parts = DecimalParts(text, start, end)
    var result = WholeNumber(isNegative: parts.isNegative, magnitude: 0, overflows: false)
    if parts.isZero { return result }
    // Beyond 20 digits nothing fits; the zeros that an exponent adds are digits too.
    let digitCount = parts.significantDigits + parts.trailingZeros
    if parts.trailingZeros < 0 { return nil }
    guard digitCount <= 20 else {
        result.overflows = true
        return result
    }
    var left = parts.significantDigits
    var at = parts.firstDigit
    while left > 0 {
        if isDigit(text[at]) {
            result.add(digit: text[at] - UInt8(ascii: "0"))
            left -= 1
        }
        at += 1
    }
    for _ in 0..<parts.trailingZeros { result.add(digit: 0) }
    return result
}

extension WholeNumber {
    mutating func add(digit: UInt8) {
        let (tenfold, over) = magnitude.multipliedReportingOverflow(by: 10)
        let (sum, beyond) = tenfold.addingReportingOverflow(UInt64(digit))
        magnitude = sum
        overflows = overflows || over || beyond
    }
}

/// A checked decimal number taken apart: `significantDigits` digits from `firstDigit` on (the
/// point among them skipped), times ten to the power `trailingZeros`.
struct DecimalParts {
    var isNegative: Bool
    var isZero = true
    var firstDigit = 0
    var significantDigits = 0
    var trailingZeros = 0

    init(_ text: UnsafeRawBufferPointer, _ start: Int, _ end: Int) {
        var at = start
        isNegative = start < end && text[start] == UInt8(ascii: "-")
        if isNegative { at += 1 }
        var pointSeen = false
        var digitsAfterPoint = 0
        var digits = 0
        while at < end, text[at] | 0x20 != UInt8(ascii: "e") {
            if text[at] == UInt8(ascii: ".") {
                pointSeen = true
            } else {
                if pointSeen { digitsAfterPoint += 1 }
                take(digit: text[at], at: at, &digits)
            }
            at += 1
        }
        // Digits read after the last one that is not zero are zeros at the end.
        let unused = digits - significantDigits
        trailingZeros = unused - digitsAfterPoint + exponent(text, at, end)
    }

    private mutating func take(digit: UInt8, at place: Int, _ digits: inout Int) {
        let isNonzero = digit != UInt8(ascii: "0")
        if isZero {
            guard isNonzero else { return }
            isZero = false
            firstDigit = place
        }
        digits += 1
        if isNonzero { significantDigits = digits }
    }

    /// The exponent after `e`, held within bounds that no real number needs to pass.
    private func exponent(_ text: UnsafeRawBufferPointer, _ place: Int, _ end: Int) -> Int {
        guard place < end else { return 0 }
        let bound = 1 << 40
        var at = place + 1
        let isMinus = at < end && text[at] == UInt8(ascii: "-")
        if at < end, !isDigit(text[at]) { at += 1 }
        var value = 0
        while at < end {
            value = min(bound, value * 10 + Int(text[at] - UInt8(ascii: "0")))
            at += 1
        }
        return isMinus ? -value : value
    }
}

/// Powers of ten that a double holds exactly.
private let exactPowersOfTen: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
]

/// The double nearest to a checked decimal number; infinite when it is beyond range.
func decimalDouble(_ text: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Double {
    // Clinger's exact case: up to 15 digits and a power of ten up to 22 need one rounding only.
    let parts = DecimalParts(text, start, end)
    if parts.isZero { return parts.isNegative ? -0.0 : 0.0 }
    if parts.significantDigits <= 15, abs(parts.trailingZeros) <= 22 {
        var mantissa: Int64 = 0
        var left = parts.significantDigits
        var at = parts.firstDigit
        while left > 0 {
            if isDigit(text[at]) {
                mantissa = mantissa * 10 + Int64(text[at] - UInt8(ascii: "0"))
                left -= 1
            }
            at += 1
        }
        let power = exactPowersOfTen[abs(parts.trailingZeros)]
        let value = parts.trailingZeros < 0 ? Double(mantissa) / power : Double(mantissa) * power
        return parts.isNegative ? -value : value
    }
    let digits = String(
        decoding: UnsafeRawBufferPointer(rebasing: text[start..<end]), as: UTF8.self)
    return Double(digits) ?? (parts.isNegative ? -Double.infinity : Double.infinity)
}
