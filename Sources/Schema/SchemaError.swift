// Why a descriptor set was refused.

/// A descriptor set that cannot be used: which one, and a sentence about what is wrong with it.
package struct SchemaError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The label of the set as it was handed in, usually its file's name.
    package let label: String
    /// A phrase in lower case: what is wrong, and where in the set.
    package let message: String
    /// The set is as protobuf has it, but exceeds one of prong's limits: made anew it would again.
    package let exceedsLimit: Bool

    init(label: String, message: String, exceedsLimit: Bool = false) {
        self.label = label
        self.message = message
        self.exceedsLimit = exceedsLimit
    }

    /// What to do about it.
    package var advice: String {
        exceedsLimit
            ? "name sets that hold less: only the .proto files that the target's services need"
            : "make the file anew, with buf build or protoc --include_imports"
    }

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
