// What the pool wants, done. There is no decision here: whoever needs an `if` about policy moves it
// to PoolLogic.

import Glibc
import Kernel
import Ops
import PoolLogic
import WireFormat

extension RunningPool {
    func perform(_ effect: PoolEffect) {
        switch effect {
        case .fork(let key, let safeMode): fork(key, safeMode: safeMode)
        case .adoptBundle(let key): adoptBundle(of: key)
        case .dropBundle(let key): forgetBundle(of: key)?.close()
        case .order(let key, let order): children[key]?.send(supervisorOrder(order))
        case .picture(let key): writePicture(of: key)
        case .abort(let key): children[key]?.signal(SIGABRT)
        case .kill(let key): children[key]?.signal(SIGKILL)
        case .publish(let facts):
            // with each row, so that a status never shows a worker whose fork it does not count
            sendFigures()
            publish(facts)
        case .publishComplete:
            sendFigures()
            children[pool.queue.key]?.send(.workersComplete)
        case .notifyReady: SystemdLink.ready()
        case .notifyStopping: SystemdLink.stopping()
        case .notifyStatus(let text): SystemdLink.status(text)
        case .pictureOfPool: writePictureOfPool()
        case .log(let level, let text, let cause): write(level, text, cause)
        case .exit(let code): exitCode = code
        }
    }

    private func fork(_ key: ChildKey, safeMode: Bool) {
        forkPoint.descriptors.allowEventLoop(children: children.count)
        do {
            let child = try forkPoint.fork(key, safeMode: safeMode, asking: pool.loading.scope)
            children[key] = try watch(key, child)
            forkPoint.descriptors.add(child.link.number, "link of \(key)")
        } catch {
            let event: PoolEvent =
                error.exitCode == ExitCode.bug
                ? .lawBroken(key, text: error.sentence)
                : .forkFailed(key, reason: error.sentence)
            pendingEvents.append(event)
        }
    }

    /// The supervisor's own numbers cannot have changed: the loader has read no configuration.
    private func adoptBundle(of key: ChildKey) {
        guard let bundle = forgetBundle(of: key) else { return }
        guard let new = try? StartSettings(bundle: bundle.number), new.header == settings.header
        else {
            bundle.close()
            return log.error(
                "\(key) handed back other settings than it was given, which is a bug of prong; "
                    + "everything stays as it was")
        }
        forkPoint.replace(bundle: bundle)
        children[pool.queue.key]?.send(.newBundle, file: bundle)
    }

    /// What a loader handed back, out of the table of open descriptors.
    private func forgetBundle(of key: ChildKey) -> OpenFile? {
        guard let bundle = children[key]?.bundle else { return nil }
        forkPoint.descriptors.remove(bundle.number)
        return bundle
    }

    /// A process that cannot be watched is ended at once, as if it had never been.
    private func watch(_ key: ChildKey, _ child: NewChild) throws(ForkFailure) -> ChildHandle {
        do {
            return try ChildHandle(key, child, loop)
        } catch {
            kill(child.pid, SIGKILL)
            _ = WaitStatus.reap(child.pid)
            throw ForkFailure(exitCode: ExitCode.system, sentence: "\(error)")
        }
    }

    private func supervisorOrder(_ order: PoolOrder) -> SupervisorOrder {
        switch order {
        case .stop(let drain): .stop(drainMilliseconds: UInt32(clamping: drain))
        case .stopNow: .stopNow
        case .dump: .dump
        }
    }

    private func publish(_ facts: WorkerFacts) {
        let key = ChildKey(.worker(facts.slot), facts.generation)
        guard let queue = children[pool.queue.key], let worker = children[key] else { return }
        queue.send(
            .worker(
                WorkerRow(
                    slot: facts.slot, generation: facts.generation, pid: worker.pid,
                    state: rowState(facts.state),
                    forkedAtMilliseconds: facts.forkedAtWallMilliseconds,
                    readyAtMilliseconds: facts.readyAtWallMilliseconds,
                    exit: facts.end.map(exitReason) ?? .alive)))
    }

    private func rowState(_ state: WorkerFacts.State) -> WorkerRow.State {
        switch state {
        case .starting: .starting
        case .ready: .ready
        case .draining: .draining
        case .killed: .killed
        case .dead: .dead
        }
    }

    private func exitReason(_ end: WorkerEnd) -> ExitReason {
        switch end {
        case .drained: .drained
        case .ended(.exited(let code)): .exited(code: code)
        case .ended(.signalled(let signal)): .signalled(signal: signal)
        case .killed(.stuck), .killed(.linkClosed): .stuck
        case .killed(.spawnTimeout): .spawnTimeout
        case .killed(.replaced): .replaced
        case .killed(.cut): .cut
        }
    }

    /// Works for a child that cannot run, too: all of it is the kernel's knowledge.
    private func writePicture(of key: ChildKey) {
        guard let child = children[key] else { return }
        for thread in ProcFiles.threads(of: child.pid) {
            log.error("\(key) pid=\(child.pid): \(thread)")
        }
    }

    private func writePictureOfPool() {
        log.notice(
            "state: phase=\(pool.phase) \(pool.statusText); forks=\(pool.forks) "
                + "threads=\((try? ProcFiles.threadCount()) ?? 0)")
        for name in pool.names where pool[name].generation > 0 {
            let pid = children[pool[name].key].map { "pid=\($0.pid) " } ?? ""
            log.notice(
                "state: \(pool[name].key) \(pid)\(pool[name].summary(at: nowMilliseconds)) "
                    + "crashes=\(pool[name].crashes)")
        }
    }

    private var nowMilliseconds: UInt64 { Clock.monotonicMilliseconds() }

    private func write(_ level: PoolLogLevel, _ text: String, _ cause: String?) {
        switch level {
        case .error: log.error(text, cause: cause)
        case .warning: log.warning(text, cause: cause)
        case .notice: log.notice(text, cause: cause)
        case .info: log.info(text, cause: cause)
        }
    }
}
