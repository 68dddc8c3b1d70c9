// What the JSON reader takes and refuses, and where it says that a fault is.

import Testing

@testable import Schema

@Suite struct JSONReaderTests {
    /// Reads a whole text; the error if it is refused.
    private func fault(_ text: [UInt8]) -> JSONError? {
        text.withUnsafeBytes { bytes in
            var reader = JSONReader(bytes)
            do throws(JSONError) {
                try reader.skipValue()
                try reader.expectEnd()
                return nil
            } catch {
                return error
            }
        }
    }

    @Test(arguments: [
        "{}", "[]", " [ 1 , 2 ] ", "0", "-0", "1.5e+10", "\"\"", "\"\\u00e9\\ud83d\\ude00\\n\"",
        "true", "null", "{\"a\":{\"b\":[null,false]}}", "\"é中😀\"",
        "\"a b c d e f g h \\\" i\"",
    ])
    func `what RFC 8259 allows is read`(_ text: String) {
        #expect(fault(Array(text.utf8)) == nil)
    }

    @Test(arguments: [
        "", " ", "{", "[", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "[1 2]", "01", "1.", ".5",
        "-",
        "+1", "1e", "NaN", "Infinity", "tru", "nul", "\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"",
        "\"\\ude00\"", "\"\\ud800\\u0041\"", "\"\u{1}\"", "1 1", "//", "{\"a\":1 \"b\":2}", "]",
        "\u{FEFF}1",
    ])
    func `what RFC 8259 does not allow is refused`(_ text: String) {
        #expect(fault(Array(text.utf8)) != nil)
    }

    @Test(
        arguments: [
            [0xFF], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
            [0xE4, 0xB8], [0x80], [0xF8, 0x88, 0x80, 0x80, 0x80],
        ] as [[UInt8]])
    func `bytes that are not UTF-8 are refused where they stand`(_ bytes: [UInt8]) {
        let text = Array("[\"abcdefghij".utf8) + bytes + Array("\"]".utf8)
        #expect(fault(text)?.offset == 12)
    }

    @Test func `nesting beyond the limit is refused, however deep it goes`() {
        let deep = [UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)
        #expect(fault(deep)?.message == "nested deeper than 110 levels")
    }

    @Test func `a value inside a larger text is read in place`() throws {
        let text = Array("{\"a\": {\"b\": [1, 2]}}".utf8)
        try text.withUnsafeBytes { bytes in
            var outer = JSONReader(bytes)
            try outer.beginObject()
            #expect(try outer.nextKey() == "a")
            let range = try outer.skipValue()
            #expect(range == 6..<19)
            var inner = JSONReader(bytes, range: range)
            try inner.beginObject()
            #expect(try inner.nextKey() == "b")
            try inner.beginArray()
            var sum: Int64 = 0
            while try inner.nextElement() { sum += try inner.readInt64() }
            #expect(sum == 3)
            #expect(try inner.nextKey() == nil)
            try inner.expectEnd()
            #expect(try outer.nextKey() == nil)
            try outer.expectEnd()
        }
    }

    @Test func `whole numbers are exact in every form`() throws {
        func read(_ text: String) -> Int64? {
            Array(text.utf8).withUnsafeBytes { bytes in
                var reader = JSONReader(bytes)
                return try? reader.readInt64()
            }
        }
        #expect(read("9007199254740993.0") == 9_007_199_254_740_993)
        #expect(read("-9223372036854775808") == Int64.min)
        #expect(read("9223372036854775807") == Int64.max)
        #expect(read("9223372036854775808") == nil)
        #expect(read("1e3") == 1000)
        #expect(read("1200e-2") == 12)
        #expect(read("0.0001e4") == 1)
        #expect(read("0e999999999999999999999") == 0)
        #expect(read("1e999999999999999999999") == nil)
        #expect(read("1.5") == nil)
        #expect(read("100000000000000000000000000000e-28") == 10)
    }

    @Test(arguments: [
        "0.1", "1e22", "1e23", "123456789012345678", "5e-324", "1.7976931348623157e308",
        "2.2250738585072014e-308", "-0.0", "9007199254740993", "1e-7", "0.30000000000000004",
    ])
    func `doubles are the nearest there are`(_ text: String) throws {
        let value = try Array(text.utf8).withUnsafeBytes { bytes in
            var reader = JSONReader(bytes)
            return try reader.readDouble()
        }
        #expect(value.bitPattern == Double(text)?.bitPattern)
    }

    @Test func `line and column count from one, in characters`() {
        let text = Array("{\n  \"é\": x".utf8)
        text.withUnsafeBytes { bytes in
            #expect(textPosition(of: 0, in: bytes) == (1, 1))
            #expect(textPosition(of: 2, in: bytes) == (2, 1))
            #expect(textPosition(of: text.count - 1, in: bytes) == (2, 8))
            #expect(textPosition(of: 1000, in: bytes) == (2, 9))
        }
    }

    @Test func `spoilt texts are read or refused, never trapped on`() {
        var seed = UInt64(7)
        func random(_ bound: Int) -> Int {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(seed >> 33) % bound
        }
        let start = Array("{\"a\":[1,-2.5e3,\"x\\u00e9\\ud83d\\ude00é\",null,true],\"b\":{}}".utf8)
        let bits = Array("{}[]\",:\\u0129eE+-.tfn \u{e9}".utf8) + [0xFF, 0x00, 0xC3]
        for _ in 0..<5000 {
            var text = start
            for _ in 0..<(1 + random(3)) {
                let place = random(text.count)
                switch random(3) {
                case 0: text[place] = bits[random(bits.count)]
                case 1: text.insert(bits[random(bits.count)], at: place)
                default: text.removeSubrange(place..<min(text.count, place + random(4)))
                }
                if text.isEmpty { text = [0x20] }
            }
            if let fault = fault(text) { #expect((0...text.count).contains(fault.offset)) }
        }
    }
}
