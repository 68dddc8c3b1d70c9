// A job whose call has begun a long-running operation: from `running` to `waiting`, and on to its
// end. Never makes a second call; only what polls say changes it.

extension Job {
    /// The call ended well: it has begun an operation, or is its whole story already.
    mutating func beginOperation(
        _ report: AttemptReport, _ reading: OperationReading?, random: UInt64, now: Moment
    ) throws(IllegalEvent) {
        guard progress.state == .running else {
            throw IllegalEvent(reason: "no attempt of it runs: it is \(progress.state.name)")
        }
        closeAttempt(report, now: now)
        progress.mark = nil
        guard let reading, reading.isDone || !reading.name.isEmpty else {
            return end(
                .failed,
                error: JobError(
                    code: StatusCode.internal,
                    message: "the call ended well, but its response names no operation to follow",
                    fromTarget: false), now: now)
        }
        progress.operationName = reading.name.isEmpty ? nil : reading.name
        follow(reading, polls: 0, random: random, now: now)
    }

    mutating func notePoll(
        _ reading: OperationReading, random: UInt64, now: Moment
    ) throws(IllegalEvent) {
        try checkWaiting()
        follow(reading, polls: polls &+ 1, random: random, now: now)
    }

    /// No answer now: the operation goes on, and is asked again.
    mutating func postponePoll(random: UInt64, now: Moment) throws(IllegalEvent) {
        try checkWaiting()
        scheduleNextPoll(made: polls &+ 1, random: random, now: now)
    }

    mutating func loseOperation(_ error: JobError, now: Moment) throws(IllegalEvent) {
        try checkWaiting()
        end(.failed, error: error, now: now)
    }

    mutating func cancelWaiting(now: Moment) {
        end(
            .cancelled,
            error: JobError(
                code: StatusCode.cancelled,
                message: "cancelled while its operation ran: \(progress.operationName ?? "")"
                    + " may still end well",
                fromTarget: false), now: now)
    }

    /// When the operation began, as far as the job knows.
    package var operationStartMilliseconds: Int64 {
        progress.attempts.last?.endedAtMilliseconds ?? progress.startedAtMilliseconds ?? 0
    }

    private var polls: UInt32 { OperationCheckpoint(progress.checkpoint)?.polls ?? 0 }

    private func checkWaiting() throws(IllegalEvent) {
        guard progress.state == .waiting else {
            throw IllegalEvent(reason: "it follows no operation: it is \(progress.state.name)")
        }
    }

    private mutating func follow(
        _ reading: OperationReading, polls: UInt32, random: UInt64, now: Moment
    ) {
        progress.checkpoint = OperationCheckpoint(polls: polls, progress: reading.progress).bytes
        guard reading.isDone else {
            return scheduleNextPoll(made: polls, random: random, now: now)
        }
        end(reading.error == nil ? .succeeded : .failed, error: reading.error, now: now)
    }

    private mutating func scheduleNextPoll(made: UInt32, random: UInt64, now: Moment) {
        progress.state = .waiting
        let known = OperationCheckpoint(progress.checkpoint)?.progress ?? []
        progress.checkpoint = OperationCheckpoint(polls: made, progress: known).bytes
        let wait = OperationRules.backOff.backOffMilliseconds(
            made: Int32(clamping: made) + (made < UInt32(Int32.max) ? 1 : 0), random: random)
        progress.notBeforeMilliseconds = now.wall(afterMilliseconds: wait)
    }
}
