// JSON to protobuf and back: what comes out, what is refused, and where the fault is said to be.
// The whole mapping is held against Python's protobuf by SchemaDifferential; here stand the rules
// that prong promises by itself.

import DescriptorBytes
import Testing

@testable import Schema

@Suite struct TranscodingTests {
    let schema: Schema
    let all: MessageHandle

    init() throws {
        schema = try sampleSchema()
        all = try #require(schema.message(named: "test.All"))
    }

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func roundTrip(_ json: String) throws -> String {
        let wire = try schema.encode(json: Array(json.utf8), as: all)
        return String(decoding: try schema.decode(wire: wire, as: all), as: UTF8.self)
    }

    private func refusal(_ json: String) -> TranscodeError? {
        do throws(TranscodeError) {
            _ = try schema.encode(json: Array(json.utf8), as: all)
            return nil
        } catch {
            return error
        }
    }

    private func refusal(wire: [UInt8]) -> TranscodeError? {
        do throws(TranscodeError) {
            _ = try schema.decode(wire: wire, as: all)
            return nil
        } catch {
            return error
        }
    }

    @Test func `a message comes back as it went, in canonical form`() throws {
        let json = """
            {"anInt":-5,"aLong":"9223372036854775807","aText":"é\\n","someBytes":"AAH/",\
            "aDouble":0.1,"aFloat":"NaN","aFlag":true,"kind":"FIRST","inner":{"anInt":1},\
            "numbers":[1,2,3],"texts":["",""],"inners":[{},{"aText":"x"}],"labels":{"a":1,"b":0},\
            "one":"","maybe":0,"anUnsigned":"18446744073709551615","@other":2,\
            "time":"2026-01-31T12:00:00.500Z","span":"-1.500s","mask":"a,bC.d",\
            "value":{"x":[null,1,"y",true]},"boxed":"7"}
            """
        #expect(try roundTrip(json) == json)
    }

