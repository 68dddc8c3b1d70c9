// The forms of a log line, as pure functions of what is said. Control characters never reach a
// terminal or break a line: they are written as escapes.

internal import Kernel

package enum LogLine {
    /// The bytes of one line, newline included, at most `Log.lineBytesMax`.
    package static func format(
        _ format: LogFormat, level: LogLevel, identity: Identity, message: String,
        wallMilliseconds: UInt64
    ) -> [UInt8] {
        let clean = cut(escaped(message), to: Log.lineBytesMax - headBytesMax)
        let line =
            switch format {
            case .text:
                "\(Timestamp.text(wallMilliseconds)) \(level.name) \(identity): \(clean)"
            case .journal:
                "<\(level.rawValue)>\(identity): \(clean)"
            case .json:
                json(level, identity, clean, wallMilliseconds)
            }
        return Array(line.utf8) + [0x0A]
    }

    /// Room for time, level, identity and JSON's keys.
    private static let headBytesMax = 256

    private static func json(
        _ level: LogLevel, _ identity: Identity, _ message: String, _ wallMilliseconds: UInt64
    ) -> String {
        var fields = [
            "\"time\":\"\(Timestamp.text(wallMilliseconds))\"", "\"level\":\"\(level.name)\"",
            "\"role\":\"\(identity.role.rawValue)\"",
        ]
        if identity.role == .worker { fields.append("\"slot\":\(identity.slot)") }
        if identity.generation > 0 { fields.append("\"generation\":\(identity.generation)") }
        fields += ["\"pid\":\(identity.pid)", "\"message\":\"\(quoted(message))\""]
        return "{" + fields.joined(separator: ",") + "}"
    }

    private static func escaped(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var clean = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": clean += "\\n"
            case "\r": clean += "\\r"
            case "\t": clean += "\\t"
            default:
                if isControl(scalar) {
                    clean += "\\u{\(String(scalar.value, radix: 16))}"
                } else {
                    clean.unicodeScalars.append(scalar)
                }
            }
        }
        return clean
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
    }

    private static func quoted(_ text: String) -> String {
        var quoted = ""
        for character in text.unicodeScalars {
            if character == "\"" || character == "\\" { quoted += "\\" }
            quoted.unicodeScalars.append(character)
        }
        return cut(quoted, to: Log.lineBytesMax - headBytesMax)
    }

    /// The front of a text, whole characters and whole escapes only.
    private static func cut(_ text: String, to limit: Int) -> String {
        guard text.utf8.count > limit else { return text }
        var front = String(text.unicodeScalars.prefix(limit))
        while front.utf8.count > limit { front.unicodeScalars.removeLast() }
        while front.unicodeScalars.last == "\\" { front.unicodeScalars.removeLast() }
        return front
    }
}

/// RFC 3339 with milliseconds, UTC.
package enum Timestamp {
    /// "2026-11-21T04:00:03.123Z" of milliseconds since 1970.
    package static func text(_ wallMilliseconds: UInt64) -> String {
        let seconds = wallMilliseconds / 1000
        let day = civil(days: Int(seconds / 86400))
        let time = seconds % 86400
        return "\(padded(UInt64(day.year), 4))-\(padded(UInt64(day.month), 2))-"
            + "\(padded(UInt64(day.day), 2))T\(padded(time / 3600, 2)):"
            + "\(padded(time / 60 % 60, 2)):\(padded(time % 60, 2))."
            + "\(padded(wallMilliseconds % 1000, 3))Z"
    }

    /// The Gregorian date of a day counted from 1970-01-01, by eras of 400 years from March.
    private static func civil(days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (
            yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month,
            dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        )
    }

    private static func padded(_ value: UInt64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
