// One instant on both clocks. Every event of the job logic carries one, so that the logic itself
// never reads a clock: the wall clock decides what survives a restart (delay, expiry), the
// monotonic one what must not jump (deadlines, durations).

package struct Moment: Equatable, Sendable {
    /// Milliseconds since 1970-01-01T00:00:00Z, CLOCK_REALTIME.
    package var wallMilliseconds: Int64
    /// Nanoseconds of CLOCK_MONOTONIC: the same for all processes of one machine until it reboots.
    package var monotonicNanoseconds: UInt64

    package init(wallMilliseconds: Int64, monotonicNanoseconds: UInt64) {
        self.wallMilliseconds = wallMilliseconds
        self.monotonicNanoseconds = monotonicNanoseconds
    }

    /// So much later on the wall clock; what is too far away is at the end of time, never wraps.
    package func wall(afterMilliseconds wait: Int64) -> Int64 {
        let (time, isTooFar) = wallMilliseconds.addingReportingOverflow(max(0, wait))
        return isTooFar ? .max : time
    }

    /// The same on the monotonic clock.
    package func monotonic(afterMilliseconds wait: Int64) -> UInt64 {
        let (nanoseconds, isTooLong) =
            UInt64(clamping: wait).multipliedReportingOverflow(by: 1_000_000)
        let (time, isTooFar) = monotonicNanoseconds.addingReportingOverflow(nanoseconds)
        return isTooLong || isTooFar ? .max : time
    }
}
