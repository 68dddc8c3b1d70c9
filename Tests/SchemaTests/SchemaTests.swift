// Which descriptor sets are taken, what is refused and with what sentence.

import DescriptorBytes
import Testing

@testable import Schema

@Suite struct SchemaTests {
    private func refusal(_ files: [[UInt8]]) -> String? {
        refusal(bytes: testSet(files))
    }

    private func refusal(bytes: [UInt8]) -> String? {
        do throws(SchemaError) {
            _ = try Schema(sets: [(label: "a.binpb", bytes: bytes)])
            return nil
        } catch {
            #expect(error.label == "a.binpb")
            return error.message
        }
    }

    @Test func `methods are found by path, with their messages`() throws {
        let schema = try sampleSchema()
        let method = try #require(schema.method("test.Service/Do"))
        #expect(method.inputName == "test.All")
        #expect(method.isUnary)
        #expect(schema.message(named: "test.All") == method.output)
        #expect(schema.method(service: "test.Service", name: "Do") != nil)
        #expect(schema.method("test.Service/Else") == nil)
        #expect(schema.services.map(\.fullName) == ["test.Service"])
        #expect(schema.enum(named: "test.Kind") != nil)
    }

    @Test func `the options of Google's APIs are kept`() throws {
        let binding = Wire.made {
            $0.text(4, "/v1/{name=things/*}:do")
            $0.text(7, "*")
            $0.data(11, Wire.made { $0.text(2, "/v1/other") })
        }
        let options = Wire.made {
            $0.number(34, 2)
            $0.data(72_295_728, binding)
            $0.data(72_295_729, Wire.made { $0.data(2, Wire.made { $0.text(1, "name") }) })
            $0.data(
                1049,
                Wire.made {
                    $0.text(1, "Thing")
                    $0.text(2, "Meta")
                })
            $0.text(1051, "name,parent")
        }
        let method = Wire.made {
            $0.text(1, "Do")
            $0.text(2, "M")
            $0.text(3, ".test.M")
            $0.data(4, options)
            $0.number(6, 1)
        }
        let service = Wire.made {
            $0.text(1, "S")
            $0.data(2, method)
            $0.data(
                3,
                Wire.made {
                    $0.text(1049, "example.com")
                    $0.text(1050, "https://a, https://b")
                    $0.text(525_000_001, "v1_2026")
                })
        }
        let schema = try testSchema([
            testFile("a.proto", messages: [testMessage("M", [])], services: [service])
        ])
        let found = try #require(schema.service(named: "test.S"))
        #expect(found.defaultHost == "example.com")
        #expect(found.oauthScopes == ["https://a", "https://b"])
        #expect(found.apiVersion == "v1_2026")
        let kept = found.methods[0]
        #expect(kept.isServerStreaming && !kept.isClientStreaming)
        #expect(kept.options.idempotency == .idempotent)
        #expect(kept.options.http?.primary.verb == "post")
        #expect(kept.options.http?.primary.body == "*")
        #expect(kept.options.http?.additional.map(\.path) == ["/v1/other"])
        #expect(kept.options.routing == [RoutingParameter(field: "name", pathTemplate: "")])
        #expect(kept.options.operationInfo?.metadataType == "Meta")
        #expect(kept.options.signatures == ["name,parent"])
        let text = try #require(schema.describe("test.S/Do"))
        #expect(text.contains("post: \"/v1/{name=things/*}:do\""))
        #expect(text.contains("stream test.M"))
    }

