// INTERFACE 2.3's table of what becomes of a job when an attempt ends, row by row.

import Testing

@testable import JobLogic

struct VerdictTests {
    private func verdict(
        _ end: AttemptEnd, safe: Bool, attemptsLeft: Bool = true
    ) -> Verdict {
        Verdict.of(end, isSafe: safe, policy: Sample.retry, attemptsLeft: attemptsLeft)
    }

    @Test(arguments: [true, false], [true, false])
    func `a call that was never started is queued again and not counted`(
        safe: Bool, attemptsLeft: Bool
    ) {
        #expect(
            verdict(.neverStarted, safe: safe, attemptsLeft: attemptsLeft)
                == .queued(counted: false))
    }

    @Test(arguments: [true, false], [RetryHint.none, .never, .after(milliseconds: 5)])
    func `OK is a success whatever else was said`(safe: Bool, hint: RetryHint) {
        let end = AttemptEnd.status(code: 0, hint: hint)
        #expect(verdict(end, safe: safe) == .succeeded)
        #expect(verdict(end, safe: safe, attemptsLeft: false) == .succeeded)
    }

    @Test(arguments: Int32(1)...16)
    func `a safe call is repeated for the policy's codes only`(code: Int32) {
        let end = AttemptEnd.status(code: code, hint: .none)
        let expected: Verdict =
            code == StatusCode.unavailable ? .scheduled(afterMilliseconds: nil) : .failed
        #expect(verdict(end, safe: true) == expected)
        #expect(verdict(end, safe: true, attemptsLeft: false) == .failed)
    }

    @Test(arguments: Int32(1)...16)
    func `a safe call is repeated for any code when the server says when`(code: Int32) {
        let asked = AttemptEnd.status(code: code, hint: .after(milliseconds: 250))
        #expect(verdict(asked, safe: true) == .scheduled(afterMilliseconds: 250))
        #expect(verdict(asked, safe: true, attemptsLeft: false) == .failed)
    }

    @Test(arguments: Int32(1)...16)
    func `a negative pushback ends a safe call`(code: Int32) {
        #expect(verdict(.status(code: code, hint: .never), safe: true) == .failed)
    }

    @Test(arguments: Int32(1)...16, [RetryHint.none, .never, .after(milliseconds: 250)])
    func `an unsafe call is repeated only when a limiter refused it`(code: Int32, hint: RetryHint) {
        let end = AttemptEnd.status(code: code, hint: hint)
        let expected: Verdict =
            switch code {
            case 1, 4, 14: .unknown
            case 8 where hint == .after(milliseconds: 250): .scheduled(afterMilliseconds: 250)
            default: .failed
            }
        #expect(verdict(end, safe: false) == expected)
        let last: Verdict = expected == .unknown ? .unknown : .failed
        #expect(verdict(end, safe: false, attemptsLeft: false) == last)
    }

    @Test(arguments: [AttemptEnd.workerDied, .drained], [true, false])
    func `a lost attempt is queued where safe, else unknown`(end: AttemptEnd, attemptsLeft: Bool) {
        #expect(
            verdict(end, safe: true, attemptsLeft: attemptsLeft) == .queued(counted: true))
        #expect(verdict(end, safe: false, attemptsLeft: attemptsLeft) == .unknown)
    }

    @Test(arguments: [true, false])
    func `the user's cancel cancels`(safe: Bool) {
        #expect(verdict(.cancelledByUser, safe: safe) == .cancelled)
    }
}
