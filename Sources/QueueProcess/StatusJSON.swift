// The state of the pool, the queue and the targets as JSON: INTERFACE 2.4. Reads, never changes.

import Glibc
import HTTPServer
import JobLogic
import Ops
import Schema
import Settings
import WireFormat

struct StatusJSON {
    private let service: Service

    init(_ service: Service) {
        self.service = service
    }

    private var engine: Engine { service.engine }

    func status(ages: [LaneID: Int64], storeBytes: Int64) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.field("version", Version.text)
        let figures = service.supervisor.figures
        writer.time(
            "startedAt",
            figures.map { Int64($0.startedAtMilliseconds) } ?? service.startedAtMilliseconds)
        writer.key("supervisor")
        writer.beginObject()
        writer.field("pid", Int(figures?.pid ?? getppid()))
        writer.field("threads", Int(figures?.threads ?? 0))
        writer.field("forks", Int(figures?.forks ?? 0))
        writer.endObject()
        writeQueue(ages: ages, storeBytes: storeBytes, to: &writer)
        writeWorkers(to: &writer)
        writer.endObject()
        return writer.bytes
    }

    private func writeQueue(
        ages: [LaneID: Int64], storeBytes: Int64, to writer: inout JSONWriter
    ) {
        writer.key("queue")
        writer.beginObject()
        writer.field("pid", Int(getpid()))
        writer.key("depth")
        writer.beginObject()
        for state in JobState.allCases {
            let count = depth(state)
            if count != 0 { writer.field(state.name, Int(count)) }
        }
        writer.endObject()
        let now = Engine.moment().wallMilliseconds
        let oldest = ages.values.min().map { max(0, now - $0) } ?? 0
        writer.key("oldestQueuedSeconds")
        writer.number(Double(oldest) / 1000)
        writer.field("storeBytes", Int(storeBytes))
        writer.field("connections", service.server.counts.connections)
        writer.key("safeMode")
        writer.bool(service.start.isSafeMode)
        writer.endObject()
    }

    /// As users see it: a safe call that runs is `queued` only on disk.
    func depth(_ state: JobState) -> Int64 {
        let onDisk = engine.logic.counts.total(state)
        let unmarked = engine.logic.lanes.lanes.reduce(0) {
            $0 + engine.logic.runningUnmarked(lane: $1.id)
        }
        return switch state {
        case .queued: max(0, onDisk - unmarked)
        case .running: onDisk + unmarked
        case .scheduled, .waiting, .unknown, .succeeded, .failed, .cancelled, .expired: onDisk
        }
    }

    func writeWorkers(to writer: inout JSONWriter) {
        writer.key("workers")
        writer.beginArray()
        for view in service.workers.views.values.sorted(by: { $0.row.slot < $1.row.slot }) {
            write(view, to: &writer)
        }
        writer.endArray()
    }

    private func write(_ view: WorkerView, to writer: inout JSONWriter) {
        let row = view.row
        writer.beginObject()
        writer.field("slot", Int(row.slot))
        writer.field("generation", Int(row.generation))
        writer.field("pid", Int(row.pid))
        writer.field("state", row.state.name)
        writer.time("forkedAt", Int64(clamping: row.forkedAtMilliseconds))
        if row.readyAtMilliseconds > 0 {
            writer.time("readyAt", Int64(clamping: row.readyAtMilliseconds))
        }
        writer.field("threads", Int(view.stats?.threads ?? 0))
        writer.field("inFlight", inFlight(row))
        writer.field("jobs", Int(view.stats?.jobsDone ?? 0))
        writer.field("residentBytes", Int(view.stats?.residentBytes ?? 0))
        writer.key("clients")
        writer.beginArray()
        for state in view.targets.values.sorted(by: { $0.target < $1.target }) {
            write(state, to: &writer)
        }
        writer.endArray()
        writer.endObject()
    }

    /// As the queue knows it: fresher than the worker's own figures.
    private func inFlight(_ row: WorkerRow) -> Int {
        let worker = engine.logic.workers.workers.first {
            $0.identity.slot == Int32(bitPattern: row.slot)
                && $0.identity.generation == Int32(bitPattern: row.generation)
        }
        return worker?.leases.count ?? 0
    }

    private func write(_ state: TargetState, to writer: inout JSONWriter) {
        let targets = service.start.catalog.targets
        guard Int(state.target) < targets.count else { return }
        let target = targets[Int(state.target)].settings
        writer.beginObject()
        writer.field("target", target.name)
        writer.field("address", target.address)
        writer.field("connectivity", state.connectivity.name)
        writer.time("builtAt", state.builtAtMilliseconds)
        if !state.reason.isEmpty { writer.field("reason", state.reason) }
        writer.endObject()
    }

    func targets(oldest: [LaneID: Int64], ages: [LaneID: AgeTable]) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("targets")
        writer.beginArray()
        for lane in engine.logic.lanes.lanes.sorted(by: { $0.name < $1.name }) {
            write(lane, oldest: oldest[lane.id], ages: ages[lane.id], to: &writer)
        }
        writer.endArray()
        writer.endObject()
        return writer.bytes
    }

    private func write(
        _ lane: Lane, oldest: Int64?, ages: AgeTable?, to writer: inout JSONWriter
    ) {
        let settings = lane.target.map { service.start.catalog.targets[$0].settings }
        writer.beginObject()
        writer.field("name", lane.name)
        writer.field("address", settings?.address ?? "")
        writer.field("state", state(of: lane))
        let queued =
            engine.logic.counts.count(lane.id, .queued)
            - engine.logic.runningUnmarked(lane: lane.id)
        writer.field("queued", Int(max(0, queued)))
        writer.field("scheduled", Int(engine.logic.counts.count(lane.id, .scheduled)))
        writer.field("unknown", Int(engine.logic.counts.count(lane.id, .unknown)))
        writer.field("inFlight", lane.inFlight)
        writer.key("services")
        writer.beginArray()
        if let target = lane.target {
            let methods = service.start.catalog.targets[target].methods.values
            for name in Set(methods.map(\.descriptor.service)).sorted() { writer.string(name) }
        }
        writer.endArray()
        if let target = lane.target { writeLearned(target, to: &writer) }
        writer.key("ages")
        write(oldest: oldest, ages, to: &writer)
        writeTrouble(of: lane, to: &writer)
        writer.endObject()
    }

    private func write(oldest: Int64?, _ ages: AgeTable?, to writer: inout JSONWriter) {
        writer.beginObject()
        if let oldest {
            let age = max(0, Engine.moment().wallMilliseconds - oldest)
            writer.key("oldestSeconds")
            writer.number(Double(age) / 1000)
        }
        if let ages {
            writer.key("buckets")
            writer.beginArray()
            for (place, count) in ages.counts.enumerated() {
                writer.beginObject()
                if place < AgeTable.boundsSeconds.count {
                    writer.field("underSeconds", Int(AgeTable.boundsSeconds[place]))
                }
                writer.field("jobs", Int(count))
                writer.endObject()
            }
            writer.endArray()
            if ages.isPartial {
                writer.key("atLeast")
                writer.bool(true)
            }
        }
        writer.endObject()
    }

    /// Of a target that is asked by reflection.
    private func writeLearned(_ target: Int, to writer: inout JSONWriter) {
        guard let learned = service.start.knowledge.learned[target] else { return }
        writer.key("reflection")
        writer.beginObject()
        writer.field("state", learned.state.name)
        if learned.state != .missing { writer.time("at", learned.atMilliseconds) }
        if !learned.reason.isEmpty { writer.field("reason", learned.reason) }
        writer.endObject()
    }

    /// Of a paused target too, where it is down: resuming it would not help.
    private func writeTrouble(of lane: Lane, to writer: inout JSONWriter) {
        guard let target = lane.target else {
            return writer.field("reason", Service.goneReason)
        }
        guard !service.isUp(target) else { return }
        writer.time("downSince", service.downSince(target))
        writer.field("reason", service.downReason(target))
    }

    private func state(of lane: Lane) -> String {
        guard let target = lane.target else { return "down" }
        if lane.isPaused { return "paused" }
        return service.isUp(target) ? "up" : "down"
    }
}

extension Bundle.Learned.State {
    var name: String {
        switch self {
        case .fresh: "fresh"
        case .cached: "cached"
        case .missing: "missing"
        }
    }
}

extension WorkerRow.State {
    var name: String {
        switch self {
        case .starting: "starting"
        case .ready: "ready"
        case .draining: "draining"
        case .killed: "killed"
        case .dead: "dead"
        }
    }
}
