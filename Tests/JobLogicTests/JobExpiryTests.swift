// The end of a job's time: what it says of the attempts that were made, when nothing is left to
// wait for, and what a retry by hand makes of it.

import Testing

@testable import JobLogic

struct JobExpiryTests {
    private static let total: Int64 = 20_000

    /// Of a method whose attempts only time bounds.
    private static let policy: RetryPolicy = {
        var policy = Sample.retry
        policy.totalMilliseconds = total
        return policy
    }()

    private func job(
        isTotal: Bool = true, maxAttempts: Int32 = RetryPolicy.unlimited,
        submittedAgo: Int64 = 0
    ) -> Job {
        let order = Sample.order(
            9, submittedAt: Sample.wall - submittedAgo, expiresAt: Sample.wall + Self.total,
            maxAttempts: maxAttempts
        ).with(flags: isTotal ? .totalTime : JobFlags(rawValue: 0))
        return Job(order: order, progress: JobProgress(state: .queued))
    }

    private func later(_ milliseconds: Int64) -> Moment {
        Moment(
            wallMilliseconds: Sample.wall + milliseconds,
            monotonicNanoseconds: Sample.now.monotonicNanoseconds)
    }

    /// One more attempt, that ends so.
    private func attempt(
        _ job: inout Job, _ hint: RetryHint = .none, code: Int32 = StatusCode.unavailable,
        at time: Int64 = 0
    ) throws {
        if job.progress.state == .scheduled { try job.handle(.due, now: later(time)) }
        try job.handle(
            .dispatched(worker: Sample.worker, pid: 100, marked: false), now: later(time))
        let report = AttemptReport(
            end: .status(code: code, hint: hint), message: "no", statusDetails: [1, 2])
        try job.handle(
            .attemptEnded(report, rule: .keep, policy: Self.policy, random: .max),
            now: later(time))
    }

    private func expire(_ job: inout Job, blocked: String? = nil) throws {
        try job.handle(
            .expired(totalMilliseconds: Self.total, blocked: blocked), now: later(Self.total))
    }

    @Test func `the end of the total time says how many attempts there were, and the last's end`()
        throws
    {
        var job = job()
        for _ in 0..<19 { try attempt(&job) }
        #expect(job.progress.state == .scheduled)
        try expire(&job)
        #expect(job.progress.state == .expired)
        #expect(job.progress.error?.code == StatusCode.deadlineExceeded)
        #expect(
            job.progress.error?.message
                == "its total time of 20s passed after 19 attempts; the last ended unavailable: no")
    }

    @Test func `without an attempt it says what was in the way`() throws {
        var free = job()
        try expire(&free)
        #expect(free.progress.error?.message == "it expired before an attempt could start")
        var stopped = job()
        try expire(&stopped, blocked: "target `t0` was paused")
        #expect(
            stopped.progress.error?.message
                == "it expired before an attempt could start; target `t0` was paused")
    }

    @Test(arguments: [true, false])
    func `a wait that ends too late is not begun`(isTotal: Bool) throws {
        var job = job(isTotal: isTotal)
        try attempt(&job, .after(milliseconds: Self.total - 1))
        #expect(job.progress.state == .scheduled)
        try attempt(&job, .after(milliseconds: 3_600_000), at: 19_999)
        #expect(job.progress.state == .expired)
        #expect(job.progress.notBeforeMilliseconds == nil)
        #expect(job.progress.error?.code == StatusCode.deadlineExceeded)
        #expect(job.progress.error?.statusDetails == [1, 2])
        let message = job.progress.error?.message ?? ""
        #expect(
            message.hasPrefix(
                isTotal
                    ? "its total time of 20s ends before its next attempt could start, after"
                    : "it expires before its next attempt could start, after"))
        #expect(message.hasSuffix("after 2 attempts; the last ended unavailable: no"))
    }

    @Test func `so is a back-off that ends too late`() throws {
        var job = job()
        try attempt(&job, at: Self.total - 5)
        #expect(job.progress.state == .expired)
        #expect(job.progress.error?.message.contains("1 attempt; ") == true)
    }

    @Test func `a code that is not repeated fails the job whatever its time`() throws {
        var job = job()
        try attempt(&job, code: 5, at: Self.total - 5)
        #expect(job.progress.state == .failed)
    }

    @Test func `a retry by hand has the method's total time once more`() throws {
        // it had been delayed: that is no part of the time
        var job = job(submittedAgo: 60_000)
        try attempt(&job, .after(milliseconds: 3_600_000))
        try job.handle(.retry(totalMilliseconds: Self.total), now: later(100_000))
        #expect(job.order.expiresAtMilliseconds == Sample.wall + 100_000 + Self.total)
        #expect(!job.isOverdue(at: Sample.wall + 100_000))
        try attempt(&job, at: 100_000)
        #expect(job.progress.state == .scheduled)
        #expect(job.isOverdue(at: Sample.wall + 100_000 + Self.total))
    }

    @Test func `retries by hand give no more time than was had where the method is not known`()
        throws
    {
        var job = job(submittedAgo: 60_000)
        for day in Int64(1)...3 {
            try attempt(&job, .after(milliseconds: 3_600_000), at: (day - 1) * 86_400_000)
            #expect(job.progress.state == .expired)
            try job.handle(.retry(totalMilliseconds: nil), now: later(day * 86_400_000))
            let given = Sample.wall + day * 86_400_000 + Self.total
            #expect(job.order.expiresAtMilliseconds == given)
        }
    }

    @Test func `of a job that never began they are bounded still`() throws {
        var job = job(submittedAgo: 60_000)
        for day in Int64(1)...3 {
            let now = later(day * 86_400_000)
            try job.handle(.expired(totalMilliseconds: nil, blocked: nil), now: now)
            try job.handle(.retry(totalMilliseconds: nil), now: now)
            let left = (job.order.expiresAtMilliseconds ?? .max) - now.wallMilliseconds
            #expect(left <= Job.longestTimeHad)
        }
    }

    @Test(arguments: [StatusCode.unavailable, StatusCode.resourceExhausted])
    func `an unsafe job that expires says whether its call may have happened`(code: Int32) throws {
        let order = Sample.order(9, safety: .unsafe, expiresAt: Sample.wall + Self.total)
        var job = Job(order: order, progress: JobProgress(state: .queued))
        try job.handle(.dispatched(worker: Sample.worker, pid: 100, marked: true), now: later(0))
        let hint = RetryHint.after(milliseconds: 3_600_000)
        try job.handle(
            .attemptEnded(
                AttemptReport(end: .status(code: code, hint: hint), message: "no"), rule: .retry,
                policy: Self.policy, random: .max), now: later(Self.total - 5))
        #expect(job.progress.state == .expired)
        let message = job.progress.error?.message ?? ""
        #expect(
            message.hasSuffix("; the call may have happened") == (code == StatusCode.unavailable))
    }

    @Test func `a retry by hand lifts a time that people gave where attempts are counted`() throws {
        var job = job(isTotal: false, maxAttempts: 3)
        try expire(&job)
        try job.handle(.retry(totalMilliseconds: nil), now: later(100_000))
        #expect(job.order.expiresAtMilliseconds == nil)
    }

    @Test(arguments: [20_000, nil] as [Int64?])
    func `no retry by hand leaves a job without any bound`(total: Int64?) throws {
        var job = job(isTotal: false)
        try expire(&job)
        try job.handle(.retry(totalMilliseconds: total), now: later(100_000))
        #expect(job.order.expiresAtMilliseconds == Sample.wall + 100_000 + Self.total)
    }
}
