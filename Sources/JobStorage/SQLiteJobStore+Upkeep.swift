// What the queue has the store do beside its commits: waking jobs whose time has come, and keeping
// the log and the file short.

package import JobLogic

extension SQLiteJobStore {
    package func promoteDue(
        nowMilliseconds: Int64, limit: Int, byteLimit: Int
    ) throws(StoreError) -> [QueuedJob] {
        try refuseBroken()
        let due = try reads.startingKeys(nowMilliseconds: nowMilliseconds, limit: limit)
        if due.isEmpty { return [] }
        return try transaction { () throws(StoreError) in
            var jobs: [QueuedJob] = []
            var bytes = 0
            for key in due where bytes <= byteLimit {
                let job = try promote(key)
                for request in job.requests { bytes += request.count }
                jobs.append(job)
            }
            try standing.flush()
            return jobs
        }
    }

    private func promote(_ key: JobKey) throws(StoreError) -> QueuedJob {
        guard let head = try head(of: key), head.state == .scheduled else {
            throw .corrupt("the agenda names a job that is not scheduled")
        }
        try progress.wake(key)
        try standing.enqueue(head.standing(key))
        var place = head.place
        place.state = .queued
        try move(key, head, to: place)
        guard let job = try rows.job(key) else { throw .bug("a promoted job is gone") }
        return QueuedJob(job: job, requests: try rows.messages(of: key, kind: .request))
    }

    // MARK: The log and the file

    package func checkpoint(truncate: Bool) throws(StoreError) {
        if truncate {
            // settling a log whose sync failed: nothing was accepted since, each frame is copied
            // again, and only a good fsync of both files ends it
            broken = nil
            // an empty log would be truncated without any fsync: give it something to write
            _ = try commit([.probe])
        }
        try refuseBroken()
        do throws(StoreError) {
            try log.checkpoint(truncate: truncate)
        } catch {
            if case .syncFailed = error { broken = error }
            throw error
        }
    }

    package func releaseFreePages(limit: Int) throws(StoreError) {
        try refuseBroken()
        do throws(StoreError) {
            try connection.execute("PRAGMA incremental_vacuum(\(max(1, limit)))")
        } catch {
            rollBack(after: error)
            throw broken ?? error
        }
    }

    package func size() throws(StoreError) -> StoreSize {
        StoreSize(usedBytes: try reads.usedPages() * reads.pageBytes + log.fileBytes)
    }

    package var logBytes: Int64 { log.unmovedBytes }
}
