// Instants as people and programs write them.

import Testing

@testable import QueueProcess

@Suite struct InstantTextTests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-01-31T12:00:00.123Z", 1_769_860_800_123),
            ("2026-01-31t13:00:00.123999+01:00", 1_769_860_800_123),
            ("2026-01-31 11:30:00-00:30", 1_769_860_800_000),
            ("2016-12-31T23:59:60Z", 1_483_228_799_000),
            ("2016-12-31T23:59:60.5z", 1_483_228_799_500),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000), ("1969-12-31T23:59:59.5Z", -500),
        ] as [(String, Int64)])
    func `an RFC 3339 time is read`(text: String, milliseconds: Int64) {
        #expect(InstantText.milliseconds(text) == milliseconds)
    }

    @Test(arguments: [
        "", "now", "2026-01-31", "2026-01-31T12:00:00", "2026-02-30T12:00:00Z",
        "2026-13-01T12:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T12:60:00Z",
        "2026-01-31T12:00:61Z", "2026-01-31T12:00:00.Z", "2026-01-31T12:00:00+1:00",
        "2026-01-31T12:00:00Zz", "2026-01-31_12:00:00Z", "é026-01-31T12:00:00Z",
    ])
    func `what is none is refused`(text: String) {
        #expect(InstantText.milliseconds(text) == nil)
    }
}
