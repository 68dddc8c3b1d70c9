// When a call is made again, and how long after. Pure: the random number comes in.

/// A gRPC status code that the logic itself looks at; every other code is just a number.
package enum StatusCode {
    package static let ok: Int32 = 0
    package static let cancelled: Int32 = 1
    package static let unknown: Int32 = 2
    package static let deadlineExceeded: Int32 = 4
    package static let resourceExhausted: Int32 = 8
    package static let failedPrecondition: Int32 = 9
    package static let aborted: Int32 = 10
    package static let `internal`: Int32 = 13
    package static let unavailable: Int32 = 14

    /// ServerReflection has these names too: neither module sees the other, nor has one that both
    /// could take such a table from.
    private static let names = [
        "ok", "canceled", "unknown", "invalid_argument", "deadline_exceeded", "not_found",
        "already_exists", "permission_denied", "resource_exhausted", "failed_precondition",
        "aborted", "out_of_range", "unimplemented", "internal", "unavailable", "data_loss",
        "unauthenticated",
    ]

    /// As people read it, with the Connect protocol's names.
    static func name(of code: Int32) -> String {
        names.indices.contains(Int(code)) ? names[Int(code)] : "code \(code)"
    }
}

package struct RetryPolicy: Equatable, Sendable {
    /// First attempt included, at least 1.
    package var attempts: Int32
    package var initialMilliseconds: Int64
    package var maxMilliseconds: Int64
    package var multiplier: Double
    /// One bit per gRPC code.
    package var codes: UInt32
    /// No count of attempts ends it but this time from its start, as Google's clients have it; nil:
    /// `attempts` do.
    package var totalMilliseconds: Int64?
    /// Back-offs are spread over the whole wait, not over its second half.
    package var isSpreadWide = false

    /// What `attempts` is where only time counts.
    package static let unlimited = Int32.max

    package init(
        attempts: Int32, initialMilliseconds: Int64, maxMilliseconds: Int64, multiplier: Double,
        codes: [Int32]
    ) {
        self.attempts = attempts
        self.initialMilliseconds = initialMilliseconds
        self.maxMilliseconds = maxMilliseconds
        self.multiplier = multiplier
        self.codes = codes.reduce(0) { $0 | 1 << UInt32($1) }
    }

    package func repeats(code: Int32) -> Bool {
        0...16 ~= code && codes & (1 << UInt32(code)) != 0
    }

    /// How long to wait before the next attempt: `initial × multiplier^(made − 1)`, at most `max`,
    /// of which a random part between the half and the whole (wide: between nothing and the whole),
    /// so that jobs that failed together do not come back together.
    /// - Parameters:
    ///   - made: attempts already made, from 1.
    ///   - random: any 64 bits.
    package func backOffMilliseconds(made: Int32, random: UInt64) -> Int64 {
        var ceiling = Double(initialMilliseconds)
        var step: Int32 = 1
        // ends early: at most log(max/initial) rounds matter, and attempts may be millions
        while step < made, ceiling < Double(maxMilliseconds), multiplier > 1 {
            ceiling *= multiplier
            step += 1
        }
        ceiling = min(ceiling, Double(maxMilliseconds))
        let part = Double(random >> 11) / Double(1 << 53)
        let fraction = isSpreadWide ? part : 0.5 + part / 2
        return max(1, Int64(ceiling * fraction))
    }
}

/// All that prong knows about calling one method at one target: the one value that says timeout,
/// retry, whether a repeat is safe, and why. Shared by all calls of the method.
package final class MethodPolicy: Equatable, Sendable {
    /// Per attempt, where neither the caller nor the job says one.
    package let timeoutMilliseconds: Int64
    package let jobRetry: RetryPolicy
    package let callRetry: RetryPolicy
    package let safety: Safety
    /// Nothing: its responses are no pages.
    package let pages: PageFields?
    /// How the operations that it begins are followed; nil: it begins none.
    package let operation: OperationRules?

    package init(
        timeoutMilliseconds: Int64, jobRetry: RetryPolicy, callRetry: RetryPolicy, safety: Safety,
        pages: PageFields? = nil, operation: OperationRules? = nil
    ) {
        self.operation = operation
        self.timeoutMilliseconds = timeoutMilliseconds
        self.jobRetry = jobRetry
        self.callRetry = callRetry
        self.safety = safety
        self.pages = pages
    }

    /// Whether the method can do what such a job wants of it.
    package func offers(_ flags: JobFlags) -> Bool {
        (!flags.contains(.allPages) || pages != nil)
            && (!flags.contains(.waitOperation) || operation != nil)
    }

    package static func == (left: MethodPolicy, right: MethodPolicy) -> Bool {
        left === right
            || left.timeoutMilliseconds == right.timeoutMilliseconds
                && left.jobRetry == right.jobRetry && left.callRetry == right.callRetry
                && left.safety == right.safety && left.pages == right.pages
                && left.operation === right.operation
    }
}

/// What becomes of jobs whose call may have happened: a target's `on_unknown`.
package enum UnknownRule: Sendable, Equatable {
    case keep, fail, retry
}
