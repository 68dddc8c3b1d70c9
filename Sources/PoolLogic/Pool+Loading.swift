// The loader that is forked again while prongd runs, because the queue wants to know more of its
// targets, or HUP asks for what they offer today. One at a time, a few a minute; one that fails
// changes nothing and is not replaced: the queue asks again if it still wants to.
//
//             asked              exit 0 with a bundle: adopted
//     empty ────────▶ starting ───────────────────────────────▶ empty
//       │  asked too soon  │  any other end: said               ▲
//       ▼                  │  too slow, prongd stops            │
//     backingOff           └───────────────▶ killed ────────────┘
//
// The place is a Slot like the others, but it reports nothing and so is never ready and never
// silent, and it is not among `names`: readiness, drain and status do not know it.

/// What is known of the loader beside its place.
package struct Loading: Equatable, Sendable {
    /// Forks within the window.
    var recent = RecentTimes()
    /// No fork before this.
    var notBefore: UInt64 = 0
    /// The one that lives has handed a bundle back.
    var hasBundle = false
    /// Whom the next loader is to ask.
    var wanted = LoadScope()
    /// Whom the last one asks.
    package internal(set) var scope = LoadScope()

    /// Of more targets than this all are asked.
    static let targetsMax = 64
    /// Forks in a minute.
    package static let forksMax = 6
    /// Between two forks; doubled for each failure in a row.
    package static let firstMilliseconds: UInt64 = 1_000
    package static let maxMilliseconds: UInt64 = 60_000
    /// As at the start: it takes milliseconds, or what it waits for servers (5 s); a file system
    /// that hangs takes for ever.
    package static let patienceMilliseconds: UInt64 = 60_000
}

/// Whom a loader asks for descriptors.
package struct LoadScope: Equatable, Sendable {
    /// Places in the settings.
    package internal(set) var targets: Set<UInt32> = []
    /// By HUP, or because of their number.
    package internal(set) var isAll = false

    var isEmpty: Bool { targets.isEmpty && !isAll }

    mutating func add(_ target: UInt32) {
        if targets.count < Loading.targetsMax { targets.insert(target) } else { isAll = true }
    }
}

extension Pool {
    mutating func askLoad(_ key: ChildKey, _ target: UInt32, _ moment: Moment) {
        guard key.name == .queue, isCurrent(key), phase.isServing else { return }
        loading.wanted.add(target)
        load(moment)
    }

    mutating func obeyHangUp(_ moment: Moment) {
        guard phase.isServing else { return }
        log(
            .notice,
            "HUP: targets with reflection are asked for their descriptors again; this version reads"
                + " its configuration only at start")
        loading.wanted.isAll = true
        load(moment)
    }

    /// One that runs may have asked before what this is about: another follows it.
    private mutating func load(_ moment: Moment) {
        guard case .empty = loader.state, phase.isServing, !loading.wanted.isEmpty else { return }
        let now = moment.monotonicMilliseconds
        let due = loading.recent.allows(Loading.forksMax, at: max(now, loading.notBefore))
        if due > now {
            loader.state = .backingOff(until: due)
        } else {
            forkLoader(moment)
        }
    }

    private mutating func forkLoader(_ moment: Moment) {
        let now = moment.monotonicMilliseconds
        loader.generation += 1
        loader.state = .starting(
            Child(
                forkedAt: now, forkedAtWall: moment.wallMilliseconds,
                spawnDeadline: now + Loading.patienceMilliseconds, lastHeard: now))
        loading.recent.add(now, at: now)
        loading.hasBundle = false
        loading.scope = loading.wanted
        loading.wanted = LoadScope()
        effects.append(.fork(loader.key, safeMode: false))
    }

    /// It has handed back what it made; believed once it is gone with exit code 0.
    mutating func noteBundle(_ key: ChildKey) {
        guard key == loader.key, case .starting = loader.state else { return }
        loading.hasBundle = true
    }

    mutating func loaderExited(_ end: ChildEnd, _ moment: Moment) {
        let key = loader.key
        let wasRunning = if case .starting = loader.state { true } else { false }
        loader.state = .empty
        defer { load(moment) }
        if wasRunning, end == .exited(code: 0), loading.hasBundle, phase.isServing {
            loader.crashes = 0
            loading.notBefore = moment.monotonicMilliseconds + Loading.firstMilliseconds
            effects.append(.adoptBundle(key))
            return log(.info, "\(key) has loaded descriptors anew")
        }
        effects.append(.dropBundle(key))
        countLoaderFailure(moment)
        guard phase.isServing else { return }
        let what = wasRunning ? "ended with \(end) and nothing to show" : "was ended"
        log(
            .warning, "\(key) \(what): everything stays as it was, and the queue asks again",
            cause: "loader")
    }

    mutating func loaderForkFailed(_ reason: String, _ moment: Moment) {
        let key = loader.key
        loader.state = .empty
        countLoaderFailure(moment)
        log(
            .warning, "\(key) could not be forked, and the queue asks again: \(reason)",
            cause: "loader fork")
    }

    private mutating func countLoaderFailure(_ moment: Moment) {
        loader.crashes += 1
        let wait = min(
            Loading.maxMilliseconds, Loading.firstMilliseconds << UInt64(min(loader.crashes, 16)))
        loading.notBefore = moment.monotonicMilliseconds + wait
    }

    var loaderDeadline: UInt64? {
        switch loader.state {
        case .empty, .ready, .draining: nil
        case .backingOff(let until): until
        case .starting(let child): child.spawnDeadline
        case .killed(_, let ending): ending.nextAt
        }
    }

    mutating func checkLoaderTime(_ moment: Moment) {
        let now = moment.monotonicMilliseconds
        loading.recent.drop(before: now)
        guard let deadline = loaderDeadline, deadline <= now else { return }
        switch loader.state {
        case .empty, .ready, .draining: break
        case .backingOff: forkLoader(moment)
        case .starting:
            log(
                .warning,
                "\(loader.key) is killed: it took more than \(Loading.patienceMilliseconds) ms; "
                    + "see whether the file systems of its files answer")
            cut(.loader, now)
        case .killed(_, let ending): escalate(.loader, ending, now)
        }
    }

    /// Nothing that it could bring is wanted while prongd stops.
    mutating func endLoader(_ now: UInt64) {
        switch loader.state {
        case .empty, .ready, .draining, .killed: break
        case .backingOff: loader.state = .empty
        case .starting: cut(.loader, now)
        }
    }

    var loaderViolation: String? {
        switch loader.state {
        case .empty, .killed: nil
        case .ready, .draining: "the loader is \(loader.state)"
        case .backingOff, .starting:
            phase.isServing ? nil : "\(loader.key) loads while prongd stops"
        }
    }
}
