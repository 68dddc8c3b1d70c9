// Why a message could not be turned from JSON into protobuf bytes or back, and where.

package struct TranscodeError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Where in a JSON text, both from 1; the column counts Unicode scalars.
    package struct Position: Equatable, Sendable {
        package let line: Int
        package let column: Int
    }

    /// A phrase in lower case: what is wrong.
    package let reason: String
    /// The field, such as `request.contents[1].mimeType`; empty for the whole message.
    package let path: String
    /// Byte offset, from 0, in the JSON text or in the protobuf bytes.
    package let offset: Int
    /// For JSON texts only.
    package let position: Position?

    /// All of it in one sentence: `contents[1]: a string should stand here (line 1, column 5)`.
    package var description: String {
        let place =
            position.map { "line \($0.line), column \($0.column)" } ?? "byte \(offset)"
        return "\(path.isEmpty ? "" : "\(path): ")\(reason) (\(place))"
    }
}
