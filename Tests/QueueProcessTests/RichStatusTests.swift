// Whose an error is, and what its details say, as far as a target's own descriptors do not tell.

import HTTPServer
import JobLogic
import Schema
import Testing
import WireFormat

@testable import QueueProcess

@Suite struct RichStatusTests {
    private static let ticket = Ticket(number: 1, attempt: 1)

    private func outcome(_ status: [UInt8], isMadeByProng: Bool) -> Outcome {
        Outcome(
            CallOutcome(
                ticket: Self.ticket, code: 13, message: "no", statusDetails: status,
                isMadeByProng: isMadeByProng))
    }

    @Test func `an error that the worker made is prong's, any other the target's`() {
        #expect(!outcome([], isMadeByProng: true).fromTarget)
        #expect(outcome([8, 13], isMadeByProng: false).fromTarget)
    }

    /// A status with one google.rpc.ErrorInfo{reason: "R"}.
    private static let reason: [UInt8] = {
        let name = Array("type.googleapis.com/google.rpc.ErrorInfo".utf8)
        let any = [0x0A, UInt8(name.count)] + name + [0x12, 3, 0x0A, 1, 0x52]
        return [0x08, 9, 0x1A, UInt8(any.count)] + any
    }()

    @Test func `a schema without google.rpc's details shows them all the same`() throws {
        let schema = try Schema(sets: [])
        try #require(schema.message(named: "google.rpc.ErrorInfo") == nil)
        let error = ConnectError(
            code: 9, message: "no", statusDetails: Self.reason, schema: schema)
        #expect(error.details.map(\.debug) == [#"{"reason":"R"}"#])
        let none = ConnectError(code: 9, message: "no", statusDetails: Self.reason, schema: nil)
        #expect(none.details.map(\.debug) == [nil], "where nothing may be decoded")
        let line = String(decoding: StreamLines.error(error), as: UTF8.self)
        #expect(line.contains(#""debug":{"reason":"R"}"#), "a stream's last line too: \(line)")
    }

    @Test func `details that are not google.rpc's, or are broken, stay bytes`() {
        for detail in [
            StatusDetail(type: "google.rpc.Status", value: []),
            StatusDetail(type: "un.Known", value: [8, 1]),
            StatusDetail(type: "google.rpc.ErrorInfo", value: [0x0A, 5]),
        ] {
            #expect(detail.standardJSON == nil, "\(detail.type)")
        }
    }
}
