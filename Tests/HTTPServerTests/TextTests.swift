// The pure parts: text of errors, dates, queries and lists.

import NIOCore
import Testing

@testable import HTTPServer

@Suite struct TextTests {
    @Test(
        arguments: [
            ([], ""), ([0x66], "Zg"), ([0x66, 0x6f], "Zm8"), ([0x66, 0x6f, 0x6f], "Zm9v"),
            ([0x66, 0x6f, 0x6f, 0x62], "Zm9vYg"), ([0xff, 0xfe, 0xfd], "//79"),
        ] as [([UInt8], String)])
    func `base64 has no padding`(_ bytes: [UInt8], _ text: String) {
        #expect(base64(bytes) == text)
    }

    @Test func `an error is Connect's JSON whatever its message holds`() {
        var error = ConnectError(.invalidArgument, "a \"b\"\\\n\u{1}é")
        #expect(error.json == #"{"code":"invalid_argument","message":"a \"b\"\\\n\u0001é"}"#)
        error.details = [.init(type: "google.rpc.RetryInfo", value: [10, 0], debug: "{\"a\":1}")]
        let detail = #"{"type":"google.rpc.RetryInfo","value":"CgA","debug":{"a":1}}"#
        #expect(error.json.hasSuffix(",\"details\":[\(detail)]}"))
    }

    @Test func `codes have Connect's names and statuses and gRPC's numbers`() {
        let statuses = [
            499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401,
        ]
        #expect(ConnectCode.allCases.map(\.httpStatus) == statuses)
        #expect(ConnectCode.allCases.map(\.grpcNumber) == Array(1...16))
        for code in ConnectCode.allCases {
            #expect(ConnectCode(name: code.name) == code)
            #expect(ConnectCode(grpcNumber: code.grpcNumber) == code)
        }
        #expect(ConnectCode(name: "ok") == nil)
        #expect(ConnectCode(grpcNumber: 0) == nil)
    }

    @Test(arguments: [
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
    ])
    func `dates are IMF-fixdate`(_ seconds: Int, _ text: String) {
        #expect(DateField.text(secondsSince1970: seconds) == text)
    }

    @Test(
        arguments: [
            ("a", "a"), ("a%20b", "a b"), ("%e2%82%AC", "€"), ("%", nil), ("%4", nil), ("%zz", nil),
            ("%ff", nil), ("%+1", nil), ("%2525", "%25"),
        ] as [(String, String?)])
    func `percent-encoding is decoded once and broken text is refused`(
        _ text: String, _ result: String?
    ) {
        #expect(percentDecoded(text[...], plusIsSpace: false) == result)
    }

    @Test func `a plus is a space in a query only`() {
        #expect(percentDecoded("a+b", plusIsSpace: true) == "a b")
        #expect(percentDecoded("a+b", plusIsSpace: false) == "a+b")
    }

    @Test func `query parameters keep their order and their empty values`() {
        let items = RawQueryItems("a=1&&b&c=x=y&a=%zz").map { ($0.name ?? "?", $0.value ?? "?") }
        #expect(items.map(\.0) == ["a", "b", "c", "a"])
        #expect(items.map(\.1) == ["1", "", "x=y", "?"])
    }

    @Test func `lists are split at commas outside quoted strings`() {
        #expect(splitList(["a, b ,,", "", #""x,\"y",z"#]) == ["a", "b", #""x,\"y""#, "z"])
    }

    @Test func `header fields compare without case and keep order`() {
        var fields: HeaderFields = ["X-A": "1", "x-b": "2", "x-a": "3"]
        #expect(fields["X-a"] == "1")
        #expect(fields.all("x-A") == ["1", "3"])
        #expect(fields.map(\.name) == ["X-A", "x-b", "x-a"])
        fields.replace("x-a", "4")
        #expect(fields.all("X-A") == ["4"])
    }

    @Test func `a write that stays buffered for the whole time is a stall`() {
        var writing = WriteProgress()
        func isStalled(_ buffered: Int, atSecond second: Int64) -> Bool {
            let now = NIODeadline.uptimeNanoseconds(0) + .seconds(second)
            return writing.isStalled(bufferedByteCount: buffered, now: now, after: .seconds(10))
        }
        writing.wrote(100)
        #expect(!isStalled(60, atSecond: 100))
        #expect(!isStalled(50, atSecond: 109))
        #expect(!isStalled(50, atSecond: 118))
        #expect(isStalled(50, atSecond: 119))
        #expect(!isStalled(0, atSecond: 119))
        #expect(!writing.isUnconfirmed)
    }
}
