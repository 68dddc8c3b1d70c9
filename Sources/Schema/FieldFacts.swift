// The fields of a message for those who look at descriptors, not at data: slow, and only read.

package struct FieldFacts: Equatable, Sendable {
    package let name: String
    package let number: UInt32
    package let type: FieldType
    /// Maps too.
    package let isRepeated: Bool
    /// The full name of its message; empty where it is none.
    package let messageName: String
}

extension Schema {
    /// In the order of their numbers, extensions left out.
    package func fields(of message: MessageHandle) -> [FieldFacts] {
        withExtendedLifetime(tables) {
            let view = tables.view
            let entry = view.messages[Int(message.index)]
            let places = Int(entry.fieldStart)..<Int(entry.fieldStart + entry.fieldCount)
            return places.map { view.fields[$0] }.filter { !$0.flags.contains(.isExtension) }
                .map { field in
                    let isMessage = field.type == .message || field.type == .group
                    return FieldFacts(
                        name: view.string(field.name), number: field.number, type: field.type,
                        isRepeated: field.shape != .singular,
                        messageName: isMessage ? messageNames[Int(field.target)] : "")
                }
        }
    }
}
