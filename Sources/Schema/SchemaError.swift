// Why a descriptor set was refused.

/// A descriptor set that cannot be used: which one, and a sentence about what is wrong with it.
package struct SchemaError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The label of the set as it was handed in, usually its file's name.
    package let label: String
    /// A phrase in lower case: what is wrong, and where in the set.
    package let message: String

    package var description: String { "\(label): \(message)" }
}

/// A name out of a descriptor set in a message: printable, and short even where it is not.
func shown(_ name: String) -> String {
    let longest = 80
    var text = String.UnicodeScalarView()
    for scalar in name.unicodeScalars.prefix(longest) {
        text.append(scalar.value < 0x20 || scalar.value == 0x7F ? "\u{FFFD}" : scalar)
    }
    return String(text) + (name.utf8.count > longest ? "…" : "")
}
