// Since when each target has been down, and the words in which prong says so: to the operator in
// health, status and log, and to whoever looks at a job that is blocked by it. One place for all of
// them, so that they say the same.

import JobLogic
import Ops
import Settings
import WireFormat

/// Which targets have no ready connection, and since when. Looked at once a heartbeat.
struct TargetOutages {
    struct Outage: Equatable {
        /// Wall clock; for a target that was never up, when this queue started.
        let sinceMilliseconds: Int64
        var isReported = false
    }

    /// What is worth a line in the log.
    enum News: Equatable {
        case down(target: Int)
        case upAgain(target: Int, afterMilliseconds: Int64)
    }

    /// A shorter outage is no news: at a start, or while a connection is made anew.
    static let newsMilliseconds: Int64 = 3_000

    private(set) var outages: [Int: Outage] = [:]

    mutating func note(targets: Range<Int>, isReady: (Int) -> Bool, now: Int64) -> [News] {
        targets.compactMap { target in
            guard !isReady(target) else { return end(target, now) }
            var outage = outages[target] ?? Outage(sinceMilliseconds: now)
            defer { outages[target] = outage }
            guard !outage.isReported,
                now - outage.sinceMilliseconds >= TargetOutages.newsMilliseconds
            else { return nil }
            outage.isReported = true
            return .down(target: target)
        }
    }

    private mutating func end(_ target: Int, _ now: Int64) -> News? {
        guard let outage = outages.removeValue(forKey: target), outage.isReported else {
            return nil
        }
        return .upAgain(
            target: target, afterMilliseconds: max(0, now - outage.sinceMilliseconds))
    }
}

extension Service {
    /// Of a target whose jobs are in the store and whose settings are not there.
    static let goneReason =
        "it is not in the settings any more; put it back and restart prongd, or cancel its jobs"

    func isUp(_ target: Int) -> Bool { engine.logic.workers.isReady(target: target) }

    /// Brings the outages up to date and says what is new to the log.
    func noteTargets() {
        let now = Engine.moment().wallMilliseconds
        let news = outages.note(
            targets: start.catalog.targets.indices, isReady: isUp, now: now)
        for item in news {
            switch item {
            case .down(let target):
                let name = start.catalog.targets[target].settings.name
                start.log.warning(
                    "target \(name) is down: \(downReason(target)); its jobs wait, and no attempt"
                        + " is counted", cause: "target down \(name)")
            case .upAgain(let target, let milliseconds):
                let name = start.catalog.targets[target].settings.name
                start.log.notice(
                    "target \(name) is up again after \(milliseconds / 1000) s; its jobs go on")
            }
        }
    }

    func downSince(_ target: Int) -> Int64 {
        outages.outages[target]?.sinceMilliseconds ?? Engine.moment().wallMilliseconds
    }

    /// How a direct call ended. A deadline that passed because the target was never ready says why
    /// it was not.
    func message(of end: CallEnd, target: Int) -> String {
        guard !end.fromTarget, end.code == StatusCode.deadlineExceeded, !isUp(target)
        else { return end.message }
        let name = start.catalog.targets[target].settings.name
        return "\(end.message): target \(name) is down: \(downReason(target))"
    }

    /// Why a target is down: where, since when, what its clients say, what to do.
    func downReason(_ target: Int) -> String {
        let settings = start.catalog.targets[target].settings
        let since = Timestamp.text(UInt64(clamping: downSince(target)))
        let states = workers.views.values.compactMap { $0.targets[UInt32(target)] }
        guard !states.isEmpty else {
            return "no worker has been there to connect to \(settings.address) since \(since);"
                + " see `prong workers`, and the log for why they end"
        }
        let summary = TargetOutages.summary(states)
        let told = states.filter { !$0.reason.isEmpty }.min { $0.reason < $1.reason }
        if let told {
            let advice =
                told.connectivity == .shutdown
                ? "correct the settings of the target, then restart prongd"
                : "prong tries again by itself"
            return "no worker has been able to call \(settings.address) since \(since)"
                + " (\(summary)): \(told.reason); \(advice)"
        }
        let opening =
            "no worker has had a READY connection to \(settings.address) since \(since)"
            + " (\(summary))"
        let keys =
            settings.credentials != .insecure
            ? "`credentials`, `ca` and `authority`" : "`credentials`"
        return "\(opening); check that the server listens there, and the `address`, \(keys) of"
            + " [targets.\(settings.name)]; prong tries again every second"
    }
}

extension TargetOutages {
    /// `3 transient_failure, 1 connecting`: the workers' clients by state, the most first.
    static func summary(_ states: [TargetState]) -> String {
        let counts = Dictionary(grouping: states, by: \.connectivity.name).mapValues(\.count)
        return counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            .map { "\($0.value) \($0.key)" }.joined(separator: ", ")
    }
}
