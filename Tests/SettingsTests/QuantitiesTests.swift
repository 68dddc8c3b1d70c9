// Durations, sizes, modes, addresses and patterns: what is read, what is refused.

import Testing

@testable import Settings

@Suite struct QuantitiesTests {
    @Test(arguments: [
        ("500ms", 500), ("30s", 30_000), ("5m", 300_000), ("1h", 3_600_000), ("7d", 604_800_000),
        ("0s", 0), ("007s", 7_000),
    ])
    func `a duration is a number and a unit`(text: String, milliseconds: Int64) {
        #expect(DurationText.milliseconds(text) == milliseconds)
    }

    @Test(arguments: [
        "", "s", "5", "5 s", "-5s", "+5s", "1.5s", "5S", "5sec", "1h30m", "5µs", "٥s",
        "99999999999999999999s", "9223372036854775807d",
    ])
    func `anything else is no duration`(text: String) {
        #expect(DurationText.milliseconds(text) == nil)
    }

    @Test(arguments: [0, 1, 999, 1_000, 90_000, 3_600_000, 86_400_000, 90_061_001] as [Int64])
    func `a printed duration reads as the same`(milliseconds: Int64) {
        let text = DurationText.text(milliseconds: milliseconds)
        #expect(DurationText.milliseconds(text) == milliseconds)
    }

    @Test(arguments: [
        ("64KiB", 65_536), ("4MiB", 4_194_304), ("10GiB", 10_737_418_240), ("1B", 1), ("0MiB", 0),
    ])
    func `a size is a number and a binary unit`(text: String, bytes: Int64) {
        #expect(SizeText.bytes(text) == bytes)
        #expect(SizeText.bytes(SizeText.text(bytes: bytes)) == bytes)
    }

    @Test(arguments: ["4MB", "4M", "4", "MiB", "9999999999TiB", "4 MiB"])
    func `decimal units and overflows are no sizes`(text: String) {
        #expect(SizeText.bytes(text) == nil)
    }

    @Test(arguments: [("0660", true), ("660", true), ("0888", false), ("1777", false), ("", false)])
    func `a mode is three or four octal digits`(text: String, good: Bool) {
        #expect((ModeText.bits(text) != nil) == good)
    }

    @Test(arguments: [("600/1m", true), ("10/s", true), ("", true), ("0/1m", false), ("10", false)])
    func `a rate is a number per time`(text: String, good: Bool) {
        #expect(RateText.isRate(text) == good)
    }

    @Test(arguments: [
        ("127.0.0.1:9464", true), ("[::1]:9464", true), ("localhost:1", true), (":80", false),
        ("::1:80", false), ("a:0", false), ("a:65536", false), ("a", false), ("[]:1", false),
        ("a b:1", false),
    ])
    func `an address has a host and a port`(text: String, good: Bool) {
        #expect((TCPAddress(text) != nil) == good)
    }

    @Test(arguments: [
        ("*/Get*", "a.B/GetX", true), ("*/Get*", "a.B/SetGet", false), ("a.B/*", "a.B/X", true),
        ("*", "", true), ("a*b*c", "aXbYbc", true), ("a*b*c", "acb", false), ("a", "ab", false),
    ])
    func `a star is any text`(pattern: String, text: String, matches: Bool) {
        #expect(GlobPattern.matches(pattern: pattern, text: text) == matches)
    }

    @Test(arguments: [
        ("45s", 45_000), ("0.1s", 100), ("45.0s", 45_000), ("0.0001s", 1), ("0s", 0),
    ])
    func `a service config's duration is seconds`(text: String, milliseconds: Int64) {
        #expect(ServiceConfig.milliseconds(text) == milliseconds)
    }

    @Test(arguments: ["45", "s", "-1s", "1.s.s", "0.1234567891s", "99999999999999s", "1ms"])
    func `anything else is no duration of a service config`(text: String) {
        #expect(ServiceConfig.milliseconds(text) == nil)
    }

    @Test func `status codes have names in both cases`() {
        #expect(StatusCode.number(named: "unavailable") == 14)
        #expect(StatusCode.number(named: "CANCELED") == 1)
        #expect(StatusCode.number(named: "14") == nil)
        #expect(StatusCode.names.count == 17)
    }
}
