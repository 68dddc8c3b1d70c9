// The builder's last step: linked messages and enums become the tables.

extension SchemaBuilder {
    mutating func fillTables() -> SchemaTables {
        var messages: [MessageEntry] = []
        var fields: [FieldEntry] = []
        var enumEntries: [EnumEntry] = []
        var values: [EnumValueEntry] = []
        var slots: [NameSlot] = []
        for index in declared.indices {
            messages.append(fillMessage(index, &fields, &slots))
        }
        for index in enums.indices {
            enumEntries.append(fillEnum(index, &values, &slots))
        }
        return SchemaTables(
            messages: messages, fields: fields, enums: enumEntries, enumValues: values,
            slots: slots, text: text)
    }

    private mutating func fillMessage(
        _ index: Int, _ fields: inout [FieldEntry], _ slots: inout [NameSlot]
    ) -> MessageEntry {
        let linked = declared[index].fields
        var message = MessageEntry()
        message.fieldStart = Int32(fields.count)
        message.fieldCount = Int32(linked.count)
        message.wellKnown = wellKnownKind(names.messageNames[index])
        message.isMapEntry = declared[index].description.isMapEntry
        message.isMessageSet = declared[index].description.isMessageSet
        message.oneofCount = Int32(names.oneofNames[Int32(index)]?.count ?? 0)
        var table = NameTable(capacity: linked.count * 2)
        var jsonNames: [TextSlice] = []
        for (ordinal, field) in linked.enumerated() {
            var entry = field.entry
            entry.ordinal = Int32(ordinal)
            entry.name = intern(Array(field.name.utf8))
            let json = jsonKey(field.jsonName)
            entry.jsonKey = json.key
            jsonNames.append(json.name)
            if entry.flags.contains(.required) { message.requiredCount += 1 }
            if entry.number == ordinal + 1 { message.denseCount = Int32(ordinal + 1) }
            if message.firstList < 0, entry.shape != .singular,
                !entry.flags.contains(.isExtension)
            {
                message.firstList = Int32(fields.count)
            }
            if let value = field.defaultValue { names.fieldDefaults[Int32(fields.count)] = value }
            fields.append(entry)
        }
        // As json_format looks names up: JSON names first, the last of equals wins; then the
        // original ones. The first one put into the table stays.
        for ordinal in linked.indices.reversed() {
            table.put(jsonNames[ordinal], Int32(ordinal) + message.fieldStart, text)
        }
        for ordinal in linked.indices
        where !linked[ordinal].entry.flags.contains(.isExtension) {
            let place = Int32(ordinal) + message.fieldStart
            if table.put(fields[Int(place)].name, place, text) != place {
                names.hiddenFields[
                    FieldName(message: Int32(index), name: linked[ordinal].name)] = place
            }
        }
        message.slotStart = Int32(slots.count)
        message.slotMask = Int32(table.slots.count - 1)
        slots.append(contentsOf: table.slots)
        return message
    }

    /// Keeps `"name":` and, inside it or beside it, the bare name.
    private mutating func jsonKey(_ name: String) -> (key: TextSlice, name: TextSlice) {
        let bare = Array(name.utf8)
        var key: [UInt8] = [UInt8(ascii: "\"")]
        bare.withUnsafeBytes { appendEscaped($0, to: &key) }
        let isPlain = key.count == bare.count + 1
        key.append(UInt8(ascii: "\""))
        key.append(UInt8(ascii: ":"))
        let slice = intern(key)
        guard isPlain else { return (slice, intern(bare)) }
        return (slice, TextSlice(offset: slice.offset + 1, count: slice.count - 3))
    }

    private mutating func intern(_ bytes: [UInt8]) -> TextSlice {
        let slice = TextSlice(offset: UInt32(text.count), count: UInt32(bytes.count))
        text.append(contentsOf: bytes)
        return slice
    }

    private mutating func fillEnum(
        _ index: Int, _ values: inout [EnumValueEntry], _ slots: inout [NameSlot]
    ) -> EnumEntry {
        let (description, fileIndex) = enums[index]
        var entry = EnumEntry()
        entry.isNullValue = names.enumNames[index] == "google.protobuf.NullValue"
        entry.isClosed = files[fileIndex].file.syntax == .proto2
        entry.valueStart = Int32(values.count)
        entry.valueCount = Int32(description.values.count)
        var table = NameTable(capacity: description.values.count)
        var own: [EnumValueEntry] = []
        for value in description.values {
            let name = intern(Array(value.name.utf8))
            own.append(EnumValueEntry(number: value.number, name: name))
        }
        // Sorted by number; of equals (aliases) the first declared stays first.
        let order = own.indices.sorted { (own[$0].number, $0) < (own[$1].number, $1) }
        for (place, from) in order.enumerated() {
            let value = own[from]
            table.put(value.name, Int32(place) + entry.valueStart, text)
            if value.number == place, entry.denseCount == place { entry.denseCount += 1 }
            values.append(value)
        }
        entry.slotStart = Int32(slots.count)
        entry.slotMask = Int32(table.slots.count - 1)
        slots.append(contentsOf: table.slots)
        return entry
    }
}

/// An open hash table from names to indices, at most half full.
private struct NameTable {
    var slots: [NameSlot]

    init(capacity: Int) {
        var size = 2
        while size < capacity * 2 { size *= 2 }
        slots = [NameSlot](repeating: NameSlot(), count: size)
    }

    /// Puts a name in unless it is there already.
    /// - Returns: which index the name has now.
    @discardableResult
    mutating func put(_ name: TextSlice, _ index: Int32, _ text: [UInt8]) -> Int32 {
        text.withUnsafeBytes { bytes in
            let start = Int(name.offset)
            let key = UnsafeRawBufferPointer(
                rebasing: bytes[start..<(start + Int(name.count))])
            let hash = nameHash(key)
            var at = Int(truncatingIfNeeded: hash) & (slots.count - 1)
            while slots[at].index >= 0 {
                if slots[at].hash == hash, slots[at].name.count == name.count,
                    equalBytes(bytes, Int(slots[at].name.offset), key)
                {
                    return slots[at].index
                }
                at = (at + 1) & (slots.count - 1)
            }
            slots[at] = NameSlot(hash: hash, index: index, name: name)
            return index
        }
    }
}
