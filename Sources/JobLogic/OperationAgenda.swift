// What a lane knows of its waiting jobs: when the next poll is due, when the first operation began,
// how many polls are under way. One for each lane, so that a lane whose target is down, paused or
// silent costs the others nothing: no read of the store, no place. Never holds a job.

/// What is looked for on disk among the waiting jobs of one lane.
package struct OperationSearch: Equatable, Sendable {
    package var lane: LaneID
    /// Of jobs whose poll is due; 0: none can be made now.
    package var pollLimit: Int
    /// Operations that began then or before have lasted too long; nil: none has.
    package var begunByMilliseconds: Int64?
    package var overdueLimit: Int
}

package struct OperationFinds: Sendable {
    package var search: OperationSearch
    package var overdue: [Job] = []
    package var firstBeginMilliseconds: Int64?
    package var due: [Job] = []
    package var nextPollMilliseconds: Int64?

    package init(_ search: OperationSearch) {
        self.search = search
    }

    /// The store could not be read: all of it is looked for again.
    package static func none(_ search: OperationSearch, _ now: Int64) -> OperationFinds {
        var finds = OperationFinds(search)
        finds.firstBeginMilliseconds = search.begunByMilliseconds
        finds.nextPollMilliseconds = now
        return finds
    }
}

struct OperationAgenda: Sendable {
    let lane: LaneID
    let target: Int?
    /// The target's `operation_timeout`; nil: none of its methods begins operations.
    var timeoutMilliseconds: Int64?
    /// No poll is due before; may be too early, never too late. What is due or overdue since
    /// before the start is looked for at once.
    var nextPollMilliseconds: Int64? = 0
    /// No waiting job's operation began before: the same.
    var firstBeginMilliseconds: Int64? = 0
    var isSearching = false
    /// What was found is on its way to disk: found again it would only be passed over.
    var quietUntilMilliseconds: Int64 = 0
    /// Polls with workers, or in the queue for them.
    var underWay = 0

    var nextTimeoutMilliseconds: Int64? {
        guard let first = firstBeginMilliseconds, let timeout = timeoutMilliseconds else {
            return nil
        }
        let (time, isTooFar) = first.addingReportingOverflow(timeout)
        return isTooFar ? nil : max(time, quietUntilMilliseconds)
    }
}
