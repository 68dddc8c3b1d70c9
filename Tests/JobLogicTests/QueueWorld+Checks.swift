// What is looked at after every event, and at the end of a walk.

import JobStorage

@testable import JobLogic

extension QueueWorld {
    var stored: [Job] {
        (try? MemoryJobReader(store).list(JobFilter(), before: nil, limit: .max).jobs) ?? []
    }

    var limitedInFlight: Int {
        logic.lanes.lane(target: QueueWorld.limitedTarget)?.inFlight ?? 0
    }

    func checkMark(_ dispatch: Dispatch, _ worker: WorkerIdentity) {
        guard !dispatch.lease.isDirect, dispatch.method != Sample.safeMethod else { return }
        let progress = ((try? store.job(dispatch.lease.key)) ?? nil)?.progress
        let mark = DispatchMark(attempt: dispatch.lease.attempt, worker: worker)
        if progress?.state != .running || progress?.mark != mark {
            ledger.fault("\(dispatch.lease) left for its worker without its mark on disk")
        }
    }

    func checkUnknown(_ job: Job) {
        ledger.checkUnknown(job) { record in
            workers.contains {
                $0.isAlive && $0.identity.slot == record.slot
                    && $0.identity.generation == record.generation
            }
        }
    }

    func checkDrained() {
        if !logic.pending.isEmpty || !logic.inCommit.isEmpty {
            ledger.fault("drained while changes wait for the disk")
        }
        if ledger.hasOpenTokens { ledger.fault("drained while somebody waits for an answer") }
    }

    /// - Parameter adopts: whether the event may bring calls that a former queue sent.
    func checkAfterEvent(_ before: Int, adopts: Bool) {
        for worker in logic.workers.workers {
            // outcomes that a hello named count as calls until they are sent again
            if worker.isLinked, worker.places > 0, worker.leases.count > 3 * worker.places {
                ledger.fault("\(worker.identity) holds more than it may")
            }
        }
        let limited = limitedInFlight
        if limited > QueueWorld.limit, limited > before, !adopts {
            ledger.fault("\(limited) calls of a lane that allows \(QueueWorld.limit)")
        }
        eventCount += 1
        if eventCount % 8 == 0, isStoreQuiet { checkCounts() }
        for index in workers.indices where !workers[index].faults.isEmpty {
            ledger.violations += workers[index].faults
            workers[index].faults = []
        }
    }

    private func checkCounts() {
        let jobs = stored
        for lane in logic.lanes.lanes {
            for state in JobState.allCases {
                let real = jobs.count { $0.order.lane == lane.id && $0.progress.state == state }
                let counted = logic.counts.count(lane.id, state)
                if counted != Int64(real) {
                    ledger.fault("lane \(lane.id): \(counted) \(state) counted, \(real) there")
                }
            }
        }
        let open = jobs.count { !$0.progress.state.hasEnded && $0.progress.state != .unknown }
        if logic.counts.open != Int64(open) {
            ledger.fault("\(logic.counts.open) open jobs counted, \(open) are there")
        }
    }

    /// Every promise that must hold at any moment, looked at now and then.
    func checkStore() {
        let jobs = stored
        let there = Set(jobs.map(\.order.id))
        for id in ledger.accepted where !there.contains(id) && !ledger.purgeAsked.contains(id.key) {
            ledger.fault("\(id.key) was accepted and is lost")
        }
        for job in jobs {
            checkUnknown(job)
            if (job.progress.state == .running) != (job.progress.mark != nil) {
                ledger.fault("\(job.order.id.key): \(job.progress.state), and not its mark")
            }
        }
    }

    /// All is quiet and every job has ended: nothing may be left behind in memory.
    func checkNothingIsLeft() {
        for job in stored where job.owesCancel {
            ledger.fault("\(job.order.id.key)'s operation was never cancelled")
        }
        for job in stored where !job.progress.state.hasEnded && job.progress.state != .unknown {
            ledger.fault("\(job.order.id.key) is stranded: \(job.progress.state)")
        }
        if ledger.hasOpenTokens {
            ledger.fault(
                "nobody answered \(ledger.submits.keys) \(ledger.acts) \(ledger.calls)")
        }
        if logic.workers.leaseCount != 0 { ledger.fault("leases are left: \(logic.workers)") }
        for lane in logic.lanes.lanes {
            if lane.inFlight != 0 { ledger.fault("lane \(lane.id): \(lane.inFlight) in flight") }
            if lane.unmarkedRunning != 0 {
                ledger.fault("lane \(lane.id): \(lane.unmarkedRunning) unmarked running")
            }
        }
        if logic.liveCount != 0 { ledger.fault("jobs are left in memory: \(logic.live.keys)") }
        if !logic.direct.isEmpty || !logic.directOfToken.isEmpty {
            ledger.fault("direct calls are left: \(logic.direct)")
        }
        if !logic.polls.isEmpty || !logic.pollOfJob.isEmpty {
            ledger.fault("polls are left: \(logic.polls)")
        }
        if !logic.earlyOutcomes.isEmpty { ledger.fault("early outcomes are left") }
        if logic.recovery.adoptions != 0 { ledger.fault("adoptions are left") }
        for worker in workers where worker.isAlive && !worker.calls.isEmpty {
            ledger.fault("\(worker.identity) still holds \(worker.calls.keys)")
        }
        checkStore()
        checkCounts()
    }
}
