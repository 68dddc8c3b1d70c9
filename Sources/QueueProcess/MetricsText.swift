// The queue's counts as Prometheus text (exposition format 0.0.4). INTERFACE 2.4 names every
// metric; label values come from settings, descriptors and fixed words only, so their number is
// bounded.

import Glibc
import HTTPServer
import JobLogic
import Kernel
import Ops
import Schema
import Settings
import WireFormat

struct MetricsText {
    private let service: Service
    private var engine: Engine { service.engine }
    private var measures: Measures { service.engine.measures }

    init(_ service: Service) {
        self.service = service
    }

    func text(ages: [LaneID: Int64], storeBytes: Int64) -> String {
        var out = Exposition()
        writeProcess(storeBytes: storeBytes, to: &out)
        writeJobs(to: &out)
        writeCalls(to: &out)
        writeTargets(ages: ages, to: &out)
        writeWorkers(to: &out)
        writeRequests(to: &out)
        return out.text
    }

    private func name(_ target: Int) -> String {
        service.start.catalog.targets[target].settings.name
    }

    private func writeProcess(storeBytes: Int64, to out: inout Exposition) {
        out.family("prong_build_info", .gauge, "the version that runs")
        out.sample([("version", Version.text)], 1)
        let figures = service.supervisor.figures
        out.family("prong_start_time_seconds", .gauge, "when prongd started, since 1970")
        let started =
            figures.map { Int64($0.startedAtMilliseconds) } ?? service.startedAtMilliseconds
        out.sample([], Double(started) / 1000)
        out.family("prong_forks_total", .counter, "processes forked by the supervisor")
        out.sample([], Double(figures?.forks ?? 0))
        out.family("prong_supervisor_threads", .gauge, "threads of the supervisor: one for life")
        out.sample([], Double(figures?.threads ?? 0))
        out.family("prong_store_bytes", .gauge, "the store's file and its log")
        out.sample([], Double(storeBytes))
        out.family(
            "prong_store_commit_duration_seconds", .histogram, "how long a group commit takes")
        out.histogram([], measures.commitSeconds)
    }

    private func writeJobs(to out: inout Exposition) {
        let status = StatusJSON(service)
        out.family("prong_jobs", .gauge, "jobs in the store by state")
        for state in JobState.allCases {
            out.sample([("state", state.name)], Double(status.depth(state)))
        }
        out.family("prong_jobs_submitted_total", .counter, "jobs accepted")
        for (target, count) in measures.submitted {
            out.sample([("target", name(target))], Double(count))
        }
        out.family("prong_jobs_ended_total", .counter, "jobs that ended or became unknown")
        for (label, count) in measures.ended {
            out.sample(
                [("target", name(label.target)), ("state", label.state.name)], Double(count))
        }
    }

    private func writeCalls(to out: inout Exposition) {
        out.family("prong_calls_total", .counter, "direct calls that ended")
        for (label, count) in measures.calls {
            out.sample(
                [("target", name(label.target)), ("code", codeName(label.code))], Double(count))
        }
        out.family("prong_attempts_total", .counter, "attempts that ended, by gRPC code")
        for (label, count) in measures.attempts.rows {
            out.sample(
                [
                    ("target", name(label.target)), ("method", label.method),
                    ("code", codeName(label.code)),
                ], Double(count))
        }
        out.family("prong_attempt_duration_seconds", .histogram, "how long an attempt takes")
        for (target, histogram) in measures.attemptSeconds {
            out.histogram([("target", name(target))], histogram)
        }
        out.family(
            "prong_queue_wait_seconds", .histogram, "from submission to the first attempt")
        for (target, histogram) in measures.waitSeconds {
            out.histogram([("target", name(target))], histogram)
        }
    }

