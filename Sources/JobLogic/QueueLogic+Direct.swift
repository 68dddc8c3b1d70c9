// Direct calls: they live as long as their caller waits and never touch the store. The same lanes,
// workers and verdicts as jobs; what a job would do over days, they do within their deadline.

extension QueueLogic {
    mutating func call(_ order: DirectOrder, _ token: Token) {
        guard !isDraining else {
            end(token, order, .unavailable, "prong is stopping and takes no more calls")
            return
        }
        guard lanes.id(ofTarget: order.target) != nil else {
            end(token, order, .unavailable, "the target has no lane yet: the store cannot write")
            return
        }
        let number = nextDirect
        nextDirect += 1
        direct[number] = DirectCall(token: token, order: order)
        directOfToken[token] = number
        enqueue(number, order)
    }

    private mutating func enqueue(_ number: UInt64, _ order: DirectOrder) {
        let priority = order.priority
        let calls = direct
        directWake = noteWake(order.deadlineMonotonicNanoseconds)
        lanes.change(target: order.target) { lane in
            // arrivals of the same priority stay in order: look from the end
            var index = lane.directQueue.count
            while index > 0,
                let before = calls[lane.directQueue[index - 1]], before.order.priority < priority
            {
                index -= 1
            }
            lane.directQueue.insert(number, at: index)
        }
    }

    private enum OwnEnd { case unavailable, deadlineExceeded, unknown }

    private mutating func end(
        _ token: Token, _ order: DirectOrder, _ end: OwnEnd, _ message: String
    ) {
        let code: Int32 =
            switch end {
            case .unavailable: StatusCode.unavailable
            case .deadlineExceeded: StatusCode.deadlineExceeded
            case .unknown: StatusCode.unknown
            }
        directOfToken[token] = nil
        observeEnd(token, order.target, code)
        tell(
            token,
            CallEnd(
                code: code, message: message, statusDetails: [], response: [], headers: [],
                trailers: [], fromTarget: false))
    }

    mutating func finishDirect(_ outcome: Outcome, from worker: WorkerIdentity) {
        release(outcome.lease, of: worker, acknowledge: false)
        guard let call = direct[outcome.lease.number], isHolder(worker, of: call, outcome.lease)
        else { return }
        effects.append(
            .observed(
                .attempt(
                    target: call.order.target, method: call.order.method, code: outcome.code,
                    nanoseconds: outcome.durationNanoseconds)))
        guard !call.isAbandoned else {
            direct[outcome.lease.number] = nil
            return
        }
        let isCutOff = isDraining && outcome.code == StatusCode.cancelled
        let end: AttemptEnd =
            isCutOff ? .drained : .status(code: outcome.code, hint: outcome.hint)
        settleDirect(outcome.lease.number, call, end, outcome)
    }

    mutating func handBackDirect(_ lease: Lease, from worker: WorkerIdentity) {
        release(lease, of: worker, acknowledge: false)
        guard let call = direct[lease.number], isHolder(worker, of: call, lease) else { return }
        settleDirect(lease.number, call, .neverStarted, nil)
    }

    // MARK: streams

    /// For the call's caller. What nobody waits for is dropped.
    mutating func passOn(_ part: StreamPart, _ lease: Lease, from worker: WorkerIdentity) {
        guard let call = direct[lease.number], isHolder(worker, of: call, lease),
            !call.isAbandoned
        else { return }
        direct[lease.number]?.hasStreamed = true
        effects.append(.streamed(call.token, part))
    }

    /// Its caller has taken so much: the worker may send as much again.
    mutating func grant(_ token: Token, _ bytes: UInt32) {
        guard let number = directOfToken[token], let call = direct[number],
            case .running(let worker) = call.phase
        else { return }
        effects.append(
            .window(worker, Lease(number: number, attempt: call.attempts), bytes: bytes))
    }

    private func isHolder(
        _ worker: WorkerIdentity, of call: DirectCall, _ lease: Lease
    ) -> Bool {
        call.phase == .running(worker) && call.attempts == lease.attempt
    }

    mutating func loseDirect(_ lease: Lease, died: Bool) {
        guard let call = direct[lease.number] else { return }
        settleDirect(lease.number, call, died && !isDraining ? .workerDied : .drained, nil)
    }

    private mutating func settleDirect(
        _ number: UInt64, _ call: DirectCall, _ attemptEnd: AttemptEnd, _ outcome: Outcome?
    ) {
        var call = call
        if call.isAbandoned {
            direct[number] = nil
            return
        }
        if case .neverStarted = attemptEnd { call.attempts -= 1 }
        let verdict = Verdict.of(
            attemptEnd, isSafe: call.order.policy.safety.isSafe,
            policy: call.order.policy.callRetry,
            attemptsLeft: call.attempts < call.order.maxAttempts)
        switch verdict {
        case .queued where call.hasStreamed, .scheduled where call.hasStreamed:
            direct[number] = nil
            report(call, attemptEnd, outcome)
        case .queued where !isDraining:
            call.phase = .queued
            direct[number] = call
            enqueue(number, call.order)
        case .scheduled(let asked) where backOff(number, &call, asked): break
        case .succeeded, .failed, .queued, .scheduled, .cancelled, .unknown:
            direct[number] = nil
            report(call, attemptEnd, outcome)
        }
    }

