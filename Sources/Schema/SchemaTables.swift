// The schema's hot tables: what encoding and decoding look at for each field of each message.
//
// They are plain memory filled once by SchemaBuilder and only read afterwards, so that a lookup
// costs no reference count and no allocation. Handles are indices; only the builder makes them,
// which is why readers need not check them again.

/// A piece of `SchemaTables.text`.
struct TextSlice {
    var offset: UInt32 = 0
    var count: UInt32 = 0
}

/// Messages whose JSON is not an object of their fields.
enum WellKnown: UInt8 {
    case none, any, timestamp, duration, fieldMask, structure, value, listValue, wrapper
}

enum FieldShape: UInt8 { case singular, repeated, map }

struct FieldFlags: OptionSet {
    let rawValue: UInt8
    static let packed = FieldFlags(rawValue: 1)
    /// Written even when it is the type's default: optional, oneof, proto2.
    static let hasPresence = FieldFlags(rawValue: 2)
    static let required = FieldFlags(rawValue: 4)
    static let isExtension = FieldFlags(rawValue: 8)
    /// JSON's null is a value of it: google.protobuf.Value and NullValue.
    static let takesNull = FieldFlags(rawValue: 16)
    /// Only a declared number of its enum is a value; others count as unknown fields.
    static let closedEnum = FieldFlags(rawValue: 32)
    static let proto3Optional = FieldFlags(rawValue: 64)
    static let deprecated = FieldFlags(rawValue: 128)
}

struct FieldEntry {
    var number: UInt32 = 0
    var type = FieldType.int32
    var shape = FieldShape.singular
    var flags: FieldFlags = []
    var tagLength: UInt8 = 0
    /// The tag as it stands on the wire, first byte lowest; packed fields have the packed one.
    var tag: UInt64 = 0
    /// The message or enum it refers to, or -1.
    var target: Int32 = -1
    /// Which oneof of its message it belongs to (synthetic ones left out), or -1.
    var oneof: Int32 = -1
    /// Its place among its message's fields.
    var ordinal: Int32 = 0
    var name = TextSlice()
    /// `"jsonName":`, escaped and ready to be written.
    var jsonKey = TextSlice()
}

struct MessageEntry {
    var fieldStart: Int32 = 0
    var fieldCount: Int32 = 0
    /// The first field number `n` such that fields 1...n stand at places 0..<n.
    var denseCount: Int32 = 0
    var slotStart: Int32 = 0
    var slotMask: Int32 = 0
    var requiredCount: Int32 = 0
    var oneofCount: Int32 = 0
    /// The place of the first repeated field that is no extension, or -1.
    var firstList: Int32 = -1
    var wellKnown = WellKnown.none
    var isMapEntry = false
    var isMessageSet = false
}

struct EnumEntry {
    var valueStart: Int32 = 0
    var valueCount: Int32 = 0
    var slotStart: Int32 = 0
    var slotMask: Int32 = 0
    /// Values 0..<denseCount stand at their own places.
    var denseCount: Int32 = 0
    var isNullValue = false
    var isClosed = false
}

struct EnumValueEntry {
    var number: Int32 = 0
    var name = TextSlice()
}

/// A slot of a hash table from names to fields or enum numbers; empty when `index` is -1.
struct NameSlot {
    var hash: UInt32 = 0
    var index: Int32 = -1
    var name = TextSlice()
}

/// Owns the memory of the tables. Sendable because nothing writes it after the builder is done.
final class SchemaTables: @unchecked Sendable {
    let messages: UnsafeMutableBufferPointer<MessageEntry>
    let fields: UnsafeMutableBufferPointer<FieldEntry>
    let enums: UnsafeMutableBufferPointer<EnumEntry>
    let enumValues: UnsafeMutableBufferPointer<EnumValueEntry>
    let slots: UnsafeMutableBufferPointer<NameSlot>
    let text: UnsafeMutableBufferPointer<UInt8>

    init(
        messages: [MessageEntry], fields: [FieldEntry], enums: [EnumEntry],
        enumValues: [EnumValueEntry], slots: [NameSlot], text: [UInt8]
    ) {
        self.messages = Self.copy(messages)
        self.fields = Self.copy(fields)
        self.enums = Self.copy(enums)
        self.enumValues = Self.copy(enumValues)
        self.slots = Self.copy(slots)
        self.text = Self.copy(text)
    }

    deinit {
        messages.deallocate()
        fields.deallocate()
        enums.deallocate()
        enumValues.deallocate()
        slots.deallocate()
        text.deallocate()
    }

    private static func copy<Entry>(_ entries: [Entry]) -> UnsafeMutableBufferPointer<Entry> {
        let memory = UnsafeMutableBufferPointer<Entry>.allocate(capacity: entries.count)
        _ = memory.initialize(from: entries)
        return memory
    }

