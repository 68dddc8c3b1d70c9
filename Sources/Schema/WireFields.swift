// The fields of one serialized message, for the few messages that prong reads without a descriptor:
// those by which descriptors themselves are learned. Never traps on any bytes.

package enum WireFields {
    package enum Value {
        case number(UInt64)
        /// Where the bytes stand: text, bytes, or a message inside.
        case bytes(Range<Int>)
        /// A fixed-width number or a group, which none of these messages has.
        case other
    }

    /// Hands over each field in turn. False: the bytes are not a message, and what was handed over
    /// is not to be believed.
    package static func forEach(
        in bytes: [UInt8], range: Range<Int>? = nil, _ body: (UInt32, Value) -> Void
    ) -> Bool {
        bytes.withUnsafeBytes { raw in
            var reader = WireReader(raw, range: range)
            do throws(WireFault) {
                while !reader.isAtEnd { try one(&reader, body) }
                return true
            } catch {
                return false
            }
        }
    }

    private static func one(
        _ reader: inout WireReader, _ body: (UInt32, Value) -> Void
    ) throws(WireFault) {
        let tag = try reader.tag()
        switch tag.type {
        case .varint: body(tag.number, .number(try reader.varint()))
        case .lengthDelimited: body(tag.number, .bytes(try reader.payload()))
        case .fixed32, .fixed64, .startGroup, .endGroup:
            try reader.skip(tag)
            body(tag.number, .other)
        }
    }
}
