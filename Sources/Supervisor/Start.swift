// From the first instruction to the loop: identity, signals, descriptors, settings, lock, sockets,
// children. Nothing is acquired before the settings are known to be right, and nothing of the
// store or the sockets is touched before the store's lock is held.

internal import CFork
import Glibc
import Kernel
import Ops
import PoolLogic
import WireFormat

struct Start {
    let roles: RoleTable
    let startedAt: UInt64
    var log: Log

    init(roles: RoleTable) {
        self.roles = roles
        startedAt = Clock.wallMilliseconds()
        let identity = Identity(role: .supervisor, slot: 0, generation: 0, pid: getpid())
        log = Log(identity: identity, level: .info, format: .detected())
        ProcessTitle.set(identity.title)
    }

    consuming func run() throws(StartFailure) -> Int32 {
        CFork_begin()
        let instance = try system { () throws(SystemError) in try Random.next() }
        let limit = try system { () throws(SystemError) in try DescriptorRoom.take() }
        var forkPoint = ForkPoint(
            roles: roles, instance: instance, childrenLimit: limit.given, log: log)

        let handedOver = try takeDescriptors(&forkPoint.descriptors)

        let loader = LoaderStep(log: log)
        guard let bundle = try loader.run(&forkPoint) else { return ExitCode.stopped }
        let settings = try readSettings(bundle)
        log = settings.log(of: log.identity)
        if let lack = limit.lack(workers: settings.limits.workers) { log.warning(lack) }

        let lockStep = StoreLock(path: settings.header.lockPath, log: log)
        let patience = settings.limits.drainMilliseconds + StoreLock.graceMilliseconds
        guard let lock = try lockStep.take(patienceMilliseconds: patience) else {
            return ExitCode.stopped
        }
        let sockets = try ListeningSockets(
            handedOver: handedOver, header: settings.header, log: log)
        forkPoint.equip(
            settings: settings, bundle: bundle, lock: lock, sockets: sockets, log: log)

        let pool = try RunningPool(
            forkPoint: forkPoint, settings: settings, log: log, startedAt: startedAt)
        let exitCode = try pool.run()
        forkPoint.sockets?.unlinkOwn()
        log.notice("stopped with exit code \(exitCode)")
        return exitCode
    }

    /// Notes what is open from the beginning. Beside the standard ones and what the service manager
    /// handed over, that is what prongd's parent left open: it stays as it is, for parents watch
    /// such descriptors, but no child gets it (its prologue closes all but the child table).
    private func takeDescriptors(
        _ table: inout DescriptorTable
    ) throws(StartFailure) -> HandedOverSockets {
        var inherited: [CInt] = []
        let handedOver = try system { () throws(SystemError) in
            try Descriptors.fillStandard()
            let handedOver = HandedOverSockets.take()
            inherited = try ProcFiles.openDescriptors()
            return handedOver
        }
        for fd in inherited where fd > 2 { table.addOnce(fd, "inherited") }
        return handedOver
    }

    private func readSettings(_ bundle: OpenFile) throws(StartFailure) -> StartSettings {
        do {
            return try StartSettings(bundle: bundle.number)
        } catch {
            throw StartFailure(
                exitCode: ExitCode.bug,
                sentence: "the loader's bundle cannot be read, which is a bug of prong: \(error)",
                log: log)
        }
    }

    private func system<Result>(
        _ body: () throws(SystemError) -> Result
    ) throws(StartFailure) -> Result {
        do {
            return try body()
        } catch {
            throw StartFailure(
                exitCode: ExitCode.system, sentence: "the system refused: \(error)", log: log)
        }
    }
}

/// The descriptors that the supervisor may have open: two for each child. The soft limit is only a
/// habit, for programs that use select(2), which the supervisor does not: it takes what it may. Its
/// children get the limit that prongd was given; the queue raises its own.
struct DescriptorRoom {
    let given: Descriptors.Limit

    /// A link and a pidfd.
    private static let perChild: UInt64 = 2
    /// Standard ones, lock, bundle, sockets, the loop's own, the queue's, and what is open for a
    /// moment.
    private static let beside: UInt64 = 32

    static func take() throws(SystemError) -> DescriptorRoom {
        let given = try Descriptors.Limit.current()
        var all = given
        all.soft = given.hard
        try all.set()
        return DescriptorRoom(given: given)
    }

    /// What to tell an operator who wants more workers than there is room for.
    func lack(workers: UInt32) -> String? {
        let needed = Self.perChild * UInt64(workers) + Self.beside
        guard needed > given.hard else { return nil }
        return "\(workers) workers need \(needed) descriptors and prongd may have \(given.hard): "
            + "some cannot be forked; raise the hard limit (ulimit -Hn, LimitNOFILE=), or have "
            + "fewer workers"
    }
}

/// A descriptor that several parts of the supervisor refer to and that lives as long as they do, or
/// until one of them knows that nobody needs it any more.
final class OpenFile {
    private var file: FileDescriptor?
    /// -1 once closed.
    private(set) var number: CInt

    init(_ file: consuming FileDescriptor) {
        number = file.number
        self.file = consume file
    }

    func close() {
        file = nil
        number = -1
    }
}
