// Reads protobuf bytes without a message's descriptor: the messages by which descriptors themselves
// are learned, and what routing, pages and operations need to know of a request or a response.
// Never traps, whatever the bytes are; broken bytes end the search, and whoever must know of them
// asks `eachField`.

/// A field's value as it stands on the wire.
package enum WireValue: Equatable, Sendable {
    /// Also bool, enum and the zigzag types, undecoded.
    case varint(UInt64)
    case fixed32(UInt32)
    case fixed64(UInt64)
    /// Where the payload of a string, bytes or message field stands.
    case bytes(Range<Int>)
    /// Where the fields of a group stand.
    case group(Range<Int>)
}

package enum WireScan {
    /// Calls back for each field of the message in `range`. A payload's range counts from the
    /// start of all the bytes.
    /// - Returns: false when the bytes are not a message; what was handed over is then not to be
    ///   believed.
    @discardableResult
    package static func eachField(
        of bytes: UnsafeRawBufferPointer, in range: Range<Int>? = nil,
        _ body: (_ number: UInt32, _ value: WireValue) -> Void
    ) -> Bool {
        var reader = WireReader(bytes, range: range)
        do throws(WireFault) {
            while !reader.isAtEnd { try one(&reader, body) }
            return true
        } catch {
            return false
        }
    }

    @discardableResult
    package static func eachField(
        of bytes: [UInt8], in range: Range<Int>? = nil,
        _ body: (_ number: UInt32, _ value: WireValue) -> Void
    ) -> Bool {
        bytes.withUnsafeBytes { eachField(of: $0, in: range, body) }
    }

    private static func one(
        _ reader: inout WireReader, _ body: (UInt32, WireValue) -> Void
    ) throws(WireFault) {
        let tag = try reader.tag()
        switch tag.type {
        case .varint: body(tag.number, .varint(try reader.varint()))
        case .fixed32: body(tag.number, .fixed32(try reader.fixed32()))
        case .fixed64: body(tag.number, .fixed64(try reader.fixed64()))
        case .lengthDelimited: body(tag.number, .bytes(try reader.payload()))
        case .startGroup: body(tag.number, .group(try reader.groupBody(tag.number)))
        case .endGroup: try reader.skip(tag)
        }
    }

    /// The value that counts for a singular field: the last one (protobuf's encoding document,
    /// "Last One Wins"). Groups are none.
    package static func last(
        _ number: UInt32, of bytes: UnsafeRawBufferPointer, in range: Range<Int>? = nil
    ) -> WireValue? {
        var found: WireValue?
        eachField(of: bytes, in: range) { candidate, value in
            if case .group = value { return }
            if candidate == number { found = value }
        }
        return found
    }

    /// The last value, if it is text, bytes or a message.
    package static func bytes(_ number: UInt32, of bytes: UnsafeRawBufferPointer) -> [UInt8]? {
        guard case .bytes(let range)? = last(number, of: bytes) else { return nil }
        return Array(bytes[range])
    }

    /// The same as text; what is no UTF-8 in it is replaced.
    package static func text(_ number: UInt32, of bytes: UnsafeRawBufferPointer) -> String? {
        self.bytes(number, of: bytes).map { String(decoding: $0, as: UTF8.self) }
    }
}
