// What the JSON writer writes.

import Testing

@testable import Schema

@Suite struct JSONWriterTests {
    private func written(_ fill: (inout JSONWriter) -> Void) -> String {
        var writer = JSONWriter()
        fill(&writer)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    @Test func `commas stand between values and nowhere else`() {
        let text = written { json in
            json.beginObject()
            json.key("a")
            json.beginArray()
            json.integer(1)
            json.beginObject()
            json.endObject()
            json.null()
            json.endArray()
            json.key("b" as String)
            json.bool(true)
            json.key("c")
            json.raw(Array("[2]".utf8))
            json.endObject()
        }
        #expect(text == "{\"a\":[1,{},null],\"b\":true,\"c\":[2]}")
    }

    @Test func `strings are escaped as JSON demands, and no more`() {
        let text = written { $0.string("a\"\\/\n\u{1}\u{1F}é\u{2028}") }
        #expect(text == "\"a\\\"\\\\/\\n\\u0001\\u001fé\u{2028}\"")
    }

    @Test(arguments: [
        (1.0, "1"), (0.1, "0.1"), (-0.0, "-0.0"), (1e21, "1e+21"), (1e-7, "1e-07"),
        (Double.nan, "\"NaN\""), (-Double.infinity, "\"-Infinity\""), (123456.75, "123456.75"),
    ])
    func `doubles are written in the fewest digits`(_ value: Double, _ wanted: String) {
        #expect(written { $0.number(value) } == wanted)
    }

    @Test func `integers are written to their bounds`() {
        #expect(written { $0.integer(Int64.min) } == "-9223372036854775808")
        #expect(written { $0.integerString(UInt64.max) } == "\"18446744073709551615\"")
        #expect(written { $0.integer(0) } == "0")
    }

    @Test func `base64 is read back from both alphabets`() {
        for count in 0..<70 {
            let data = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 89 &+ 200) }
            for padded in [true, false] {
                var text: [UInt8] = []
                data.withUnsafeBytes { appendBase64($0, padded: padded, to: &text) }
                let other = text.map {
                    $0 == UInt8(ascii: "+")
                        ? UInt8(ascii: "-") : $0 == UInt8(ascii: "/") ? UInt8(ascii: "_") : $0
                }
                #expect(text.withUnsafeBytes { decodedBase64($0) } == data)
                #expect(other.withUnsafeBytes { decodedBase64($0) } == data)
            }
        }
        for bad in ["A", "A===", "AB=", "AB=C", "A B=", "AAAAA", "====", "é"] {
            #expect(Array(bad.utf8).withUnsafeBytes { decodedBase64($0) } == nil)
        }
    }
}
