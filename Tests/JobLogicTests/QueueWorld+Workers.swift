// What the supervisor and the workers do: forks, deaths, links made and broken, calls that end.

import JobStorage
import SeededRandom

@testable import JobLogic

extension QueueWorld {
    // MARK: lives

    func fork(slot: Int, places: Int = 3) {
        generations[slot] += 1
        let identity = WorkerIdentity(
            instance: instance, slot: Int32(slot), generation: generations[slot])
        let worker = SimulatedWorker(
            identity: identity, pid: Int32(1000 + workers.count), places: places)
        workers.append(worker)
        if knowsWorkers {
            handle(.workersKnown([KnownWorker(identity: identity, pid: worker.pid)]))
        }
    }

    /// The supervisor's first word to a new queue.
    func nameWorkers() {
        guard !knowsWorkers else { return }
        knowsWorkers = true
        let known = workers.filter { $0.isAlive || deaths.contains($0.identity) }
        handle(.workersKnown(known.map { KnownWorker(identity: $0.identity, pid: $0.pid) }))
    }

    func kill(_ identity: WorkerIdentity) {
        guard let index = index(of: identity) else { return }
        workers[index].die()
        deaths.append(identity)
    }

    /// What the dead had written may still be read before the supervisor's word.
    func tellDeath() {
        guard !deaths.isEmpty else { return }
        let identity = deaths.remove(at: random.index(deaths.count))
        guard let index = workers.firstIndex(where: { $0.identity == identity }) else { return }
        readOutbox(index, upTo: random.index(workers[index].outbox.count + 1))
        workers[index].outbox = []
        if random.chance(50) { handle(.linkLost(identity)) }
        handle(.workerGone(identity))
    }

    // MARK: links

    func connect(_ index: Int) {
        guard knowsWorkers, workers[index].isAlive, !workers[index].isLinked else { return }
        let hello = workers[index].connect()
        handle(hello)
    }

    /// - Parameter isSeen: whether the queue hears of it before the worker's next hello.
    func breakLink(_ index: Int, isSeen: Bool) {
        guard workers[index].isAlive, workers[index].isLinked else { return }
        for _ in 0..<random.index(workers[index].inbox.count + 1) { readInbox(index) }
        readOutbox(index, upTo: random.index(workers[index].outbox.count + 1))
        workers[index].disconnect()
        if isSeen { handle(.linkLost(workers[index].identity)) } else { connect(index) }
    }

    func readInbox(_ index: Int) {
        workers[index].read(random: &random, handBackPercent: handBackPercent)
        for dispatch in workers[index].started {
            if QueueWorld.isAboutOperation(dispatch) {
                operationCalls[dispatch.method, default: 0] += 1
            } else {
                ledger.started(dispatch, token: token(of: dispatch))
            }
        }
        workers[index].started = []
    }

    func readOutbox(_ index: Int, upTo count: Int) {
        for _ in 0..<count where !workers[index].outbox.isEmpty {
            let event = workers[index].outbox.removeFirst()
            handle(event)
            if case .goodbye = event {
                kill(workers[index].identity)
                return
            }
        }
    }

    // MARK: calls

    func endCall(_ index: Int) {
        guard workers[index].isAlive,
            let lease = workers[index].running.randomElement(using: &random)
        else { return }
        endCall(index, lease, randomOutcome(lease, workers[index].calls[lease]))
    }

    func endCall(_ index: Int, _ lease: Lease, _ outcome: Outcome) {
        guard let call = workers[index].calls[lease] else { return }
        if !QueueWorld.isAboutOperation(call.dispatch) {
            ledger.ended(call.dispatch, token: token(of: call.dispatch), outcome)
        }
        workers[index].end(lease, outcome)
    }

    private func randomOutcome(_ lease: Lease, _ call: SimulatedCall?) -> Outcome {
        if call?.isCancelled == true, random.chance(70) {
            return Outcome(lease: lease, code: StatusCode.cancelled)
        }
        switch random.index(20) {
        case 0..<11:
            let response = call.map { randomResponse($0.dispatch) } ?? [7]
            return Outcome(lease: lease, code: StatusCode.ok, responses: [response])
        case 11, 12: return Outcome(lease: lease, code: StatusCode.unavailable)
        case 13: return Outcome(lease: lease, code: StatusCode.deadlineExceeded)
        case 14:
            return Outcome(
                lease: lease, code: StatusCode.resourceExhausted,
                hint: .after(milliseconds: Int64(random.index(200))))
        case 15: return Outcome(lease: lease, code: StatusCode.resourceExhausted)
        case 16: return Outcome(lease: lease, code: StatusCode.unavailable, hint: .never)
        case 17: return Outcome(lease: lease, code: 5, hint: .after(milliseconds: 20))
        case 18: return Outcome(lease: lease, code: StatusCode.cancelled)
        default: return Outcome(lease: lease, code: 5)
        }
    }

    /// A message of a direct call goes out, and maybe its caller takes one.
    func streamSomething(_ index: Int) {
        let direct = workers[index].running.filter { lease in
            guard let call = workers[index].calls[lease] else { return false }
            return lease.isDirect && !QueueWorld.isAboutOperation(call.dispatch)
        }
        if let lease = direct.randomElement(using: &random), workers[index].isLinked {
            workers[index].outbox.append(.streamed(workers[index].identity, lease, .message([1])))
        }
        if random.chance(50), let token = openCalls.randomElement(using: &random) {
            handle(.grant(token, bytes: 9))
        }
    }

    func toggleReady(_ index: Int) {
        workers[index].readyTargets.formSymmetricDifference([random.index(3)])
        workers[index].tellTargets()
    }

    func leaveIfDone(_ index: Int) {
        guard workers[index].isAlive, workers[index].mayLeave else { return }
        guard workers[index].isLinked else { return kill(workers[index].identity) }
        if case .goodbye? = workers[index].outbox.last { return }
        workers[index].outbox.append(.goodbye(workers[index].identity))
    }

    // MARK: the queue's own death

    func killQueue(newInstance: Bool = false) {
        for _ in 0..<random.index(writer.count + 1) { runWriter() }
        writer = []
        answers = []
        late = []
        isCommitPlanned = false
        isCommitting = false
        retryIsDue = false
        knowsWorkers = false
        ledger.forgetTokens()
        openCalls = []
        for index in workers.indices where workers[index].isLinked {
            for _ in 0..<random.index(workers[index].inbox.count + 1) { readInbox(index) }
            workers[index].disconnect()
        }
        logic = QueueWorld.makeLogic(
            store, now: now, seed: random.next(), windowLimits: windowLimits)
        keys = JobKeySequence(after: (try? store.contents().largestKey) ?? 0)
    }

    /// Everything of this life ends at once.
    func restartAll() {
        for worker in workers where worker.isAlive { kill(worker.identity) }
        deaths = []
        killQueue()
        ledger.restarted()
        instance += 1
    }
}
