// google.rpc's error details as prong has them built in: names, numbers and types as published
// (google/rpc/error_details.proto).

import Testing

@testable import Schema

@Suite struct ErrorDetailsTests {
    /// A type, a message of it with all its fields, and that on the wire.
    struct Detail: Sendable {
        let name: String
        let json: String
        let wire: [UInt8]

        init(_ name: String, _ json: String, _ wire: [UInt8]) {
            self.name = name
            self.json = json
            self.wire = wire
        }
    }

    @Test(arguments: [
        Detail(
            "ErrorInfo", #"{"reason":"r","domain":"d","metadata":{"aKey":"v"}}"#,
            [0x0A, 1, 0x72, 0x12, 1, 0x64, 0x1A, 9, 0x0A, 4]
                + Array("aKey".utf8) + [0x12, 1, 0x76]),
        Detail(
            "RetryInfo", #"{"retryDelay":"1.500s"}"#,
            [0x0A, 8, 8, 1, 0x10]
                + [0x80, 0xCA, 0xB5, 0xEE, 0x01]),
        Detail(
            "DebugInfo", #"{"stackEntries":["a","b"],"detail":"d"}"#,
            [0x0A, 1, 0x61, 0x0A, 1, 0x62, 0x12, 1, 0x64]),
        Detail(
            "QuotaFailure",
            #"{"violations":[{"subject":"s","description":"d","apiService":"a","#
                + #""quotaMetric":"m","quotaId":"i","quotaDimensions":{"k":"v"},"#
                + #""quotaValue":"5","futureQuotaValue":"0"}]}"#,
            [0x0A, 27, 0x0A, 1, 0x73, 0x12, 1, 0x64, 0x1A, 1, 0x61, 0x22, 1, 0x6D, 0x2A, 1, 0x69]
                + [0x32, 6, 0x0A, 1, 0x6B, 0x12, 1, 0x76, 0x38, 5, 0x40, 0]),
        Detail(
            "PreconditionFailure",
            #"{"violations":[{"type":"t","subject":"s","description":"d"}]}"#,
            [0x0A, 9, 0x0A, 1, 0x74, 0x12, 1, 0x73, 0x1A, 1, 0x64]),
        Detail(
            "BadRequest",
            #"{"fieldViolations":[{"field":"f","description":"d","reason":"r","#
                + #""localizedMessage":{"locale":"l","message":"m"}}]}"#,
            [0x0A, 17, 0x0A, 1, 0x66, 0x12, 1, 0x64, 0x1A, 1, 0x72]
                + [0x22, 6, 0x0A, 1, 0x6C, 0x12, 1, 0x6D]),
        Detail(
            "RequestInfo", #"{"requestId":"i","servingData":"d"}"#,
            [0x0A, 1, 0x69, 0x12, 1, 0x64]),
        Detail(
            "ResourceInfo",
            #"{"resourceType":"t","resourceName":"n","owner":"o","description":"d"}"#,
            [0x0A, 1, 0x74, 0x12, 1, 0x6E, 0x1A, 1, 0x6F, 0x22, 1, 0x64]),
        Detail(
            "Help", #"{"links":[{"description":"d","url":"u"}]}"#,
            [0x0A, 6, 0x0A, 1, 0x64, 0x12, 1, 0x75]),
        Detail(
            "LocalizedMessage", #"{"locale":"l","message":"m"}"#,
            [0x0A, 1, 0x6C, 0x12, 1, 0x6D]),
    ])
    func `each standard detail is known, field by field`(detail: Detail) throws {
        let schema = try #require(Schema.errorDetails)
        let message = try #require(schema.message(named: "google.rpc.\(detail.name)"))
        let shown = try schema.decode(wire: detail.wire, as: message)
        #expect(String(decoding: shown, as: UTF8.self) == detail.json)
        let entry = schema.tables.view.messages[Int(message.index)]
        #expect(Int(entry.fieldCount) == detail.json.topLevelMembers)
    }
}

extension String {
    /// Of an object: its own colons, those of objects inside left out.
    fileprivate var topLevelMembers: Int {
        var depth = 0
        var count = 0
        for character in self {
            switch character {
            case "{", "[": depth += 1
            case "}", "]": depth -= 1
            case ":" where depth == 1: count += 1
            default: break
            }
        }
        return count
    }
}
