// The outside view of a queue: who asked what, which calls were made, what was answered. Knows the
// promises that prong makes and nothing of how it keeps them.

import JobLogic

struct Ledger {
    struct Ask {
        var id: JobID
        var action: JobAction
    }

    var violations: [String] = []
    // who waits
    private(set) var submits: [Token: JobID] = [:]
    private(set) var acts: [Token: Ask] = [:]
    private(set) var calls: Set<Token> = []
    /// Calls of which their callers have a message.
    private var streamed: Set<Token> = []
    // what was promised
    private(set) var accepted: Set<JobID> = []
    private(set) var purgeAsked: Set<JobKey> = []
    // what happened
    private var starts: [UInt64: Int] = [:]
    /// How often an unsafe call may start: once, and again after each leave to repeat it.
    private var licences: [UInt64: Int] = [:]
    private var ambiguous: Set<Lease> = []
    private(set) var startCount = 0
    private(set) var drainedCount = 0

    var hasOpenTokens: Bool { !submits.isEmpty || !acts.isEmpty || !calls.isEmpty }

    mutating func fault(_ text: String) {
        violations.append(text)
    }

    // MARK: asked

    mutating func submitted(_ token: Token, _ id: JobID) { submits[token] = id }
    mutating func called(_ token: Token) { calls.insert(token) }
    mutating func abandoned(_ token: Token) { calls.remove(token) }

    mutating func asked(_ token: Token, _ id: JobID, _ action: JobAction) {
        acts[token] = Ask(id: id, action: action)
        if action == .purge { purgeAsked.insert(id.key) }
        if action == .retry { licences[id.key.rawValue, default: 1] += 1 }
    }

    /// The queue died: callers see their connection cut and know nothing.
    mutating func forgetTokens() {
        submits = [:]
        acts = [:]
        calls = []
    }

    // MARK: answered

    mutating func answered(_ effect: QueueEffect) {
        switch effect {
        case .accepted(let token, let id, let replayed):
            guard let asked = submits.removeValue(forKey: token) else {
                return fault("accepted \(token), which waits for nothing")
            }
            if !replayed, asked != id { fault("accepted \(token) with another's id") }
            accepted.insert(id)
        case .refused(let token, let refusal): refused(token, refusal)
        case .acted(let token, let job): acted(token, job)
        case .callEnded(let token, _):
            if calls.remove(token) == nil { fault("ended call \(token), which nobody awaits") }
        case .streamed(let token, _):
            if !calls.contains(token) { fault("a message for \(token), which waits for nothing") }
            streamed.insert(token)
        case .drained:
            drainedCount += 1
            if drainedCount > 1 { fault("drained twice") }
        case .commitWanted, .fetch, .load, .promote, .findOverdue, .findOperations, .send,
            .acknowledge, .cancel, .replace, .settled, .observed, .window:
            break
        }
    }

    private mutating func refused(_ token: Token, _ refusal: Refusal) {
        if submits.removeValue(forKey: token) != nil { return }
        guard let ask = acts.removeValue(forKey: token) else {
            return fault("refused \(token), which waits for nothing: \(refusal.message)")
        }
        if ask.action == .retry { licences[ask.id.key.rawValue, default: 1] -= 1 }
    }

    private mutating func acted(_ token: Token, _ job: Job?) {
        guard let ask = acts.removeValue(forKey: token) else {
            return fault("answered action \(token), which waits for nothing")
        }
        let state = job?.progress.state
        let isRight =
            switch ask.action {
            case .cancel: state.map { $0.hasEnded || $0 == .unknown } ?? false
            case .retry: state == .queued
            case .resolve(let succeeded): state == (succeeded ? .succeeded : .failed)
            case .purge: job == nil
            }
        if !isRight { fault("\(ask.action) of \(ask.id.key) left it \(String(describing: state))") }
    }

    mutating func restarted() { drainedCount = 0 }

    // MARK: calls

    mutating func started(_ dispatch: Dispatch, token: Token?) {
        startCount += 1
        if let token, streamed.contains(token) {
            fault("call \(token) was made again after its caller had a message of it")
        }
        let name = token.map { $0 | Lease.directBit } ?? dispatch.lease.number
        starts[name, default: 0] += 1
        guard dispatch.method != Sample.safeMethod, dispatch.target != QueueWorld.retryTarget
        else { return }
        if starts[name, default: 0] > licences[name, default: 1] {
            fault("the unsafe call of \(name) was made \(starts[name, default: 0]) times")
        }
    }

    mutating func ended(_ dispatch: Dispatch, token: Token?, _ outcome: Outcome) {
        let name = token.map { $0 | Lease.directBit } ?? dispatch.lease.number
        switch outcome.code {
        case StatusCode.resourceExhausted:
            if case .after = outcome.hint { licences[name, default: 1] += 1 }
        case StatusCode.unavailable, StatusCode.deadlineExceeded, StatusCode.cancelled:
            ambiguous.insert(dispatch.lease)
        default: break
        }
    }

    /// `unknown` is for calls that may have happened, and for no others.
    mutating func checkUnknown(_ job: Job, isAlive: (AttemptRecord) -> Bool) {
        guard job.progress.state == .unknown else { return }
        guard let last = job.progress.attempts.last else {
            return fault("\(job.order.id.key) is unknown without an attempt")
        }
        if job.order.safety.isSafe { fault("\(job.order.id.key) is safe, and unknown") }
        let lease = Lease(number: job.order.id.key.rawValue, attempt: last.number)
        if isAlive(last), !ambiguous.contains(lease) {
            fault("\(job.order.id.key) is unknown though attempt \(last.number) ended clearly")
        }
    }
}
