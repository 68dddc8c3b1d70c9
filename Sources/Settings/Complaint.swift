// One thing that is wrong with a configuration: where, which key, what, and what would be right.
// Never carries a value of a key that may hold a secret.

/// One error of a configuration, one line when printed.
package struct Complaint: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file, as the user named it; empty until the loader knows.
    package var file: String
    /// Nil where the fault is not at one place of the text.
    package var place: TextPlace?
    /// The key with its tables, "listen.mode"; empty for the file as a whole.
    package var key: String
    package var what: String
    /// What would be right; empty where the fault says it all.
    package var wanted: String

    package init(
        file: String = "", place: TextPlace?, key: String, what: String, wanted: String = ""
    ) {
        self.file = file
        self.place = place
        self.key = key
        self.what = what
        self.wanted = wanted
    }

    /// "FILE:LINE:COLUMN: KEY: what is wrong; what would be right".
    package var description: String {
        var line = file
        if let place {
            line += "\(file.isEmpty ? "" : ":")\(place.line):\(place.column)"
        }
        if !line.isEmpty { line += ": " }
        if !key.isEmpty { line += "\(key): " }
        line += what
        if !wanted.isEmpty { line += "; \(wanted)" }
        return line
    }
}

/// All errors of a configuration, in the order of their places; never empty when thrown.
package struct SettingsError: Error, Equatable, Sendable {
    package var complaints: [Complaint]

    package init(_ complaints: [Complaint]) {
        self.complaints = complaints
    }
}

/// What is wrong with one value, before it is known where the value stands.
struct Refusal: Equatable, Sendable {
    var what: String
    var wanted: String

    /// A feature that this version knows by name only.
    static func notAvailable(_ feature: String) -> Refusal {
        Refusal(what: "\(feature) is not available in this version", wanted: "leave it out")
    }
}

/// A value from outside in a message: quoted, printable, short.
func quoted(_ text: String) -> String {
    let longest = 60
    var shown = "\""
    for scalar in text.unicodeScalars.prefix(longest) {
        let plain = scalar.value >= 0x20 && scalar.value != 0x7F && scalar != "\""
        shown += plain ? String(scalar) : "\\u{\(String(scalar.value, radix: 16))}"
    }
    return shown + (text.unicodeScalars.count > longest ? "…\"" : "\"")
}