    @Test func `a file may stand in several sets if it is the same`() throws {
        let file = testFile("a.proto", messages: [testMessage("M", [])])
        let other = testFile("a.proto", messages: [testMessage("N", [])])
        _ = try Schema(sets: [("one", testSet([file])), ("two", testSet([file, file]))])
        let error = #expect(throws: SchemaError.self) {
            try Schema(sets: [("one", testSet([file])), ("two", testSet([other]))])
        }
        #expect(error?.label == "two")
        #expect(error?.message.contains("a.proto") == true)
        #expect(error?.message.contains("one") == true)
    }

    @Test func `a missing import is named`() {
        let file = testFile("a.proto", imports: ["b/c.proto"])
        #expect(refusal([file])?.contains("a.proto imports b/c.proto, which is missing") == true)
    }

    @Test func `imports in a circle are refused`() {
        let files = [
            testFile("a.proto", imports: ["b.proto"]), testFile("b.proto", imports: ["a.proto"]),
        ]
        #expect(refusal(files)?.contains("circle") == true)
        #expect(refusal([testFile("a.proto", imports: ["a.proto"])])?.contains("circle") == true)
    }

    @Test func `a long chain of imports is no trouble`() throws {
        let files = (0..<20_000).map { index in
            testFile(
                "\(index).proto", imports: index == 0 ? [] : ["\(index - 1).proto"])
        }
        _ = try testSchema(files.reversed())
    }

    @Test func `what is declared twice is refused`() {
        let message = testMessage("M", [])
        #expect(refusal([testFile("a.proto", messages: [message, message])]) != nil)
        let fields = [
            TestField(name: "a", number: 1, type: 5), TestField(name: "b", number: 1, type: 5),
        ]
        let twice = testFile("a.proto", messages: [testMessage("M", fields)])
        #expect(refusal([twice])?.contains("same number 1") == true)
        let names = [
            TestField(name: "a", number: 1, type: 5), TestField(name: "a", number: 2, type: 5),
        ]
        #expect(
            refusal([testFile("a.proto", messages: [testMessage("M", names)])])?
                .contains("declared twice") == true)
    }

    @Test func `what cannot be resolved is refused`() {
        let field = TestField(name: "a", number: 1, type: 11, typeName: ".no.Such")
        let message = testMessage("M", [field])
        #expect(
            refusal([testFile("a.proto", messages: [message])])?.contains(".no.Such") == true)
        let method = Wire.made {
            $0.text(1, "Do")
            $0.text(2, ".no.Such")
            $0.text(3, ".no.Such")
        }
        let service = Wire.made {
            $0.text(1, "S")
            $0.data(2, method)
        }
        #expect(
            refusal([testFile("a.proto", services: [service])])?.contains("not declared") == true)
        let number = TestField(name: "a", number: 0, type: 5)
        #expect(refusal([testFile("a.proto", messages: [testMessage("M", [number])])]) != nil)
        let oneof = TestField(name: "a", number: 1, type: 5, oneof: 3)
        #expect(refusal([testFile("a.proto", messages: [testMessage("M", [oneof])])]) != nil)
        let map = testMessage("E", [TestField(name: "key", number: 1, type: 5)], isMapEntry: true)
        #expect(refusal([testFile("a.proto", messages: [map])]) != nil)
    }

    @Test func `editions are refused with a word`() {
        #expect(refusal([testFile("a.proto", syntax: "editions")])?.contains("edition") == true)
        #expect(refusal([testFile("a.proto", syntax: "proto4")])?.contains("proto4") == true)
    }

    @Test func `what is no descriptor set at all is refused`() {
        #expect(refusal(bytes: []) != nil)
        #expect(refusal(bytes: Array("not a descriptor set".utf8)) != nil)
        let good = testSet([testFile("a.proto", messages: [testMessage("M", [])])])
        for count in 1..<good.count { #expect(refusal(bytes: Array(good[..<count])) != nil) }
    }

    @Test func `a million fields and absurd nesting are refused`() {
        let many = testMessage(
            "M", (1...70_000).map { TestField(name: "f\($0)", number: $0, type: 5) })
        #expect(refusal([testFile("a.proto", messages: [many])])?.contains("65535") == true)
        var nested = testMessage("M", [])
        for _ in 0..<2000 { nested = testMessage("M", [], nested: [nested]) }
        #expect(refusal([testFile("a.proto", messages: [nested])])?.contains("deeper") == true)
        let empty = (0..<400_000).map { _ in testMessage("M", []) }
        #expect(
            refusal([testFile("a.proto", messages: empty)])?.contains("declarations") == true)
    }

    @Test func `who exceeds a limit is not told to make the set anew`() {
        func advice(_ bytes: [UInt8]) -> String? {
            do throws(SchemaError) {
                _ = try Schema(sets: [(label: "a.binpb", bytes: bytes)])
                return nil
            } catch {
                return error.advice
            }
        }
        let many = (0..<400_000).map { _ in testMessage("M", []) }
        let fields = (1...70_000).map { TestField(name: "f\($0)", number: $0, type: 5) }
        for file in [
            testFile("a.proto", messages: many),
            testFile("a.proto", messages: [testMessage("M", fields)]),
            testFile("a.proto", package: name(2000, dotted: true)),
            testFile("a.proto", messages: [testMessage(name(2000), [])]),
        ] {
            #expect(advice(testSet([file]))?.contains("hold less") == true)
        }
        let large = [UInt8](repeating: 0, count: SchemaLimit.setBytesMaximum + 1)
        #expect(advice(large)?.contains("hold less") == true)
        for broken in [[0xFF], testSet([testFile("a.proto", imports: ["b.proto"])])] {
            #expect(advice(broken)?.contains("make the file anew") == true)
        }
    }

    /// A name of so many bytes: "a.a.a…", or "aaa…".
    private func name(_ bytes: Int, dotted: Bool = false) -> String {
        dotted
            ? String(repeating: "a.", count: bytes / 2) + (bytes.isMultiple(of: 2) ? "" : "a")
            : String(repeating: "a", count: bytes)
    }

    @Test func `a package of many parts is refused by its length, not by its memory`() throws {
        let longest = SchemaLimit.fullNameBytesMaximum
        #expect(longest.isMultiple(of: 2))
        _ = try testSchema([testFile("a.proto", package: name(longest - 1, dotted: true))])
        for bytes in [longest + 1, 20_001, 400_001] {
            let found = refusal([testFile("a.proto", package: name(bytes, dotted: true))])
            #expect(found?.contains("a.proto: the package a.a.a.") == true, "\(found ?? "taken")")
            #expect(found?.contains("longer than \(longest) bytes") == true)
            #expect((found ?? "").utf8.count < 300)
        }
    }

    @Test func `no full name is longer than a bound, and the refusal says which`() throws {
        let room = SchemaLimit.fullNameBytesMaximum - "test.".utf8.count
        let long = name(room + 1)
        let field = TestField(name: name(room - 1), number: 1, type: 5)
        let method = Wire.made {
            $0.text(1, name(room - 1))
            $0.text(2, ".test.M")
            $0.text(3, ".test.M")
        }
        let service = Wire.made {
            $0.text(1, "S")
            $0.data(2, method)
        }
        let message = testMessage("M", [])
        let faulty: [(String, [UInt8])] = [
            ("a message", testFile("a.proto", messages: [testMessage(long, [])])),
            ("a field", testFile("a.proto", messages: [testMessage("M", [field])])),
            ("a oneof", testFile("a.proto", messages: [testMessage("M", [], oneofs: [long])])),
            ("an enum", testFile("a.proto", enums: [testEnum(long, [("A", 0)])])),
            ("a value", testFile("a.proto", enums: [testEnum("E", [(long, 0)])])),
            ("a service", testFile("a.proto", services: [Wire.made { $0.text(1, long) }])),
            ("a method", testFile("a.proto", messages: [message], services: [service])),
        ]
        for (what, file) in faulty {
            let found = refusal([file])
            #expect(
                found?.contains("the full name of aaaa") == true, "\(what): \(found ?? "taken")")
            #expect((found ?? "").utf8.count < 400, "\(what)")
        }
        _ = try testSchema([testFile("a.proto", messages: [testMessage(name(room), [])])])
    }

    @Test func `a reference longer than any name is not declared, and is not shown whole`() {
        let field = TestField(name: "a", number: 1, type: 11, typeName: "." + name(1_000_000))
        let file = testFile("a.proto", messages: [testMessage("M", [field])])
        #expect(refusal([file])?.contains("which is not declared") == true)
        #expect((refusal([file]) ?? "").utf8.count < 300)
    }

    @Test func `long names that are many are refused together`() {
        let messages = ["M", "N"].map { message in
            testMessage(
                message, (1...40_000).map { TestField(name: "f\($0)", number: $0, type: 5) })
        }
        let found = refusal([testFile("a.proto", package: name(1000), messages: messages)])
        #expect(found?.contains("full names of all declarations") == true, "\(found ?? "taken")")
        let files = (0..<400).map {
            testFile("\($0).proto", package: "p\($0)." + name(1000, dotted: true) + "a")
        }
        #expect(refusal(files)?.contains("full names of all declarations") == true)
    }

    @Test func `files that declare nothing are counted, too`() {
        let files = [[UInt8]](repeating: [], count: SchemaLimit.declarationsMaximum + 1)
        #expect(refusal(files)?.contains("declarations") == true)
    }

    @Test func `a spoilt set is read or refused, never trapped on`() throws {
        var seed = UInt64(3)
        func random(_ bound: Int) -> Int {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(seed >> 33) % bound
        }
        let fields = (1...6).map {
            TestField(
                name: "f\($0)", number: $0, type: [5, 9, 11, 14, 10, 12][$0 - 1],
                typeName: ["", "", ".test.M", ".test.K", ".test.M", ""][$0 - 1], oneof: $0 % 2)
        }
        let good = testSet([
            testFile(
                "a.proto", messages: [testMessage("M", fields, oneofs: ["x", "y"])],
                enums: [testEnum("K", [("A", 0)])], syntax: "proto2")
        ])
        for _ in 0..<5000 {
            var bytes = good
            for _ in 0..<(1 + random(3)) {
                let place = random(bytes.count)
                if random(3) == 0 {
                    bytes.remove(at: place)
                } else {
                    bytes[place] = UInt8(random(256))
                }
            }
            guard let schema = try? Schema(sets: [("x", bytes)]) else { continue }
            if let message = schema.message(named: "test.M") {
                let example = schema.example(of: message)
                _ = try? schema.encode(json: example, as: message)
                _ = schema.describe("test.M")
            }
        }
    }
}
