// The end of a job's time: what people are told of it, and the new time that a retry by hand gives.
// Only a job that no worker has expires: an attempt that was begun comes to its own end.

extension Job {
    package func isOverdue(at wallMilliseconds: Int64) -> Bool {
        guard let expiry = order.expiresAtMilliseconds else { return false }
        return expiry <= wallMilliseconds
    }

    /// - Parameters:
    ///   - total: what its method's attempts may take together, where that is bounded.
    ///   - blocked: why it could not start just now.
    mutating func expire(
        total: Int64?, blocked: String?, now: Moment
    ) throws(IllegalEvent) {
        switch progress.state {
        case .queued, .scheduled:
            endByTime(fate(total, isEarly: false, blocked), details: [], now: now)
        case .running, .waiting, .unknown, .succeeded, .failed, .cancelled, .expired:
            throw IllegalEvent(reason: "only a job that has not started expires")
        }
    }

    /// The next attempt would come too late: waiting for it would only hide what is known already.
    /// Google's clients end so too (google-api-core, `retry_base.py`).
    mutating func expireEarly(_ report: AttemptReport, total: Int64?, now: Moment) {
        endByTime(fate(total, isEarly: true, nil), details: report.statusDetails, now: now)
    }

    private mutating func endByTime(_ message: String, details: [UInt8], now: Moment) {
        end(
            .expired,
            error: JobError(
                code: StatusCode.deadlineExceeded, message: message, statusDetails: details,
                fromTarget: false), now: now)
    }

    private func fate(_ total: Int64?, isEarly: Bool, _ blocked: String?) -> String {
        let obstacle = blocked.map { "; \($0)" } ?? ""
        guard let last = progress.attempts.last else {
            return "it expired before an attempt could start\(obstacle)"
        }
        let count = progress.attemptCount == 1 ? "1 attempt" : "\(progress.attemptCount) attempts"
        let ended = last.code.map { "\(StatusCode.name(of: $0)): \(last.message)" } ?? last.message
        // an unsafe one has another attempt only by `on_unknown` or a person's word
        let doubt = mayHaveHappened ? "; the call may have happened" : ""
        return "\(timeIsOver(total, isEarly)) after \(count); the last ended \(ended)\(doubt)"
            + obstacle
    }

    private var mayHaveHappened: Bool {
        !order.safety.isSafe
            && progress.attempts.contains { $0.code.map(Verdict.mayHideCall) ?? true }
    }

    private func timeIsOver(_ total: Int64?, _ isEarly: Bool) -> String {
        let early = "before its next attempt could start,"
        guard order.flags.contains(.totalTime) else {
            return isEarly ? "it expires \(early)" : "it expired"
        }
        let time = total.map { " of \(Job.text(ofMilliseconds: $0))" } ?? ""
        return "its total time\(time) \(isEarly ? "ends \(early)" : "passed")"
    }

    private static func text(ofMilliseconds time: Int64) -> String {
        time % 1000 == 0 ? "\(time / 1000)s" : "\(time)ms"
    }

    /// Who asks for another attempt wants it now, so a time that a person gave ends nothing any
    /// more. But what no count of attempts ends must have a time: the method's own, from now.
    mutating func renewExpiry(total: Int64?, now: Moment) {
        var expiry: Int64?
        if order.flags.contains(.totalTime) || order.maxAttempts == RetryPolicy.unlimited {
            expiry = (total ?? timeHad).map { now.wall(afterMilliseconds: $0) }
        }
        order = order.with(expiresAtMilliseconds: .some(expiry))
        progress.isExpiryMoved = true
    }

    /// Where its method is not known: the time that the job had, from the first attempt since it
    /// was last retried. Without one from its submission, which may have a delay in it, or all the
    /// time before a former retry: so it is bounded.
    private var timeHad: Int64? {
        let forgiven = progress.forgivenAttempts + progress.crashes
        let first = progress.attempts.first { $0.number > forgiven }
        let begin = first?.startedAtMilliseconds ?? order.submittedAtMilliseconds
        return order.expiresAtMilliseconds.map { min(max(0, $0 - begin), Job.longestTimeHad) }
    }

    /// An hour, where the method is not there to say how long it tries: a bound, no wish.
    static var longestTimeHad: Int64 { 3_600_000 }
}
