// All that the pool can want done. Whoever carries these out decides nothing.

/// An order down a child's link.
package enum PoolOrder: Equatable, Sendable {
    case stop(drainMilliseconds: UInt64)
    case stopNow
    case dump
}

/// How loud a line is.
package enum PoolLogLevel: Equatable, Sendable {
    case error, warning, notice, info
}

/// A worker's facts for the queue's table; the pid is the runner's to add.
package struct WorkerFacts: Equatable, Sendable {
    package enum State: Equatable, Sendable {
        case starting, ready, draining, killed, dead
    }

    package var slot: UInt32
    package var generation: UInt32
    package var state: State
    package var forkedAtWallMilliseconds: UInt64
    /// 0 while not ready yet.
    package var readyAtWallMilliseconds: UInt64
    /// Set when `state` is `dead`.
    package var end: WorkerEnd?
}

/// Why a worker is gone.
package enum WorkerEnd: Equatable, Sendable {
    case drained
    case ended(ChildEnd)
    case killed(KillReason)
}

/// Why the supervisor ended a child by force.
package enum KillReason: Equatable, Sendable {
    /// No heartbeat for `stuck_timeout`.
    case stuck
    /// Not ready within `spawn_timeout`.
    case spawnTimeout
    /// The queue asked for it.
    case replaced
    /// The link ended and the process stayed.
    case linkClosed
    /// The drain's time was over.
    case cut
}

package enum PoolEffect: Equatable, Sendable {
    case fork(ChildKey, safeMode: Bool)
    /// What this loader handed back is in force: for the queue that lives, and for every child that
    /// is forked from now on.
    case adoptBundle(ChildKey)
    /// What this loader may have handed back is not wanted.
    case dropBundle(ChildKey)
    case order(ChildKey, PoolOrder)
    /// Threads' names, states and wait channels to the log.
    case picture(ChildKey)
    /// SIGABRT: the child writes a backtrace and dies, if it can run.
    case abort(ChildKey)
    /// SIGKILL.
    case kill(ChildKey)
    /// A row of the workers' table to the queue.
    case publish(WorkerFacts)
    /// Every living worker has been named to this queue.
    case publishComplete
    case notifyReady
    case notifyStopping
    case notifyStatus(String)
    /// The supervisor's own state to the log.
    case pictureOfPool
    /// With a cause, at most one line of it a minute.
    case log(PoolLogLevel, String, cause: String?)
    /// All children are gone: exit with this code. The last effect there is.
    case exit(code: Int32)
}
