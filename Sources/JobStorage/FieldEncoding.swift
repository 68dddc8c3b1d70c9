// The small encoding of what lies inside a row's blobs: fields with a tag, so that a later version
// adds fields and an older store stays readable. Pure; broken bytes are an error, never a trap.
//
//     field = tag byte, then a value       tag = number << 1 | form
//     form 0: an unsigned varint (LEB128, at most 10 bytes; signed numbers zigzag)
//     form 1: a varint length, then so many bytes
//
// A field of zero, or of no bytes, is left out. Unknown numbers are skipped by their form.

struct FieldEncoder {
    private(set) var bytes: [UInt8] = []

    var count: Int { bytes.count }

    /// More room than this is given back: one burst of large errors is not kept for good.
    private static let keptBytesMax = 1 << 18

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: bytes.count <= FieldEncoder.keptBytesMax)
    }

    mutating func integer(_ number: UInt8, _ value: UInt64) {
        if value == 0 { return }
        bytes.append(number << 1)
        varint(value)
    }

    mutating func signed(_ number: UInt8, _ value: Int64) {
        integer(number, FieldEncoder.zigzag(value))
    }

    /// Keeps the difference between nothing and zero: a zero is written.
    mutating func optional(_ number: UInt8, _ value: Int64?) {
        guard let value else { return }
        bytes.append(number << 1)
        varint(FieldEncoder.zigzag(value))
    }

    mutating func text(_ number: UInt8, _ value: String) {
        if value.isEmpty { return }
        bytes.append(number << 1 | 1)
        varint(UInt64(value.utf8.count))
        bytes.append(contentsOf: value.utf8)
    }

    mutating func blob(_ number: UInt8, _ value: [UInt8]) {
        if value.isEmpty { return }
        bytes.append(number << 1 | 1)
        varint(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    /// A group of fields inside a field; written also when it is empty.
    mutating func group(_ number: UInt8, _ content: (inout FieldEncoder) -> Void) {
        bytes.append(number << 1 | 1)
        // most groups are short: their length takes the byte that is kept for it
        let place = bytes.count
        bytes.append(0)
        content(&self)
        let length = UInt64(bytes.count - place - 1)
        if length < 0x80 {
            bytes[place] = UInt8(length)
            return
        }
        var head = FieldEncoder()
        head.varint(length)
        bytes.replaceSubrange(place...place, with: head.bytes)
    }

    mutating func raw(_ value: [UInt8]) {
        bytes.append(contentsOf: value)
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    private static func zigzag(_ value: Int64) -> UInt64 {
        UInt64(bitPattern: value << 1 ^ value >> 63)
    }
}

/// The bytes are not fields; the caller says which row they lie in.
struct FieldError: Error {}

struct FieldDecoder {
    struct Field {
        var number: UInt8
        /// For form 0.
        var value: UInt64
        /// For form 1; points into the decoder's bytes.
        var content: UnsafeRawBufferPointer

        var signed: Int64 { Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1) }
        var text: String { String(decoding: content, as: UTF8.self) }
        var blob: [UInt8] { [UInt8](content) }

        /// For numbers that were 32 bits when they were written.
        func narrow<Number: FixedWidthInteger>(_: Number.Type) throws(FieldError) -> Number {
            guard let number = Number(exactly: Number.isSigned ? signed : Int64(clamping: value))
            else { throw FieldError() }
            return number
        }
    }

    private var rest: UnsafeRawBufferPointer

    init(_ bytes: UnsafeRawBufferPointer) {
        rest = bytes
    }

    /// Nothing at the end.
    mutating func next() throws(FieldError) -> Field? {
        if rest.isEmpty { return nil }
        let tag = rest[0]
        advance(1)
        let value = try varint()
        if tag & 1 == 0 {
            return Field(number: tag >> 1, value: value, content: .init(start: nil, count: 0))
        }
        guard value <= UInt64(rest.count) else { throw FieldError() }
        let content = UnsafeRawBufferPointer(rebasing: rest[0..<Int(value)])
        advance(Int(value))
        return Field(number: tag >> 1, value: 0, content: content)
    }

    private mutating func varint() throws(FieldError) -> UInt64 {
        var result: UInt64 = 0
        for (index, byte) in rest.prefix(10).enumerated() {
            if index == 9, byte > 1 { throw FieldError() }
            result |= UInt64(byte & 0x7f) << UInt64(7 * index)
            if byte & 0x80 == 0 {
                advance(index + 1)
                return result
            }
        }
        throw FieldError()
    }

    private mutating func advance(_ count: Int) {
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
}
