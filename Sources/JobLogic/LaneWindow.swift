// The part of a lane that is in memory: the jobs that go next. The rest waits on disk, so that a
// million queued jobs do not mean a gigabyte. Knows positions only; never holds a job.
//
//     smallest position                                            largest
//     ├──────── in the window ────────┤ cursor ├──── on disk only ────┤
//
// Invariant: every queued job of the lane whose position is at most the cursor is in the window;
// every one behind it is on disk only. Without a cursor nothing is on disk only.

package struct LaneWindow: Equatable, Sendable {
    /// Sorted; `head` counts those taken from the front, so that taking is cheap.
    private var positions: [LanePosition] = []
    private var head = 0
    package private(set) var cursor: LanePosition?
    /// A fetch is on its way; a second one would bring the same jobs again.
    package private(set) var isFetching = false
    /// Where the fetch on its way began.
    private var fetchStart: LanePosition?
    private var bytes = 0

    package struct Limits: Equatable, Sendable {
        package var jobs: Int
        package var bytes: Int

        package init(jobs: Int, bytes: Int) {
            self.jobs = jobs
            self.bytes = bytes
        }

        /// Four workers with 64 places each empty half of it between two fetches; 8 MiB is two
        /// messages of the largest default size.
        package static let standard = Limits(jobs: 512, bytes: 8 << 20)
    }

    package let limits: Limits

    /// - Parameter onDisk: whether jobs of the lane may be on disk already (at start).
    package init(limits: Limits = .standard, onDisk: Bool) {
        self.limits = limits
        cursor = onDisk ? LaneWindow.beforeAll : nil
    }

    private static let beforeAll = LanePosition(orderKey: .min, key: JobKey(rawValue: 0))

    package var count: Int { positions.count - head }
    package var isEmpty: Bool { count == 0 }
    package var first: LanePosition? { isEmpty ? nil : positions[head] }

    /// Worth a fetch: something is on disk only, and the window runs low.
    package var wantsFetch: Bool {
        cursor != nil && !isFetching && count <= limits.jobs / 2 && bytes <= limits.bytes / 2
    }

    // MARK: jobs come

    package enum Admission: Equatable, Sendable {
        case inWindow
        /// Behind the cursor: a later fetch brings it.
        case onDiskOnly
    }

    /// Behind the cursor: a later fetch brings it.
    package func isBehind(_ position: LanePosition) -> Bool {
        cursor.map { position > $0 } ?? false
    }

    /// A job became queued, on disk too.
    /// - Returns: where it is, and who had to leave the window for it (on disk only from now on).
    package mutating func admit(
        _ position: LanePosition, bytes size: Int
    ) -> (Admission, mayEvict: Bool) {
        if isBehind(position) { return (.onDiskOnly, false) }
        insert(position)
        bytes += size
        return (.inWindow, count > limits.jobs || bytes > limits.bytes)
    }

    /// The last job, if the window is over a limit and holds more than one.
    package var evictable: JobKey? {
        guard count > 1, count > limits.jobs || bytes > limits.bytes else { return nil }
        return positions[positions.count - 1].key
    }

    /// Takes the last job out of the window, back to disk only.
    package mutating func evictLast(bytes size: Int) {
        precondition(count > 1, "only a job with another before it leaves from the end")
        positions.removeLast()
        bytes -= size
        cursor = positions[positions.count - 1]
    }

    /// All of it is on disk only from now on. A fetch on its way was of another reading.
    package mutating func startOver() {
        positions = []
        head = 0
        bytes = 0
        cursor = LaneWindow.beforeAll
        fetchStart = nil
    }

    package mutating func beginFetch() {
        precondition(!isFetching, "a lane has one fetch at a time")
        isFetching = true
        fetchStart = cursor
    }

    /// - Parameters:
    ///   - reach: the position of the last job that the fetch looked at; nothing: it saw the end.
    /// - Returns: whether what it brought may be used. A job that had to leave the window
    ///   meanwhile moved the cursor back: what the fetch saw does not join on to it any more.
    package mutating func endFetch(reach: LanePosition?) -> Bool {
        precondition(isFetching, "no fetch was on its way")
        isFetching = false
        guard cursor == fetchStart else { return false }
        cursor = reach
        return true
    }

    /// The fetch failed: it is wanted again.
    package mutating func failFetch() {
        isFetching = false
    }

    /// A job that a fetch brought.
    package mutating func add(_ position: LanePosition, bytes size: Int) {
        insert(position)
        bytes += size
    }

    // MARK: jobs go

    package mutating func takeFirst(bytes size: Int) -> LanePosition? {
        guard !isEmpty else { return nil }
        let position = positions[head]
        head += 1
        bytes -= size
        if head > 64, head * 2 > positions.count {
            positions.removeSubrange(0..<head)
            head = 0
        }
        return position
    }

    /// A job left for another reason (cancelled, expired).
    @discardableResult
    package mutating func remove(_ position: LanePosition, bytes size: Int) -> Bool {
        let index = insertionIndex(of: position)
        guard index < positions.count, positions[index] == position else { return false }
        positions.remove(at: index)
        bytes -= size
        return true
    }

    package func contains(_ position: LanePosition) -> Bool {
        let index = insertionIndex(of: position)
        return index < positions.count && positions[index] == position
    }

    // MARK: order

    private mutating func insert(_ position: LanePosition) {
        guard let last = positions.last, count > 0, position < last else {
            positions.append(position)
            return
        }
        positions.insert(position, at: insertionIndex(of: position))
    }

    private func insertionIndex(of position: LanePosition) -> Int {
        var low = head
        var high = positions.count
        while low < high {
            let middle = (low + high) / 2
            if positions[middle] < position { low = middle + 1 } else { high = middle }
        }
        return low
    }

    package func checkInvariants() {
        for index in head..<max(head, positions.count) {
            if index > head {
                precondition(positions[index - 1] < positions[index], "the window is not sorted")
            }
            if let cursor {
                precondition(positions[index] <= cursor, "a job in the window is behind its cursor")
            }
        }
        precondition(bytes >= 0, "the window's bytes are below zero")
    }
}
