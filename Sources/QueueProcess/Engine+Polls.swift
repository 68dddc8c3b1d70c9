// Finds the jobs whose operations are to be asked for. Decides nothing about them.

import JobLogic
import JobStorage
import Kernel

extension Engine {
    func findDuePolls(limit: Int) {
        let now = Int64(Clock.wallMilliseconds())
        store.write({ store throws(StoreError) -> ([Job], Int64?) in
            let jobs = try store.duePolls(nowMilliseconds: now, limit: limit)
            // those found are asked now, and have a new time when they have answered
            let next = jobs.count == limit ? now : try store.nextPollMilliseconds(after: now)
            return (jobs, next)
        }) { [self] result in
            switch result {
            case .success(let (jobs, next)): handle(.pollsDue(jobs, nextPollMilliseconds: next))
            case .failure(let error):
                noteReadFailure(error)
                retryLater { self.handle(.pollsDue([], nextPollMilliseconds: now)) }
            }
        }
    }
}
