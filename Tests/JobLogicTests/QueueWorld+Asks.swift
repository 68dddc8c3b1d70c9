// What callers do: submit, call, act, pause.

import SeededRandom

@testable import JobLogic

extension QueueWorld {
    func takeToken() -> Token {
        defer { nextToken += 1 }
        return nextToken
    }

    @discardableResult
    func submit(
        _ safety: Safety, target: Int = 0, priority: Int32 = 0, delay: Int64? = nil,
        expires: Int64? = nil, key: String? = nil, bytes: Int = 10, maxAttempts: Int32 = 3,
        awaitsOperation: Bool = false
    ) -> (id: JobID, token: Token) {
        let token = takeToken()
        let jobKey = keys.next(wallMilliseconds: now.wallMilliseconds, random: random.next())
        let order = Sample.order(
            jobKey.rawValue, salt: random.next(), lane: Int32(target + 1), target: "t\(target)",
            safety: safety, priority: priority, submittedAt: now.wallMilliseconds,
            expiresAt: expires.map { now.wallMilliseconds + $0 }, maxAttempts: maxAttempts,
            idempotencyKey: key, awaitsOperation: awaitsOperation)
        ids.append(order.id)
        ledger.submitted(token, order.id)
        let submission = Submission(
            order: order, requests: [Array(repeating: 1, count: bytes)],
            fingerprint: key.map { _ in CallFingerprint(high: 1, low: 1) },
            notBeforeMilliseconds: delay.map { now.wallMilliseconds + $0 },
            policy: awaitsOperation
                ? QueueWorld.operationPolicies[target] : Sample.policy(safety))
        asked.append((token, submission))
        if !asksTogether { askAll() }
        return (order.id, token)
    }

    private func askAll() {
        let all = asked
        asked = []
        handle(.submit(all))
    }

    @discardableResult
    func call(
        _ safety: Safety, target: Int = 0, priority: Int32 = 0,
        deadlineMilliseconds: UInt64? = 60_000
    ) -> Token {
        let token = takeToken()
        ledger.called(token)
        openCalls.append(token)
        let deadline = deadlineMilliseconds.map { now.monotonicNanoseconds + $0 * 1_000_000 }
        handle(
            .call(
                token,
                DirectOrder(
                    target: target, method: Sample.method(safety), priority: priority,
                    metadata: [], request: QueueWorld.bytes(of: token),
                    deadlineMonotonicNanoseconds: deadline ?? 0, maxAttempts: 3,
                    policy: Sample.policy(safety))))
        return token
    }

    @discardableResult
    func act(_ action: JobAction, on id: JobID) -> Token {
        let token = takeToken()
        ledger.asked(token, id, action)
        handle(.act(token, id, action))
        return token
    }

    func abandonCall(_ token: Token) {
        openCalls.removeAll { $0 == token }
        ledger.abandoned(token)
        handle(.callerGone(token))
    }

    private static func bytes(of token: Token) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: token >> (8 * $0)) }
    }

    /// Whose direct call it is; nothing for a job's.
    func token(of dispatch: Dispatch) -> Token? {
        guard dispatch.lease.isDirect else { return nil }
        return (dispatch.requests.first ?? []).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    // MARK: at random

    private func randomSafety() -> Safety { random.chance(50) ? .configured : .unsafe }

    func submitSomething() {
        asksTogether = true
        for _ in 0..<(random.chance(30) ? 2 + random.index(6) : 1) { submitOne() }
        asksTogether = false
        askAll()
    }

    private func submitOne() {
        let awaitsOperation = random.chance(20)
        submit(
            awaitsOperation ? .unsafe : randomSafety(), target: random.index(3),
            priority: Int32(random.index(3)) - 1,
            delay: random.chance(25) ? Int64(random.index(300)) : nil,
            expires: random.chance(25) ? Int64(random.index(400)) : nil,
            key: random.chance(15) ? "k\(random.index(6))" : nil,
            bytes: random.chance(10) ? 150 : random.index(40),
            maxAttempts: Int32(1 + random.index(4)), awaitsOperation: awaitsOperation)
    }

    func callSomething() {
        call(
            randomSafety(), target: random.index(3), priority: Int32(random.index(3)) - 1,
            deadlineMilliseconds: random.chance(10) ? nil : UInt64(1 + random.index(2000)))
    }

    func actOnSomething() {
        guard !ids.isEmpty else { return }
        let id =
            random.chance(60)
            ? ids[max(0, ids.count - 1 - random.index(8)) % ids.count]
            : ids[random.index(ids.count)]
        let actions: [JobAction] = [
            .cancel, .cancel, .cancel, .retry, .retry, .resolve(succeeded: true),
            .resolve(succeeded: false), .purge,
        ]
        act(actions[random.index(actions.count)], on: id)
    }

    func pauseSomething() {
        handle(.setPaused(target: "t\(random.index(3))", paused: random.chance(40)))
    }

    func abandonSomething() {
        if let token = openCalls.randomElement(using: &random) { abandonCall(token) }
    }
}
