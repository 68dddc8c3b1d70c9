// Counts what is queued by age, lane by lane. A million positions are half a second of reading, so
// nobody may cause that at will: it is done in slices on the reader's thread, between which other
// reads go on; whoever asks meanwhile shares the answer, and afterwards it stands for twenty times
// as long as it took. It must never look at a job, only at where jobs stand.

package import JobLogic
import JobStorage
import Kernel

/// On the event loop.
package final class AgeSurvey {
    /// A lane and how many jobs of it are queued, as the counters say.
    package struct Lane: Sendable {
        package let id: LaneID
        package let queued: Int64

        package init(id: LaneID, queued: Int64) {
            self.id = id
            self.queued = queued
        }
    }

    /// Positions that one survey reads at most, shared fairly by the lanes; and in one slice, which
    /// is how long another read may have to wait: some milliseconds.
    package static let positionsMax = 1 << 20
    package static let sliceMax = 5_000
    /// The share of one core that surveys may take is one in so many.
    private static let restFactor: UInt64 = 20

    private let store: StoreThread
    private let positionsMax: Int
    private var waiting: [([LaneID: AgeTable]) -> Void] = []
    private var last: [LaneID: AgeTable] = [:]
    private var lastStandsUntilNanoseconds: UInt64 = 0

    package init(store: StoreThread, positionsMax: Int = positionsMax) {
        self.store = store
        self.positionsMax = positionsMax
    }

    /// One walk over all lanes.
    private struct Walk: Sendable {
        /// The longest first: they are taken from the end, so that what short lanes leave of the
        /// budget is for the long ones.
        var lanes: [Lane]
        let held: Set<JobKey>
        let nowMilliseconds: Int64
        var budget: Int
        var table = AgeTable()
        /// Positions that the lane under way may still read.
        var share = 0
        var after: LanePosition?
        var tables: [LaneID: AgeTable] = [:]
        var spentNanoseconds: UInt64 = 0
    }

    /// - Parameters:
    ///   - held: jobs that run, though the store calls them queued: they are not counted.
    ///   - then: gets a table for each lane; one whose reading failed has none.
    package func ages(
        of lanes: [Lane], besides held: Set<JobKey>, nowMilliseconds: Int64,
        then: @escaping ([LaneID: AgeTable]) -> Void
    ) {
        if waiting.isEmpty, Clock.monotonicNanoseconds() < lastStandsUntilNanoseconds {
            return then(last)
        }
        waiting.append(then)
        guard waiting.count == 1 else { return }
        var walk = Walk(
            lanes: lanes.filter { $0.queued > 0 }.sorted { $0.queued > $1.queued }, held: held,
            nowMilliseconds: nowMilliseconds, budget: positionsMax)
        for lane in lanes where lane.queued <= 0 { walk.tables[lane.id] = AgeTable() }
        AgeSurvey.enterLane(&walk)
        read(walk)
    }

    private static func enterLane(_ walk: inout Walk) {
        walk.table = AgeTable()
        walk.after = nil
        walk.share = walk.lanes.isEmpty ? 0 : walk.budget / walk.lanes.count
    }

    private func read(_ walk: Walk) {
        guard let lane = walk.lanes.last else { return finish(walk) }
        store.read({ reader throws(StoreError) in
            try AgeSurvey.slice(of: lane.id, walk, reader)
        }) { [self] result in
            switch result {
            case .success(let next): read(next)
            case .failure:
                var next = walk
                next.lanes.removeLast()
                AgeSurvey.enterLane(&next)
                read(next)
            }
        }
    }

    /// On the reader's thread: a slice of the lane under way, and the step to the next lane.
    private static func slice(
        of lane: LaneID, _ walk: Walk, _ reader: any JobReader
    ) throws(StoreError) -> Walk {
        let began = Clock.monotonicNanoseconds()
        var walk = walk
        let limit = min(sliceMax, walk.share)
        let positions = try reader.queuedPositions(lane: lane, after: walk.after, limit: limit)
        for position in positions where !walk.held.contains(position.key) {
            walk.table.count(
                submittedAtMilliseconds: position.key.milliseconds, now: walk.nowMilliseconds)
        }
        walk.after = positions.last ?? walk.after
        walk.share -= positions.count
        walk.budget -= positions.count
        let isAtEnd = positions.count < limit
        if isAtEnd || walk.share == 0 {
            walk.table.isPartial = !isAtEnd
            walk.tables[lane] = walk.table
            walk.lanes.removeLast()
            enterLane(&walk)
        }
        walk.spentNanoseconds += Clock.monotonicNanoseconds() - began
        return walk
    }

    private func finish(_ walk: Walk) {
        last = walk.tables
        lastStandsUntilNanoseconds =
            Clock.monotonicNanoseconds() + walk.spentNanoseconds * AgeSurvey.restFactor
        let told = waiting
        waiting = []
        for then in told { then(last) }
    }
}

extension Service {
    /// Jobs that workers hold: a safe call runs without the store knowing.
    var heldJobs: Set<JobKey> {
        var held: Set<JobKey> = []
        for worker in engine.logic.workers.workers {
            for lease in worker.leases.keys where !lease.isDirect { held.insert(lease.key) }
        }
        return held
    }

    func surveyAges(_ then: @escaping ([LaneID: AgeTable]) -> Void) {
        ages.ages(
            of: engine.logic.lanes.lanes.map { lane in
                AgeSurvey.Lane(id: lane.id, queued: engine.logic.counts.count(lane.id, .queued))
            }, besides: heldJobs, nowMilliseconds: Engine.moment().wallMilliseconds, then: then)
    }
}
