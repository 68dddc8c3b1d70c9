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
        var forkPoint = ForkPoint(roles: roles, instance: instance, log: log)

        let handedOver = try takeDescriptors(&forkPoint.descriptors)

        let loader = LoaderStep(log: log)
        guard let bundle = try loader.run(&forkPoint) else { return ExitCode.stopped }
        let settings = try readSettings(bundle)
        log = settings.log(of: log.identity)

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

/// A descriptor that several parts of the supervisor refer to and that lives as long as they do.
final class OpenFile {
    private let file: FileDescriptor

    init(_ file: consuming FileDescriptor) { self.file = file }

    var number: CInt { file.number }
}
