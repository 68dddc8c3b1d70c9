// Every pair of state and event: the legal ones with the state that they lead to, the illegal ones
// with the reason that users read.

import Testing

@testable import JobLogic

/// An event without its data, so that a table can name it.
enum EventName: CaseIterable, Sendable {
    case dispatched, endedWell, neverArrived, due, expired, cancel, retry, resolveSucceeded
    case resolveFailed, began, endedAtOnce, beganNothing, polled, polledDone, polledFailed
    case postponed, putOff, lost, cancelWanted, cancelPostponed, cancelMade, cancelFailed

    private static let under = OperationReading(name: "operations/1", isDone: false)
    private static let done = OperationReading(
        name: "operations/1", isDone: true, response: [1])
    private static let failed = OperationReading(
        name: "operations/1", isDone: true,
        error: JobError(code: 5, message: "no", fromTarget: true))
    private static let well = AttemptReport(end: .status(code: 0, hint: .none))

    var event: JobEvent {
        switch self {
        case .dispatched: .dispatched(worker: Sample.worker, pid: 100, marked: true)
        case .endedWell:
            .attemptEnded(
                AttemptReport(end: .status(code: 0, hint: .none)), rule: .keep,
                policy: Sample.retry, random: 1)
        case .neverArrived: .neverArrived
        case .due: .due
        case .expired: .expired(totalMilliseconds: nil, blocked: nil)
        case .cancel: .cancel
        case .retry: .retry(totalMilliseconds: nil)
        case .resolveSucceeded: .resolve(succeeded: true)
        case .resolveFailed: .resolve(succeeded: false)
        case .began: .operationBegan(Self.well, Self.under, random: 1)
        case .endedAtOnce: .operationBegan(Self.well, Self.done, random: 1)
        case .beganNothing: .operationBegan(Self.well, nil, random: 1)
        case .polled: .operationPolled(Self.under, random: 1)
        case .polledDone: .operationPolled(Self.done, random: 1)
        case .polledFailed: .operationPolled(Self.failed, random: 1)
        case .postponed: .pollPostponed(random: 1)
        case .putOff: .operationPutOff(untilMilliseconds: Sample.wall + 5)
        case .lost: .operationLost(JobError(code: 5, message: "gone", fromTarget: true))
        case .cancelWanted: .operationCancelWanted
        case .cancelPostponed: .operationCancelPostponed(random: 1)
        case .cancelMade: .operationCancelEnded(failure: nil)
        case .cancelFailed: .operationCancelEnded(failure: "no")
        }
    }

    /// What the table says; nothing: it is not possible.
    func result(in state: JobState) -> JobState? {
        switch (self, state) {
        case (.dispatched, .queued): .running
        case (.endedWell, .running): .succeeded
        case (.neverArrived, .running): .queued
        case (.due, .scheduled): .queued
        case (.expired, .queued), (.expired, .scheduled): .expired
        case (.cancel, .queued), (.cancel, .scheduled), (.cancel, .waiting): .cancelled
        case (.began, .running), (.polled, .waiting), (.postponed, .waiting), (.putOff, .waiting):
            .waiting
        case (.endedAtOnce, .running), (.polledDone, .waiting): .succeeded
        case (.beganNothing, .running), (.polledFailed, .waiting), (.lost, .waiting): .failed
        case (.retry, .failed), (.retry, .cancelled), (.retry, .expired), (.retry, .unknown):
            .queued
        // what comes after the wish: the claim on it below
        case (.cancelWanted, .cancelled): .cancelled
        case (.resolveSucceeded, .unknown): .succeeded
        case (.resolveFailed, .unknown): .failed
        default: nil
        }
    }
}

struct JobMachineTests {
    private func result(
        _ state: JobState, _ event: JobEvent, safety: Safety = .configured
    ) -> Result<Job, IllegalEvent> {
        var job = Sample.job(state, safety: safety)
        do throws(IllegalEvent) {
            try job.handle(event, now: Sample.now)
            return .success(job)
        } catch {
            return .failure(error)
        }
    }

