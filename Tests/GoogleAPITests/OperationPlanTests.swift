// Operations of an API's own kind, as GKE has them: how they are asked for, by their descriptors
// alone.

import DescriptorBytes
import Schema
import Testing

@testable import GoogleAPI

@Suite struct OperationPlanTests {
    private static let text = 9
    private static let enumeration = 14

    private static func field(_ name: String, _ number: Int, _ type: Int) -> [UInt8] {
        Wire.made {
            $0.text(1, name)
            $0.number(3, number)
            $0.number(4, 1)
            $0.number(5, type)
            if type == enumeration { $0.text(6, ".t.Operation.Status") }
        }
    }

    private static func message(
        _ name: String, _ fields: [[UInt8]], states: Bool = false
    ) -> [UInt8] {
        Wire.made { message in
            message.text(1, name)
            for field in fields { message.data(2, field) }
            guard states else { return }
            message.data(
                4,
                Wire.made {
                    $0.text(1, "Status")
                    for (number, name) in ["NONE", "RUNNING", "DONE"].enumerated() {
                        $0.data(
                            2,
                            Wire.made {
                                $0.text(1, name)
                                $0.number(2, number)
                            })
                    }
                })
        }
    }

    private static func method(_ name: String, _ input: String, _ output: String) -> [UInt8] {
        Wire.made {
            $0.text(1, name)
            $0.text(2, ".t.\(input)")
            $0.text(3, ".t.\(output)")
        }
    }

    /// The plan of `t.S/Make`, with the numbers that `name` has in GKE's requests.
    private func plan(canCancel: Bool = true) throws -> OperationPlan? {
        let file = Wire.made { file in
            file.text(1, "t.proto")
            file.text(2, "t")
            file.data(4, Self.message("Make", [Self.field("parent", 1, Self.text)]))
            file.data(4, Self.message("Get", [Self.field("name", 5, Self.text)]))
            file.data(4, Self.message("Cancel", [Self.field("name", 4, Self.text)]))
            file.data(
                4,
                Self.message(
                    "Operation",
                    [Self.field("name", 1, Self.text), Self.field("status", 3, Self.enumeration)],
                    states: true))
            file.data(
                6,
                Wire.made {
                    $0.text(1, "S")
                    $0.data(2, Self.method("Make", "Make", "Operation"))
                    $0.data(2, Self.method("GetOperation", "Get", "Operation"))
                    if canCancel { $0.data(2, Self.method("CancelOperation", "Cancel", "Make")) }
                })
            file.text(12, "proto3")
        }
        let schema = try Schema(sets: [(label: "t", bytes: Wire.made { $0.data(1, file) })])
        return OperationPlan(of: try #require(schema.method("t.S/Make")), in: schema)
    }

    @Test func `a poll and a cancel have the name each in its own field`() throws {
        let plan = try #require(try plan())
        #expect(plan.pollMethod == "t.S/GetOperation")
        #expect(plan.request(name: "o", of: plan.pollMethod) == [5 << 3 | 2, 1, 0x6F])
        let cancel = try #require(plan.cancelMethod)
        #expect(cancel == "t.S/CancelOperation")
        #expect(plan.request(name: "o", of: cancel) == [4 << 3 | 2, 1, 0x6F])
    }

    @Test func `operations that no method cancels are left to go on`() throws {
        #expect(try #require(try plan(canCancel: false)).cancelMethod == nil)
    }
}
