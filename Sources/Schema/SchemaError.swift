// Why a descriptor set was refused.

/// A descriptor set that cannot be used: which one, and a sentence about what is wrong with it.
package struct SchemaError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The label of the set as it was handed in, usually its file's name.
    package let label: String
    /// A phrase in lower case: what is wrong, and where in the set.
    package let message: String

    package var description: String { "\(label): \(message)" }
}
