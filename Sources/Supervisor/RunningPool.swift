// The loop: what was seen becomes an event of PoolLogic, and what the pool wants is done. Order of
// a turn, and it matters: first the loop's callbacks have returned, then events are handled one by
// one with all their effects, then the timer is set. A fork so never happens inside a callback.

import Glibc
import Kernel
import Ops
import PoolLogic
import WireFormat

final class RunningPool {
    var pool: Pool
    var forkPoint: ForkPoint
    var children: [ChildKey: ChildHandle] = [:]
    let loop: EventLoop
    let settings: StartSettings
    let log: Log
    let startedAt: UInt64
    /// Events that effects brought about, handled after them.
    var pendingEvents: [PoolEvent] = []
    var exitCode: Int32?
    /// When READY= was said: only from then on does the watchdog count.
    var isReadySaid = false
    let watchdogMilliseconds = SystemdLink.watchdogMilliseconds()

    private var signalWatches: [Watch] = []
    private let deadlineTimer: Watch
    private let secondTimer: Watch
    private let watchdogTimer: Watch

    private static let secondMilliseconds: UInt64 = 1000
    private static let signals = [SIGTERM, SIGINT, SIGQUIT, SIGTTIN, SIGTTOU, SIGUSR1, SIGHUP]

    init(
        forkPoint: ForkPoint, settings: StartSettings, log: Log, startedAt: UInt64
    ) throws(StartFailure) {
        self.forkPoint = forkPoint
        self.settings = settings
        self.log = log
        self.startedAt = startedAt
        pool = Pool(limits: settings.limits)
        do {
            loop = try EventLoop()
            for signal in Self.signals { signalWatches.append(try loop.watch(signal: signal)) }
            deadlineTimer = try loop.timer(.deadline)
            secondTimer = try loop.timer(.second)
            watchdogTimer = try loop.timer(.watchdog)
        } catch {
            throw StartFailure(
                exitCode: ExitCode.system, sentence: "the system refused: \(error)", log: log)
        }
    }

    /// Until the last child is gone; the exit code of prongd.
    func run() throws(StartFailure) -> Int32 {
        log.notice(
            "started: \(pool.workersWanted) workers wanted, store lock held, sockets open")
        secondTimer.arm(milliseconds: Self.secondMilliseconds)
        if let watchdogMilliseconds { watchdogTimer.arm(milliseconds: watchdogMilliseconds) }
        handle(.begin)
        while true {
            if let exitCode { return exitCode }
            setDeadline()
            do {
                for input in try loop.turn() { take(input) }
            } catch {
                // Without a loop nobody is watched: children see end of file and drain by
                // themselves, which is the best that is left.
                throw StartFailure(
                    exitCode: ExitCode.system, sentence: "the event loop failed: \(error)",
                    log: log)
            }
        }
    }

    /// Handles an event and everything that follows from it at once.
    func handle(_ event: PoolEvent) {
        pendingEvents.append(event)
        while !pendingEvents.isEmpty {
            let next = pendingEvents.removeFirst()
            for effect in pool.handle(next, at: moment()) { perform(effect) }
        }
    }

    func rearmSecond() { secondTimer.arm(milliseconds: Self.secondMilliseconds) }

    func rearmWatchdog() {
        if let watchdogMilliseconds { watchdogTimer.arm(milliseconds: watchdogMilliseconds) }
    }

    private func setDeadline() {
        guard let deadline = pool.nextDeadline else { return deadlineTimer.disarm() }
        let now = Clock.monotonicMilliseconds()
        deadlineTimer.arm(milliseconds: deadline > now ? deadline - now : 0)
    }

    private func moment() -> Moment {
        Moment(
            monotonicMilliseconds: Clock.monotonicMilliseconds(),
            wallMilliseconds: Clock.wallMilliseconds(),
            // Without randomness the back-off has no jitter, which is no reason to stop.
            random: (try? Random.next()) ?? 0)
    }
}
