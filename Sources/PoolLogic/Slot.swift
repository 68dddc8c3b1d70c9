// One place for a child and what is in it. Each fork into a place raises its generation, for ever.
//
//                    fork                ready                 order stop
//     empty ───────────────▶ starting ──────────▶ ready ──────────────────▶ draining
//       ▲                    │  ▲  │                │  silent, replaced      │ cut, silent
//       │                    │  │  └────────────────┴───────────▶ killed ◀───┘
//       │                    │  │ time              exit           │ exit
//       │                    ▼  │                    │             │
//       └──── not wanted ── backingOff ◀─────────────┴─────────────┘

/// A process that was forked and has not been reaped.
package struct Child: Equatable, Sendable {
    package var forkedAt: UInt64
    package var forkedAtWall: UInt64
    /// When it reported ready.
    package var readyAt: UInt64?
    /// 0 while not ready.
    package var readyAtWall: UInt64 = 0
    /// When it must be ready.
    package var spawnDeadline: UInt64
    /// Its last report; its fork before the first.
    package var lastHeard: UInt64
    /// It has finished and said so: its exit is no crash.
    package var saidGoodbye = false
}

/// How far the forced end of a child has come.
package struct Ending: Equatable, Sendable {
    package enum Stage: Equatable, Sendable {
        /// Its link has ended; it is expected to exit by itself.
        case leaving
        /// SIGABRT was sent.
        case aborted
        /// SIGKILL was sent.
        case killed
    }

    package var stage: Stage
    package var reason: KillReason
    /// When the next step is due; in stage `killed`: from when on the kernel is late.
    package var nextAt: UInt64
    /// Was killed and has not been reaped in time.
    package var isOverdue = false
}

package struct Slot: Equatable, Sendable {
    package enum State: Equatable, Sendable {
        /// No process, and none is due.
        case empty
        /// No process; one is due at this time.
        case backingOff(until: UInt64)
        case starting(Child)
        case ready(Child)
        /// Was told to stop; killed at `cutAt`.
        case draining(Child, cutAt: UInt64)
        /// Its end was begun by the supervisor.
        case killed(Child, Ending)
    }

    package let name: ChildName
    package var state = State.empty
    /// 0 before the first fork.
    package var generation: UInt32 = 0
    /// Deaths in a row without a useful life between them.
    package var crashes = 0

    package init(name: ChildName) { self.name = name }

    package var key: ChildKey { ChildKey(name, generation) }

    /// The process in this place.
    package var child: Child? {
        switch state {
        case .empty, .backingOff: nil
        case .starting(let child), .ready(let child): child
        case .draining(let child, _), .killed(let child, _): child
        }
    }

    package var isReady: Bool {
        if case .ready = state { true } else { false }
    }

    /// The state in a few words, with ages in milliseconds.
    package func summary(at now: UInt64) -> String {
        let word =
            switch state {
            case .empty: "empty"
            case .backingOff(let until): "backing off for \(until - min(now, until)) ms"
            case .starting: "starting"
            case .ready: "ready"
            case .draining: "draining"
            case .killed(_, let ending): "killed (\(ending.stage), \(ending.reason))"
            }
        guard let child else { return word }
        return "\(word), age \(now - min(now, child.forkedAt)) ms, "
            + "heard \(now - min(now, child.lastHeard)) ms ago"
    }

    /// Changes what is known of the process, in whatever state it is.
    mutating func changeChild(_ change: (inout Child) -> Void) {
        guard var child else { return }
        change(&child)
        switch state {
        case .empty, .backingOff: break
        case .starting: state = .starting(child)
        case .ready: state = .ready(child)
        case .draining(_, let cutAt): state = .draining(child, cutAt: cutAt)
        case .killed(_, let ending): state = .killed(child, ending)
        }
    }
}
