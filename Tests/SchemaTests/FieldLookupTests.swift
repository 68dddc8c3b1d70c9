// Fields found by name and by number, without a look at the others.

import DescriptorBytes
import Testing

@testable import Schema

@Suite struct FieldLookupTests {
    @Test func `a field is found by its own name, not by its JSON name`() throws {
        let schema = try sampleSchema()
        let all = try #require(schema.message(named: "test.All"))
        #expect(schema.field("an_int", of: all)?.number == 1)
        #expect(schema.field("anInt", of: all) == nil)
        #expect(schema.field("named", of: all)?.number == 18)
        #expect(schema.field("@other", of: all) == nil)
        #expect(schema.field("", of: all) == nil)
        let inner = try #require(schema.field("inner", of: all))
        #expect(inner.message == all && inner.enumeration == nil && !inner.isRepeated)
        let kind = try #require(schema.field("kind", of: all))
        #expect(kind.enumeration == schema.enum(named: "test.Kind") && kind.message == nil)
        #expect(try #require(schema.field("labels", of: all)).isRepeated)
    }

    @Test func `a field is found though its name is another one's JSON name`() throws {
        let fields = [
            TestField(name: "page_token", number: 1, type: 9, jsonName: "x"),
            TestField(name: "other", number: 2, type: 5, jsonName: "page_token"),
            TestField(name: "x", number: 3, type: 5, jsonName: "other"),
        ]
        let schema = try testSchema([testFile("a.proto", messages: [testMessage("M", fields)])])
        let message = try #require(schema.message(named: "test.M"))
        for field in fields {
            #expect(schema.field(field.name, of: message)?.number == UInt32(field.number))
        }
    }

    @Test func `an extension is not one of its message's fields`() throws {
        let message = Wire.made {
            $0.text(1, "M")
            $0.data(2, TestField(name: "own", number: 1, type: 5).bytes)
            $0.data(
                5,
                Wire.made {
                    $0.number(1, 100)
                    $0.number(2, 200)
                })
        }
        let more = TestField(name: "more", number: 100, type: 5, label: 3, extendee: ".test.M")
        let schema = try testSchema([
            testFile("a.proto", messages: [message], extensions: [more], syntax: "proto2")
        ])
        let handle = try #require(schema.message(named: "test.M"))
        #expect(schema.field("more", of: handle) == nil)
        #expect(schema.field("test.more", of: handle) == nil)
        #expect(schema.field("[test.more]", of: handle) == nil)
        #expect(schema.firstList(of: handle) == nil)
        #expect(schema.field("own", of: handle)?.number == 1)
    }

    @Test func `fields are found by number, and the first list by its number`() throws {
        let schema = try sampleSchema()
        let all = try #require(schema.message(named: "test.All"))
        #expect(schema.field(number: 25, of: all)?.name == "boxed")
        #expect(schema.field(number: 1, of: all)?.name == "an_int")
        for number: UInt32 in [0, 19, 26, .max] {
            #expect(schema.field(number: number, of: all) == nil)
        }
        #expect(schema.firstList(of: all)?.name == "numbers")
        let any = try #require(schema.message(named: "google.protobuf.Any"))
        #expect(schema.firstList(of: any) == nil)
    }

    @Test func `an enum's value is found by its name`() throws {
        let schema = try sampleSchema()
        let kind = try #require(schema.enum(named: "test.Kind"))
        #expect(schema.enumValue("BELOW", of: kind) == -1)
        #expect(schema.enumValue("NONE", of: kind) == 0)
        #expect(schema.enumValue("LAST", of: kind) == nil)
    }
}
