// The text forms of google.protobuf.Timestamp (RFC 3339) and Duration, both ways.

struct SecondsAndNanos: Equatable {
    var seconds: Int64
    var nanos: Int32
}

/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, the bounds of Timestamp (timestamp.proto).
private let timestampSeconds: ClosedRange<Int64> = -62_135_596_800...253_402_300_799
/// 10,000 years, the bound of Duration (duration.proto).
private let durationSecondsMaximum: Int64 = 315_576_000_000
private let nanosPerSecond: Int32 = 1_000_000_000
private let secondsPerDay: Int64 = 86_400

/// Walks over text that must be just so.
private struct TextCursor {
    let text: UnsafeRawBufferPointer
    var at = 0

    init(_ text: UnsafeRawBufferPointer) { self.text = text }

    var isAtEnd: Bool { at == text.count }

    mutating func take(_ letter: Unicode.Scalar) -> Bool {
        guard at < text.count, UInt32(text[at]) == letter.value else { return false }
        at += 1
        return true
    }

    /// Exactly `count` digits.
    mutating func digits(_ count: Int) -> Int64? {
        guard text.count - at >= count else { return nil }
        var value: Int64 = 0
        for _ in 0..<count {
            guard isDigit(text[at]) else { return nil }
            value = value * 10 + Int64(text[at] - UInt8(ascii: "0"))
            at += 1
        }
        return value
    }

    /// As many digits as there are, one to `maximum`.
    mutating func someDigits(_ maximum: Int) -> Int64? {
        var count = 0
        while at + count < text.count, isDigit(text[at + count]) { count += 1 }
        guard count > 0, count <= maximum else { return nil }
        return digits(count)
    }

    /// A point and one to nine digits as nanoseconds; 0 if there is no point.
    mutating func fraction() -> Int32? {
        guard take(".") else { return 0 }
        let start = at
        guard var value = someDigits(9) else { return nil }
        for _ in (at - start)..<9 { value *= 10 }
        return Int32(value)
    }
}

/// `2026-01-31T12:00:00.123456789Z` or with an offset such as `+01:00`; nil if it is anything else
/// or out of bounds.
func parseTimestamp(_ text: UnsafeRawBufferPointer) -> SecondsAndNanos? {
    var cursor = TextCursor(text)
    guard let year = cursor.digits(4), cursor.take("-"), let month = cursor.digits(2),
        cursor.take("-"), let day = cursor.digits(2), cursor.take("T"),
        let hour = cursor.digits(2), cursor.take(":"), let minute = cursor.digits(2),
        cursor.take(":"), let second = cursor.digits(2), let nanos = cursor.fraction(),
        let offset = parseOffset(&cursor), cursor.isAtEnd,
        year >= 1, (1...12).contains(month), day >= 1, day <= daysInMonth(year, month),
        hour < 24, minute < 60, second < 60
    else { return nil }
    let days = daysSinceEpoch(year, month, day)
    let seconds = days * secondsPerDay + hour * 3600 + minute * 60 + second - offset
    guard timestampSeconds.contains(seconds) else { return nil }
    return SecondsAndNanos(seconds: seconds, nanos: nanos)
}

/// The same as milliseconds since 1970; what is finer is cut.
package func timestampMilliseconds(_ text: [UInt8]) -> Int64? {
    text.withUnsafeBytes { parseTimestamp($0) }
        .map { $0.seconds * 1000 + Int64($0.nanos / 1_000_000) }
}

/// `Z`, or hours and minutes east of Greenwich, in seconds.
private func parseOffset(_ cursor: inout TextCursor) -> Int64? {
    if cursor.take("Z") { return 0 }
    let isWest = cursor.take("-")
    guard isWest || cursor.take("+"), let hours = cursor.digits(2), cursor.take(":"),
        let minutes = cursor.digits(2), hours < 24, minutes < 60
    else { return nil }
    return (isWest ? -1 : 1) * (hours * 3600 + minutes * 60)
}

private func daysInMonth(_ year: Int64, _ month: Int64) -> Int64 {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
}

/// Days from 1970-01-01 in the Gregorian calendar, by counting years from March on.
private func daysSinceEpoch(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let era = shifted / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
}

/// `-1.5s`: seconds with up to nine digits after the point; nil if it is anything else.
func parseDuration(_ text: UnsafeRawBufferPointer) -> SecondsAndNanos? {
    var cursor = TextCursor(text)
    let isNegative = cursor.take("-")
    guard let seconds = cursor.someDigits(18), let nanos = cursor.fraction(), cursor.take("s"),
        cursor.isAtEnd, isDuration(seconds, nanos)
    else { return nil }
    return SecondsAndNanos(
        seconds: isNegative ? -seconds : seconds, nanos: isNegative ? -nanos : nanos)
}

private func isDuration(_ seconds: Int64, _ nanos: Int32) -> Bool {
    abs(seconds) <= durationSecondsMaximum && abs(nanos) < nanosPerSecond
        && !(seconds > 0 && nanos < 0) && !(seconds < 0 && nanos > 0)
}

// MARK: writing

/// Nil when the time is out of Timestamp's bounds.
func timestampText(seconds: Int64, nanos: Int32) -> String? {
    guard timestampSeconds.contains(seconds), nanos >= 0, nanos < nanosPerSecond else { return nil }
    // Counted from 0000-03-01 all numbers are positive.
    let total = seconds + 719_468 * secondsPerDay
    let days = total / secondsPerDay
    let clock = total % secondsPerDay
    let era = days / 146_097
    let dayOfEra = days % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    return padded(year, 4) + "-" + padded(month, 2) + "-" + padded(day, 2) + "T"
        + padded(clock / 3600, 2) + ":" + padded(clock / 60 % 60, 2) + ":" + padded(clock % 60, 2)
        + fractionText(nanos) + "Z"
}

/// Nil when it is out of Duration's bounds or its parts have different signs.
func durationText(seconds: Int64, nanos: Int32) -> String? {
    guard seconds.magnitude <= durationSecondsMaximum, nanos.magnitude < nanosPerSecond,
        isDuration(seconds, nanos)
    else { return nil }
    let isNegative = seconds < 0 || nanos < 0
    return (isNegative ? "-" : "") + "\(seconds.magnitude)"
        + fractionText(Int32(nanos.magnitude)) + "s"
}

/// Nothing, or a point and three, six or nine digits.
private func fractionText(_ nanos: Int32) -> String {
    if nanos == 0 { return "" }
    if nanos % 1_000_000 == 0 { return "." + padded(Int64(nanos / 1_000_000), 3) }
    if nanos % 1000 == 0 { return "." + padded(Int64(nanos / 1000), 6) }
    return "." + padded(Int64(nanos), 9)
}

private func padded(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
}
