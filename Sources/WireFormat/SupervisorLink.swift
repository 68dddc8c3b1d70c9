// The words between the supervisor and its children, as values: what a child reports and what the
// supervisor orders. Pure: bytes and clocks are elsewhere (SupervisorLinkFrame has the bytes,
// Supervisor and Ops the descriptors).
//
// One SOCK_SEQPACKET socketpair per child carries them, one message a packet; end of file means
// that the other side is gone. Reports are hearsay: the supervisor logs and drops what it cannot
// read, and believes only its own tables. Nothing here may ever carry a job or a body.

/// Something a child tells the supervisor.
package enum ChildReport: Equatable, Sendable {
    /// The loader's result; the sealed memory file travels with it as ancillary data.
    case bundle
    /// The child serves: the queue commits, a worker has its clients and its link to the queue.
    case ready
    /// The loop that does the work is alive. Sent from that loop, never from a side thread.
    case heartbeat(Heartbeat)
    /// The child cannot go on and no successor could. Honoured from the queue while it starts:
    /// prongd stops orderly and exits with `exitCode` (sysexits).
    case fatal(exitCode: UInt8, text: String)
    /// The child has begun to drain, by order or by itself.
    case draining
    /// Everything is finished and acknowledged; the child exits 0 after this.
    case goodbye
    /// From the queue: that worker stayed silent on workers.sock, replace it.
    case askReplace(slot: UInt32, generation: UInt32)
    /// From the queue: an operator wants so many workers.
    case scale(workers: UInt32)
    /// From the queue: a target (its place in the settings) that could not be asked for its
    /// descriptors, or may be another since, is there now. The loader is forked again, as often as
    /// the supervisor thinks well; when it has made another bundle, `newBundle` comes.
    case askLoad(target: UInt32)
}

/// What a heartbeat tells about the child.
package struct Heartbeat: Equatable, Sendable {
    /// Calls (worker) or requests (queue) running now.
    package var inFlight: UInt32
    /// Jobs or direct calls ended since the child was forked.
    package var jobsDone: UInt64

    package init(inFlight: UInt32 = 0, jobsDone: UInt64 = 0) {
        self.inFlight = inFlight
        self.jobsDone = jobsDone
    }
}

/// Something the supervisor tells a child.
package enum SupervisorOrder: Equatable, Sendable {
    /// Take nothing new, finish what runs within so many milliseconds, cut the rest, say goodbye,
    /// exit 0. The queue stays until every worker has said goodbye or is dead in the table.
    case stop(drainMilliseconds: UInt32)
    /// Leave at once; the queue commits what it holds first.
    case stopNow
    /// Write a picture of the own state to the log.
    case dump
    /// To the queue: one worker's row, after each change. A worker's hello can overtake its row by
    /// a moment, so an unknown pid is asked to wait, not refused for good.
    case worker(WorkerRow)
    /// To the queue: every worker that lives now has been named (sent once after each of its
    /// starts, behind the rows).
    case workersComplete
    /// To the queue once a second: the supervisor's own figures; their arrival is its heartbeat.
    case figures(SupervisorFigures)
    /// To the queue: the loader has made another bundle of the same settings; the sealed memory
    /// file travels with it as ancillary data.
    case newBundle
}

/// A worker as the supervisor knows it.
package struct WorkerRow: Equatable, Sendable {
    package enum State: UInt8, Sendable {
        case starting = 1, ready, draining
        /// Stuck or asked to be replaced: ABRT or KILL is on its way.
        case killed
        /// The process is gone; `exit` says how.
        case dead
    }

    package var slot: UInt32
    package var generation: UInt32
    package var pid: Int32
    package var state: State
    /// Wall clock, milliseconds since 1970.
    package var forkedAtMilliseconds: UInt64
    /// Wall clock; 0 while not ready yet.
    package var readyAtMilliseconds: UInt64
    package var exit: ExitReason

    package init(
        slot: UInt32, generation: UInt32, pid: Int32, state: State, forkedAtMilliseconds: UInt64,
        readyAtMilliseconds: UInt64, exit: ExitReason
    ) {
        self.slot = slot
        self.generation = generation
        self.pid = pid
        self.state = state
        self.forkedAtMilliseconds = forkedAtMilliseconds
        self.readyAtMilliseconds = readyAtMilliseconds
        self.exit = exit
    }
}

/// Why a worker is gone (the label `reason` of `prong_worker_exits_total`).
package enum ExitReason: Equatable, Sendable {
    case alive
    /// It drained: by order, by scale, by its own goodbye.
    case drained
    /// It left unasked with this exit code.
    case exited(code: UInt8)
    /// A signal that the supervisor did not send ended it.
    case signalled(signal: UInt8)
    /// No heartbeat for `stuck_timeout`.
    case stuck
    /// Not ready within `spawn_timeout`.
    case spawnTimeout
    /// The queue asked for its replacement.
    case replaced
    /// The drain's time was over.
    case cut

    /// A word fit for a metric label.
    package var label: String {
        switch self {
        case .alive: "alive"
        case .drained: "drained"
        case .exited: "exited"
        case .signalled: "signalled"
        case .stuck: "stuck"
        case .spawnTimeout: "spawn_timeout"
        case .replaced: "replaced"
        case .cut: "cut"
        }
    }
}

/// The supervisor about itself.
package struct SupervisorFigures: Equatable, Sendable {
    package var pid: Int32
    /// Of /proc/self/task: 1 for life.
    package var threads: UInt32
    /// Forks since its start, the loader's and the failed ones' not counted.
    package var forks: UInt64
    /// Wall clock, milliseconds since 1970.
    package var startedAtMilliseconds: UInt64
    /// Workers wanted: the setting, as changed by TTIN, TTOU and scale.
    package var workersWanted: UInt32
    package var draining: Bool

    package init(
        pid: Int32, threads: UInt32, forks: UInt64, startedAtMilliseconds: UInt64,
        workersWanted: UInt32, draining: Bool
    ) {
        self.pid = pid
        self.threads = threads
        self.forks = forks
        self.startedAtMilliseconds = startedAtMilliseconds
        self.workersWanted = workersWanted
        self.draining = draining
    }
}
