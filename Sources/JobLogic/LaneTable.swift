// The lanes: one per target today. Each has its window of durable jobs, its direct calls, and the
// reasons why nothing of it may run now. Served in turn, so that a sick or slow target never holds
// up another.

package struct Lane: Sendable {
    package let id: LaneID
    package let name: String
    /// Its place in the settings; nothing: the target is not there any more.
    package let target: Int?
    package var isPaused: Bool
    var window: LaneWindow
    /// Direct calls that wait, first to go first: by priority, then by arrival.
    var directQueue: [UInt64] = []
    /// Calls with workers now, of both kinds.
    package var inFlight = 0
    var unmarkedRunning = 0

    package var queuedInMemory: Int { window.count + directQueue.count }
}

package struct LaneTable: Sendable {
    package private(set) var lanes: [Lane] = []
    /// Beside the lanes: a scan of a few numbers is faster than a hash.
    private var ids: [LaneID] = []
    private var indexOfTarget: [Int: Int] = [:]
    private var turn = 0

    init(
        configuration: QueueConfiguration, stored: [(id: LaneID, name: String)], paused: [String]
    ) {
        let pausedNames = Set(paused)
        for lane in stored {
            let target = configuration.targets.firstIndex { $0.name == lane.name }
            add(
                Lane(
                    id: lane.id, name: lane.name, target: target,
                    isPaused: pausedNames.contains(lane.name),
                    window: LaneWindow(limits: configuration.windowLimits, onDisk: true)))
        }
    }

    private mutating func add(_ lane: Lane) {
        ids.append(lane.id)
        if let target = lane.target { indexOfTarget[target] = lanes.count }
        lanes.append(lane)
    }

    private func index(_ id: LaneID) -> Int? { ids.firstIndex(of: id) }

    package subscript(_ id: LaneID) -> Lane? { index(id).map { lanes[$0] } }

    func target(of id: LaneID) -> Int? { index(id).flatMap { lanes[$0].target } }

    package func id(ofTarget target: Int) -> LaneID? { indexOfTarget[target].map { ids[$0] } }

    package func lane(target: Int) -> Lane? { indexOfTarget[target].map { lanes[$0] } }

    func firstInWindow(of id: LaneID) -> LanePosition? {
        index(id).flatMap { lanes[$0].window.first }
    }

    /// Whether a job at the position would stay on disk only.
    func isBehindWindow(_ position: LanePosition, of id: LaneID) -> Bool {
        index(id).map { lanes[$0].window.isBehind(position) } ?? true
    }

    func wantsFetch(at place: Int) -> Bool {
        lanes[place].target != nil && lanes[place].window.wantsFetch
    }

    mutating func change(_ id: LaneID, _ body: (inout Lane) -> Void) {
        guard let index = index(id) else { return }
        body(&lanes[index])
    }

    mutating func change(target: Int, _ body: (inout Lane) -> Void) {
        guard let index = indexOfTarget[target] else { return }
        body(&lanes[index])
    }

    mutating func changeAll(_ body: (inout Lane) -> Void) {
        for index in lanes.indices { body(&lanes[index]) }
    }

    var count: Int { lanes.count }

    /// The place of the lane whose turn it is.
    mutating func nextInTurn() -> Int {
        let place = turn % lanes.count
        turn = (place + 1) % lanes.count
        return place
    }

    /// Whether anything could go now, were a worker free.
    var hasBusyLane: Bool { lanes.indices.contains { lanes[$0].queuedInMemory > 0 } }
}
