// What the loop saw, told to the pool as events.

import Glibc
import Kernel
import Ops
import PoolLogic
import WireFormat

extension RunningPool {
    func take(_ input: LoopInput) {
        switch input {
        case .signal(let signal): takeSignal(signal)
        case .link(let key): takeLink(key)
        case .exited(let key, let end): takeExit(key, end)
        case .deadline: handle(.tick)
        case .second: takeSecond()
        case .watchdog: takeWatchdog()
        }
    }

    private func takeSignal(_ signal: CInt) {
        let event: PoolSignal? =
            switch signal {
            case SIGTERM, SIGINT: .terminate
            case SIGQUIT: .quit
            case SIGTTIN: .more
            case SIGTTOU: .fewer
            case SIGUSR1: .dump
            case SIGHUP: .hangUp
            default: nil
            }
        if let event { handle(.signal(event)) }
    }

    private func takeLink(_ key: ChildKey) {
        guard let child = children[key] else { return }
        child.flush()
        report(hear(child), of: key)
    }

    /// A bundle that comes is open from now on and known to be.
    private func hear(_ child: ChildHandle, all: Bool = false) -> ChildHandle.Heard {
        let before = child.bundle
        let heard = child.hear(all: all)
        if let bundle = child.bundle, bundle !== before {
            if let before { forkPoint.descriptors.remove(before.number) }
            forkPoint.descriptors.add(bundle.number, "bundle of \(child.key)")
        }
        return heard
    }

    private func report(_ heard: ChildHandle.Heard, of key: ChildKey) {
        for error in heard.malformed {
            log.warning("\(key) sent what is no report: \(error)", cause: "malformed \(key.name)")
        }
        for report in heard.reports {
            if let event = event(of: report, from: key) { handle(event) }
        }
        if heard.isClosed { handle(.linkClosed(key)) }
    }

    private func event(of report: ChildReport, from key: ChildKey) -> PoolEvent? {
        // the loader has one thing to say
        if key.name == .loader, report != .bundle { return refuse(key) }
        switch report {
        case .ready: return .ready(key)
        case .heartbeat: return .heartbeat(key)
        case .draining: return .draining(key)
        case .goodbye: return .goodbye(key)
        case .fatal(let exitCode, let text): return .fatal(key, exitCode: exitCode, text: text)
        case .askReplace(let slot, let generation) where key.name == .queue:
            return .askReplace(ChildKey(.worker(slot), generation))
        case .scale(let workers) where key.name == .queue:
            return .scale(workers: workers)
        case .askLoad(let target) where key.name == .queue:
            return .askLoad(key, target: target)
        case .bundle where key.name == .loader && children[key]?.bundle != nil:
            return .bundle(key)
        case .bundle, .askReplace, .scale, .askLoad:
            return refuse(key)
        }
    }

    private func refuse(_ key: ChildKey) -> PoolEvent? {
        log.warning("\(key) sent a report that is not its to send", cause: "wrong \(key.name)")
        return nil
    }

    /// Its last words are still in the link and come before its end.
    private func takeExit(_ key: ChildKey, _ end: ChildEnd) {
        guard let child = children[key] else { return }
        var heard = hear(child, all: true)
        heard.isClosed = false
        report(heard, of: key)
        handle(.exited(key, end))
        forkPoint.descriptors.remove(child.linkNumber)
        children[key] = nil
    }

    private func takeSecond() {
        handle(.tick)
        sendFigures()
        if !pool.phase.isServing {
            // Bounded by the pool's own cut times; each second asks for three more.
            SystemdLink.extendTimeout(milliseconds: 3000)
        }
        rearmSecond()
    }

    func sendFigures() {
        guard let queue = children[pool.queue.key] else { return }
        queue.send(
            .figures(
                SupervisorFigures(
                    pid: getpid(), threads: UInt32((try? ProcFiles.threadCount()) ?? 0),
                    forks: pool.forks, startedAtMilliseconds: startedAt,
                    workersWanted: pool.workersWanted, draining: !pool.phase.isServing)))
    }

    /// A child beats every second, or more often: nobody is silent before three beats are missing.
    private var answerWindowMilliseconds: UInt64 {
        let period = (watchdogMilliseconds ?? 0) * SystemdLink.watchdogShare
        return min(
            pool.limits.stuckMilliseconds,
            max(3 * ChildContext.heartbeatMillisecondsMax, period))
    }

    private func takeWatchdog() {
        if pool.isAnswering(
            at: Clock.monotonicMilliseconds(), within: answerWindowMilliseconds)
        {
            SystemdLink.watchdog()
        } else {
            log.warning(
                "the service manager's watchdog is not fed: the queue or the workers do not "
                    + "answer, or a killed process stays", cause: "watchdog")
        }
        rearmWatchdog()
    }
}