    /// - Returns: whether there is time for another attempt.
    private mutating func backOff(
        _ number: UInt64, _ call: inout DirectCall, _ asked: Int64?
    ) -> Bool {
        guard !isDraining else { return false }
        let wait =
            asked
            ?? call.order.policy.callRetry.backOffMilliseconds(
                made: max(1, call.attempts), random: random.next())
        let until = now.monotonic(afterMilliseconds: wait)
        let deadline = call.order.deadlineMonotonicNanoseconds
        guard deadline == 0 || until < deadline else { return false }
        call.phase = .backingOff(untilNanoseconds: until)
        directWake = noteWake(until)
        direct[number] = call
        return true
    }

    private mutating func report(
        _ call: DirectCall, _ attemptEnd: AttemptEnd, _ outcome: Outcome?
    ) {
        guard let outcome, attemptEnd != .drained else {
            switch attemptEnd {
            case .neverStarted:
                end(
                    call.token, call.order, .unavailable,
                    "prong is stopping; the call was not made")
            case .drained:
                end(
                    call.token, call.order, .unavailable,
                    "prong stopped before the call ended: it may have happened")
            case .workerDied where call.hasStreamed && call.order.policy.safety.isSafe:
                end(
                    call.token, call.order, .unavailable,
                    "the worker died in the middle of the stream; the method is safe to repeat:"
                        + " call it again")
            case .status, .workerDied, .cancelledByUser:
                end(
                    call.token, call.order, .unknown,
                    "the worker died while it made the call: it may have happened")
            }
            return
        }
        directOfToken[call.token] = nil
        observeEnd(call.token, call.order.target, outcome.code)
        tell(
            call.token,
            CallEnd(
                code: outcome.code, message: outcome.message,
                statusDetails: outcome.statusDetails, response: outcome.responses.first ?? [],
                headers: outcome.headers, trailers: outcome.trailers,
                fromTarget: outcome.fromTarget))
    }

    /// Polls are no calls of anybody's: they are not counted as such.
    mutating func observeEnd(_ token: Token, _ target: Int, _ code: Int32) {
        guard token & Poll.tokenBit == 0 else { return }
        effects.append(.observed(.call(target: target, code: code)))
    }

    /// The caller went away: for it the call was cancelled.
    mutating func leave(_ token: Token) {
        if let number = directOfToken[token], let call = direct[number] {
            observeEnd(token, call.order.target, StatusCode.cancelled)
        }
        abandon(token)
    }

    /// The caller went away, or its deadline passed: nobody waits for the outcome any more.
    mutating func abandon(_ token: Token) {
        guard let number = directOfToken.removeValue(forKey: token), var call = direct[number]
        else { return }
        switch call.phase {
        case .queued:
            lanes.change(target: call.order.target) { lane in
                lane.directQueue.removeAll { $0 == number }
            }
            direct[number] = nil
        case .backingOff:
            direct[number] = nil
        case .running(let worker):
            call.isAbandoned = true
            direct[number] = call
            effects.append(.cancel(worker, [Lease(number: number, attempt: call.attempts)]))
        }
    }

    /// Deadlines and back-offs that have passed.
    mutating func tickDirect() {
        let time = now.monotonicNanoseconds
        for (number, call) in direct where !call.isAbandoned {
            if let due = end(of: call), due <= time {
                endByClock(call)
            } else if case .backingOff(let until) = call.phase, until <= time {
                direct[number]?.phase = .queued
                enqueue(number, call.order)
            }
        }
        // deadlines that lie close together are swept together
        directWake = earliestDirectNanoseconds().map {
            max($0, time &+ QueueLogic.sweepNanoseconds)
        }
    }

    private static var sweepNanoseconds: UInt64 { 5_000_000 }

    /// When the clock ends it. A running call's deadline is the worker's to keep, and C-core's; a
    /// worker that stands still does not, so the queue does it a moment later.
    private func end(of call: DirectCall) -> UInt64? {
        let deadline = call.order.deadlineMonotonicNanoseconds
        guard deadline != 0 else { return nil }
        guard case .running = call.phase else { return deadline }
        let (late, isTooFar) = deadline.addingReportingOverflow(QueueLogic.silenceNanoseconds)
        return isTooFar ? nil : late
    }

    /// How long after its deadline a running call's end is waited for.
    private static var silenceNanoseconds: UInt64 { 500_000_000 }

    private mutating func endByClock(_ call: DirectCall) {
        let wasRunning = if case .running = call.phase { true } else { false }
        abandon(call.token)
        var message = "the deadline passed before the call could be made"
        if wasRunning {
            message =
                call.hasStreamed
                ? "the deadline passed before all of the stream was taken"
                : "the deadline passed and the worker did not answer: the call may have happened"
        }
        end(call.token, call.order, .deadlineExceeded, message)
    }

    /// Looks through all calls, so it is asked at a tick only; between ticks `directWake` sinks.
    private func earliestDirectNanoseconds() -> UInt64? {
        var next: UInt64?
        for call in direct.values where !call.isAbandoned {
            if case .backingOff(let until) = call.phase { next = min(next ?? .max, until) }
            if let end = end(of: call) { next = min(next ?? .max, end) }
        }
        return next
    }

    func noteWake(_ nanoseconds: UInt64) -> UInt64? {
        nanoseconds == 0 ? directWake : min(directWake ?? .max, nanoseconds)
    }
}
