// Questions about a message's fields by name, for those who derive behaviour from descriptors:
// routing headers, pages, operations. Asked when a catalog is built, never for each call.

/// A declared field, as a value.
package struct FieldInfo: Equatable, Sendable {
    package let name: String
    package let number: UInt32
    package let type: FieldType
    /// Maps are repeated too.
    package let isRepeated: Bool
    package let isMap: Bool
    /// The message that it holds.
    package let message: MessageHandle?
    /// The enum that it holds.
    package let enumeration: EnumHandle?
}

extension Schema {
    /// A message's fields in the order of their numbers; extensions left out.
    package func fields(of message: MessageHandle) -> [FieldInfo] {
        let view = tables.view
        let entry = view.messages[Int(message.index)]
        let start = Int(entry.fieldStart)
        return (start..<start + Int(entry.fieldCount)).compactMap { place in
            let field = view.fields[place]
            guard !field.flags.contains(.isExtension) else { return nil }
            let target = field.target >= 0 ? field.target : nil
            let isEnum = field.type == .enumeration
            return FieldInfo(
                name: view.string(field.name), number: field.number, type: field.type,
                isRepeated: field.shape != .singular, isMap: field.shape == .map,
                message: isEnum ? nil : target.map { MessageHandle(index: $0) },
                enumeration: isEnum ? target.map { EnumHandle(index: $0) } : nil)
        }
    }

    package func field(_ name: String, of message: MessageHandle) -> FieldInfo? {
        fields(of: message).first { $0.name == name }
    }

    /// The number of an enum's value.
    package func enumValue(_ name: String, of enumeration: EnumHandle) -> Int32? {
        let view = tables.view
        let entry = view.enums[Int(enumeration.index)]
        let start = Int(entry.valueStart)
        return (start..<start + Int(entry.valueCount)).lazy.map { view.enumValues[$0] }
            .first { view.string($0.name) == name }?.number
    }
}
