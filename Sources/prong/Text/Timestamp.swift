// RFC 3339 times, to and from milliseconds since 1970. Pure: who wants "now" passes it in.

struct Timestamp: Equatable {
    /// Since 1970-01-01T00:00:00Z, without leap seconds.
    let milliseconds: Int64

    init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// Reads `2026-01-31T12:00:00Z`, with a fraction or an offset such as `+02:00` if given.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20,
            bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
            bytes[10] == UInt8(ascii: "T") || bytes[10] == UInt8(ascii: "t"),
            bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
            let year = Self.number(bytes, 0, 4), let month = Self.number(bytes, 5, 2),
            let day = Self.number(bytes, 8, 2), let hour = Self.number(bytes, 11, 2),
            let minute = Self.number(bytes, 14, 2), let second = Self.number(bytes, 17, 2),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61
        else { return nil }
        var position = 19
        let fraction = Self.fraction(bytes, &position)
        guard let offsetMinutes = Self.offset(bytes, position) else { return nil }
        let days = Self.days(year: year, month: month, day: day)
        let seconds = ((days * 24 + hour) * 60 + minute - offsetMinutes) * 60 + second
        milliseconds = seconds * 1000 + fraction
        guard text.count == bytes.count, Self.date(days: days) == (year, month, day) else {
            return nil
        }
    }

    /// As the daemon writes times: UTC with milliseconds.
    var text: String {
        let days = floorDivide(milliseconds, 86_400_000)
        let rest = milliseconds - days * 86_400_000
        let (year, month, day) = Self.date(days: days)
        let clock = [rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60].map { pad($0, 2) }
        return "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))"
            + "T\(clock.joined(separator: ":")).\(pad(rest % 1000, 3))Z"
    }

    private static func number(_ bytes: [UInt8], _ start: Int, _ count: Int) -> Int64? {
        guard start + count <= bytes.count else { return nil }
        var value: Int64 = 0
        for byte in bytes[start..<start + count] {
            guard (0x30...0x39).contains(byte) else { return nil }
            value = value * 10 + Int64(byte - 0x30)
        }
        return value
    }

    /// Milliseconds after the point; more digits than three are cut off.
    private static func fraction(_ bytes: [UInt8], _ position: inout Int) -> Int64 {
        guard position < bytes.count, bytes[position] == UInt8(ascii: ".") else { return 0 }
        position += 1
        var value: Int64 = 0
        var scale: Int64 = 100
        while position < bytes.count, (0x30...0x39).contains(bytes[position]) {
            value += Int64(bytes[position] - 0x30) * scale
            scale /= 10
            position += 1
        }
        return value
    }

    private static func offset(_ bytes: [UInt8], _ start: Int) -> Int64? {
        guard start < bytes.count else { return nil }
        if bytes[start] == UInt8(ascii: "Z") || bytes[start] == UInt8(ascii: "z") {
            return start + 1 == bytes.count ? 0 : nil
        }
        let sign: Int64
        switch bytes[start] {
        case UInt8(ascii: "+"): sign = 1
        case UInt8(ascii: "-"): sign = -1
        default: return nil
        }
        guard bytes.count == start + 6, bytes[start + 3] == UInt8(ascii: ":"),
            let hours = number(bytes, start + 1, 2), let minutes = number(bytes, start + 4, 2),
            hours < 24, minutes < 60
        else { return nil }
        return sign * (hours * 60 + minutes)
    }

    /// Days since 1970 of a date of the Gregorian calendar (Howard Hinnant's algorithm).
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = floorDivide(shifted, 400)
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private static func date(days: Int64) -> (Int64, Int64, Int64) {
        let shifted = days + 719_468
        let era = floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let part = (5 * dayOfYear + 2) / 153
        let month = part < 10 ? part + 3 : part - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return (year, month, dayOfYear - (153 * part + 2) / 5 + 1)
    }
}

private func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
    let quotient = value / divisor
    return value % divisor < 0 ? quotient - 1 : quotient
}

private func pad(_ value: Int64, _ width: Int) -> String {
    let digits = String(value)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
}
