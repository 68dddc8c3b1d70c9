// google.longrunning's operations: what is made of one that has ended, whatever the method's
// operation_info says.

import DescriptorBytes
import Schema
import Testing

@testable import GoogleAPI

@Suite struct LongrunningPlanTests {
    /// The plan of `t.S/Make`.
    /// - Parameter declared: the response's type in google.longrunning.operation_info; nil: there
    ///   is none.
    private func plan(_ declared: String?) throws -> OperationPlan {
        let method = Wire.made {
            $0.text(1, "Make")
            $0.text(2, ".t.M")
            $0.text(3, ".google.longrunning.Operation")
            if let declared {
                $0.data(4, Wire.made { $0.data(1049, Wire.made { $0.text(1, declared) }) })
            }
        }
        let service = Wire.made {
            $0.text(1, "S")
            $0.data(2, method)
        }
        let schema = try testSchema([
            testFile(
                "o.proto", package: "google.longrunning", messages: [testMessage("Operation", [])]),
            testFile(
                "t.proto", package: "t", imports: ["o.proto"], messages: [testMessage("M", [])],
                services: [service]),
        ])
        let found = try #require(schema.method("t.S/Make"))
        return try #require(OperationPlan(of: found, in: schema))
    }

    private func ended(with type: String) -> [UInt8] {
        Wire.made {
            $0.text(1, "operations/o")
            $0.number(3, 1)
            $0.data(
                5,
                Wire.made {
                    $0.text(1, "type.googleapis.com/\(type)")
                    $0.data(2, [8, 1])
                })
        }
    }

    @Test(arguments: ["M", "t.M"]) func `the declared response is the job's`(name: String) throws {
        let plan = try plan(name)
        #expect(plan.response != nil)
        let reading = try #require(plan.read(ended(with: "t.M"), request: nil))
        #expect(reading.isDone && reading.response == [8, 1] && reading.foreignType == nil)
        #expect(plan.read(ended(with: "t.N"), request: nil)?.foreignType == "t.N")
    }

    @Test(arguments: ["Missing", "t.Missing"])
    func `a declared response that the set lacks is taken, and cannot be shown`(
        name: String
    ) throws {
        let plan = try plan(name)
        #expect(plan.response == nil)
        let reading = try #require(plan.read(ended(with: "t.Missing"), request: nil))
        #expect(reading.isDone && reading.response == [8, 1] && reading.foreignType == nil)
        #expect(plan.read(ended(with: "t.M"), request: nil)?.foreignType == "t.M")
    }

    @Test(arguments: [nil, ""] as [String?])
    func `where no response is declared none is foreign`(name: String?) throws {
        let plan = try plan(name)
        #expect(plan.response == nil)
        let reading = try #require(plan.read(ended(with: "t.M"), request: nil))
        #expect(reading.isDone && reading.response == [8, 1] && reading.foreignType == nil)
    }

    @Test func `what is no message is no operation, and half of one says little`() throws {
        let plan = try plan("M")
        let whole = ended(with: "t.M")
        for count in 0..<whole.count {
            guard let reading = plan.read(Array(whole[..<count]), request: nil) else { continue }
            #expect(reading.response.isEmpty && reading.status == nil)
        }
        #expect(plan.read([0x0A, 0xFF], request: nil) == nil)
    }
}
