// Instants as users write them (RFC 3339); durations are read by Settings. Pure; refuses rather
// than guesses.

enum InstantText {
    /// Milliseconds since 1970 of an RFC 3339 date-time; fractions are cut to milliseconds.
    static func milliseconds(_ text: String) -> Int64? {
        var scanner = Scanner(bytes: Array(text.utf8))
        guard let year = scanner.number(4), scanner.take("-"), let month = scanner.number(2),
            scanner.take("-"), let day = scanner.number(2), scanner.takeAny("Tt "),
            let hour = scanner.number(2), scanner.take(":"), let minute = scanner.number(2),
            scanner.take(":"), let second = scanner.number(2)
        else { return nil }
        guard 1...12 ~= month, 1...daysIn(month, year) ~= day, hour < 24, minute < 60, second < 61
        else { return nil }
        guard let fraction = scanner.fraction(), let offset = scanner.offsetMinutes(),
            scanner.isAtEnd
        else { return nil }
        let days = daysSince1970(year: year, month: month, day: day)
        let minutes = Int64(days) * 1440 + Int64(hour * 60 + minute) - Int64(offset)
        return (minutes * 60 + Int64(min(second, 59))) * 1000 + fraction
    }

    fileprivate static func isDigit(_ byte: UInt8) -> Bool {
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
    }

    private static func daysIn(_ month: Int, _ year: Int) -> Int {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
    }

    /// Days from civil, by eras of 400 years that begin in March.
    private static func daysSince1970(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private struct Scanner {
        let bytes: [UInt8]
        var place = 0

        var isAtEnd: Bool { place == bytes.count }

        mutating func number(_ digits: Int) -> Int? {
            guard place + digits <= bytes.count else { return nil }
            var value = 0
            for byte in bytes[place..<place + digits] {
                guard InstantText.isDigit(byte) else { return nil }
                value = value * 10 + Int(byte - UInt8(ascii: "0"))
            }
            place += digits
            return value
        }

        mutating func take(_ character: Character) -> Bool {
            takeAny(String(character))
        }

        mutating func takeAny(_ characters: String) -> Bool {
            guard place < bytes.count, characters.utf8.contains(bytes[place]) else { return false }
            place += 1
            return true
        }

        mutating func fraction() -> Int64? {
            guard take(".") else { return 0 }
            var value: Int64 = 0
            var digits = 0
            while place < bytes.count, InstantText.isDigit(bytes[place]) {
                if digits < 3 { value = value * 10 + Int64(bytes[place] - UInt8(ascii: "0")) }
                digits += 1
                place += 1
            }
            guard digits > 0 else { return nil }
            for _ in min(digits, 3)..<3 { value *= 10 }
            return value
        }

        mutating func offsetMinutes() -> Int? {
            if takeAny("Zz") { return 0 }
            let isBehind = take("-")
            guard isBehind || take("+"), let hours = number(2), take(":"),
                let minutes = number(2), hours < 24, minutes < 60
            else { return nil }
            return (isBehind ? -1 : 1) * (hours * 60 + minutes)
        }
    }
}
