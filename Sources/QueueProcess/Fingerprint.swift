// Names a call by its method, target and request bytes, so that a key that is used again can be
// told from a key used for another call. Not for security: a user's keys are that user's own.

import JobLogic

extension CallFingerprint {
    /// Two 64-bit FNV-1a hashes with different starts (Fowler, Noll, Vo), each part closed by its
    /// length so that no two lists of parts run together.
    static func of(method: String, target: String, requests: [[UInt8]]) -> CallFingerprint {
        var high = Hash(start: 0xcbf2_9ce4_8422_2325)
        var low = Hash(start: 0x8422_2325_cbf2_9ce4)
        for part in [Array(method.utf8), Array(target.utf8)] + requests {
            high.add(part)
            low.add(part.reversed())
        }
        return CallFingerprint(high: high.value, low: low.value)
    }

    private struct Hash {
        var value: UInt64

        init(start: UInt64) {
            value = start
        }

        mutating func add(_ bytes: some Collection<UInt8>) {
            for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
            value = (value ^ UInt64(bytes.count)) &* 0x100_0000_01b3
        }
    }
}
