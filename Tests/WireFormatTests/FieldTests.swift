// Fields: numbers of every size, nested messages of every length, and bytes that end too soon.

import SeededRandom
import Testing
import WireFormat

struct FieldTests {
    @Test func `numbers of every size come back`() throws {
        var random = SeededRandom(seed: 1)
        var values: [UInt64] = (0..<64).flatMap { [1 << $0, 1 << $0 - 1, ~(1 << $0)] }
        values += (0..<1000).map { _ in random.next() }
        for value in values {
            var writer = FieldWriter()
            writer.unsigned(1, value)
            writer.signed(2, Int64(bitPattern: value))
            var reader = FieldReader(writer.bytes)
            let first = try #require(try reader.next())
            #expect(try reader.unsigned(first) == value)
            let second = try #require(try reader.next())
            #expect(second.number == 2)
            #expect(try reader.signed(second) == Int64(bitPattern: value))
            let end = try reader.next()
            #expect(end == nil)
        }
    }

    @Test(arguments: [0, 1, 127, 128, 129, 16_383, 16_384, 300_000])
    func `a nested message of any length is framed rightly`(count: Int) throws {
        var writer = FieldWriter()
        writer.unsigned(1, 1)
        writer.message(3) { outer in
            outer.message(4) { $0.data(5, Array(repeating: 7, count: count)) }
        }
        writer.text(2, "behind")
        var reader = FieldReader(writer.bytes)
        _ = try reader.next()
        var outer = try reader.message(try #require(try reader.next()))
        var inner = try outer.message(try #require(try outer.next()))
        let data = try #require(try inner.next())
        #expect(try inner.data(data) == Array(repeating: 7, count: count))
        let behind = try #require(try reader.next())
        #expect(try reader.text(behind) == "behind")
    }

    @Test func `every message cut short is refused as truncated`() {
        var writer = FieldWriter()
        writer.unsigned(1, 300)
        writer.data(2, [1, 2, 3])
        var whole = 0
        for count in 1..<writer.bytes.count {
            var reader = FieldReader(Array(writer.bytes.prefix(count)))
            do throws(FieldError) {
                while try reader.next() != nil {}
                whole += 1
            } catch {
                #expect(error == .truncated)
            }
        }
        #expect(whole == 1)
    }

    @Test(
        arguments: [
            ([0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], .varintTooLong),
            (
                [0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0],
                .varintTooLong
            ),
            ([0x00, 0x01], .badKey(0)), ([0x02, 0x00], .badKey(2)), ([0x09], .badKey(9)),
            ([0x0b], .badKey(11)), ([0x0d], .badKey(13)),
            ([0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], .truncated),
            ([0x80, 0x80, 0x80, 0x80, 0x80, 0x01, 0], .badKey(1 << 35)),
        ] as [([UInt8], FieldError)])
    func `what is no field is refused`(bytes: [UInt8], expected: FieldError) {
        var reader = FieldReader(bytes)
        #expect(throws: expected) { try reader.next() }
    }

    @Test func `of a foreign message every shape is stepped over, and only there`() throws {
        // fixed64 (4), fixed32 (5), a group (6) with a group (7) in it, text (1)
        let bytes: [UInt8] =
            [0x21] + Array(repeating: 2, count: 8) + [0x2d, 2, 2, 2, 2, 0x33, 0x3b, 0x3c, 0x34]
            + [0x0a, 1, 97]
        var reader = FieldReader(bytes)
        var numbers: [UInt32] = []
        var text: [String] = []
        while let field = try reader.nextForeign() {
            numbers.append(field.number)
            if case .data = field.value { text.append(try reader.text(field)) }
        }
        #expect(numbers == [4, 5, 6, 1])
        #expect(text == ["a"])
        var own = FieldReader(bytes)
        #expect(throws: FieldError.badKey(0x21)) { try own.next() }
    }

    @Test(
        arguments: [
            ([0x21, 1], .truncated), ([0x2d, 1], .truncated), ([0x33], .truncated),
            ([0x33, 0x3c], .badKey(0x3c)), ([0x34], .badKey(0x34)), ([0x07], .badKey(7)),
            ([0x03, 0x04], .badKey(3)), ([0x0a, 5, 1], .truncated),
            ([0x85, 0x80, 0x80, 0x80, 0x10, 0, 0, 0, 0], .badKey(1 << 32 | 5)),
            (Array(repeating: 0x33, count: 1 << 20), .tooDeep),
        ] as [([UInt8], FieldError)])
    func `what is no foreign field is refused`(bytes: [UInt8], expected: FieldError) {
        var reader = FieldReader(bytes)
        #expect(throws: expected) { try reader.nextForeign() }
    }

    @Test func `a field of the other shape is refused`() throws {
        var writer = FieldWriter()
        writer.unsigned(1, 5)
        writer.data(2, [0xc3, 0x28])
        var reader = FieldReader(writer.bytes)
        let number = try #require(try reader.next())
        let data = try #require(try reader.next())
        #expect(throws: FieldError.outOfRange(field: 1)) { try reader.data(number) }
        #expect(throws: FieldError.outOfRange(field: 1)) { try reader.text(number) }
        #expect(throws: FieldError.outOfRange(field: 2)) { try reader.unsigned(data) }
        #expect(throws: FieldError.notText(field: 2)) { try reader.text(data) }
    }
}
