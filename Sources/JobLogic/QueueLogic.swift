// The queue's whole decision-making as one value: what is queued, who holds what, what goes to
// disk, who is told. Never reads a clock, never does IO, never blocks: events in, effects out, so
// that tests run it by the million.
//
//   submit ─▶ pending ─commit─▶ window of its lane ─▶ (mark ─commit─▶) worker ─▶ outcome
//                                     ▲                                            │
//                                     └── queued again ◀── commit ◀── verdict ◀────┘
//
// What holds at every moment (`checkInvariants`):
// 1. A job is in `live` while it is in a window, held by a worker, or while a change of it is on
//    its way to disk; else it is on disk only.
// 2. A job's phase says where it is, and only one such place at a time.
// 3. Every lease that a worker holds has its live job or direct call, and the other way round.
// 4. No durable job is sent while commits fail, before recovery is over, or while prong drains.

package struct QueueConfiguration: Sendable {
    package var instance: UInt64
    package var targets: [TargetPolicy]
    /// Jobs that have not ended; more are refused.
    package var maxQueued: Int64
    package var windowLimits: LaneWindow.Limits
    /// Three deaths of the queue in a minute: nothing is dispatched until people have looked.
    package var isSafeMode: Bool

    package init(
        instance: UInt64, targets: [TargetPolicy], maxQueued: Int64,
        windowLimits: LaneWindow.Limits = .standard, isSafeMode: Bool = false
    ) {
        self.instance = instance
        self.targets = targets
        self.maxQueued = maxQueued
        self.windowLimits = windowLimits
        self.isSafeMode = isSafeMode
    }
}

package struct TargetPolicy: Sendable {
    package var name: String
    /// Over all workers; 0: no limit.
    package var maxInFlight: Int
    package var onUnknown: UnknownRule
    package var methods: [String: MethodPolicy]

    package init(
        name: String, maxInFlight: Int = 0, onUnknown: UnknownRule = .keep,
        methods: [String: MethodPolicy]
    ) {
        self.name = name
        self.maxInFlight = maxInFlight
        self.onUnknown = onUnknown
        self.methods = methods
    }
}

/// A durable job that is in memory. The one reference in the logic: `live` owns it, and only the
/// logic, which cannot be copied, ever reaches it.
final class LiveJob {
    enum Phase: Equatable {
        /// In its lane's window.
        case ready
        /// Its mark is on its way to disk; then it is sent.
        case marking(WorkerIdentity)
        case running(WorkerIdentity)
        /// Marked on disk by a living worker that has not spoken to this queue yet.
        case awaited(WorkerIdentity)
        /// A change of it is on its way to disk.
        case committing
    }

    var job: Job
    /// Empty too where they were not read: see `hasRequests`.
    let requests: [[UInt8]]
    let requestBytes: Int
    let hasRequests: Bool
    let policy: MethodPolicy?
    /// What the store says; behind `job.progress.state` while a safe call runs.
    var diskState: JobState
    var phase: Phase
    /// Who waits for a cancel of it to be heard.
    var cancels: [Token] = []
    /// While `committing`: the call whose outcome this is, and who is told when it is on disk.
    var acknowledgement: Acknowledgement?
    var told: [Token] = []

    /// Whose outcome waits for the disk.
    struct Acknowledgement: Equatable {
        var worker: WorkerIdentity
        var lease: Lease
    }

    init(
        job: Job, requests: [[UInt8]]?, policy: MethodPolicy?, diskState: JobState, phase: Phase
    ) {
        self.job = job
        self.requests = requests ?? []
        hasRequests = requests != nil
        requestBytes = self.requests.reduce(0) { $0 + $1.count }
        self.policy = policy
        self.diskState = diskState
        self.phase = phase
    }

    var key: JobKey { job.order.id.key }

    /// Ends the wait of those who asked for a cancel, and names them.
    func takeCancels() -> [Token] {
        defer { cancels = [] }
        return cancels
    }
}

struct DirectCall {
    enum Phase: Equatable {
        case queued
        case running(WorkerIdentity)
        case backingOff(untilNanoseconds: UInt64)
    }

    var token: Token
    var order: DirectOrder
    var attempts: Int32 = 0
    var phase: Phase = .queued
    var isAbandoned = false
    /// Its caller has a message of it already: it cannot be made again.
    var hasStreamed = false
}

/// Something to commit, and what it is for.
struct PendingChange {
    enum Purpose {
        case accept(Token, policy: MethodPolicy)
        case mark
        /// Progress; then whom to acknowledge and to answer, which the job knows.
        case settle(LiveJob)
        case delete(Token, from: JobState)
        case housekeeping
    }

    var change: Change
    var key: JobKey
    var purpose: Purpose
}

