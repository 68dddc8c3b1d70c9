// The walk itself: random steps, then everything heals and what was accepted must come to its end.

import JobStorage
import SeededRandom

@testable import JobLogic

extension QueueWorld {
    static let stepsPerWalk = 350

    func walk() {
        for slot in 0..<2 { fork(slot: slot) }
        for count in 0..<QueueWorld.stepsPerWalk where ledger.violations.isEmpty {
            pass(Int64(random.index(8)))
            step()
            if count % 40 == 0 { checkStore() }
        }
        if random.chance(30), ledger.violations.isEmpty { drainAll() }
        heal()
    }

    private func step() {
        switch random.index(100) {
        case 0..<14: submitSomething()
        case 14..<19: callSomething()
        case 19..<25: actOnSomething()
        case 25: random.chance(50) ? pauseSomething() : abandonSomething()
        case 26..<36: planCommit()
        case 36..<48: runWriter()
        case 48..<60: deliverAnswer()
        case 60..<62: deliverLate()
        case 62..<66: handle(.tick)
        case 66..<92: stepWorker()
        case 92..<94: tellDeath()
        case 94: nameWorkers()
        case 95: toggleTrouble()
        case 96, 97: retry()
        case 99 where random.chance(60): learnSomething()
        case 98: if random.chance(25), !logic.isDraining { killQueue() }
        default: pass(Int64(random.index(600)))
        }
    }

    private func stepWorker() {
        let alive = workers.indices.filter { workers[$0].isAlive }
        guard let index = alive.randomElement(using: &random), alive.count > 1 else {
            return fork(slot: random.index(3))
        }
        switch random.index(42) {
        case 40, 41: streamSomething(index)
        case 0..<14: readInbox(index)
        case 14..<26: endCall(index)
        case 26..<33: readOutbox(index, upTo: 1 + random.index(3))
        case 33..<36: connect(index)
        case 36: breakLink(index, isSeen: random.chance(70))
        case 37: if random.chance(40) { kill(workers[index].identity) }
        case 38: toggleReady(index)
        default: drainSomething(index)
        }
    }

    private func drainSomething(_ index: Int) {
        if random.chance(30) { workers[index].drain() }
        if workers[index].isDraining, random.chance(20) { workers[index].cutOff() }
        leaveIfDone(index)
    }

    private func toggleTrouble() {
        if trouble != nil {
            trouble = nil
        } else if random.chance(40) {
            trouble = random.chance(50) ? .full("no space") : .failing("it fails")
        }
        readFailurePercent = trouble == nil || random.chance(50) ? 0 : 30
    }

    private func retry() {
        guard retryIsDue else { return }
        retryIsDue = false
        handle(.retryCommit)
    }

    func pass(_ milliseconds: Int64) {
        // a wall clock is set back now and then; the other never is
        let back: Int64 = random.chance(1) ? 200 : 0
        now.wallMilliseconds += milliseconds - back
        now.monotonicNanoseconds += UInt64(milliseconds) * 1_000_000
    }

    // MARK: the end

    /// Once round for everybody: whatever is on its way arrives.
    func settle() {
        nameWorkers()
        for _ in 0..<200 {
            let before = effects.count
            planCommit()
            while !writer.isEmpty { runWriter() }
            while !answers.isEmpty { deliverAnswer() }
            while !late.isEmpty { deliverLate() }
            retry()
            while !deaths.isEmpty { tellDeath() }
            for index in workers.indices where workers[index].isAlive {
                connect(index)
                while !workers[index].inbox.isEmpty { readInbox(index) }
                readOutbox(index, upTo: workers[index].outbox.count)
            }
            if effects.count == before, isStoreQuiet, !isCommitPlanned { return }
            effects = Array(effects.suffix(1))
        }
    }

    /// From now on nothing fails, and there is time.
    /// Other descriptors: methods of a target become known, or are known no more.
    private func learnSomething() {
        let target = random.index(3)
        handle(.policies(policies(without: target, random.chance(50) ? Sample.methods : [])))
    }

    /// What the settings say, but for some methods of one target.
    func policies(without target: Int, _ methods: [String]) -> [TargetPolicy] {
        var policies = QueueWorld.targets
        for method in methods { policies[target].methods[method] = nil }
        return policies
    }

    func heal() {
        handle(.policies(QueueWorld.targets))
        trouble = nil
        readFailurePercent = 0
        handBackPercent = 0
        retryIsDue = true
        for target in 0..<3 { handle(.setPaused(target: "t\(target)", paused: false)) }
        for index in workers.indices where workers[index].isAlive {
            if workers[index].isDraining { kill(workers[index].identity) }
            workers[index].readyTargets = [0, 1, 2]
            workers[index].tellTargets()
        }
        for slot in 0..<2 { fork(slot: slot) }
        for _ in 0..<600 where ledger.violations.isEmpty {
            settle()
            for index in workers.indices where workers[index].isAlive {
                while !workers[index].running.isEmpty { endCall(index) }
            }
            settle()
            if isOver { break }
            passToNextWake()
            handle(.tick)
        }
        if ledger.violations.isEmpty { checkNothingIsLeft() }
    }

    private var isOver: Bool {
        isStoreQuiet && !ledger.hasOpenTokens
            && workers.allSatisfy { !$0.isAlive || $0.calls.isEmpty }
            && stored.allSatisfy { job in
                (job.progress.state.hasEnded || job.progress.state == .unknown) && !job.owesCancel
            }
    }

    /// As the queue's own timer does it: no sooner, no later.
    private func passToNextWake() {
        let wake = logic.nextWake
        let wall = wake.wallMilliseconds.map { $0 - now.wallMilliseconds }
        let monotonic = wake.monotonicNanoseconds.map { nanoseconds -> Int64 in
            let now = now.monotonicNanoseconds
            return nanoseconds > now ? Int64((nanoseconds - now) / 1_000_000) + 1 : 0
        }
        let wait = min(wall ?? 60_000, monotonic ?? 60_000)
        now.wallMilliseconds += max(1, wait)
        now.monotonicNanoseconds += UInt64(max(1, wait)) * 1_000_000
    }

    /// The daemon is stopped: workers finish or are cut off, and the next daemon starts.
    private func drainAll() {
        trouble = nil
        readFailurePercent = 0
        retryIsDue = true
        settle()
        for _ in 0..<random.index(10) { random.chance(50) ? submitSomething() : callSomething() }
        handle(.drain)
        let isPatient = random.chance(50)
        for index in workers.indices where workers[index].isAlive { workers[index].drain() }
        for _ in 0..<400 where ledger.drainedCount == 0 && ledger.violations.isEmpty {
            pass(Int64(random.index(20)))
            random.chance(20) ? step() : settle()
            for index in workers.indices where workers[index].isAlive {
                workers[index].drain()
                if isPatient { endCall(index) } else { workers[index].cutOff() }
                if random.chance(2) { kill(workers[index].identity) }
                leaveIfDone(index)
            }
            trouble = nil
        }
        if ledger.violations.isEmpty, ledger.drainedCount != 1 {
            ledger.fault("drained \(ledger.drainedCount) times")
        }
        handle(.tick)
        restartAll()
    }
}