    @Test(arguments: JobState.allCases, EventName.allCases)
    func `each pair of state and event is legal or has its reason`(
        state: JobState, name: EventName
    ) {
        switch (result(state, name.event), name.result(in: state)) {
        case (.success(let job), let expected?):
            #expect(job.progress.state == expected)
            #expect((job.progress.endedAtMilliseconds != nil) == expected.hasEnded)
            #expect((job.progress.mark != nil) == (expected == .running))
            #expect(expected != .waiting || job.progress.notBeforeMilliseconds != nil)
        case (.failure(let error), nil):
            #expect(!error.reason.isEmpty)
            #expect(error.reason.first?.isLowercase == true)
        case (.success(let job), nil):
            Issue.record("\(name) led from \(state) to \(job.progress.state)")
        case (.failure(let error), let expected?):
            Issue.record("\(name) leads from \(state) to \(expected), but: \(error.reason)")
        }
    }

    @Test(
        arguments: [
            (JobState.running, EventName.cancel, "it runs: its worker is asked first"),
            (.unknown, .cancel, "its call may have happened: use retry, resolve or purge"),
            (.succeeded, .cancel, "it has ended: it is succeeded"),
            (.waiting, .dispatched, "its operation is under way"),
            (.succeeded, .retry, "it has succeeded"),
            (.running, .retry, "it has not ended: it is running"),
            (.failed, .resolveFailed, "only an unknown job is resolved: it is failed"),
            (.running, .expired, "only a job that has not started expires"),
            (.queued, .due, "it waits for no time: it is queued"),
            (.queued, .endedWell, "no attempt of it runs: it is queued"),
            (.scheduled, .dispatched, "its time has not come"),
            (.running, .dispatched, "it runs already"),
        ])
    func `a reason says why`(state: JobState, name: EventName, reason: String) {
        #expect(result(state, name.event) == .failure(IllegalEvent(reason: reason)))
    }

    private func end(
        _ end: AttemptEnd, safety: Safety, rule: UnknownRule = .keep, maxAttempts: Int32 = 3
    ) throws -> Job {
        var job = Sample.job(.running, safety: safety, maxAttempts: maxAttempts)
        let report = AttemptReport(end: end, message: "m", statusDetails: [1], peer: "p")
        try job.handle(
            .attemptEnded(report, rule: rule, policy: Sample.retry, random: 0), now: Sample.now)
        return job
    }

    private static let dead = AttemptEnd.workerDied
    private static let unavailable = AttemptEnd.status(code: 14, hint: .none)

    @Test(
        arguments: [
            (UnknownRule.keep, Int32(3), JobState.unknown), (.keep, 1, .unknown),
            (.fail, 3, .failed), (.fail, 1, .failed), (.retry, 3, .scheduled), (.retry, 1, .failed),
        ])
    func `what may have happened follows the target's rule`(
        rule: UnknownRule, maxAttempts: Int32, state: JobState
    ) throws {
        for cause in [Self.dead, .drained, Self.unavailable] {
            let job = try end(cause, safety: .unsafe, rule: rule, maxAttempts: maxAttempts)
            // a death is no attempt that counts, so it never uses the last one up
            let expected = rule == .retry && cause == Self.dead ? .scheduled : state
            #expect(job.progress.state == expected)
            #expect(job.progress.mark == nil)
            #expect((job.progress.error != nil) == (expected != .scheduled))
        }
    }

    @Test func `a worker's death is counted apart from attempts`() throws {
        var job = try end(.workerDied, safety: .configured)
        #expect(job.progress.state == .queued)
        #expect(job.progress.attemptCount == 1)
        #expect(job.progress.crashes == 1)
        #expect(job.countedAttempts == 0)
        job = try end(.drained, safety: .configured)
        #expect(job.progress.crashes == 0)
        #expect(job.countedAttempts == 1)
    }

