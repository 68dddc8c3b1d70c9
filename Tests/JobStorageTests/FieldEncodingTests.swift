// The encoding inside the rows' blobs: what goes in comes out, and broken bytes are an error.

import JobLogic
import SeededRandom
import Testing

@testable import JobStorage

@Suite struct FieldEncodingTests {
    private func decode<Value>(
        _ bytes: [UInt8], _ body: (UnsafeRawBufferPointer) throws -> Value
    ) rethrows -> Value {
        try bytes.withUnsafeBytes { try body($0) }
    }

    @Test(arguments: [0, 1, -1, 63, 64, 127, 128, 300, .max, .min] as [Int64])
    func `a number comes back`(number: Int64) throws {
        var encoder = FieldEncoder()
        encoder.signed(1, number)
        encoder.optional(2, number)
        encoder.integer(3, UInt64(bitPattern: number))
        try decode(encoder.bytes) { bytes in
            var decoder = FieldDecoder(bytes)
            // a zero is left out, unless it differs from nothing
            if number != 0 { #expect(try decoder.next()?.signed == number) }
            let optional = try decoder.next()
            #expect(optional?.signed == number && optional?.number == 2)
            if number != 0 { #expect(try decoder.next()?.value == UInt64(bitPattern: number)) }
            #expect(try decoder.next() == nil)
        }
    }

    private var attempts: [AttemptRecord] { Sample.fullProgress(state: .running).attempts }

    @Test func `an unknown field is skipped`() throws {
        var encoder = FieldEncoder()
        encoder.integer(90, 5)
        encoder.text(91, "new")
        encoder.attempts(attempts)
        encoder.text(92, "newer")
        #expect(try decode(encoder.bytes) { try AttemptRecord.list($0) } == attempts)
    }

    @Test func `bytes cut short anywhere are an error or less, never a trap`() {
        var encoder = FieldEncoder()
        encoder.attempts(attempts)
        for count in 0..<encoder.count {
            let short = try? decode(Array(encoder.bytes.prefix(count))) {
                try AttemptRecord.list($0)
            }
            #expect((short?.count ?? 0) < attempts.count)
        }
    }

    @Test func `random bytes never trap`() {
        var random = SeededRandom(seed: 5)
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...40, using: &random)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            decode(bytes) { bytes in
                _ = try? AttemptRecord.list(bytes)
                _ = try? JobError(fields: bytes)
                _ = try? OrderRest(fields: bytes)
            }
        }
    }
}
