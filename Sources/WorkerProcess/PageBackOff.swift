// How long a page that failed waits before it is asked for again: the method's own retry policy,
// for each page anew, as Google's generated iterators have it. Pure: the time and the random number
// come in. Never for what a policy does not name, and never against a server's word.

import GRPCClient
import WireFormat

struct PageBackOff {
    private let policy: PageRetry
    private var attempts: UInt64 = 1
    private var ceilingMilliseconds: Double
    private let startNanoseconds: UInt64

    /// - Parameter now: when the page is asked for the first time, by the monotonic clock.
    init(_ policy: PageRetry, now: UInt64) {
        self.policy = policy
        startNanoseconds = now
        ceilingMilliseconds = Double(min(policy.initialMilliseconds, policy.maxMilliseconds))
    }

    /// When the page is to be asked for again; nil: it has failed for good.
    ///
    /// - Parameters:
    ///   - deadline: of all pages together; nothing begins after it.
    ///   - random: any 64 bits.
    mutating func next(
        after outcome: CallOutcome, now: UInt64, deadline: UInt64?, random: UInt64
    ) -> UInt64? {
        guard repeats(outcome), attempts < policy.attempts else { return nil }
        attempts += 1
        let wait = milliseconds(outcome.pushbackMilliseconds, random)
        let due = now.addingReportingOverflow(wait.multipliedReportingOverflow(by: 1_000_000).0)
        guard !due.overflow, due.partialValue < deadline ?? UInt64.max else { return nil }
        if policy.totalMilliseconds > 0 {
            let elapsed = (due.partialValue - startNanoseconds) / 1_000_000
            guard elapsed < policy.totalMilliseconds else { return nil }
        }
        return due.partialValue
    }

    private func repeats(_ outcome: CallOutcome) -> Bool {
        guard 0...16 ~= outcome.code, policy.codes & (1 << UInt64(outcome.code)) != 0,
            !outcome.isMadeByProng, outcome.pushbackMilliseconds ?? 0 >= 0
        else { return false }
        return !Self.namesItsWait(outcome.statusDetails)
    }

    private mutating func milliseconds(_ pushback: Int64?, _ random: UInt64) -> UInt64 {
        if let pushback { return UInt64(clamping: pushback) }
        let part = Double(random >> 11) / Double(1 << 53)
        let fraction = policy.isSpreadWide ? part : 0.5 + part / 2
        let wait = max(1, UInt64(ceilingMilliseconds * fraction))
        ceilingMilliseconds = min(
            ceilingMilliseconds * Double(policy.multiplierThousandths) / 1_000,
            Double(policy.maxMilliseconds))
        return wait
    }

    /// A `google.rpc.RetryInfo` says when to come back; the queue reads and obeys it.
    private static func namesItsWait(_ details: [UInt8]) -> Bool {
        details.count >= retryInfo.count
            && (0...(details.count - retryInfo.count)).contains {
                details[$0...].starts(with: retryInfo)
            }
    }

    private static let retryInfo = Array("google.rpc.RetryInfo".utf8)
}
