// The pool of children as a value: what the supervisor should do next. It decides and does
// nothing; EffectRunner (Supervisor) does and decides nothing. It must never hold a descriptor, a
// pid or a job.
//
// Laws, checked by checkInvariants():
//   1  A place holds at most one process, and its generation only ever rises.
//   2  The queue's death never ends a worker; a worker's death never ends the queue.
//   3  Only a process of the current generation is believed; anything else is dropped and said.
//   4  While draining or stopping nothing is forked but a queue that living workers need.
//      (The loader is killed: see Pool+Loading.)
//   5  `exit` is given once, when no process is left.

package struct Pool: Equatable, Sendable {
    package internal(set) var phase = Phase.starting
    package internal(set) var queue = Slot(name: .queue)
    /// Worker n is at n - 1; places above `workersWanted` empty themselves and stay.
    package internal(set) var workers: [Slot] = []
    /// Empty nearly always; its first process was the one of the start.
    package internal(set) var loader = Slot(name: .loader)
    package internal(set) var workersWanted: UInt32
    package let limits: PoolLimits
    /// Successful and failed attempts to fork a child.
    package internal(set) var forks: UInt64 = 0

    var exitCode: Int32 = 0
    /// The queue said that no successor could do better.
    var queueIsHopeless = false
    var queueDeaths = RecentTimes()
    var futileForks = RecentTimes()
    package internal(set) var loading = Loading()
    var lastMoment: UInt64?
    var lastStatus = ""
    var effects: [PoolEffect] = []

    package init(limits: PoolLimits) {
        self.limits = limits
        workersWanted = min(max(1, limits.workers), PoolLimits.workersMax)
        loader.generation = 1
        resizeTable()
    }

    /// Takes an event and returns what is to be done, in this order.
    package mutating func handle(_ event: PoolEvent, at moment: Moment) -> [PoolEffect] {
        effects = []
        guard phase != .ended else { return [] }
        forgiveStandstill(moment)
        apply(event, moment)
        settle()
        assert(invariantViolation() == nil, "pool: \(invariantViolation() ?? "") after \(event)")
        defer { effects = [] }
        return effects
    }

    private mutating func apply(_ event: PoolEvent, _ moment: Moment) {
        switch event {
        case .begin: begin(moment)
        case .ready(let key): heard(key, moment) { $0.becomeReady(key, moment) }
        case .heartbeat(let key): heard(key, moment) { _ in }
        case .draining(let key): heard(key, moment) { $0.becomeDraining(key, moment) }
        case .goodbye(let key):
            heard(key, moment) { pool in pool.change(key.name) { $0.saidGoodbye = true } }
        case .fatal(let key, let exitCode, let text):
            heard(key, moment) { $0.giveUp(key, exitCode, text, moment) }
        case .askReplace(let key): replace(key, moment)
        case .scale(let workers): scale(to: workers, moment)
        case .askLoad(let key, let target): askLoad(key, target, moment)
        case .bundle(let key): noteBundle(key)
        case .linkClosed(let key): linkClosed(key, moment)
        case .exited(let key, let end): exited(key, end, moment)
        case .forkFailed(let key, let reason): forkFailed(key, reason, moment)
        case .lawBroken(let key, let text): lawBroken(key, text, moment)
        case .signal(let signal): obey(signal, moment)
        case .tick: checkTime(moment)
        }
    }

    private mutating func begin(_ moment: Moment) {
        guard queue.generation == 0 else { return }
        fork(.queue, moment)
        for slot in 1...workersWanted { fork(.worker(slot), moment) }
    }

    /// The slot of a name that is in the table.
    package subscript(name: ChildName) -> Slot {
        get {
            switch name {
            case .queue: queue
            case .worker(let slot): workers[Int(slot) - 1]
            case .loader: loader
            }
        }
        set {
            switch name {
            case .queue: queue = newValue
            case .worker(let slot): workers[Int(slot) - 1] = newValue
            case .loader: loader = newValue
            }
        }
    }

    /// Whether the key is the process that lives in its place now.
    package func isCurrent(_ key: ChildKey) -> Bool {
        if case .worker(let slot) = key.name, slot < 1 || Int(slot) > workers.count {
            return false
        }
        return self[key.name].generation == key.generation && self[key.name].child != nil
    }

    package var names: [ChildName] { [.queue] + workers.map(\.name) }

    package var livingWorkers: Int { workers.count { $0.child != nil } }

    package var readyWorkers: Int { workers.count { $0.isReady } }

    func isWanted(_ name: ChildName) -> Bool {
        switch name {
        case .queue: true
        case .worker(let slot): slot <= workersWanted
        case .loader: false
        }
    }

    mutating func change(_ name: ChildName, _ change: (inout Child) -> Void) {
        self[name].changeChild(change)
    }

    mutating func resizeTable() {
        while workers.count < Int(workersWanted) {
            workers.append(Slot(name: .worker(UInt32(workers.count) + 1)))
        }
    }

    mutating func log(_ level: PoolLogLevel, _ text: String, cause: String? = nil) {
        effects.append(.log(level, text, cause: cause))
    }

    /// What follows from the table as it is now: readiness, the end, the status line.
    private mutating func settle() {
        if phase == .starting, queue.isReady, isWholeCrewReady {
            phase = .running
            effects.append(.notifyReady)
            log(.notice, "ready: \(workersWanted) workers and the queue serve")
        }
        if !phase.isServing, queue.child == nil, livingWorkers == 0, loader.child == nil,
            !isQueueStillNeeded
        {
            phase = .ended
            effects.append(.exit(code: exitCode))
            return
        }
        let status = statusText
        if status != lastStatus {
            lastStatus = status
            effects.append(.notifyStatus(status))
        }
    }

    private var isWholeCrewReady: Bool {
        workers.prefix(Int(workersWanted)).allSatisfy(\.isReady)
    }

    /// One line for `systemctl status`.
    package var statusText: String {
        let crew = "\(readyWorkers)/\(workersWanted) workers ready"
        let queueWord = queue.isReady ? "queue ready" : "queue not ready"
        switch phase {
        case .starting: return "starting: \(crew), \(queueWord)"
        case .running: return "\(crew), \(queueWord)"
        case .draining, .stopping:
            return "stopping: \(livingWorkers) workers left"
        case .ended: return "stopped"
        }
    }
}
