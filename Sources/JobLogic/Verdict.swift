// The one table that says what becomes of a call when an attempt ends: INTERFACE 2.3. A pure
// function, used by jobs and direct calls alike, so that "may have happened" means one thing.

/// How an attempt ended.
package enum AttemptEnd: Equatable, Sendable {
    /// The worker handed it back: no ready channel, nothing was sent.
    case neverStarted
    case status(code: Int32, hint: RetryHint)
    case workerDied
    /// The drain's cut-off ended it.
    case drained
    /// The user cancelled it while it ran, and the call did not end well before that was heard.
    case cancelledByUser
}

/// What the server said about repeating, by RetryInfo or pushback.
package enum RetryHint: Equatable, Sendable {
    case none
    /// Repeat, not before so long.
    case after(milliseconds: Int64)
    /// Do not repeat: a negative pushback.
    case never
}

package enum Verdict: Equatable, Sendable {
    case succeeded
    /// The job's own error; it is final.
    case failed
    /// At once, by whoever is free. `counted`: whether the attempt counts.
    case queued(counted: Bool)
    /// After a wait: what the server asked for, or (nothing) the policy's back-off.
    case scheduled(afterMilliseconds: Int64?)
    case cancelled
    /// It may have happened and is not safe to repeat.
    case unknown
}

extension Verdict {
    /// - Parameters:
    ///   - attemptsLeft: whether the policy allows another attempt after this one.
    package static func of(
        _ end: AttemptEnd, isSafe: Bool, policy: RetryPolicy, attemptsLeft: Bool
    ) -> Verdict {
        switch end {
        case .neverStarted:
            .queued(counted: false)
        case .status(StatusCode.ok, _):
            .succeeded
        case .status(let code, let hint):
            isSafe
                ? ofSafe(code, hint, policy: policy, attemptsLeft: attemptsLeft)
                : ofUnsafe(code, hint, attemptsLeft: attemptsLeft)
        case .workerDied, .drained:
            isSafe ? .queued(counted: true) : .unknown
        case .cancelledByUser:
            .cancelled
        }
    }

    private static func ofSafe(
        _ code: Int32, _ hint: RetryHint, policy: RetryPolicy, attemptsLeft: Bool
    ) -> Verdict {
        guard attemptsLeft else { return .failed }
        switch hint {
        case .never: return .failed
        case .after(let milliseconds): return .scheduled(afterMilliseconds: milliseconds)
        case .none:
            return policy.repeats(code: code) ? .scheduled(afterMilliseconds: nil) : .failed
        }
    }

    /// A refusal with a wait comes from a limiter in front of the work, so it did not happen; any
    /// other ambiguous code may hide a call that did.
    private static func ofUnsafe(
        _ code: Int32, _ hint: RetryHint, attemptsLeft: Bool
    ) -> Verdict {
        switch code {
        case StatusCode.resourceExhausted:
            guard case .after(let milliseconds) = hint, attemptsLeft else { return .failed }
            return .scheduled(afterMilliseconds: milliseconds)
        case _:
            return mayHideCall(code) ? .unknown : .failed
        }
    }

    /// Whether a call that ended so may have been carried out.
    static func mayHideCall(_ code: Int32) -> Bool {
        code == StatusCode.unavailable || code == StatusCode.deadlineExceeded
            || code == StatusCode.cancelled
    }
}
