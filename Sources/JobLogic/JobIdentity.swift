// How a job is named: a 64-bit key that is its place in the store, and a salt that makes the id
// that users see impossible to guess. Never decodes anything but its own text form.

/// The store's primary key: time-ordered, so that new jobs append to the tree instead of
/// splitting it everywhere.
///
///      63           20 19        0
///     +---------------+-----------+
///     | milliseconds  |  sequence |   milliseconds since 1970, 43 bits: until the year 2248
///     +---------------+-----------+
package struct JobKey: Hashable, Comparable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// How many low bits count jobs inside one millisecond.
    package static let sequenceBits: UInt64 = 20
    /// The last millisecond whose keys leave the highest bit, which marks direct calls, clear.
    static let millisecondsMax: UInt64 = 1 << 43 - 1

    /// When the job was submitted, wall milliseconds: to be had without looking at the job. Later
    /// than that only where the wall clock had gone back.
    package var milliseconds: Int64 { Int64(clamping: rawValue >> JobKey.sequenceBits) }

    package static func < (left: JobKey, right: JobKey) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// Makes keys that only grow, also when the wall clock goes back.
package struct JobKeySequence: Equatable, Sendable {
    private var last: UInt64

    /// - Parameter after: the largest key in the store, or 0.
    package init(after last: UInt64) {
        self.last = last
    }

    /// - Parameter random: its low bits start a new millisecond's sequence, so that ids of two
    ///   stores do not run in step.
    package mutating func next(wallMilliseconds: Int64, random: UInt64) -> JobKey {
        // a clock beyond the last year that fits must not reach the bit of direct calls
        let milliseconds = min(UInt64(clamping: wallMilliseconds), JobKey.millisecondsMax)
        let time = milliseconds << JobKey.sequenceBits
        // a quarter of the sequence is the random start, the rest is room to count in
        let start = time | (random & ((1 << (JobKey.sequenceBits - 2)) - 1))
        last = start > last ? start : last + 1
        return JobKey(rawValue: last)
    }
}

/// What users see: 26 characters of Crockford's base 32 (as a ULID), 13 for the key and 13 for
/// the salt. Opaque to them; sorts by time of submission.
package struct JobID: Hashable, Sendable {
    package let key: JobKey
    package let salt: UInt64

    package static let textLength = 26
    private static let halfLength = 13

    package init(key: JobKey, salt: UInt64) {
        self.key = key
        self.salt = salt
    }

    /// Nothing for a text that is not an id of this store's form.
    package init?(text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard bytes.count == JobID.textLength,
            let key = JobID.number(bytes[0..<JobID.halfLength]),
            let salt = JobID.number(bytes[JobID.halfLength...])
        else { return nil }
        self.init(key: JobKey(rawValue: key), salt: salt)
    }

    package var text: String {
        String(unsafeUninitializedCapacity: JobID.textLength) { buffer in
            JobID.write(key.rawValue, into: buffer, at: 0)
            JobID.write(salt, into: buffer, at: JobID.halfLength)
            return JobID.textLength
        }
    }

    /// The same text without a String.
    package func appendText(to bytes: inout [UInt8]) {
        let start = bytes.count
        for _ in 0..<JobID.textLength { bytes.append(0) }
        bytes.withUnsafeMutableBufferPointer { buffer in
            JobID.write(key.rawValue, into: buffer, at: start)
            JobID.write(salt, into: buffer, at: start + JobID.halfLength)
        }
    }

    private static let alphabet: StaticString = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

    private static func write(
        _ number: UInt64, into buffer: UnsafeMutableBufferPointer<UInt8>, at start: Int
    ) {
        var rest = number
        for index in stride(from: start + halfLength - 1, through: start, by: -1) {
            buffer[index] = alphabet.utf8Start[Int(rest & 31)]
            rest >>= 5
        }
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for (place, digit) in digits.enumerated() {
            guard let bits = bits(of: digit) else { return nil }
            // thirteen digits are 65 bits: the first one holds four
            if place == 0, bits > 15 { return nil }
            value = value << 5 | bits
        }
        return value
    }

    private static func bits(of digit: UInt8) -> UInt64? {
        for index in 0..<32 where alphabet.utf8Start[index] == digit {
            return UInt64(index)
        }
        return nil
    }
}
