// The `Date` field's text (RFC 9110, section 5.6.7), made once a second.

import Glibc

struct DateField {
    private var second = Int.min
    private var text = ""

    /// The text for now.
    mutating func now() -> String {
        let current = time(nil)
        if current != second {
            second = current
            text = Self.text(secondsSince1970: current)
        }
        return text
    }

    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// `Sun, 06 Nov 1994 08:49:37 GMT`.
    static func text(secondsSince1970: Int) -> String {
        let secondsPerDay = 86_400
        let second = secondsSince1970 % secondsPerDay
        let day = secondsSince1970 / secondsPerDay
        let (year, month, dayOfMonth) = civil(daysSince1970: day)
        let clock = [second / 3600, second / 60 % 60, second % 60].map(twoDigits)
        return "\(days[day % 7]), \(twoDigits(dayOfMonth)) \(months[month - 1]) \(year) "
            + "\(clock.joined(separator: ":")) GMT"
    }

    private static func twoDigits(_ number: Int) -> String {
        number < 10 ? "0\(number)" : "\(number)"
    }

    /// The Gregorian date of a day since 1970: years counted from March, so that the leap day is a
    /// year's last (Howard Hinnant, "chrono-compatible low-level date algorithms").
    private static func civil(daysSince1970: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = daysSince1970 + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let leapDays = dayOfEra / 1460 - dayOfEra / 36_524 + dayOfEra / 146_096
        let yearOfEra = (dayOfEra - leapDays) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}
