// The one place where a process of prongd is made. Before each fork, in releases too: this process
// has one thread, and no descriptor that is not in the table. What breaks this law is a bug of
// prong; a child made nevertheless could hang for ever, so none is made.

internal import CFork
import Glibc
import Kernel
import Ops
import PoolLogic
import WireFormat

/// Why there is no new process.
struct ForkFailure: Error {
    /// 70 if the law of the fork is broken, 71 if the system refused.
    let exitCode: Int32
    let sentence: String
}

/// A process that was made, and the supervisor's end of its link.
struct NewChild {
    let pid: pid_t
    let link: OpenFile
}

struct ForkPoint {
    private let roles: RoleTable
    private let instance: UInt64
    /// What prongd was given, before the supervisor raised its own.
    private let childrenLimit: Descriptors.Limit
    private var log: Log
    private var settings: StartSettings?
    private var bundle: OpenFile?
    private var lock: OpenFile?
    private(set) var sockets: ListeningSockets?
    var descriptors = DescriptorTable()

    /// Children go before the supervisor when memory ends, workers first.
    private static let queueOomScore: CInt = 100
    private static let workerOomScore: CInt = 500
    /// What a deaf orphan gets beyond `drain_timeout`; a waiting successor waits longer.
    private static let orphanGraceSeconds: UInt64 = 3

    init(
        roles: RoleTable, instance: UInt64, childrenLimit: Descriptors.Limit, log: Log
    ) {
        self.roles = roles
        self.instance = instance
        self.childrenLimit = childrenLimit
        self.log = log
    }

    /// What all children but the first loader are given.
    mutating func equip(
        settings: StartSettings, bundle: OpenFile, lock: OpenFile, sockets: ListeningSockets,
        log: Log
    ) {
        self.settings = settings
        self.bundle = bundle
        self.lock = lock
        self.sockets = sockets
        self.log = log
        descriptors.add(bundle.number, "bundle")
        descriptors.add(lock.number, "store lock")
        descriptors.addOnce(sockets.clients.number, "prong.sock")
        descriptors.add(sockets.workers.number, "workers.sock")
    }

    /// What children are given from now on. Theirs who live is their own copy.
    mutating func replace(bundle new: OpenFile) {
        if let bundle {
            descriptors.remove(bundle.number)
            bundle.close()
        }
        bundle = new
        descriptors.add(new.number, "bundle")
    }

    /// Called before anything but descriptors handed over by the service manager is open.
    mutating func forkLoader() throws(ForkFailure) -> (pid_t, OpenFile) {
        let child = try fork(Place(role: .loader, slot: 0, generation: 1, safeMode: false), [])
        return (child.pid, child.link)
    }

    /// - Parameter scope: whom a loader asks.
    mutating func fork(
        _ key: ChildKey, safeMode: Bool, asking scope: LoadScope
    ) throws(ForkFailure) -> NewChild {
        guard let bundle, let lock, let sockets else {
            preconditionFailure("children are forked after the loader")
        }
        var given = [bundle.number, lock.number]
        switch key.name {
        case .queue:
            given += [sockets.clients.number, sockets.workers.number]
            return try fork(
                Place(role: .queue, slot: 0, generation: key.generation, safeMode: safeMode), given)
        case .worker(let slot):
            return try fork(
                Place(role: .worker, slot: slot, generation: key.generation, safeMode: false),
                given)
        case .loader:
            var place = Place(
                role: .loader, slot: 0, generation: key.generation, safeMode: false)
            place.askedTargets = scope.isAll ? nil : scope.targets
            return try fork(place, [bundle.number])
        }
    }

