// The sentences at the top of QueueLogic.swift, made executable. Runs after every event in debug
// builds and in every random walk; never in a release.

extension QueueLogic {
    package func checkInvariants() {
        for lane in lanes.lanes { lane.window.checkInvariants() }
        for (key, job) in live { check(job, key) }
        for worker in workers.workers {
            for lease in worker.leases.keys { check(lease, of: worker) }
        }
        for lane in lanes.lanes { checkCounts(of: lane) }
        checkPolls()
        precondition(counts.open >= 0, "fewer than no open jobs")
    }

    private func check(_ job: LiveJob, _ key: JobKey) {
        precondition(job.job.order.id.key == key, "a job is filed under another's key")
        let inWindow = lanes[job.job.order.lane]?.window.contains(job.job.order.position) ?? false
        switch job.phase {
        case .ready:
            precondition(inWindow, "a ready job is not in its window")
            precondition(job.diskState == .queued, "a ready job is \(job.diskState) on disk")
        case .marking(let worker), .running(let worker):
            precondition(!inWindow, "a held job is in a window")
            precondition(job.job.progress.state == .running, "a held job does not run")
            let lease = Lease(number: key.rawValue, attempt: job.job.progress.attemptCount)
            // a worker may be gone before the mark that names it is on disk: then nothing is sent
            let holder = workers[worker]
            let mayBeGone = job.phase == .marking(worker) && holder == nil
            precondition(
                mayBeGone || holder?.leases[lease] == job.job.order.lane,
                "a held job's worker does not hold it")
            if case .running = job.phase, !job.job.order.safety.isSafe {
                precondition(job.diskState == .running, "an unsafe call runs without its mark")
            }
        case .awaited:
            precondition(!inWindow, "an awaited job is in a window")
        case .committing:
            precondition(!inWindow, "a job on its way to disk is in a window")
        }
    }

    /// The counters of a lane are what a count would find.
    private func checkCounts(of lane: Lane) {
        let held = workers.workers.reduce(0) { sum, worker in
            sum + worker.leases.values.count { $0 == lane.id }
        }
        precondition(lane.inFlight == held, "a lane counts \(lane.inFlight) calls, not \(held)")
        let unmarked = live.values.count { job in
            guard job.job.order.lane == lane.id, job.diskState == .queued else { return false }
            if case .running = job.phase { return true }
            return false
        }
        precondition(
            lane.unmarkedRunning == unmarked,
            "a lane counts \(lane.unmarkedRunning) safe calls, not \(unmarked)")
    }

    /// A poll is its job's one poll, a direct call, and counted in its lane.
    private func checkPolls() {
        for (token, poll) in polls {
            precondition(
                pollOfJob[poll.job.order.id.key] == token, "a poll that its job does not know")
            precondition(directOfToken[token] != nil, "a poll without its call")
        }
        precondition(polls.count == pollOfJob.count, "a job's poll is none")
        for agenda in agendas {
            let count = polls.values.count { $0.job.order.lane == agenda.lane }
            precondition(agenda.underWay == count, "a lane counts \(agenda.underWay) polls")
            precondition(count <= QueueLogic.pollsPerTarget, "a lane has too many polls")
        }
    }

    private func check(_ lease: Lease, of worker: QueueWorker) {
        if lease.isDirect {
            guard let call = direct[lease.number] else {
                preconditionFailure("a lease without its call")
            }
            precondition(call.phase == .running(worker.identity), "a call runs elsewhere")
        }
    }
}
