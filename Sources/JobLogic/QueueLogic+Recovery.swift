// After the queue's own death: which marked jobs still run, which never arrived, which are lost.
// Nothing durable is dispatched until each living worker has spoken, has died, or was silent too
// long and is being replaced. Nobody's crash count rises for the queue's death.
//
//     marked on disk ─┬─ its worker is alive ── awaited ─┬─ named in its hello ──▶ running
//                     │                                  └─ not named ──▶ queued (never arrived)
//                     └─ it is not, or another instance's ──▶ unknown, or queued where safe
//
//     safe, not marked ── named in a hello ──▶ running     (else it simply is still queued)

/// What the queue waits for before it dispatches.
struct Recovery: Sendable {
    /// Living workers that have not spoken, and until when they may stay silent.
    private(set) var awaited: [WorkerIdentity: UInt64] = [:]
    var knowsWorkers = false
    /// Jobs that a hello named and that are being read.
    var adoptions = 0

    /// DESIGN's table of deaths: silent for 2 s, then it is replaced.
    static let silenceNanoseconds: UInt64 = 2_000_000_000

    var isOver: Bool { knowsWorkers && awaited.isEmpty && adoptions == 0 }

    mutating func await(_ identity: WorkerIdentity, from now: Moment) {
        if awaited[identity] == nil {
            awaited[identity] = now.monotonicNanoseconds + Recovery.silenceNanoseconds
        }
    }

    mutating func forget(_ identity: WorkerIdentity) {
        awaited[identity] = nil
    }

    func silent(at now: Moment) -> [WorkerIdentity] {
        awaited.filter { $0.value <= now.monotonicNanoseconds }.map(\.key)
    }

    var nextDeadlineNanoseconds: UInt64? { awaited.values.min() }
}

enum LoadPurpose: Equatable {
    /// A hello named a job that is not in memory.
    case adopt(WorkerIdentity, Lease)
    case act(Token, JobID, JobAction)
}

extension QueueLogic {
    /// At start, before anything else: a job whose mark is on disk.
    mutating func addMarked(_ queued: QueuedJob) {
        guard let mark = queued.job.progress.mark else { return }
        let order = queued.job.order
        live[order.id.key] = LiveJob(
            job: queued.job, requests: queued.requests, policy: policy(of: order),
            diskState: queued.job.progress.state, phase: .awaited(mark.worker))
    }

    package func policy(of order: JobOrder) -> MethodPolicy? {
        guard let target = lanes.target(of: order.lane),
            let policy = configuration.targets[target].methods[order.method]
        else { return nil }
        // a method that has no pages any more, or begins no operation, cannot do what was asked:
        // the job waits
        return policy.offers(order.flags) ? policy : nil
    }

    /// The supervisor's word on who lives. The first one decides what became of marked jobs.
    mutating func learn(_ known: [KnownWorker]) {
        for worker in known where workers[worker.identity] == nil {
            workers.add(worker.identity, pid: worker.pid)
            if !recovery.knowsWorkers { recovery.await(worker.identity, from: now) }
        }
        guard !recovery.knowsWorkers else { return }
        recovery.knowsWorkers = true
        let living = Set(known.map(\.identity))
        for (key, job) in live {
            guard case .awaited(let holder) = job.phase else { continue }
            if living.contains(holder) {
                let lease = Lease(
                    number: key.rawValue, attempt: job.job.progress.attemptCount)
                hold(lease, by: holder, lane: job.job.order.lane)
            } else {
                loseAttempt(job, .drained, message: "its worker is gone")
            }
        }
    }

    mutating func welcome(
        _ identity: WorkerIdentity, pid: Int32, places: Int, holding: [Lease]
    ) {
        // a new link without a word about the end of the old one
        if workers[identity]?.isLinked == true { loseLink(identity) }
        workers.add(identity, pid: pid)
        workers.change(identity) {
            $0.isLinked = true
            $0.places = places
            $0.pid = pid
        }
        let named = Set(holding)
        for lease in (workers[identity]?.leases ?? [:]).keys where !named.contains(lease) {
            loseUnnamed(lease, of: identity)
        }
        for lease in holding where !lease.isDirect { confirm(lease, heldBy: identity) }
        recovery.forget(identity)
    }

