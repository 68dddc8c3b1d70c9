// Looks for single fields in protobuf bytes without a message's descriptor: what routing, pages
// and operations need to know of a request or a response. Never traps, whatever the bytes are;
// broken bytes end the search, for those who checked them have said so already.

/// A field's value as it stands on the wire.
package enum WireValue: Equatable, Sendable {
    /// Also bool, enum and the zigzag types, undecoded.
    case varint(UInt64)
    case fixed32(UInt32)
    case fixed64(UInt64)
    /// Where the payload of a string, bytes or message field stands.
    case bytes(Range<Int>)
}

package enum WireScan {
    /// Calls back for each field of the message in `range`, groups left out. A payload's range
    /// counts from the start of all the bytes.
    /// - Returns: false when the bytes are not a message.
    @discardableResult
    package static func eachField(
        of bytes: UnsafeRawBufferPointer, in range: Range<Int>? = nil,
        _ body: (_ number: UInt32, _ value: WireValue, _ whole: Range<Int>) -> Void
    ) -> Bool {
        var reader = WireReader(bytes, range: range)
        do throws(WireFault) {
            while !reader.isAtEnd {
                let start = reader.offset
                let tag = try reader.tag()
                let value: WireValue
                switch tag.type {
                case .varint: value = .varint(try reader.varint())
                case .fixed32: value = .fixed32(try reader.fixed32())
                case .fixed64: value = .fixed64(try reader.fixed64())
                case .lengthDelimited: value = .bytes(try reader.payload())
                case .startGroup, .endGroup:
                    try reader.skip(tag)
                    continue
                }
                body(tag.number, value, start..<reader.offset)
            }
            return true
        } catch {
            return false
        }
    }

    /// The value that counts for a singular field: the last one (protobuf's encoding document,
    /// "Last One Wins").
    package static func last(
        _ number: UInt32, of bytes: UnsafeRawBufferPointer, in range: Range<Int>? = nil
    ) -> WireValue? {
        var found: WireValue?
        eachField(of: bytes, in: range) { candidate, value, _ in
            if candidate == number { found = value }
        }
        return found
    }
}
