// The reader's side of the store without a disk. Sees its store at once and belongs to the same
// thread.

package import JobLogic

/// Reads the memory of a `MemoryJobStore`: no other thread, no other view.
package final class MemoryJobReader: JobReader {
    private let store: MemoryJobStore

    package init(_ store: MemoryJobStore) {
        self.store = store
    }

    package func job(_ key: JobKey) throws(StoreError) -> Job? { try store.job(key) }

    package func requests(of key: JobKey) throws(StoreError) -> [[UInt8]] {
        try store.requests(of: key)
    }

    package func responses(of key: JobKey) throws(StoreError) -> [[UInt8]] {
        try store.responses(of: key)
    }

    package func list(
        _ filter: JobFilter, before: JobKey?, limit: Int
    ) throws(StoreError) -> JobPage {
        let jobs = store.newest.filter { job in
            filter.matches(job) && (before.map { job.order.id.key < $0 } ?? true)
        }
        let page = Array(jobs.prefix(max(0, limit)))
        let more = page.count == limit ? page.last?.order.id.key ?? before : nil
        return JobPage(jobs: page, continueBefore: more)
    }

    package func batchCounts(
        _ batch: String, uid: UInt32?
    ) throws(StoreError) -> [(JobState, Int64)] {
        let filter = JobFilter(batch: batch, uid: uid)
        let jobs = store.newest.filter { filter.matches($0) }
        return JobState.allCases.compactMap { state in
            let count = jobs.count { $0.progress.state == state }
            return count == 0 ? nil : (state, Int64(count))
        }
    }

    package func oldestQueued(
        besides held: Set<JobKey>
    ) throws(StoreError) -> [(LaneID, Int64)] {
        let contents = try store.contents()
        var result: [(LaneID, Int64)] = []
        for count in contents.counts where count.state == .queued {
            let head = try store.queued(
                lane: count.lane, after: nil, limit: SQLiteJobReader.oldestScannedMax,
                byteLimit: Int.max)
            let times = head.map(\.job.order).filter { !held.contains($0.id.key) }
                .map(\.submittedAtMilliseconds)
            if let oldest = times.min() { result.append((count.lane, oldest)) }
        }
        return result
    }

    package func queuedPositions(
        lane: LaneID, after: LanePosition?, limit: Int
    ) throws(StoreError) -> [LanePosition] {
        try store.queued(lane: lane, after: after, limit: limit, byteLimit: Int.max)
            .map(\.job.order.position)
    }
}

extension JobFilter {
    /// The filter in words of a job; the SQLite reader says the same in words of columns.
    package func matches(_ job: Job) -> Bool {
        (state.map { $0 == job.progress.state } ?? true)
            && (target.map { $0 == job.order.target } ?? true)
            && (method.map { $0 == job.order.method } ?? true)
            && (batch.map { $0 == job.order.batch } ?? true)
            && (sinceMilliseconds.map { $0 <= job.order.submittedAtMilliseconds } ?? true)
            && (uid.map { $0 == job.order.submitter.uid } ?? true)
    }
}
