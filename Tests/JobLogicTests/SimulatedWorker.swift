// A worker as the queue sees it, with the laws of the real one: it keeps a durable outcome until
// the queue has committed it, gives direct calls up with its link, and names in a hello all that it
// holds. What is on the link in either direction may be lost with it.

import JobLogic
import SeededRandom

/// What the queue has sent and the worker has not read yet.
enum WorkerOrder {
    case jobs([Dispatch])
    case committed([Lease])
    case cancel([Lease])
}

struct SimulatedCall {
    enum Phase {
        case running
        case ended(Outcome)
        /// By the drain: nothing is said of it but the goodbye.
        case cutOff
    }

    var dispatch: Dispatch
    var phase = Phase.running
    var isCancelled = false
}

struct SimulatedWorker {
    let identity: WorkerIdentity
    let pid: Int32
    let places: Int
    var isAlive = true
    var isLinked = false
    var isDraining = false
    var readyTargets: Set<Int> = [0, 1, 2]
    var calls: [Lease: SimulatedCall] = [:]
    var inbox: [WorkerOrder] = []
    var outbox: [QueueEvent] = []
    /// What it did that no worker or queue of ours may do.
    var faults: [String] = []
    /// Calls that started since the ledger looked last.
    var started: [Dispatch] = []

    init(identity: WorkerIdentity, pid: Int32, places: Int) {
        self.identity = identity
        self.pid = pid
        self.places = places
    }

    var running: [Lease] {
        calls.filter { if case .running = $0.value.phase { true } else { false } }.map(\.key)
            .sorted { ($0.number, $0.attempt) < ($1.number, $1.attempt) }
    }

    // MARK: the link

    mutating func connect() -> QueueEvent {
        isLinked = true
        inbox = []
        outbox = []
        let durable = calls.keys.sorted { ($0.number, $0.attempt) < ($1.number, $1.attempt) }
        let kept = durable.compactMap { lease -> Outcome? in
            if case .ended(let outcome)? = calls[lease]?.phase { outcome } else { nil }
        }
        if !kept.isEmpty { outbox.append(.outcomes(identity, kept)) }
        tellTargets()
        return .hello(
            identity, pid: pid, places: isDraining ? 0 : places, holding: durable)
    }

    mutating func disconnect() {
        isLinked = false
        inbox = []
        outbox = []
        for lease in calls.keys where lease.isDirect { calls[lease] = nil }
    }

    mutating func tellTargets() {
        guard isLinked else { return }
        outbox.append(
            .targets(identity, (0..<3).map { (target: $0, isReady: readyTargets.contains($0)) }))
    }

    // MARK: what it reads

    mutating func read(random: inout SeededRandom, handBackPercent: Int) {
        guard isAlive, isLinked, !inbox.isEmpty else { return }
        switch inbox.removeFirst() {
        case .jobs(let dispatches):
            for dispatch in dispatches {
                take(dispatch, handBack: random.chance(handBackPercent))
            }
        case .committed(let leases):
            for lease in leases {
                if case .ended? = calls[lease]?.phase { calls[lease] = nil }
            }
        case .cancel(let leases):
            for lease in leases { calls[lease]?.isCancelled = true }
        }
    }

    private mutating func take(_ dispatch: Dispatch, handBack: Bool) {
        if calls[dispatch.lease] != nil {
            faults.append("\(identity) was sent \(dispatch.lease), which it holds already")
            return
        }
        let isFull = !dispatch.lease.isDirect && calls.count >= 2 * places
        if !isDraining, running.count >= places || isFull {
            faults.append("\(identity) was sent more calls than it has places")
        }
        if isDraining || handBack || !readyTargets.contains(dispatch.target) {
            outbox.append(.notStarted(identity, [dispatch.lease]))
            return
        }
        calls[dispatch.lease] = SimulatedCall(dispatch: dispatch)
        started.append(dispatch)
    }

    // MARK: what it does

    mutating func end(_ lease: Lease, _ outcome: Outcome) {
        guard calls[lease] != nil else { return }
        if lease.isDirect {
            calls[lease] = nil
        } else {
            calls[lease]?.phase = .ended(outcome)
        }
        if isLinked { outbox.append(.outcomes(identity, [outcome])) }
    }

    mutating func drain() {
        guard !isDraining else { return }
        isDraining = true
        if isLinked { outbox.append(.places(identity, 0)) }
    }

    mutating func cutOff() {
        for lease in running {
            if lease.isDirect { calls[lease] = nil } else { calls[lease]?.phase = .cutOff }
        }
    }

    /// Whether nothing keeps it but the goodbye.
    var mayLeave: Bool {
        isDraining
            && calls.values.allSatisfy { if case .cutOff = $0.phase { true } else { false } }
    }

    mutating func die() {
        isAlive = false
        isLinked = false
        inbox = []
    }
}