package struct QueueLogic: ~Copyable {
    package private(set) var configuration: QueueConfiguration
    var now: Moment
    var effects: [QueueEffect] = []
    var random: SplitMix

    package internal(set) var lanes: LaneTable
    package internal(set) var workers = WorkerTable()
    package internal(set) var counts: JobCounts
    var live: [JobKey: LiveJob] = [:]
    var direct: [UInt64: DirectCall] = [:]
    var nextDirect: UInt64 = Lease.directBit
    /// Which direct call a caller's token names.
    var directOfToken: [Token: UInt64] = [:]
    /// No direct call's deadline or back-off ends before; may be too early, never too late.
    var directWake: UInt64?

    // operations
    var polls: [Token: Poll] = [:]
    var pollOfJob: [JobKey: Token] = [:]
    /// Why operations could not be asked for the last time, for people; of so many jobs at most.
    package internal(set) var pollTroubles: [JobKey: String] = [:]
    var nextPollToken: Token = 1
    var agendas: [OperationAgenda] = []
    /// Where looking for polls begins: after the one that had the last.
    var agendaInTurn = 0

    // the store
    var pending: [PendingChange] = []
    var inCommit: [PendingChange] = []
    /// On disk, and `committed` is not handled yet.
    var onDisk: [PendingChange] = []
    package internal(set) var trouble: StoreTrouble?
    var loads: [JobKey: [LoadPurpose]] = [:]
    /// Outcomes of jobs that are still being read.
    var earlyOutcomes: [Lease: Outcome] = [:]
    /// Filled and emptied within one event; kept so that they allocate once.
    var acknowledgements: [WorkerIdentity: [Lease]] = [:]
    var outgoing: [WorkerIdentity: [Dispatch]] = [:]
    var isPromoting = false
    var isExpiring = false
    package internal(set) var nextDueMilliseconds: Int64?
    package internal(set) var nextExpiryMilliseconds: Int64?

    // recovery and drain
    var recovery: Recovery
    package internal(set) var isDraining = false
    var hasReportedDrained = false
    #if DEBUG
    private var eventCount: UInt64 = 0
    #endif

    /// - Parameters:
    ///   - marked: every job that has a dispatch mark on disk, with its requests.
    ///   - seed: for back-off jitter.
    package init(
        configuration: QueueConfiguration, lanes: [(id: LaneID, name: String)],
        counts: [(lane: LaneID, state: JobState, count: Int64)], pausedTargets: [String],
        marked: [QueuedJob], now: Moment, seed: UInt64
    ) {
        self.configuration = configuration
        self.now = now
        random = SplitMix(state: seed)
        self.counts = JobCounts(counts)
        self.lanes = LaneTable(
            configuration: configuration, stored: lanes, paused: pausedTargets)
        recovery = Recovery()
        for queued in marked { addMarked(queued) }
        // what is due or overdue since before the start is looked for at once
        nextDueMilliseconds = 0
        nextExpiryMilliseconds = 0
        agendas = self.lanes.lanes.map { OperationAgenda(lane: $0.id, target: $0.target) }
        learnOperationTimeouts()
    }

    package mutating func handle(_ event: QueueEvent, now: Moment) -> [QueueEffect] {
        self.now = now
        apply(event)
        dispatch()
        // first what frees a worker's places, then what takes them
        flushAcknowledgements()
        flushDispatches()
        wantWindows()
        if !pending.isEmpty, inCommit.isEmpty, trouble == nil { effects.append(.commitWanted) }
        reportDrained()
        #if DEBUG
        checkSometimes()
        #endif
        var told: [QueueEffect] = []
        swap(&told, &effects)
        return told
    }

    #if DEBUG
    /// A check looks at all that is in memory: with much there, only some events pay for it.
    private mutating func checkSometimes() {
        eventCount &+= 1
        if live.count < 64 || eventCount % 256 == 0 { checkInvariants() }
    }
    #endif

    private mutating func apply(_ event: QueueEvent) {
        switch event {
        case .submit(let asked):
            for one in asked { submit(one.submission, one.token) }
        case .call(let token, let order): call(order, token)
        case .callerGone(let token): leave(token)
        case .grant(let token, let bytes): grant(token, bytes)
        case .act(let token, let id, let action): act(action, on: id, token)
        case .setPaused(let target, let paused): setPaused(target, paused)
        case .committed(let outcomes): finishCommit(outcomes)
        case .commitFailed(let trouble): failCommit(trouble)
        case .fetched(let lane, let jobs, let reachedEnd):
            finishFetch(lane, jobs, reachedEnd: reachedEnd)
        case .fetchFailed(let lane): lanes.change(lane) { $0.window.failFetch() }
        case .loaded(let key, let job): finishLoad(key, job)
        case .loadFailed(let key): failLoad(key)
        case .promoted(let jobs, let next): finishPromotion(jobs, next: next)
        case .overdue(let jobs, let next): finishExpiry(jobs, next: next)
        case .operationsFound(let finds): finishSearch(finds)
        case .workersKnown(let known): learn(known)
        case .workerGone(let identity): loseWorker(identity, died: true)
        case .hello(let identity, let pid, let places, let holding):
            welcome(identity, pid: pid, places: places, holding: holding)
        case .linkLost(let identity): loseLink(identity)
        case .places(let identity, let count): workers.change(identity) { $0.places = count }
        case .targets(let identity, let states): noteTargets(identity, states)
        case .outcomes(let identity, let outcomes):
            for outcome in outcomes { finish(outcome, from: identity) }
        case .streamed(let identity, let lease, let part):
            passOn(part, lease, from: identity)
        case .notStarted(let identity, let leases):
            for lease in leases { handBack(lease, from: identity) }
        case .goodbye(let identity): loseWorker(identity, died: false)
        case .policies(let policies): learn(policies)
        case .tick: tick()
        case .retryCommit: retryCommit()
        case .drain: beginDrain()
        }
    }

    /// What is in memory goes on with the policy that it was read with. What lies on disk because
    /// its method was unknown is found by reading the lane from its start again.
    private mutating func learn(_ policies: [TargetPolicy]) {
        precondition(
            policies.map(\.name) == configuration.targets.map(\.name),
            "a target's place in the settings is its name in leases and lanes")
        let before = configuration.targets
        configuration.targets = policies
        learnOperationTimeouts()
        for (target, policy) in policies.enumerated() {
            let isMore = policy.methods.contains { before[target].methods[$0].lacks($1) }
            if isMore, let lane = lanes.id(ofTarget: target) { readAgain(lane) }
        }
    }

    private mutating func readAgain(_ lane: LaneID) {
        for job in live.values where job.phase == .ready && job.job.order.lane == lane {
            live[job.key] = nil
        }
        lanes.change(lane) { $0.window.startOver() }
    }

    /// Jobs that are in memory, for status and tests.
    package var liveCount: Int { live.count }

    /// The state that users see: a safe call runs without the store knowing.
    package func state(of key: JobKey) -> JobProgress? {
        live[key].flatMap { $0.diskState == .queued && $0.isHeld ? $0.job.progress : nil }
    }

    /// Jobs that run while the store says `queued`.
    package func jobsRunningUnmarked() -> [Job] {
        live.values.lazy.filter { $0.diskState == .queued && $0.isHeld }.map(\.job)
    }

    /// Safe calls that run: on disk they are `queued`.
    package func runningUnmarked(lane: LaneID) -> Int64 {
        Int64(lanes[lane]?.unmarkedRunning ?? 0)
    }
}

