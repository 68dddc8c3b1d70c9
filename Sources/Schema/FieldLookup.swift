// Questions about a message's fields by name, for those who derive behaviour from descriptors:
// routing headers, pages, operations. Asked when a catalog is built, never for each call; each
// costs the same however many fields a message has, since a catalog asks a few for every method.

/// A declared field, as a value.
package struct FieldInfo: Equatable, Sendable {
    package let name: String
    package let number: UInt32
    package let type: FieldType
    /// Maps are repeated too.
    package let isRepeated: Bool
    /// The message that it holds.
    package let message: MessageHandle?
    /// The enum that it holds.
    package let enumeration: EnumHandle?
}

extension Schema {
    /// By the name in the .proto file; extensions are not found.
    package func field(_ name: String, of message: MessageHandle) -> FieldInfo? {
        let view = tables.view
        let entry = view.messages[Int(message.index)]
        if let hidden = hiddenFields[FieldName(message: message.index, name: name)] {
            return info(view, Int(hidden))
        }
        let place = Int(
            Array(name.utf8).withUnsafeBytes {
                view.find($0, entry.slotStart, entry.slotMask)
            })
        // What is found may have another name, and this one only in JSON.
        guard place >= 0, view.string(view.fields[place].name) == name,
            !view.fields[place].flags.contains(.isExtension)
        else { return nil }
        return info(view, place)
    }

    package func field(number: UInt32, of message: MessageHandle) -> FieldInfo? {
        guard number > 0 else { return nil }
        let view = tables.view
        let place = view.fieldIndex(view.messages[Int(message.index)], number: number)
        return place < 0 ? nil : info(view, place)
    }

    /// The first in the order of their numbers that is repeated; extensions left out.
    package func firstList(of message: MessageHandle) -> FieldInfo? {
        let view = tables.view
        let place = Int(view.messages[Int(message.index)].firstList)
        return place < 0 ? nil : info(view, place)
    }

    private func info(_ view: TableView, _ place: Int) -> FieldInfo {
        let field = view.fields[place]
        let target = field.target >= 0 ? field.target : nil
        let isEnum = field.type == .enumeration
        return FieldInfo(
            name: view.string(field.name), number: field.number, type: field.type,
            isRepeated: field.shape != .singular,
            message: isEnum ? nil : target.map { MessageHandle(index: $0) },
            enumeration: isEnum ? target.map { EnumHandle(index: $0) } : nil)
    }

    /// The number of an enum's value.
    package func enumValue(_ name: String, of enumeration: EnumHandle) -> Int32? {
        let view = tables.view
        let entry = view.enums[Int(enumeration.index)]
        let place = Int(
            Array(name.utf8).withUnsafeBytes {
                view.find($0, entry.slotStart, entry.slotMask)
            })
        return place < 0 ? nil : view.enumValues[place].number
    }
}
