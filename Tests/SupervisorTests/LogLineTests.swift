// The forms of a log line.

import Foundation
import Ops
import Testing

@Suite struct LogLineTests {
    private let worker = Identity(role: .worker, slot: 3, generation: 7, pid: 812)

    private func line(_ format: LogFormat, _ message: String) -> String {
        String(
            decoding: LogLine.format(
                format, level: .warning, identity: worker, message: message,
                wallMilliseconds: 1_795_235_561_245), as: UTF8.self)
    }

    @Test func `text has time, level and identity`() {
        #expect(
            line(.text, "hello")
                == "2026-11-21T04:32:41.245Z warning role=worker slot=3 gen=7 pid=812: hello\n")
    }

    @Test func `the journal gets the level as its prefix`() {
        #expect(line(.journal, "hello") == "<4>role=worker slot=3 gen=7 pid=812: hello\n")
    }

    @Test func `JSON is JSON, whatever the message`() throws {
        let message = "a \"quote\" \\ back\nnew\u{1B}[31m line"
        let object = try JSONSerialization.jsonObject(with: Data(line(.json, message).utf8))
        let fields = try #require(object as? [String: Any])
        #expect(fields["role"] as? String == "worker")
        #expect(fields["slot"] as? Int == 3)
        #expect(fields["level"] as? String == "warning")
        #expect(fields["message"] as? String == "a \"quote\" \\ back\\nnew\\u{1b}[31m line")
    }

    @Test(arguments: [LogFormat.text, .json, .journal])
    func `no message makes two lines or a line longer than a pipe takes`(format: LogFormat) {
        let long = line(format, String(repeating: "\"ä\n\\", count: 5_000))
        #expect(long.utf8.count <= Log.lineBytesMax)
        #expect(long.utf8.count { $0 == 0x0A } == 1)
        #expect(long.hasSuffix("\n"))
    }

    @Test(arguments: [
        (UInt64(0), "1970-01-01T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    ])
    func `times are RFC 3339 in UTC`(milliseconds: UInt64, text: String) {
        #expect(Timestamp.text(milliseconds) == text)
    }
}
