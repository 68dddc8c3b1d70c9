// Descriptor sets that are allowed and nasty, or nearly right: each is read or refused in a bounded
// time, and a refusal says where.

import DescriptorBytes
import Testing

@testable import Schema

@Suite struct HostileDescriptorTests {
    private func field(
        _ name: String, _ number: Int, _ typeName: String, label: Int = 1
    ) -> TestField {
        TestField(name: name, number: number, type: 11, typeName: typeName, label: label)
    }

    /// That all the schema can be asked about a message ends.
    private func use(_ schema: Schema, _ name: String) throws {
        let message = try #require(schema.message(named: name))
        let example = schema.example(of: message)
        #expect(example.count < 1 << 20)
        let wire = try schema.encode(json: example, as: message)
        _ = try schema.decode(wire: wire, as: message)
        #expect(schema.describe(name) != nil)
    }

    @Test(.timeLimit(.minutes(1)))
    func `types that hold themselves and each other are harmless`() throws {
        let entry = testMessage(
            "ByEntry", [TestField(name: "key", number: 1, type: 9), field("value", 2, ".test.C")],
            isMapEntry: true)
        let schema = try testSchema([
            testFile(
                "a.proto",
                messages: [
                    testMessage("A", [field("a", 1, ".test.A"), field("b", 2, ".test.B")]),
                    testMessage("B", [field("a", 1, ".test.A", label: 3)]),
                    testMessage(
                        "C", [field("by", 1, ".test.C.ByEntry", label: 3)], nested: [entry]),
                ])
        ])
        for name in ["test.A", "test.B", "test.C"] { try use(schema, name) }
        let message = try #require(schema.message(named: "test.A"))
        let json = Array(#"{"a":{"b":{"a":[{},{"a":{}}]}}}"#.utf8)
        #expect(
            try schema.decode(wire: schema.encode(json: json, as: message), as: message) == json)
    }

    @Test(.timeLimit(.minutes(1)))
    func `a type that holds itself very often, or must, has an end`() throws {
        let wide = testMessage("Wide", (1...500).map { field("f\($0)", $0, ".test.Wide") })
        try use(try testSchema([testFile("a.proto", messages: [wide])]), "test.Wide")
        let must = testMessage("Must", [field("f", 1, ".test.Must", label: 2)])
        let schema = try testSchema([testFile("a.proto", messages: [must], syntax: "proto2")])
        let message = try #require(schema.message(named: "test.Must"))
        let example = schema.example(of: message)
        #expect(throws: TranscodeError.self) { try schema.encode(json: example, as: message) }
    }

    @Test(arguments: [(".no.Such", ".test.M"), (".test.M", ".no.Such"), ("", ".test.M")])
    func `a method whose message is missing is named with it`(input: String, output: String) {
        let method = Wire.made {
            $0.text(1, "Do")
            $0.text(2, input)
            $0.text(3, output)
        }
        let service = Wire.made {
            $0.text(1, "S")
            $0.data(2, method)
        }
        let file = testFile("a.proto", messages: [testMessage("M", [])], services: [service])
        let missing = input == ".test.M" ? output : input
        let error = #expect(throws: SchemaError.self) { try testSchema([file]) }
        #expect(error?.label == "test.binpb")
        #expect(
            error?.message
                == "a.proto: test.S/Do uses the message \"\(missing)\", which is not declared")
    }
}
