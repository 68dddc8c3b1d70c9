// Named places at which a test can make this process die as if by `kill -9`. Compiled in only with
// the package trait `FaultPoints`; in a release there is nothing here, not even a look at a file.
//
// A test arms a point by making a file of its name in the folder that PRONG_FAULTS names; whoever
// reaches the point first takes the file away and dies. So each arming kills exactly one process.

import Glibc

package enum FaultPoint: String, CaseIterable, Sendable {
    case queueBeforeCommit = "queue-before-commit"
    case queueAfterCommit = "queue-after-commit"
    case queueBeforeSend = "queue-before-send"
    case queueAfterSend = "queue-after-send"
    case queueBeforeAcknowledge = "queue-before-acknowledge"
    case workerAfterTake = "worker-after-take"
    case workerAfterStart = "worker-after-start"
    case workerBeforeOutcome = "worker-before-outcome"
    case workerAfterOutcome = "worker-after-outcome"
    case workerBeforeGoodbye = "worker-before-goodbye"

    #if FAULT_POINTS
        private static let folder: String? = getenv("PRONG_FAULTS").map { String(cString: $0) }

        /// Dies here if a test armed the point.
        package static func reach(_ point: FaultPoint) {
            guard let folder, unlink("\(folder)/\(point.rawValue)") == 0 else { return }
            kill(getpid(), SIGKILL)
        }
    #else
        @inline(__always)
        package static func reach(_ point: FaultPoint) {}
    #endif
}