    @Test func `an attempt that never left leaves no trace`() throws {
        for event in [
            JobEvent.neverArrived,
            .attemptEnded(
                AttemptReport(end: .neverStarted), rule: .keep, policy: Sample.retry, random: 0),
        ] {
            var job = Sample.job(.queued, safety: .unsafe)
            let before = job
            try job.handle(EventName.dispatched.event, now: Sample.now)
            #expect(job.progress.mark == DispatchMark(attempt: 1, worker: Sample.worker))
            try job.handle(event, now: Sample.now)
            #expect(job == before)
        }
    }

    @Test func `attempts run out, and a retry by hand gives a whole new budget`() throws {
        var job = Sample.job(.queued, maxAttempts: 2)
        func attempt() throws {
            try job.handle(
                .dispatched(worker: Sample.worker, pid: 1, marked: false), now: Sample.now)
            try job.handle(
                .attemptEnded(
                    AttemptReport(end: Self.unavailable), rule: .keep, policy: Sample.retry,
                    random: 0), now: Sample.now)
        }
        for _ in 0..<2 {
            try attempt()
            #expect(job.progress.state == .scheduled)
            try job.handle(.due, now: Sample.now)
            try attempt()
            #expect(job.progress.state == .failed)
            #expect(job.progress.error?.code == 14)
            try job.handle(EventName.retry.event, now: Sample.now)
            #expect(job.countedAttempts == 0)
            #expect(job.progress.error == nil)
        }
        #expect(job.progress.attemptCount == 4)
        #expect(job.progress.attempts.map(\.number) == [1, 2, 3, 4])
    }

    @Test func `twenty attempts are kept`() throws {
        var job = Sample.job(.queued, maxAttempts: 100)
        for _ in 0..<25 {
            try job.handle(
                .dispatched(worker: Sample.worker, pid: 1, marked: false), now: Sample.now)
            try job.handle(
                .attemptEnded(
                    AttemptReport(end: .drained), rule: .keep, policy: Sample.retry, random: 0),
                now: Sample.now)
        }
        #expect(job.progress.attempts.map(\.number) == Array(6...25))
    }

    @Test func `a server's far-off wait does not wrap round`() throws {
        let job = try end(
            .status(code: 8, hint: .after(milliseconds: .max)), safety: .configured)
        #expect(job.progress.notBeforeMilliseconds == .max)
        let soon = try end(.status(code: 8, hint: .after(milliseconds: -5)), safety: .configured)
        #expect(soon.progress.notBeforeMilliseconds == Sample.wall)
    }

    @Test func `a retry by hand lifts the expiry`() throws {
        var job = Sample.job(.queued)
        job.order = job.order.with(expiresAtMilliseconds: Sample.wall)
        #expect(job.isOverdue(at: Sample.wall))
        #expect(!job.isOverdue(at: Sample.wall - 1))
        try job.handle(EventName.expired.event, now: Sample.now)
        try job.handle(EventName.retry.event, now: Sample.now)
        #expect(!job.isOverdue(at: Sample.wall))
    }

    @Test(arguments: [EventName.cancelMade, .cancelFailed, .cancelPostponed])
    func `an operation is told to stop once, and its job stays cancelled`(end: EventName) throws {
        var job = Sample.job(.cancelled)
        try job.handle(.operationCancelWanted, now: Sample.now)
        #expect(job.progress.notBeforeMilliseconds == Sample.wall)
        #expect(throws: IllegalEvent.self) {
            try job.handle(EventName.retry.event, now: Sample.now)
        }
        try job.handle(end.event, now: Sample.now)
        #expect(job.progress.state == .cancelled)
        #expect(job.owesCancel == (end == .cancelPostponed))
    }

    @Test func `a cancelled call's error says that it may have happened`() throws {
        let job = try end(.cancelledByUser, safety: .unsafe)
        #expect(job.progress.state == .cancelled)
        #expect(job.progress.error?.message == "cancelled while it ran: it may have happened")
    }
}
