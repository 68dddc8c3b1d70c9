// When a place gets its next process after a death, and the bounds on forks that follow each other
// for nothing.
//
// The first death after a useful life is made good at once: callers must not notice it. From the
// second on the wait doubles. On top, forks that replace children which died before they were of
// use are counted over the whole pool, so that many sick places together are bounded as well; a
// place whose child had been ready never waits for that count.

package enum Backoff {
    /// Having been ready for so long is a useful life: the count of crashes begins anew.
    package static let usefulLifeMilliseconds: UInt64 = 10_000
    /// The wait before the second fork in a row; doubled for each further one.
    static let workerFirstMilliseconds: UInt64 = 100
    static let workerMaxMilliseconds: UInt64 = 10_000
    /// The queue is alone: without it nothing goes.
    static let queueFirstMilliseconds: UInt64 = 50
    static let queueMaxMilliseconds: UInt64 = 5_000
    /// A quarter up or down, so that places that died together do not come back together.
    static let jitterParts: UInt64 = 4

    /// Forks for nothing that the whole pool may make in `windowMilliseconds`: with the queue's own
    /// (at most 20) and the first ones it stays under 60 a minute.
    package static let futileForksMax = 30
    package static let windowMilliseconds: UInt64 = 60_000

    /// The wait before the next fork after so many crashes in a row.
    package static func milliseconds(crashes: Int, of name: ChildName, random: UInt64) -> UInt64 {
        guard crashes > 1 else { return 0 }
        let (first, max) =
            switch name {
            case .queue: (queueFirstMilliseconds, queueMaxMilliseconds)
            case .worker: (workerFirstMilliseconds, workerMaxMilliseconds)
            case .loader: (Loading.firstMilliseconds, Loading.maxMilliseconds)
            }
        let doublings = UInt64(min(crashes - 2, 16))
        let wait = min(max, first << doublings)
        let quarter = wait / jitterParts
        return wait - quarter + random % (2 * quarter + 1)
    }
}

/// Times within a window that slides, and times to come.
package struct RecentTimes: Equatable, Sendable {
    /// Sorted.
    private(set) var times: [UInt64] = []

    mutating func add(_ time: UInt64, at now: UInt64) {
        drop(before: now)
        let later = times.lastIndex { $0 <= time }.map { $0 + 1 } ?? 0
        times.insert(time, at: later)
    }

    mutating func drop(before now: UInt64) {
        let first = now > Backoff.windowMilliseconds ? now - Backoff.windowMilliseconds : 0
        times.removeAll { $0 < first }
    }

    /// What is to come comes so much later.
    mutating func postpone(after now: UInt64, by milliseconds: UInt64) {
        times = times.map { $0 > now ? $0 + milliseconds : $0 }
    }

    /// A time, not before the given one, that can be added with at most `limit` in any window: it
    /// is more than a window behind the last but `limit`, so no window that holds it reaches there.
    func allows(_ limit: Int, at time: UInt64) -> UInt64 {
        guard times.count >= limit else { return time }
        return max(time, times[times.count - limit] + Backoff.windowMilliseconds + 1)
    }
}
