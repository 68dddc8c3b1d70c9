// The workers that the queue may send calls to: who is there, what each holds, which of its clients
// are ready. A lease belongs to the life of a worker: it ends by its outcome or by the worker's
// death, never by a clock and never because a connection was lost.

package struct QueueWorker: Equatable, Sendable {
    package var identity: WorkerIdentity
    package var pid: Int32
    package var isLinked = false
    /// How many calls it takes at once; 0 once it drains. It may hold as many outcomes again that
    /// are not committed yet, so that calls need not wait for the disk.
    package var places = 0
    /// What it holds: calls that run, and outcomes that are not committed yet.
    /// Each with the lane in which it counts; `LaneID.noLane` for those that count in no lane,
    /// `LaneID.kept` for outcomes.
    package private(set) var leases: [Lease: LaneID] = [:]
    private var keptCount = 0
    package var readyTargets: Set<Int> = []

    package init(identity: WorkerIdentity, pid: Int32) {
        self.identity = identity
        self.pid = pid
    }

    /// For calls that leave nothing behind: direct ones.
    package var freePlaces: Int { isLinked ? places - runningCount : 0 }

    /// For durable calls, whose outcomes are kept.
    package var freeDurablePlaces: Int {
        isLinked ? min(places - runningCount, 2 * places - leases.count) : 0
    }

    /// Calls that are with it and have not ended.
    package var runningCount: Int { leases.count - keptCount }

    mutating func hold(_ lease: Lease, lane: LaneID) {
        if leases.updateValue(lane, forKey: lease) == .kept { keptCount -= 1 }
    }

    /// The call has ended; its outcome stays until it is committed.
    /// - Returns: the lane in which the call counted.
    mutating func keep(_ lease: Lease) -> LaneID? {
        guard let lane = leases[lease], lane != .kept else { return nil }
        leases[lease] = .kept
        keptCount += 1
        return lane
    }

    /// - Returns: the lane in which it counted.
    mutating func release(_ lease: Lease) -> LaneID? {
        let lane = leases.removeValue(forKey: lease)
        if lane == .kept { keptCount -= 1 }
        return lane
    }
}

package struct WorkerTable: Equatable, Sendable {
    package private(set) var workers: [QueueWorker] = []

    /// All places, taken ones included.
    var linkedPlaces: Int { workers.reduce(0) { $0 + ($1.isLinked ? $1.places : 0) } }

    package init() {}

    private func index(_ identity: WorkerIdentity) -> Int? {
        workers.firstIndex { $0.identity == identity }
    }

    package subscript(_ identity: WorkerIdentity) -> QueueWorker? {
        index(identity).map { workers[$0] }
    }

    // Parts of a worker: all of it is large to copy.

    func pid(of identity: WorkerIdentity) -> Int32? { index(identity).map { workers[$0].pid } }

    func isLinked(_ identity: WorkerIdentity) -> Bool {
        index(identity).map { workers[$0].isLinked } ?? false
    }

    package mutating func add(_ identity: WorkerIdentity, pid: Int32) {
        guard index(identity) == nil else { return }
        workers.append(QueueWorker(identity: identity, pid: pid))
    }

    package mutating func remove(_ identity: WorkerIdentity) -> QueueWorker? {
        index(identity).map { workers.remove(at: $0) }
    }

    package mutating func change(_ identity: WorkerIdentity, _ body: (inout QueueWorker) -> Void) {
        guard let index = index(identity) else { return }
        body(&workers[index])
    }

    /// The worker with most free places among those whose client of the target is ready.
    package func freest(
        target: Int, isDurable: Bool
    ) -> WorkerIdentity? {
        var best: WorkerIdentity?
        var most = 0
        for place in workers.indices {
            let count =
                isDurable ? workers[place].freeDurablePlaces : workers[place].freePlaces
            guard count > most, workers[place].readyTargets.contains(target) else { continue }
            most = count
            best = workers[place].identity
        }
        return best
    }

    package var hasFreePlace: Bool {
        workers.indices.contains { workers[$0].freePlaces > 0 }
    }

    package func isReady(target: Int) -> Bool {
        workers.contains { $0.isLinked && $0.readyTargets.contains(target) }
    }

    package var leaseCount: Int { workers.reduce(0) { $0 + $1.leases.count } }
}
