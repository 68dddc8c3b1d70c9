// A job whose call has begun a long-running operation: from `running` to `waiting`, and on to its
// end; and a cancelled one whose operation is to be cancelled too. Never makes a second call; only
// what polls say changes it.

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
        follow(reading, polls: checkpoint.polls &+ 1, random: random, now: now)
    }

    /// No answer now: the operation goes on, and is asked again.
    mutating func postponePoll(random: UInt64, now: Moment) throws(IllegalEvent) {
        try checkWaiting()
        noteAsked(random: random, now: now)
    }

    mutating func putOperationOff(until milliseconds: Int64) throws(IllegalEvent) {
        if !owesCancel { try checkWaiting() }
        progress.notBeforeMilliseconds = milliseconds
    }

    mutating func loseOperation(_ error: JobError, now: Moment) throws(IllegalEvent) {
        try checkWaiting()
        end(.failed, error: error, now: now)
    }

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
            progress.state = .waiting
            return askAgain(after: polls, random: random, now: now)
        }
        end(reading.error == nil ? .succeeded : .failed, error: reading.error, now: now)
    }

    // MARK: how often it was asked

    private var checkpoint: OperationCheckpoint {
        OperationCheckpoint(progress.checkpoint) ?? OperationCheckpoint(polls: 0, progress: [])
    }

    /// Once more, without an answer that says anything.
    private mutating func noteAsked(random: UInt64, now: Moment) {
        var checkpoint = checkpoint
        checkpoint.polls &+= 1
        progress.checkpoint = checkpoint.bytes
        askAgain(after: checkpoint.polls, random: random, now: now)
    }

    private mutating func askAgain(after made: UInt32, random: UInt64, now: Moment) {
        let wait = OperationRules.backOff.backOffMilliseconds(
            made: Int32(clamping: UInt64(made) + 1), random: random)
        progress.notBeforeMilliseconds = now.wall(afterMilliseconds: wait)
    }

    // MARK: cancels

    /// Its operation is to be cancelled, and has not been told: no other ended job has a time.
    package var owesCancel: Bool {
        progress.state == .cancelled && progress.notBeforeMilliseconds != nil
    }

    /// Whether its operation is still tried to be told: it may be given up, and nobody has looked.
    func mayTellOperation(at now: Moment) -> Bool {
        let age = now.wallMilliseconds - (progress.endedAtMilliseconds ?? 0)
        return owesCancel && age < OperationRules.cancelTimeoutMilliseconds
    }

    mutating func cancelWaiting(now: Moment) {
        end(.cancelled, error: nil, now: now)
        noteCancel("may still end well")
    }

    mutating func wantOperationCancel(now: Moment) throws(IllegalEvent) {
        guard progress.state == .cancelled, progress.operationName != nil else {
            throw IllegalEvent(
                reason: "it has no operation to cancel: it is \(progress.state.name)")
        }
        progress.notBeforeMilliseconds = now.wallMilliseconds
        // the cancel's tries are counted anew
        var checkpoint = checkpoint
        checkpoint.polls = 0
        progress.checkpoint = checkpoint.bytes
        noteCancel("is told to stop, and may still end well")
    }

    mutating func postponeOperationCancel(random: UInt64, now: Moment) throws(IllegalEvent) {
        try checkOwesCancel()
        noteAsked(random: random, now: now)
    }

    mutating func endOperationCancel(failure: String?) throws(IllegalEvent) {
        try checkOwesCancel()
        progress.notBeforeMilliseconds = nil
        noteCancel(
            failure.map { "may still end well; it could not be told to stop: \($0)" }
                ?? "was told to stop, and may still end well")
    }

    private func checkOwesCancel() throws(IllegalEvent) {
        guard owesCancel else {
            throw IllegalEvent(reason: "no operation of it is to be cancelled")
        }
    }

    /// - Parameter fate: what is known of the operation.
    private mutating func noteCancel(_ fate: String) {
        progress.error = JobError(
            code: StatusCode.cancelled,
            message: "cancelled while its operation ran: \(progress.operationName ?? "") \(fate)",
            fromTarget: false)
    }
}

extension JobProgress {
    /// When the operation began that a `waiting` job follows, as far as it knows.
    package var operationStartMilliseconds: Int64 {
        attempts.last?.endedAtMilliseconds ?? startedAtMilliseconds ?? 0
    }
}