extension MethodPolicy? {
    /// Whether there may be jobs for which this was not enough and the new one is.
    fileprivate func lacks(_ new: MethodPolicy) -> Bool {
        guard let self else { return true }
        return self.pages == nil && new.pages != nil
            || self.operation == nil && new.operation != nil
    }
}

extension LiveJob {
    /// With a worker, or about to be.
    var isHeld: Bool {
        switch phase {
        case .marking, .running, .awaited: true
        case .ready, .committing: false
        }
    }
}

/// Vigna's SplitMix64: enough for jitter, and a test's seed replays a run.
struct SplitMix: Sendable {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}

/// Jobs by lane and state, as committed.
package struct JobCounts: Sendable {
    /// Sixteen numbers a lane, one for each state, in the order of `ids`.
    private var counts: [Int64] = []
    private var ids: [LaneID] = []
    /// Jobs that have not ended, those whose insert is on its way included.
    package private(set) var open: Int64 = 0

    private static let statesPerLane = 16

    init(_ rows: [(lane: LaneID, state: JobState, count: Int64)]) {
        for row in rows { add(row.count, row.lane, row.state) }
    }

    private func place(_ lane: LaneID, _ state: JobState) -> Int? {
        ids.firstIndex(of: lane).map { $0 * JobCounts.statesPerLane + Int(state.rawValue) }
    }

    mutating func add(_ count: Int64, _ lane: LaneID, _ state: JobState) {
        if let place = place(lane, state) {
            counts[place] += count
        } else {
            ids.append(lane)
            counts += Array(repeating: 0, count: JobCounts.statesPerLane)
            counts[counts.count - JobCounts.statesPerLane + Int(state.rawValue)] = count
        }
        if !state.hasEnded, state != .unknown { open += count }
    }

    /// An insert on its way takes its place in the bound before it is counted.
    mutating func reserve(_ count: Int64) { open += count }

    package func count(_ lane: LaneID, _ state: JobState) -> Int64 {
        place(lane, state).map { counts[$0] } ?? 0
    }

    package func total(_ state: JobState) -> Int64 {
        ids.reduce(0) { $0 + count($1, state) }
    }
}