    /// What encoding and decoding work with; it must not outlive the tables.
    var view: TableView {
        TableView(
            messages: UnsafeBufferPointer(messages), fields: UnsafeBufferPointer(fields),
            enums: UnsafeBufferPointer(enums), enumValues: UnsafeBufferPointer(enumValues),
            slots: UnsafeBufferPointer(slots), text: UnsafeRawBufferPointer(text))
    }
}

struct TableView {
    let messages: UnsafeBufferPointer<MessageEntry>
    let fields: UnsafeBufferPointer<FieldEntry>
    let enums: UnsafeBufferPointer<EnumEntry>
    let enumValues: UnsafeBufferPointer<EnumValueEntry>
    let slots: UnsafeBufferPointer<NameSlot>
    let text: UnsafeRawBufferPointer

    @inline(__always)
    func bytes(_ slice: TextSlice) -> UnsafeRawBufferPointer {
        let start = Int(slice.offset)
        return UnsafeRawBufferPointer(rebasing: text[start..<(start + Int(slice.count))])
    }

    func string(_ slice: TextSlice) -> String { String(decoding: bytes(slice), as: UTF8.self) }

    /// The index in a slot whose name is `name`, or -1.
    @inline(__always)
    func find(_ name: UnsafeRawBufferPointer, _ slotStart: Int32, _ slotMask: Int32) -> Int32 {
        let hash = nameHash(name)
        var at = Int32(truncatingIfNeeded: hash) & slotMask
        while true {
            let slot = slots[Int(slotStart + at)]
            if slot.index < 0 { return -1 }
            if slot.hash == hash, Int(slot.name.count) == name.count,
                equalBytes(text, Int(slot.name.offset), name)
            {
                return slot.index
            }
            at = (at &+ 1) & slotMask
        }
    }

    /// The place in `fields` of a message's field with this number, or -1.
    @inline(__always)
    func fieldIndex(_ message: MessageEntry, number: UInt32) -> Int {
        if number <= UInt32(message.denseCount) {
            return Int(message.fieldStart) + Int(number) - 1
        }
        return searchField(message, number)
    }

    private func searchField(_ message: MessageEntry, _ number: UInt32) -> Int {
        var low = Int(message.fieldStart) + Int(message.denseCount)
        var high = Int(message.fieldStart) + Int(message.fieldCount)
        while low < high {
            let middle = (low + high) / 2
            let candidate = fields[middle].number
            if candidate == number { return middle }
            if candidate < number { low = middle + 1 } else { high = middle }
        }
        return -1
    }

    /// The place in `enumValues` of the first declared value with this number, or -1.
    func enumValueIndex(_ entry: EnumEntry, number: Int32) -> Int {
        if number >= 0, number < entry.denseCount { return Int(entry.valueStart) + Int(number) }
        var low = Int(entry.valueStart)
        var high = low + Int(entry.valueCount)
        let stop = high
        while low < high {
            let middle = (low + high) / 2
            if enumValues[middle].number < number { low = middle + 1 } else { high = middle }
        }
        return low < stop && enumValues[low].number == number ? low : -1
    }
}

/// A hash of a name, eight bytes at a time. It spreads declared names; it need not resist anyone,
/// since what is looked up never gets into the table.
@inline(__always)
func nameHash(_ name: UnsafeRawBufferPointer) -> UInt32 {
    let factor: UInt64 = 0x9E37_79B9_7F4A_7C15
    var hash = UInt64(truncatingIfNeeded: name.count) &* factor
    var at = 0
    while at + 8 <= name.count {
        hash = (hash ^ name.loadUnaligned(fromByteOffset: at, as: UInt64.self)) &* factor
        hash ^= hash >> 29
        at += 8
    }
    if at < name.count {
        var rest: UInt64 = 0
        if name.count >= 8 {
            rest = name.loadUnaligned(fromByteOffset: name.count - 8, as: UInt64.self)
        } else if name.count >= 4 {
            rest = UInt64(name.loadUnaligned(fromByteOffset: 0, as: UInt32.self))
            rest |=
                UInt64(name.loadUnaligned(fromByteOffset: name.count - 4, as: UInt32.self)) << 32
        } else {
            while at < name.count {
                rest = rest << 8 | UInt64(name[at])
                at += 1
            }
        }
        hash = (hash ^ rest) &* factor
    }
    return UInt32(truncatingIfNeeded: hash ^ hash >> 32)
}

@inline(__always)
func equalBytes(
    _ text: UnsafeRawBufferPointer, _ offset: Int, _ other: UnsafeRawBufferPointer
) -> Bool {
    let count = other.count
    var at = 0
    while at + 8 <= count {
        let left = text.loadUnaligned(fromByteOffset: offset + at, as: UInt64.self)
        if left != other.loadUnaligned(fromByteOffset: at, as: UInt64.self) { return false }
        at += 8
    }
    while at < count {
        if text[offset + at] != other[at] { return false }
        at += 1
    }
    return true
}