    /// The queue thinks that the worker holds it, the worker does not: it never arrived.
    private mutating func loseUnnamed(_ lease: Lease, of identity: WorkerIdentity) {
        guard let job = live[lease.key] else {
            release(lease, of: identity, acknowledge: false)
            return
        }
        guard isHolder(identity, of: job, lease) else {
            // its outcome came before the link was lost and is being committed
            if job.phase != .marking(identity) {
                release(lease, of: identity, acknowledge: false)
            }
            return
        }
        takeBack(job, lease, from: identity)
    }

    private mutating func confirm(_ lease: Lease, heldBy identity: WorkerIdentity) {
        let isHeld = workers[identity]?.leases[lease] != nil
        guard let job = live[lease.key] else {
            if !isHeld { hold(lease, by: identity, lane: .noLane) }
            recovery.adoptions += 1
            load(lease.key, for: .adopt(identity, lease))
            return
        }
        guard isHolder(identity, of: job, lease) else {
            // an attempt that was given up: its place is taken until its outcome comes
            if !isHeld { hold(lease, by: identity, lane: .noLane) }
            return
        }
        if case .awaited = job.phase { job.phase = .running(identity) }
        // a cancel that was asked for while the worker could not hear it
        if !job.cancels.isEmpty { effects.append(.cancel(identity, [lease])) }
    }

    mutating func load(_ key: JobKey, for purpose: LoadPurpose) {
        let isFirst = loads[key] == nil
        loads[key, default: []].append(purpose)
        if isFirst { effects.append(.load(key)) }
    }

    mutating func finishLoad(_ key: JobKey, _ queued: QueuedJob?) {
        let purposes = loads.removeValue(forKey: key) ?? []
        // first whether it runs, then what people want of it
        for case .adopt(let identity, let lease) in purposes {
            adopt(queued, lease, heldBy: identity)
        }
        for case .act(let token, let id, let action) in purposes {
            actOnLoaded(action, id, queued, token)
        }
    }

    mutating func failLoad(_ key: JobKey) {
        for purpose in loads.removeValue(forKey: key) ?? [] {
            switch purpose {
            case .adopt(let identity, let lease):
                if workers[identity]?.leases[lease] == nil {
                    recovery.adoptions -= 1
                } else {
                    load(key, for: .adopt(identity, lease))
                }
            case .act(let token, _, _):
                effects.append(
                    .refused(token, Refusal(.storeFailing, "the store cannot be read now")))
            }
        }
    }

    private mutating func adopt(
        _ queued: QueuedJob?, _ lease: Lease, heldBy identity: WorkerIdentity
    ) {
        recovery.adoptions -= 1
        let early = earlyOutcomes.removeValue(forKey: lease)
        guard let queued, live[lease.key] == nil, queued.job.progress.state == .queued,
            queued.job.progress.attemptCount == lease.attempt - 1,
            let worker = workers[identity], worker.leases[lease] != nil
        else {
            // committed before the crash, handed back, or its worker died meanwhile
            if let early { finish(early, from: identity) }
            return
        }
        let job = LiveJob(
            job: queued.job, requests: queued.requests, policy: policy(of: queued.job.order),
            diskState: .queued, phase: .running(identity))
        change(job, .dispatched(worker: identity, pid: worker.pid, marked: false))
        let lane = queued.job.order.lane
        workers.change(identity) { $0.hold(lease, lane: lane) }
        lanes.change(lane) {
            $0.inFlight += 1
            $0.unmarkedRunning += 1
        }
        live[lease.key] = job
        if let early { finish(early, from: identity) }
    }

    mutating func noteTargets(
        _ identity: WorkerIdentity, _ states: [(target: Int, isReady: Bool)]
    ) {
        workers.change(identity) { worker in
            for state in states {
                if state.isReady {
                    worker.readyTargets.insert(state.target)
                } else {
                    worker.readyTargets.remove(state.target)
                }
            }
        }
    }
}
