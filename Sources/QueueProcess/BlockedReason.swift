// Why a job does not get on though nothing is wrong with it: what people are told at the job, with
// what to do. Decides nothing: the queue's logic holds the job back, this only says so.

import JobLogic

extension Service {
    static let safeModeReason =
        "the queue is in safe mode after three deaths in a minute, until prongd is restarted"

    /// Why a queued job cannot run now, or a waiting one's operation not be asked for; nothing: it
    /// only waits its turn.
    func blockedReason(of job: Job) -> String? {
        let state = job.progress.state
        guard state == .queued || state == .waiting,
            let lane = engine.logic.lanes[job.order.lane]
        else { return nil }
        guard let target = lane.target else {
            return "target `\(job.order.target)`: \(Service.goneReason)"
        }
        if lane.isPaused {
            return "target `\(lane.name)` is paused; `prong resume \(lane.name)` lets it go on"
        }
        if let reason = methodReason(of: job, target, lane.name) { return reason }
        if start.isSafeMode { return Service.safeModeReason }
        if let trouble = engine.logic.trouble {
            return "the store cannot write: \(trouble.message)"
        }
        guard !isUp(target) else { return state == .waiting ? pollTrouble(of: job) : nil }
        return "target `\(lane.name)` is down: \(downReason(target))"
    }

    private func pollTrouble(of job: Job) -> String? {
        engine.logic.pollTroubles[job.order.id.key].map {
            "its operation could not be asked for, prong asks again: \($0)"
        }
    }

    /// Why the job's method is not what it was.
    private func methodReason(of job: Job, _ target: Int, _ name: String) -> String? {
        if start.catalog.targets[target].methods[job.order.method] == nil {
            if let reason = unlearnedReason(target) { return reason }
            return "target `\(name)` does not offer the method any more; put it back into the"
                + " target's descriptors and services, or cancel the job"
        }
        guard engine.logic.policy(of: job.order) == nil else { return nil }
        let policy = engine.logic.configuration.targets[target].methods[job.order.method]
        guard job.order.flags.contains(.waitOperation), policy?.operation == nil else {
            return "the method has no pages any more, and the job wants all of them; put its former"
                + " descriptors back, or cancel the job"
        }
        let wish = job.progress.state == .waiting ? "waits for one" : "is to follow one"
        return "the method begins no operation any more, and the job \(wish); put its former"
            + " descriptors back, or cancel the job"
    }
}
