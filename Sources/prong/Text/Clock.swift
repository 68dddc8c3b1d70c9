// Time as the client needs it: a monotonic clock for limits, the wall clock for ages.
import Glibc

/// An instant of the monotonic clock, in nanoseconds since an arbitrary start.
struct MonotonicInstant: Equatable, Comparable {
    let nanoseconds: Int64

    static var now: MonotonicInstant {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return MonotonicInstant(
            nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
    }

    static func < (left: MonotonicInstant, right: MonotonicInstant) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    func seconds(since earlier: MonotonicInstant) -> Double {
        Double(nanoseconds - earlier.nanoseconds) / 1e9
    }
}

/// When to give up. `never` is for waits that the user asked for.
struct Deadline: Equatable {
    let instant: MonotonicInstant?

    static let never = Deadline(instant: nil)

    static func after(seconds: Double) -> Deadline {
        let capped = min(max(seconds, 0), 1e9)
        return Deadline(
            instant: MonotonicInstant(
                nanoseconds: MonotonicInstant.now.nanoseconds + Int64(capped * 1e9)))
    }

    var hasPassed: Bool {
        guard let instant else { return false }
        return instant <= .now
    }

    /// The remaining time as poll(2) wants it: milliseconds, rounded up, -1 for ever.
    var pollMilliseconds: Int32 {
        guard let instant else { return -1 }
        let left = instant.nanoseconds - MonotonicInstant.now.nanoseconds
        if left <= 0 { return 0 }
        return Int32(min((left + 999_999) / 1_000_000, 1_000_000_000))
    }

    func earlier(_ other: Deadline) -> Deadline {
        guard let mine = instant else { return other }
        guard let theirs = other.instant else { return self }
        return mine < theirs ? self : other
    }
}

/// The wall clock, in milliseconds since 1970, UTC.
func wallMillisecondsNow() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}
