// The routing header: which fields, matched how, written how.

import DescriptorBytes
import Schema
import Testing

@testable import GoogleAPI

@Suite struct RoutingHeaderTests {
    /// A method with options, over a request with `name`, `parent`, `book {name}`, `count`, `on`,
    /// and itself as `again`.
    private func plan(_ options: (inout Wire) -> Void) throws -> RoutingPlan? {
        let book = testMessage("Book", [TestField(name: "name", number: 1, type: 9)])
        let request = testMessage(
            "Request",
            [
                TestField(name: "name", number: 1, type: 9),
                TestField(name: "parent", number: 2, type: 9),
                TestField(name: "book", number: 3, type: 11, typeName: ".test.Book"),
                TestField(name: "count", number: 4, type: 3),
                TestField(name: "on", number: 5, type: 8),
                TestField(name: "names", number: 6, type: 9, label: 3),
                TestField(name: "again", number: 7, type: 11, typeName: ".test.Request"),
            ])
        let method = Wire.made {
            $0.text(1, "Do")
            $0.text(2, ".test.Request")
            $0.text(3, ".test.Book")
            $0.data(4, Wire.made(options))
        }
        let service = Wire.made {
            $0.text(1, "S")
            $0.data(2, method)
        }
        let schema = try testSchema([
            testFile("a.proto", messages: [book, request], services: [service])
        ])
        return RoutingPlan(of: try #require(schema.method("test.S/Do")), in: schema)
    }

    private func http(_ path: String, additional: String = "") throws -> RoutingPlan? {
        try plan { options in
            options.data(
                72_295_728,
                Wire.made {
                    $0.text(4, path)
                    if !additional.isEmpty { $0.data(11, Wire.made { $0.text(4, additional) }) }
                })
        }
    }

    private func routing(_ parameters: [(String, String)]) throws -> RoutingPlan? {
        try plan { $0.routing(parameters) }
    }

    private let request = Wire.made {
        $0.text(1, "projects/p 1/x")
        $0.text(2, "é%~")
        $0.data(3, Wire.made { $0.text(1, "shelves/1") })
        $0.number(4, -7)
        $0.number(5, 1)
    }

    @Test func `an HTTP rule's variables are sent in order, nested ones too`() throws {
        let plan = try http("/v1/{parent=projects/*}/a/{book.name=shelves/*}:{name}")
        #expect(
            plan?.header(for: request)
                == "parent=%C3%A9%25~&book.name=shelves/1&name=projects/p+1/x")
    }

    @Test func `an HTTP rule's empty values are sent, other bindings are not looked at`() throws {
        let plan = try http("/v1/{parent}/{book.name}/{count}/{on}", additional: "/v1/{name}")
        #expect(plan?.header(for: []) == "parent=&book.name=&count=0&on=False")
        #expect(plan?.header(for: request)?.hasSuffix("count=-7&on=True") == true)
    }

    @Test func `no variable, or one that is no field, gives no header`() throws {
        #expect(try http("/v1/things") == nil)
        #expect(try http("/v1/{nothing}") == nil)
        #expect(try http("/v1/{names}") == nil)
        #expect(try plan { _ in } == nil)
    }

    @Test func `an explicit rule wins over the HTTP rule, and an empty one switches it off`() throws
    {
        let plan = try plan { options in
            options.data(72_295_728, Wire.made { $0.text(4, "/v1/{name}") })
            options.data(72_295_729, [])
        }
        #expect(plan == nil)
    }

    @Test func `explicit values are sent only when they match and are not empty`() throws {
        let plan = try routing([("parent", ""), ("name", "{project=projects/*}/**")])
        #expect(plan?.header(for: request) == "parent=%C3%A9%25~&project=projects/p+1")
        #expect(plan?.header(for: Wire.made { $0.text(1, "else/p") }) == nil)
        #expect(plan?.header(for: []) == nil)
    }

    @Test func `of several explicit rules for one name the last that matches wins`() throws {
        let plan = try routing([
            ("name", "{id=projects/*}/**"), ("parent", ""), ("name", "{id=projects/*/x}"),
        ])
        #expect(plan?.header(for: request) == "id=projects/p+1/x&parent=%C3%A9%25~")
    }

