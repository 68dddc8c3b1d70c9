// Writes descriptor sets for tests: protobuf's wire format and descriptor.proto by hand. Never used
// by a product module.

package import Schema

/// Appends fields of protobuf's wire format.
package struct Wire {
    package var bytes: [UInt8] = []

    package init() {}

    package mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    package mutating func number(_ field: Int, _ value: Int) {
        varint(UInt64(field << 3))
        varint(UInt64(bitPattern: Int64(value)))
    }

    package mutating func data(_ field: Int, _ value: [UInt8]) {
        varint(UInt64(field << 3 | 2))
        varint(UInt64(value.count))
        bytes += value
    }

    package mutating func text(_ field: Int, _ value: String) { data(field, Array(value.utf8)) }

    package static func made(_ fill: (inout Wire) -> Void) -> [UInt8] {
        var wire = Wire()
        fill(&wire)
        return wire.bytes
    }

    /// The option google.api.routing; an empty template is left out.
    package mutating func routing(_ parameters: [(field: String, template: String)]) {
        let rule = Wire.made { rule in
            for (field, template) in parameters {
                rule.data(
                    2,
                    Wire.made {
                        $0.text(1, field)
                        if !template.isEmpty { $0.text(2, template) }
                    })
            }
        }
        data(72_295_729, rule)
    }
}

/// One field of a message that a test declares.
package struct TestField {
    package var name: String
    package var number: Int
    package var type: Int
    package var typeName = ""
    package var label = 1
    package var oneof: Int?
    package var isOptional = false
    package var jsonName: String?
    package var extendee = ""

    package init(
        name: String, number: Int, type: Int, typeName: String = "", label: Int = 1,
        oneof: Int? = nil, isOptional: Bool = false, jsonName: String? = nil, extendee: String = ""
    ) {
        self.name = name
        self.number = number
        self.type = type
        self.typeName = typeName
        self.label = label
        self.oneof = oneof
        self.isOptional = isOptional
        self.jsonName = jsonName
        self.extendee = extendee
    }

    package var bytes: [UInt8] {
        Wire.made { wire in
            wire.text(1, name)
            if !extendee.isEmpty { wire.text(2, extendee) }
            wire.number(3, number)
            wire.number(4, label)
            wire.number(5, type)
            if !typeName.isEmpty { wire.text(6, typeName) }
            if let oneof { wire.number(9, oneof) }
            if let jsonName { wire.text(10, jsonName) }
            if isOptional { wire.number(17, 1) }
        }
    }
}

package func testMessage(
    _ name: String, _ fields: [TestField], nested: [[UInt8]] = [], oneofs: [String] = [],
    isMapEntry: Bool = false
) -> [UInt8] {
    Wire.made { wire in
        wire.text(1, name)
        for field in fields { wire.data(2, field.bytes) }
        for message in nested { wire.data(3, message) }
        if isMapEntry { wire.data(7, Wire.made { $0.number(7, 1) }) }
        for oneof in oneofs { wire.data(8, Wire.made { $0.text(1, oneof) }) }
    }
}

package func testEnum(_ name: String, _ values: [(String, Int)]) -> [UInt8] {
    Wire.made { wire in
        wire.text(1, name)
        for (valueName, number) in values {
            wire.data(
                2,
                Wire.made {
                    $0.text(1, valueName)
                    $0.number(2, number)
                })
        }
    }
}

package func testFile(
    _ name: String, package: String = "test", imports: [String] = [], messages: [[UInt8]] = [],
    enums: [[UInt8]] = [], services: [[UInt8]] = [], extensions: [TestField] = [],
    syntax: String = "proto3"
) -> [UInt8] {
    Wire.made { wire in
        wire.text(1, name)
        wire.text(2, package)
        for dependency in imports { wire.text(3, dependency) }
        for message in messages { wire.data(4, message) }
        for item in enums { wire.data(5, item) }
        for service in services { wire.data(6, service) }
        for field in extensions { wire.data(7, field.bytes) }
        if !syntax.isEmpty { wire.text(12, syntax) }
    }
}

package func testSet(_ files: [[UInt8]]) -> [UInt8] {
    Wire.made { wire in
        for file in files { wire.data(1, file) }
    }
}

package func testSchema(_ files: [[UInt8]]) throws -> Schema {
    try Schema(sets: [(label: "test.binpb", bytes: testSet(files))])
}

/// The schema that most tests use.
package func sampleSchema() throws -> Schema {
    let entry = testMessage(
        "LabelsEntry",
        [
            TestField(name: "key", number: 1, type: 9),
            TestField(name: "value", number: 2, type: 5),
        ], isMapEntry: true)
    let all = testMessage(
        "All",
        [
            TestField(name: "an_int", number: 1, type: 5),
            TestField(name: "a_long", number: 2, type: 3),
            TestField(name: "a_text", number: 3, type: 9),
            TestField(name: "some_bytes", number: 4, type: 12),
            TestField(name: "a_double", number: 5, type: 1),
            TestField(name: "a_float", number: 6, type: 2),
            TestField(name: "a_flag", number: 7, type: 8),
            TestField(name: "kind", number: 8, type: 14, typeName: ".test.Kind"),
            TestField(name: "inner", number: 9, type: 11, typeName: ".test.All"),
            TestField(name: "numbers", number: 10, type: 5, label: 3),
            TestField(name: "texts", number: 11, type: 9, label: 3),
            TestField(name: "inners", number: 12, type: 11, typeName: "All", label: 3),
            TestField(
                name: "labels", number: 13, type: 11, typeName: ".test.All.LabelsEntry", label: 3),
            TestField(name: "one", number: 14, type: 9, oneof: 0),
            TestField(name: "other", number: 15, type: 5, oneof: 0),
            TestField(name: "maybe", number: 16, type: 5, oneof: 1, isOptional: true),
            TestField(name: "an_unsigned", number: 17, type: 4),
            TestField(name: "named", number: 18, type: 5, jsonName: "@other"),
            TestField(name: "any", number: 20, type: 11, typeName: ".google.protobuf.Any"),
            TestField(name: "time", number: 21, type: 11, typeName: ".google.protobuf.Timestamp"),
            TestField(name: "span", number: 22, type: 11, typeName: ".google.protobuf.Duration"),
            TestField(name: "mask", number: 23, type: 11, typeName: ".google.protobuf.FieldMask"),
            TestField(name: "value", number: 24, type: 11, typeName: ".google.protobuf.Value"),
            TestField(
                name: "boxed", number: 25, type: 11, typeName: ".google.protobuf.Int64Value"),
        ], nested: [entry], oneofs: ["choice", "_maybe"])
    let method = Wire.made {
        $0.text(1, "Do")
        $0.text(2, ".test.All")
        $0.text(3, ".test.All")
    }
    let service = Wire.made {
        $0.text(1, "Service")
        $0.data(2, method)
    }
    return try testSchema([
        testFile(
            "all.proto", messages: [all],
            enums: [testEnum("Kind", [("NONE", 0), ("FIRST", 1), ("BELOW", -1)])],
            services: [service])
    ])
}
