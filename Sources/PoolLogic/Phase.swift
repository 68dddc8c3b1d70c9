// The supervisor's whole life.
//
//     starting ──all ready──▶ running ──TERM──▶ draining ──all gone──▶ ended
//         │                     │                  │ TERM, QUIT          ▲
//         └────────TERM─────────┴──QUIT, fatal──▶ stopping ──────────────┘
//
// It does not record how many children there are (the slots do), nor that a child is being
// replaced: running means only that everybody was ready once.

package enum Phase: Equatable, Sendable {
    /// Not everybody has been ready yet.
    case starting
    case running
    /// Children finish what they hold; nothing new is forked except a queue to commit it.
    case draining
    /// Children were told to leave at once.
    case stopping
    /// No child is left; nothing more will happen.
    case ended

    /// Whether dead workers are replaced.
    package var isServing: Bool {
        switch self {
        case .starting, .running: true
        case .draining, .stopping, .ended: false
        }
    }
}

/// The numbers that the pool works with, in milliseconds.
package struct PoolLimits: Equatable, Sendable {
    package var workers: UInt32
    /// `spawn_timeout`, `stuck_timeout`, `drain_timeout` of the settings.
    package var spawnMilliseconds: UInt64
    package var stuckMilliseconds: UInt64
    package var drainMilliseconds: UInt64

    package init(
        workers: UInt32, spawnMilliseconds: UInt64, stuckMilliseconds: UInt64,
        drainMilliseconds: UInt64
    ) {
        self.workers = workers
        self.spawnMilliseconds = spawnMilliseconds
        self.stuckMilliseconds = stuckMilliseconds
        self.drainMilliseconds = drainMilliseconds
    }

    /// TTIN and scale go up to this, the same as the setting.
    package static let workersMax: UInt32 = 512
    /// After SIGABRT: time to write a backtrace.
    package static let abortMilliseconds: UInt64 = 2_000
    /// A child whose link ended has this long to exit by itself.
    package static let leavingMilliseconds: UInt64 = 1_000
    /// A killed process that is still there after this is the kernel's trouble, and the watchdog's.
    package static let reapMilliseconds: UInt64 = 10_000
    /// Workers cut their own calls at `drain_timeout`; so much later they are cut themselves.
    package static let cutGraceMilliseconds: UInt64 = 2_000
    /// The queue commits the outcomes of the last workers within this.
    package static let commitGraceMilliseconds: UInt64 = 3_000
    /// From "at once" to SIGKILL.
    package static let stopNowMilliseconds: UInt64 = 1_000
    /// Between two events the pool expects a tick; a longer silence means that the supervisor
    /// itself stood still (stopped, host asleep) and could not have heard anybody.
    package static let standstillMilliseconds: UInt64 = 3_000
    /// So many deaths of the queue within a minute put the next one into safe mode.
    package static let queueDeathsForSafeMode = 3
}
