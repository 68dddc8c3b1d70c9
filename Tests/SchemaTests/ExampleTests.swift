// Examples of what a method takes: names as its paths form them, nothing that a first call does not
// send, and a list where the client streams.

import DescriptorBytes
import Testing

@testable import Schema

@Suite struct ExampleTests {
    private static let text = 9
    private static let flag = 8

    /// A method whose request has the fields that the paths below name, and others.
    private func example(
        paths: [String] = [], routing: [(String, String)] = [], isClientStreaming: Bool = false
    ) throws -> String {
        let inner = testMessage(
            "Policy",
            [
                TestField(name: "name", number: 1, type: Self.text),
                TestField(name: "title", number: 2, type: Self.text),
            ])
        let request = testMessage(
            "Ask",
            [
                TestField(name: "parent", number: 1, type: Self.text),
                TestField(name: "policy", number: 2, type: 11, typeName: ".test.Policy"),
                TestField(name: "page_token", number: 3, type: Self.text),
                TestField(name: "validate_only", number: 4, type: Self.flag),
                TestField(
                    name: "policies", number: 5, type: 11, typeName: ".test.Policy", label: 3),
            ])
        let service = Wire.made {
            $0.text(1, "S")
            $0.data(2, method(paths, routing, isClientStreaming))
        }
        let schema = try testSchema([
            testFile("a.proto", messages: [inner, request], services: [service])
        ])
        let found = try #require(schema.method("test.S/Do"))
        let example = schema.example(of: found)
        if !isClientStreaming { _ = try schema.encode(json: example, as: found.input) }
        return String(decoding: example, as: UTF8.self)
    }

    private func method(
        _ paths: [String], _ routing: [(String, String)], _ isClientStreaming: Bool
    ) -> [UInt8] {
        Wire.made {
            $0.text(1, "Do")
            $0.text(2, ".test.Ask")
            $0.text(3, ".test.Ask")
            $0.data(4, options(paths, routing))
            if isClientStreaming { $0.number(5, 1) }
        }
    }

    private func options(
        _ paths: [String], _ routing: [(field: String, template: String)]
    ) -> [UInt8] {
        Wire.made { options in
            if let first = paths.first {
                options.data(
                    72_295_728,
                    Wire.made { rule in
                        rule.text(4, first)
                        for path in paths.dropFirst() {
                            rule.data(11, Wire.made { $0.text(4, path) })
                        }
                    })
            }
            if !routing.isEmpty { options.routing(routing) }
        }
    }

    private static let rest = #","policies":[{"name":"text","title":"text"}]}"#

    @Test func `names of resources are formed as the method's path says`() throws {
        let path = "/v1/{parent=projects/*/locations/*}/x/{policy.name=policies/*/*}"
        #expect(
            try example(paths: [path])
                == #"{"parent":"projects/my-project/locations/my-location","#
                + #""policy":{"name":"policies/my-policy/my-id","title":"text"}"# + Self.rest)
    }

    @Test func `the form in a project goes before others, whose own fields are left out`() throws {
        let paths = [
            "/v1/organizations/{title}/{parent=organizations/*}",
            "/v1/{parent=projects/*}/serviceAccounts/{policy.name}",
        ]
        #expect(
            try example(paths: paths)
                == #"{"parent":"projects/my-project","#
                + #""policy":{"name":"my-service-account","title":"text"}"# + Self.rest)
        #expect(
            try example(paths: ["/v1/serviceAccounts/{parent}", "/v1/{policy=policies/*}"])
                == #"{"parent":"my-service-account""# + Self.rest)
    }

    @Test func `routing tells what the path does not`() throws {
        let routing = [
            ("parent", "{all=**}"), ("policy.name", "projects/*/{kept=boxes/*}/**"),
        ]
        #expect(
            try example(routing: routing)
                == #"{"parent":"text","#
                + #""policy":{"name":"projects/my-project/boxes/my-box","title":"text"},"#
                + #""validateOnly":true"# + Self.rest)
    }

    @Test func `a first call has no page token, and where no paths are nothing else is left out`()
        throws
    {
        #expect(
            try example()
                == #"{"parent":"text","policy":{"name":"text","title":"text"},"#
                + #""validateOnly":true"# + Self.rest)
    }

    @Test func `of a method that takes a stream the example is a list`() throws {
        let list = try example(isClientStreaming: true)
        #expect(list.hasPrefix(#"[{"parent":"text","#) && list.hasSuffix("}]"), "\(list)")
    }

    @Test(arguments: [
        "", "{", "}", "{=}", "{a=}", "{a=/}", "{a=**", "}{", "/{a}/{b}", "{a=*/**/*}",
    ])
    func `no template is too broken for an example`(template: String) throws {
        _ = try example(paths: [template], routing: [("parent", template), ("", template)])
    }
}