    private func writeTargets(ages: [LaneID: Int64], to out: inout Exposition) {
        let lanes = engine.logic.lanes.lanes.filter { $0.target != nil }
        out.family("prong_calls_in_flight", .gauge, "attempts that workers hold now")
        for lane in lanes { out.sample([("target", lane.name)], Double(lane.inFlight)) }
        out.family("prong_oldest_queued_age_seconds", .gauge, "how long the oldest job waits")
        let now = Engine.moment().wallMilliseconds
        for lane in lanes {
            let age = ages[lane.id].map { max(0, now - $0) } ?? 0
            out.sample([("target", lane.name)], Double(age) / 1000)
        }
        out.family("prong_target_up", .gauge, "1 if a worker has a ready connection")
        for lane in lanes {
            let isUp = lane.target.map { engine.logic.workers.isReady(target: $0) } ?? false
            out.sample([("target", lane.name)], isUp ? 1 : 0)
        }
    }

    private func writeWorkers(to out: inout Exposition) {
        out.family("prong_workers", .gauge, "workers by state")
        for state in [WorkerRow.State.starting, .ready, .draining, .killed] {
            let count = service.workers.views.values.count { $0.row.state == state }
            out.sample([("state", state.name)], Double(count))
        }
        out.family("prong_worker_exits_total", .counter, "workers that ended, by reason")
        for (reason, count) in service.workers.exits {
            out.sample([("reason", reason)], Double(count))
        }
        out.family(
            "prong_process_resident_memory_bytes", .gauge, "resident memory of each process")
        if let pid = service.supervisor.figures?.pid {
            out.sample(
                [("role", "supervisor"), ("slot", "0")], Double(ProcessMemory.residentBytes(pid)))
        }
        out.sample(
            [("role", "queue"), ("slot", "0")], Double(ProcessMemory.residentBytes(getpid())))
        for view in service.workers.views.values {
            out.sample(
                [("role", "worker"), ("slot", String(view.row.slot))],
                Double(view.stats?.residentBytes ?? 0))
        }
    }

    private func writeRequests(to out: inout Exposition) {
        out.family("prong_http_requests_total", .counter, "HTTP requests answered")
        for (key, count) in service.server.counts.requests {
            out.sample(
                [("route", key.route.isEmpty ? "none" : key.route), ("code", key.code)],
                Double(count))
        }
    }
}

enum ProcessMemory {
    /// From /proc/PID/statm; 0 if it cannot be read.
    static func residentBytes(_ pid: Int32) -> Int64 {
        guard let text = ProcFiles.text("/proc/\(pid)/statm") else { return 0 }
        let fields = text.split(separator: " ")
        guard fields.count > 1, let pages = Int64(fields[1]) else { return 0 }
        return pages * Int64(sysconf(Int32(_SC_PAGESIZE)))
    }
}

/// Writes the text format: a family's two comment lines, then its samples.
struct Exposition {
    enum Kind: String {
        case counter, gauge, histogram
    }

    private(set) var text = ""
    private var family = ""

    mutating func family(_ name: String, _ kind: Kind, _ help: String) {
        family = name
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
    }

    mutating func sample(_ labels: [(String, String)], _ value: Double, suffix: String = "") {
        text += family + suffix
        if !labels.isEmpty {
            let list = labels.map { "\($0.0)=\"\(Exposition.escaped($0.1))\"" }
            text += "{" + list.joined(separator: ",") + "}"
        }
        text += " \(Exposition.number(value))\n"
    }

    mutating func histogram(_ labels: [(String, String)], _ histogram: Histogram) {
        var below: UInt64 = 0
        for (bound, count) in zip(Histogram.boundsSeconds, histogram.counts) {
            below += count
            sample(labels + [("le", Exposition.number(bound))], Double(below), suffix: "_bucket")
        }
        sample(labels + [("le", "+Inf")], Double(histogram.count), suffix: "_bucket")
        sample(labels, histogram.sumSeconds, suffix: "_sum")
        sample(labels, Double(histogram.count), suffix: "_count")
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            case _: escaped.append(character)
            }
        }
        return escaped
    }
}