    private mutating func fork(
        _ place: Place, _ given: [CInt]
    ) throws(ForkFailure) -> NewChild {
        try checkLaw()
        let pair: UnixSocket.Pair
        do {
            pair = try UnixSocket.packetPair()
        } catch {
            throw ForkFailure(exitCode: ExitCode.system, sentence: "\(error)")
        }
        let theirs = pair.theirs.number
        let pid = forkProcess(place, [theirs] + given)
        let code = errno
        if pid == 0 {
            // an optimised build would else end the pair's life here and close what the prologue
            // has put at its numbers
            pair.forget()
            becomeRole(place)
        }
        guard pid > 0 else {
            throw ForkFailure(
                exitCode: ExitCode.system, sentence: "\(SystemError("fork", errno: code))")
        }
        return NewChild(pid: pid, link: OpenFile(pair.keepOurs()))
    }

    private func checkLaw() throws(ForkFailure) {
        let threads: Int
        let strangers: [String]
        do {
            threads = try ProcFiles.threadCount()
            strangers = try descriptors.strangers()
        } catch {
            throw ForkFailure(exitCode: ExitCode.system, sentence: "\(error)")
        }
        guard threads == 1 else {
            throw ForkFailure(
                exitCode: ExitCode.bug,
                sentence: "the supervisor has \(threads) threads and may have only one to fork; "
                    + "this is a bug of prong")
        }
        guard strangers.isEmpty else {
            throw ForkFailure(
                exitCode: ExitCode.bug,
                sentence: "the supervisor has open what no child may inherit: descriptor "
                    + "\(strangers.joined(separator: ", ")); this is a bug of prong")
        }
    }

    private func forkProcess(_ place: Place, _ given: [CInt]) -> pid_t {
        let identity = place.identity(pid: 0)
        let score = place.role == .queue ? Self.queueOomScore : Self.workerOomScore
        let drain = settings?.limits.drainMilliseconds ?? 0
        return identity.threadName.withCString { name in
            identity.place.withCString { label in
                given.withUnsafeBufferPointer { table -> pid_t in
                    guard let first = table.baseAddress else { return -1 }
                    var child = CFork_child(
                        descriptors: first, descriptor_count: CInt(table.count), name: name,
                        identity: label, oom_score_adj: score,
                        term_seconds: UInt32(
                            clamping: (drain + 999) / 1000 + Self.orphanGraceSeconds))
                    return CFork_fork(&child)
                }
            }
        }
    }

    /// In the child: everything is in its place, so enter the role and leave with its code.
    private func becomeRole(_ place: Place) -> Never {
        let identity = place.identity(pid: getpid())
        ProcessTitle.set(identity.title)
        // lowering it cannot fail, and a child with more than it was given would do as well
        try? childrenLimit.set()
        let log = Log(identity: identity, level: self.log.level, format: self.log.format)
        let context = ChildContext(
            identity: identity, instance: instance,
            link: SupervisorLink(descriptor: ChildTable.link, generation: place.generation),
            bundle: bundle == nil ? -1 : ChildTable.bundle,
            listeners: place.role == .queue
                ? Listeners(clients: ChildTable.clientListener, workers: ChildTable.workerListener)
                : nil,
            safeMode: place.safeMode, askedTargets: place.askedTargets,
            heartbeatMilliseconds: settings.map { heartbeat(stuck: $0.limits.stuckMilliseconds) }
                ?? ChildContext.heartbeatMillisecondsMax,
            log: log)
        switch place.role {
        case .loader: _exit(roles.loader(context))
        case .queue: _exit(roles.queue(context))
        case .worker: _exit(roles.worker(context))
        case .supervisor: preconditionFailure("the supervisor is never forked")
        }
    }

    /// Six beats fit into the time after which a child counts as stuck.
    private func heartbeat(stuck: UInt64) -> UInt64 {
        min(ChildContext.heartbeatMillisecondsMax, max(10, stuck / 6))
    }
}

/// Who a new process will be.
private struct Place {
    let role: Role
    let slot: UInt32
    let generation: UInt32
    let safeMode: Bool
    /// Of a loader; nil: all.
    var askedTargets: Set<UInt32>?

    func identity(pid: pid_t) -> Identity {
        Identity(role: role, slot: slot, generation: generation, pid: pid)
    }
}
