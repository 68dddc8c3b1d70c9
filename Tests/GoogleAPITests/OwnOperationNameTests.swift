// The full names of operations of an API's own kind, as GKE has them: from the request that began
// one, else from the operation itself. Every shape that GKE's requests have is here.

import DescriptorBytes
import Schema
import Testing

@testable import GoogleAPI

@Suite struct OwnOperationNameTests {
    /// Numbers as in google.container.v1; v1beta1 has the same ones.
    private static let operationFields = [
        ("name", 1), ("zone", 2), ("self_link", 6), ("location", 9),
    ]
    private static let createFields = [("project_id", 1), ("zone", 2), ("parent", 5)]
    private static let deleteFields = [
        ("project_id", 1), ("zone", 2), ("cluster_id", 3), ("name", 4),
    ]
    private static let link = "https://container.googleapis.com/v1/projects/123/"

    private static func texts(_ fields: [(String, Int)]) -> [TestField] {
        fields.map { TestField(name: $0.0, number: $0.1, type: 9) }
    }

    private static func method(_ name: String, _ input: String) -> [UInt8] {
        Wire.made {
            $0.text(1, name)
            $0.text(2, ".gke.\(input)")
            $0.text(3, ".gke.Operation")
        }
    }

    /// - Parameter operation: the fields with text of the operation's message.
    private static func plan(
        _ name: String, operation: [(String, Int)] = operationFields
    ) throws -> OperationPlan {
        let status = TestField(name: "status", number: 4, type: 14, typeName: ".gke.Status")
        let file = testFile(
            "gke.proto", package: "gke",
            messages: [
                testMessage("Create", texts(createFields)),
                testMessage("Delete", texts(deleteFields)),
                testMessage("Get", texts([("name", 5)])),
                testMessage("Operation", texts(operation) + [status]),
            ],
            enums: [testEnum("Status", [("NONE", 0), ("RUNNING", 2), ("DONE", 3)])],
            services: [
                Wire.made {
                    $0.text(1, "S")
                    $0.data(2, method("Create", "Create"))
                    $0.data(2, method("Delete", "Delete"))
                    $0.data(2, method("GetOperation", "Get"))
                }
            ])
        let schema = try Schema(sets: [(label: "gke", bytes: Wire.made { $0.data(1, file) })])
        let found = try #require(schema.method("gke.S/\(name)"))
        return try #require(OperationPlan(of: found, in: schema))
    }

    private static func message(_ values: [String: String], _ fields: [(String, Int)]) -> [UInt8] {
        Wire.made { wire in
            for (name, number) in fields {
                if let value = values[name] { wire.text(number, value) }
            }
        }
    }

    /// What is read of an operation that runs, or that has ended already.
    private static func reading(
        _ method: String, _ request: [String: String], _ operation: [String: String],
        isDone: Bool = false, fields: [(String, Int)] = operationFields
    ) throws -> OperationPlan.Reading {
        let answer =
            message(operation.merging(["name": "op"]) { mine, _ in mine }, fields)
            + Wire.made { $0.number(4, isDone ? 3 : 2) }
        let asked = message(request, method == "Create" ? createFields : deleteFields)
        let plan = try plan(method, operation: fields)
        return try #require(plan.read(answer, request: asked))
    }

    struct Shape: CustomTestStringConvertible, Sendable {
        var method = "Create"
        var request: [String: String] = [:]
        var operation: [String: String] = [:]
        var place: String

        var testDescription: String { "\(method) \(request) \(operation)" }
    }

    private static let fromRequest = [
        Shape(request: ["parent": "projects/p/locations/l"], place: "projects/p/locations/l"),
        Shape(request: ["parent": "projects/p/zones/z"], place: "projects/p/locations/z"),
        Shape(
            method: "Delete", request: ["name": "projects/p/locations/l/clusters/c"],
            place: "projects/p/locations/l"),
        Shape(request: ["project_id": "p", "zone": "z"], place: "projects/p/locations/z"),
        Shape(
            method: "Delete", request: ["project_id": "p", "zone": "z", "cluster_id": "c"],
            place: "projects/p/locations/z"),
        Shape(
            method: "Delete",
            request: ["project_id": "old", "zone": "old", "name": "projects/p/locations/l/c/c"],
            place: "projects/p/locations/l"),
        Shape(
            method: "Delete", request: ["project_id": "p", "zone": "z", "name": "c"],
            place: "projects/p/locations/z"),
        Shape(
            request: ["parent": "projects/example.com:p/locations/l"],
            place: "projects/example.com:p/locations/l"),
    ]

