// Which methods have pages, by their descriptors alone.

import DescriptorBytes
import Schema
import Testing

@testable import GoogleAPI

@Suite struct PagesTests {
    private struct Field {
        var name: String
        var number: Int
        var type: Int
        var label = 1
        var typeName = ""
    }

    private static let text = 9
    private static let int32 = 5
    private static let message = 11

    private static let request = [
        Field(name: "parent", number: 1, type: text),
        Field(name: "page_size", number: 2, type: int32),
        Field(name: "page_token", number: 3, type: text),
    ]
    private static let response = [
        Field(name: "next_page_token", number: 2, type: text),
        Field(name: "things", number: 1, type: text, label: 3),
        Field(name: "unreachable", number: 4, type: text, label: 3),
    ]

    private func plan(
        _ request: [Field] = request, _ response: [Field] = response, streams: Bool = false
    ) throws -> PagePlan? {
        let (schema, method) = try method(request, response, streams: streams)
        return PagePlan(method, schema)
    }

    private func method(
        _ request: [Field], _ response: [Field], streams: Bool = false
    ) throws -> (Schema, MethodDescriptor) {
        let method = Wire.made {
            $0.text(1, "List")
            $0.text(2, ".t.Request")
            $0.text(3, ".t.Response")
            if streams { $0.number(6, 1) }
        }
        let file = Wire.made {
            $0.text(1, "t.proto")
            $0.text(2, "t")
            $0.data(4, Self.message("Request", request))
            $0.data(4, Self.message("Response", response))
            $0.data(
                6,
                Wire.made {
                    $0.text(1, "S")
                    $0.data(2, method)
                })
            $0.text(12, "proto3")
        }
        let schema = try Schema(sets: [(label: "t", bytes: Wire.made { $0.data(1, file) })])
        return (schema, try #require(schema.method("t.S/List")))
    }

    private static func message(_ name: String, _ fields: [Field]) -> [UInt8] {
        Wire.made { message in
            message.text(1, name)
            for field in fields {
                message.data(
                    2,
                    Wire.made {
                        $0.text(1, field.name)
                        $0.number(3, field.number)
                        $0.number(4, field.label)
                        $0.number(5, field.type)
                        if !field.typeName.isEmpty { $0.text(6, field.typeName) }
                    })
            }
        }
    }

    private func request(size: Field?, token: Field?) -> [Field] {
        [Self.request[0]] + [size, token].compactMap(\.self)
    }

    @Test func `a list method is followed by its two tokens`() throws {
        let plan = try #require(try plan())
        #expect(plan.requestToken == 3)
        #expect(plan.responseToken == 2)
        #expect(plan.items == 1)
    }

    @Test(arguments: ["google.protobuf.UInt32Value", "google.protobuf.Int32Value"])
    func `older APIs say max_results, maybe in a wrapper`(_ wrapper: String) throws {
        let plain = Field(name: "max_results", number: 7, type: 13)
        let wrapped = Field(
            name: "max_results", number: 7, type: Self.message, typeName: ".\(wrapper)")
        #expect(try plan(request(size: plain, token: Self.request[2])) != nil)
        #expect(try plan(request(size: wrapped, token: Self.request[2])) != nil)
    }

    @Test func `what lacks a field, or has it of another type, has no pages`() throws {
        let size = Self.request[1]
        let token = Self.request[2]
        #expect(try plan(request(size: nil, token: token)) == nil)
        #expect(try plan(request(size: size, token: nil)) == nil)
        let number = Field(name: "page_token", number: 3, type: Self.int32)
        #expect(try plan(request(size: size, token: number)) == nil)
        let word = Field(name: "page_size", number: 2, type: Self.text)
        #expect(try plan(request(size: word, token: token)) == nil)
        let boxed = Field(
            name: "page_size", number: 2, type: Self.message,
            typeName: ".google.protobuf.Int64Value")
        #expect(try plan(request(size: boxed, token: token)) == nil)
        #expect(try plan(Self.request, [Self.response[0]]) == nil)
        #expect(try plan(Self.request, [Self.response[1]]) == nil)
    }

    @Test func `a token that repeats is none, and so is a list that does not`() throws {
        let token = Field(name: "page_token", number: 3, type: Self.text, label: 3)
        #expect(try plan(request(size: Self.request[1], token: token)) == nil)
        let next = Field(name: "next_page_token", number: 2, type: Self.text, label: 3)
        #expect(try plan(Self.request, [next, Self.response[1]]) == nil)
        let single = Field(name: "things", number: 1, type: Self.text)
        #expect(try plan(Self.request, [Self.response[0], single]) == nil)
    }

    @Test(.timeLimit(.minutes(1)))
    func `many methods over a message with very many fields cost little`() throws {
        let many = (10...60_000).map { Field(name: "f\($0)", number: $0, type: Self.text) }
        let list = Field(name: "last", number: 70_000, type: Self.text, label: 3)
        let (schema, method) = try method(many + Self.request, many + [Self.response[0], list])
        for _ in 0..<200_000 {
            guard PagePlan(method, schema)?.items == 70_000 else {
                Issue.record("it has pages")
                return
            }
        }
    }

    @Test func `a stream has no pages`() throws {
        #expect(try plan(streams: true) == nil)
    }
}