    @Test func `the last occurrence of a field counts, and broken bytes end the search`() throws {
        let plan = try http("/v1/{name}")
        let twice = Wire.made {
            $0.text(1, "a")
            $0.text(1, "b")
        }
        #expect(plan?.header(for: twice) == "name=b")
        #expect(plan?.header(for: twice + [0x0A, 0xFF]) == "name=b")
    }

    @Test(.timeLimit(.minutes(1)))
    func `a path through itself goes as deep as messages do, and no deeper`() throws {
        let deepest = Schema.depthLimit
        func path(_ depth: Int) -> String { String(repeating: "again.", count: depth) + "name" }
        func nested(_ depth: Int) -> [UInt8] {
            (0..<depth).reduce(Wire.made { $0.text(1, "n") }) { inner, _ in
                Wire.made { $0.data(7, inner) }
            }
        }
        let plan = try http("/v1/{\(path(deepest))}")
        #expect(plan?.header(for: nested(deepest)) == "\(path(deepest))=n")
        #expect(plan?.header(for: []) == "\(path(deepest))=")
        #expect(try http("/v1/{\(path(deepest + 1))}") == nil)
        #expect(try http("/v1/{\(path(100_000))}") == nil)
        #expect(try routing([(path(100_000), "{a=**}")]) == nil)
    }

    @Test(.timeLimit(.minutes(1)))
    func `more names than any path has are none`() throws {
        let most = RoutingPlan.parametersMax
        let names = String(repeating: "{name}/", count: most)
        let header = try #require(try http(names)?.header(for: request))
        #expect(header.split(separator: "&").count == most)
        #expect(try http(names + "{name}") == nil)
        #expect(try http(String(repeating: "{name}", count: 100_000)) == nil)
        #expect(try http(String(repeating: "{name={", count: 100_000)) == nil)
        #expect(try routing(Array(repeating: ("name", "{a=**}"), count: most)) != nil)
        #expect(try routing(Array(repeating: ("name", "{a=**}"), count: most + 1)) == nil)
        #expect(try routing(Array(repeating: ("name", "{a=*/**}"), count: 20_000)) == nil)
    }

    @Test(arguments: [
        ("{a}", "x", "x"), ("{a}", "x/y", nil), ("{a=**}", "x/y", "x/y"), ("{a=**}", "", ""),
        ("{a=projects/*}/**", "projects/p", "projects/p"),
        ("{a=projects/*}/**", "projects/p/q/r", "projects/p"),
        ("projects/*/{a=instances/*}/**", "projects/p/instances/i/x", "instances/i"),
        ("projects/*/{a=instances/*}", "projects/p/instances/i/x", nil),
        ("projects/{a=**}", "projects/", ""), ("projects/{a=**}", "projects", nil),
        ("{a=projects/**}", "projects", "projects"),
        ("{a=projects/**}", "projects/x/", "projects/x/"),
        ("{a=x/*/y/*}", "x/1/y/2", "x/1/y/2"), ("{a=**}/y", "1/y/2/y", "1/y/2"),
        ("{a=*}", "line\n", "line\n"), ("{a=**}", "line\n", "line"), ("{a=**}", "a\nb", nil),
    ])
    func `a template captures what the generated expression captures`(
        template: String, value: String, captured: String?
    ) throws {
        let found = try #require(PathTemplate(template)).capture(in: value.utf8)
        #expect(found.map { String(decoding: $0, as: UTF8.self) } == captured)
    }

    @Test(arguments: [
        "", "projects/*", "{a}/{b}", "{=x}", "}{",
        "{a=" + String(repeating: "x", count: 2000) + "}",
    ])
    func `a template without one named segment is none`(template: String) {
        #expect(PathTemplate(template) == nil)
    }

    @Test func `a hostile template is none, and a long value costs little`() throws {
        #expect(PathTemplate("{a=**/x/**/x/**}") == nil)
        #expect(PathTemplate("{a=" + String(repeating: "*/", count: 40) + "x}") == nil)
        let template = try #require(PathTemplate("{a=*/*/*/*/*/*/**/x/**}/y"))
        #expect(template.capture(in: String(repeating: "/x", count: 256).utf8) == nil)
        #expect(template.capture(in: String(repeating: "a/", count: 256).utf8) == nil)
        #expect(template.capture(in: String(repeating: "x", count: 4_000).utf8) == nil)
    }
}