    @Test func `every form of a value that protobuf's JSON allows is read`() throws {
        #expect(
            try roundTrip("{\"an_int\":\"1e2\",\"a_long\":5.0}")
                == "{\"anInt\":100,\"aLong\":\"5\"}")
        #expect(try roundTrip("{\"someBytes\":\"_-8\"}") == "{\"someBytes\":\"/+8=\"}")
        #expect(try roundTrip("{\"kind\":-1}") == "{\"kind\":\"BELOW\"}")
        #expect(try roundTrip("{\"kind\":99}") == "{\"kind\":99}")
        #expect(try roundTrip("{\"aDouble\":\"-Infinity\"}") == "{\"aDouble\":\"-Infinity\"}")
        #expect(
            try roundTrip("{\"an\\u0049nt\":1}")
                == "{\"anInt\":1}")
        #expect(
            try roundTrip("{\"inner\":null,\"labels\":null,\"value\":null}") == "{\"value\":null}")
        #expect(
            try roundTrip("{\"time\":\"2026-01-31T12:00:00+01:30\"}")
                == "{\"time\":\"2026-01-31T10:30:00Z\"}")
    }

    @Test func `defaults are left out, but not where presence counts`() throws {
        #expect(try roundTrip("{\"anInt\":0,\"aText\":\"\",\"numbers\":[]}") == "{}")
        #expect(try roundTrip("{\"maybe\":0,\"other\":0}") == "{\"other\":0,\"maybe\":0}")
        #expect(
            try schema.encode(json: Array("{\"anInt\":0,\"kind\":\"NONE\"}".utf8), as: all) == [])
    }

    @Test func `an Any is read by its type, wherever the type stands`() throws {
        let first = "{\"any\":{\"@type\":\"a.com/test.All\",\"anInt\":1}}"
        let last = "{\"any\":{\"anInt\":1,\"@type\":\"a.com/test.All\"}}"
        #expect(try roundTrip(first) == first)
        #expect(try roundTrip(last) == first)
        let known = "{\"any\":{\"@type\":\"a.com/google.protobuf.Duration\",\"value\":\"1s\"}}"
        #expect(try roundTrip(known) == known)
        #expect(try roundTrip("{\"any\":{}}") == "{\"any\":{}}")
        #expect(refusal("{\"any\":{\"@type\":\"a.com/no.Such\"}}")?.path == "any.@type")
        #expect(refusal("{\"any\":{\"anInt\":1}}") != nil)
        #expect(refusal("{\"any\":{\"@type\":\"a.com/google.protobuf.Duration\"}}") != nil)
    }

    @Test func `an Any of an unknown type is written with its bytes`() throws {
        let any = Wire.made {
            $0.text(1, "a.com/no.Such")
            $0.data(2, [1, 2, 255])
        }
        let wire = Wire.made { $0.data(20, any) }
        let json = String(decoding: try schema.decode(wire: wire, as: all), as: UTF8.self)
        #expect(json == "{\"any\":{\"@type\":\"a.com/no.Such\",\"value\":\"AQL/\"}}")
    }

    @Test func `Anys in Anys with their types last are read in one go`() throws {
        var json = "{}"
        for _ in 0..<40 {
            json = "{\"value\":\(json),\"x\":0,\"@type\":\"a/google.protobuf.Any\"}"
                .replacing(",\"x\":0", with: "")
        }
        _ = try schema.encode(
            json: Array(json.utf8), as: #require(schema.message(named: "google.protobuf.Any")))
    }

    @Test(arguments: [
        ("{\"contents\":1}", "contents", 2), ("{\"inner\":{\"x\":1}}", "inner.x", 11),
        ("{\"inners\":[{},{\"aText\":5}]}", "inners[1].aText", 24),
        ("{\"labels\":{\"a b\":\"x\"}}", "labels[\"a b\"]", 18),
        ("{\"anInt\":2147483648}", "anInt", 10), ("{\"anInt\":1.5}", "anInt", 10),
        ("{\"anUnsigned\":-1}", "anUnsigned", 15), ("{\"kind\":\"NOPE\"}", "kind", 9),
        ("{\"someBytes\":\"A\"}", "someBytes", 14), ("{\"one\":\"\",\"other\":1}", "other", 11),
        ("{\"anInt\":1,\"an_int\":1}", "an_int", 12), ("{\"numbers\":[1,null]}", "numbers[1]", 15),
        ("{\"time\":\"yesterday\"}", "time", 9), ("{\"aText\":\"x\" \"y\"}", "", 14),
        ("{\"aText\":\"\\ud800\"}", "aText", 11), ("[]", "", 1),
        ("{\"aFlag\":\"true\"}", "aFlag", 10),
        ("{\"mask\":\"a_b\"}", "mask", 9), ("{\"aFloat\":1e39}", "aFloat", 11),
        ("{\"labels\":{\"a\":1,\"a\":2}}", "labels.a", 18), ("{\"span\":\"1\"}", "span", 9),
    ])
    func `a refusal names the field and the place`(_ json: String, _ path: String, _ column: Int) {
        let error = refusal(json)
        #expect(error?.path == path)
        #expect(error?.position == TranscodeError.Position(line: 1, column: column))
    }

    @Test func `in an envelope the path and the place are those of the whole text`() throws {
        let text = Array(
            "{\"method\":\"m\",\n \"request\": {\"inners\": [{}, {\"anInt\": \"é\"}]}}".utf8)
        try text.withUnsafeBytes { bytes in
            var reader = JSONReader(bytes)
            try reader.beginObject()
            _ = try reader.nextKey()
            try reader.skipValue()
            #expect(try reader.nextKey() == "request")
            let range = try reader.skipValue()
            var out: [UInt8] = [42]
            let error = #expect(throws: TranscodeError.self) {
                try schema.encode(
                    json: bytes, range: range, as: all, path: "request", into: &out)
            }
            #expect(error?.path == "request.inners[1].anInt")
            #expect(error?.position == TranscodeError.Position(line: 2, column: 39))
            #expect(out == [42])
        }
    }

    @Test func `messages nested beyond a hundred are refused both ways`() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "{\"inner\":", count: depth - 1) + "{}"
                + String(repeating: "}", count: depth - 1)
        }
        #expect(try roundTrip(nested(100)) == nested(100))
        #expect(refusal(nested(101)) != nil)
        #expect(refusal(nested(100_000)) != nil)
        var wire: [UInt8] = []
        for _ in 0..<200 { wire = Wire.made { $0.data(9, wire) } }
        #expect(refusal(wire: wire)?.reason.contains("deeper") == true)
        let group = [UInt8](repeating: 0x33 | 0x80, count: 1)
        #expect(refusal(wire: group) != nil)
    }

    @Test func `long lengths are put in at every level`() throws {
        let text = String(repeating: "x", count: 20_000)
        var json = "{\"aText\":\"\(text)\"}"
        for _ in 0..<20 { json = "{\"inner\":\(json),\"texts\":[\"\(text)\"]}" }
        #expect(try roundTrip(json) == json)
    }

    @Test func `what comes again on the wire counts as protobuf says`() throws {
        let first = try schema.encode(
            json: bytes(
                """
                {"anInt":1,"inner":{"anInt":1},"numbers":[1],"labels":{"a":1},"one":"x"}
                """), as: all)
        let second = try schema.encode(
            json: bytes(
                """
                {"anInt":2,"inner":{"aText":"y"},"numbers":[2],"labels":{"a":2},"other":3}
                """), as: all)
        let merged = String(
            decoding: try schema.decode(wire: first + second, as: all), as: UTF8.self)
        #expect(
            merged == """
                {"anInt":2,"inner":{"anInt":1,"aText":"y"},"numbers":[1,2],\
                "labels":{"a":2},"other":3}
                """)
    }

    @Test func `bad bytes are refused with the field and the byte`() {
        let inner = Wire.made { $0.data(3, [0x61, 0xFF]) }
        let error = refusal(
            wire: Wire.made {
                $0.data(12, [])
                $0.data(12, inner)
            })
        #expect(error?.path == "inners[1].aText")
        #expect(error?.offset == 7)
        #expect(refusal(wire: [0x08]) != nil)
        #expect(refusal(wire: [0x1A, 0x05, 0x61]) != nil)
        #expect(refusal(wire: [0x0C]) != nil)
        #expect(
            refusal(wire: [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]) != nil
        )
    }

    @Test func `unknown fields are skipped, and fields of another wire type too`() throws {
        let wire = Wire.made {
            $0.number(999, 5)
            $0.text(1, "not a number")
            $0.number(1, 7)
        }
        #expect(
            String(decoding: try schema.decode(wire: wire, as: all), as: UTF8.self)
                == "{\"anInt\":7}")
    }

    @Test func `validation agrees with decoding on what is well-formed`() throws {
        var seed = UInt64(11)
        func random(_ bound: Int) -> Int {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(seed >> 33) % bound
        }
        let good = try schema.encode(
            json: bytes(
                """
                {"aText":"abc","inner":{"numbers":[1,300],"texts":["é"]},"labels":{"k":1},\
                "value":[1,{"a":"b"}]}
                """), as: all)
        for _ in 0..<5000 {
            var wire = good
            for _ in 0..<(1 + random(3)) { wire[random(wire.count)] = UInt8(random(256)) }
            let decoded = refusal(wire: wire)
            var checked: TranscodeError?
            wire.withUnsafeBytes { bytes in
                do throws(TranscodeError) {
                    try schema.validate(wire: bytes, as: all)
                } catch {
                    checked = error
                }
            }
            // What is well-formed may still be beyond JSON (a time in the year 20000).
            if checked != nil { #expect(decoded != nil) }
            if decoded != nil, checked == nil {
                #expect(
                    decoded?.reason.contains("years") == true
                        || decoded?.reason.contains("mask") == true
                        || decoded?.reason.contains("JSON cannot") == true)
            }
        }
    }

    @Test func `an example of every message is a message`() throws {
        for name in schema.messagesByName.keys.sorted() {
            let handle = try #require(schema.message(named: name))
            _ = try schema.encode(json: schema.example(of: handle), as: handle)
            let short = name.split(separator: ".").last.map(String.init) ?? ""
            let opening = "// \(name)\nmessage \(short) {"
            #expect(schema.describe(name)?.hasPrefix(opening) == true)
        }
    }

    @Test func `required fields, groups and extensions of proto2 are read and written`() throws {
        let group = testMessage("Pair", [TestField(name: "a", number: 1, type: 5)])
        let message = Wire.made {
            $0.bytes += testMessage(
                "M",
                [
                    TestField(name: "need", number: 1, type: 5, label: 2),
                    TestField(name: "pair", number: 2, type: 10, typeName: ".test.M.Pair"),
                    TestField(name: "kind", number: 3, type: 14, typeName: ".test.K"),
                ], nested: [group])
            $0.data(
                5,
                Wire.made {
                    $0.number(1, 100)
                    $0.number(2, 200)
                })
        }
        let schema = try testSchema([
            testFile(
                "a.proto", messages: [message], enums: [testEnum("K", [("A", 1), ("B", 2)])],
                extensions: [TestField(name: "more", number: 100, type: 9, extendee: ".test.M")],
                syntax: "")
        ])
        let handle = try #require(schema.message(named: "test.M"))
        let json = "{\"need\":0,\"pair\":{\"a\":0},\"kind\":\"B\",\"[test.more]\":\"x\"}"
        let wire = try schema.encode(json: Array(json.utf8), as: handle)
        #expect(wire == [0x08, 0, 0x13, 0x08, 0, 0x14, 0x18, 2, 0xA2, 0x06, 1, 0x78])
        #expect(String(decoding: try schema.decode(wire: wire, as: handle), as: UTF8.self) == json)
        let missing = #expect(throws: TranscodeError.self) {
            try schema.encode(json: Array("{}".utf8), as: handle)
        }
        #expect(missing?.reason == "missing what is required: need")
        #expect(throws: TranscodeError.self) {
            try schema.encode(json: Array("{\"need\":1,\"kind\":3}".utf8), as: handle)
        }
        let unknown = try schema.decode(wire: [0x08, 1, 0x18, 9], as: handle)
        #expect(String(decoding: unknown, as: UTF8.self) == "{\"need\":1}")
    }
}

extension TranscodingTests {
    @Test func `a key that stands twice is found among very many`() throws {
        let members = (0..<5000).map { "\"k\($0)\":\($0)" }
        let map = "{\"labels\":{\(members.joined(separator: ","))}}"
        _ = try schema.encode(json: Array(map.utf8), as: all)
        for twice in [0, 11, 12, 4999] {
            let spelt = twice == 11 ? "\\u006b11" : "k\(twice)"
            let json = map.dropLast(2) + ",\"\(spelt)\":1}}"
            #expect(throws: TranscodeError.self) {
                try schema.encode(json: Array(json.utf8), as: all)
            }
        }
    }
}
