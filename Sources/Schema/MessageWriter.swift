// Writes the few messages that prong makes without a descriptor: questions to servers about their
// descriptors, sets of files, polls of operations. Messages with a descriptor are WireBuffer's.

package struct MessageWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    package mutating func text(_ field: UInt32, _ text: String) { data(field, Array(text.utf8)) }

    /// Bytes, or a message that was written before.
    package mutating func data(_ field: UInt32, _ data: [UInt8]) {
        varint(UInt64(field) << 3 | UInt64(WireType.lengthDelimited.rawValue))
        varint(UInt64(data.count))
        bytes += data
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }
}
