// Finds the jobs whose operations are to be asked for, or have lasted too long. Decides nothing
// about them.

import JobLogic
import JobStorage
import Kernel

extension Engine {
    func findOperations(_ search: OperationSearch) {
        let now = Int64(Clock.wallMilliseconds())
        store.write({ store throws(StoreError) -> OperationFinds in
            var finds = OperationFinds(search)
            let lane = search.lane
            if let time = search.begunByMilliseconds {
                finds.overdue = try store.operations(
                    lane: lane, begunBy: time, limit: search.overdueLimit)
                finds.firstBeginMilliseconds = try store.firstOperationMilliseconds(lane: lane)
            }
            guard search.pollLimit > 0 else { return finds }
            finds.due = try store.duePolls(
                lane: lane, nowMilliseconds: now, limit: search.pollLimit)
            // those found are asked now, and have a new time when they have answered
            finds.nextPollMilliseconds =
                finds.due.count == search.pollLimit
                ? now : try store.nextPollMilliseconds(lane: lane, after: now)
            return finds
        }) { [self] result in
            switch result {
            case .success(let finds): handle(.operationsFound(finds))
            case .failure(let error):
                noteReadFailure(error)
                retryLater { self.handle(.operationsFound(.none(search, now))) }
            }
        }
    }
}