    /// What an operation may say of its place, each time beside a request that names one.
    private static let said = [
        [:], ["zone": "l-b"], ["location": "elsewhere", "zone": "l-b"],
        ["self_link": "\(link)zones/l-b/operations/op", "zone": "l-b"],
    ]

    @Test(arguments: fromRequest, said)
    func `the request's project and location come first`(
        shape: Shape, operation: [String: String]
    ) throws {
        let reading = try Self.reading(shape.method, shape.request, operation)
        #expect(reading.name == "\(shape.place)/operations/op" && !reading.isDone)
    }

    private static let project = ["project_id": "p"]
    private static let fromOperation = [
        Shape(
            operation: ["self_link": "\(link)zones/z/operations/op", "zone": "y"],
            place: "projects/123/locations/z"),
        Shape(
            operation: ["self_link": "\(link)locations/l/operations/op", "location": "y"],
            place: "projects/123/locations/l"),
        Shape(
            request: ["parent": "weird"],
            operation: ["self_link": "\(link)locations/l/operations/op"],
            place: "projects/123/locations/l"),
        Shape(
            request: project, operation: ["self_link": "\(link)locations/l/operations/op"],
            place: "projects/p/locations/l"),
        Shape(request: project, operation: ["zone": "z"], place: "projects/p/locations/z"),
        Shape(
            request: ["parent": "projects/p"], operation: ["location": "l", "zone": "z"],
            place: "projects/p/locations/l"),
        Shape(
            request: ["parent": "projects//locations/l"], operation: ["self_link": "\(link)x"],
            place: "projects/123/locations/l"),
    ]

    @Test(arguments: fromOperation)
    func `what the request does not tell is told by the link, and only then by the zone`(
        shape: Shape
    ) throws {
        let reading = try Self.reading(shape.method, shape.request, shape.operation)
        #expect(reading.name == "\(shape.place)/operations/op" && !reading.isDone)
    }

    @Test(
        arguments: [
            ([:], [:], "its project and its location"),
            (["parent": "weird"], ["zone": "z"], "its project;"),
            (
                ["project_id": "p"], ["self_link": "https://container.googleapis.com/v1"],
                "its location;"
            ),
        ] as [([String: String], [String: String], String)])
    func `an operation without a place cannot be followed, and the job says what is missing`(
        request: [String: String], operation: [String: String], missing: String
    ) throws {
        let reading = try Self.reading("Create", request, operation)
        let reason = try #require(reading.lostReason)
        #expect(!reading.isDone && reading.name == "op")
        #expect(reason.contains(missing) && reason.contains("op"))
        let ended = try Self.reading("Create", request, operation, isDone: true)
        #expect(ended.isDone && ended.lostReason == nil && !ended.response.isEmpty)
    }

    @Test func `a full name stays as it is`() throws {
        let name = "projects/1/locations/2/operations/op"
        let reading = try Self.reading(
            "Create", ["parent": "projects/p/locations/l"], ["name": name, "zone": "z"])
        #expect(reading.name == name)
    }

    @Test func `an operation of a kind that has no place is called as it calls itself`() throws {
        let reading = try Self.reading("Create", [:], [:], fields: [("name", 1)])
        #expect(reading.name == "op" && !reading.isDone && reading.lostReason == nil)
    }

    @Test func `a poll's answer needs no place`() throws {
        let plan = try Self.plan("Create")
        let running = Wire.made {
            $0.text(1, "op")
            $0.number(4, 2)
        }
        let reading = try #require(plan.read(running, request: nil))
        #expect(!reading.isDone && reading.lostReason == nil)
    }
}
