// The two clocks and the kernel's randomness. Pure modules get their values passed in.

internal import CLinux
import Glibc

package enum Clock {
    /// CLOCK_MONOTONIC in milliseconds: does not jump, stands still while the host sleeps.
    package static func monotonicMilliseconds() -> UInt64 { read(CLOCK_MONOTONIC) / 1_000_000 }

    /// CLOCK_MONOTONIC in nanoseconds.
    package static func monotonicNanoseconds() -> UInt64 { read(CLOCK_MONOTONIC) }

    /// CLOCK_REALTIME in milliseconds since 1970: may jump, for people and for the store.
    package static func wallMilliseconds() -> UInt64 { read(CLOCK_REALTIME) / 1_000_000 }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

package enum Random {
    /// 64 bits from getrandom(2).
    package static func next() throws(SystemError) -> UInt64 {
        var value: UInt64 = 0
        try check("getrandom") { CLinux_random(&value, MemoryLayout<UInt64>.size) }
        return value
    }
}
