// Is prong well, and if not, why: /healthz, /readyz, and gRPC's health check in Connect's form. The
// one list of checks serves all three, `prong health`, and the operator at a glance.

import HTTPServer
import JobLogic
import NIOCore
import Schema
import Settings
import WireFormat

enum HealthStatus: Int, Comparable {
    case ok = 0
    case degraded = 1
    case failing = 2

    var name: String {
        switch self {
        case .ok: "ok"
        case .degraded: "degraded"
        case .failing: "failing"
        }
    }

    static func < (left: HealthStatus, right: HealthStatus) -> Bool {
        left.rawValue < right.rawValue
    }
}

struct HealthCheck {
    let name: String
    let status: HealthStatus
    let message: String
}

struct HealthHandler {
    private let service: Service

    static let checkMethod = "grpc.health.v1.Health/Check"
    /// Three of the supervisor's one-second figures may be late.
    private static let supervisorSilence = TimeAmount.seconds(5)
    /// Above this share of `max_queued` the operator should know.
    private static let queueShare = 0.8

    init(_ service: Service) {
        self.service = service
    }

    func live(_ exchange: Exchange) {
        respond(exchange, checks(includingWorkers: false))
    }

    func ready(_ exchange: Exchange) {
        respond(exchange, checks(includingWorkers: true))
    }

    private func respond(_ exchange: Exchange, _ checks: [HealthCheck]) {
        let status = checks.map(\.status).max() ?? .ok
        var writer = JSONWriter()
        writer.beginObject()
        writer.field("status", status.name)
        writer.key("checks")
        writer.beginArray()
        for check in checks {
            writer.beginObject()
            writer.field("name", check.name)
            writer.field("status", check.status.name)
            writer.field("message", check.message)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        exchange.respondJSON(writer.bytes, status: status == .failing ? 503 : 200)
    }

    // MARK: checks

    private func checks(includingWorkers: Bool) -> [HealthCheck] {
        var checks = [store, supervisor, queue, unknownJobs, targets]
        if service.start.isSafeMode {
            checks.append(
                HealthCheck(
                    name: "safe_mode", status: .failing,
                    message: Service.safeModeAdvice))
        }
        checks.append(workers(mustBeThere: includingWorkers))
        return checks
    }

    private var store: HealthCheck {
        if let trouble = service.engine.logic.trouble {
            return HealthCheck(
                name: "store", status: .failing, message: "commits fail: \(trouble.message)")
        }
        guard service.isReady else {
            return HealthCheck(
                name: "store", status: .failing, message: "nothing was committed yet")
        }
        return HealthCheck(name: "store", status: .ok, message: "commits")
    }

    private var supervisor: HealthCheck {
        if service.engine.logic.isDraining {
            return HealthCheck(name: "supervisor", status: .failing, message: "prong is stopping")
        }
        let isFresh =
            NIODeadline.now() - service.supervisor.figuresAt < HealthHandler.supervisorSilence
        return HealthCheck(
            name: "supervisor", status: isFresh ? .ok : .failing,
            message: isFresh ? "its heartbeat is fresh" : "no heartbeat for seconds")
    }

    private var queue: HealthCheck {
        let open = service.engine.logic.counts.open
        let most = Int64(service.start.settings.store.maxQueued)
        let isHigh = Double(open) > Double(most) * HealthHandler.queueShare
        return HealthCheck(
            name: "queue", status: isHigh ? .degraded : .ok,
            message: "\(open) of at most \(most) jobs have not ended")
    }

    private var unknownJobs: HealthCheck {
        let count = service.engine.logic.counts.total(.unknown)
        return HealthCheck(
            name: "unknown", status: count > 0 ? .degraded : .ok,
            message: count > 0
                ? "\(count) jobs may have happened: see `prong list --state unknown`"
                : "no job's outcome is unknown")
    }

    private var targets: HealthCheck {
        let engine = service.engine
        var troubles: [String] = []
        for lane in engine.logic.lanes.lanes {
            // those whose operation cannot be asked for wait as well
            let held =
                engine.logic.counts.count(lane.id, .queued)
                - engine.logic.runningUnmarked(lane: lane.id)
                + engine.logic.counts.count(lane.id, .waiting)
            let waiting = held > 0 ? ", \(held) of its jobs wait" : ""
            guard let target = lane.target else {
                if held > 0 {
                    troubles.append("\(lane.name)\(waiting): \(Service.goneReason)")
                }
                continue
            }
            if lane.isPaused {
                troubles.append(
                    "\(lane.name) is paused\(waiting): `prong resume \(lane.name)` lets it go on")
            } else if !service.isUp(target) {
                troubles.append("\(lane.name) is down\(waiting): \(service.downReason(target))")
            } else if let reason = service.unlearnedReason(target) {
                troubles.append("\(lane.name) is up\(waiting), and \(reason)")
            }
        }
        return HealthCheck(
            name: "targets", status: troubles.isEmpty ? .ok : .degraded,
            message: troubles.isEmpty ? "all are up" : troubles.joined(separator: "; "))
    }

    private func workers(mustBeThere: Bool) -> HealthCheck {
        let ready = service.workers.views.values.count { $0.row.state == .ready }
        let wanted = Int(
            service.supervisor.figures?.workersWanted ?? UInt32(service.start.settings.workers))
        let status: HealthStatus =
            ready >= wanted ? .ok : ready == 0 && mustBeThere ? .failing : .degraded
        return HealthCheck(
            name: "workers", status: status, message: "\(ready) of \(wanted) are ready")
    }

    // MARK: gRPC's health protocol

    func check(_ exchange: Exchange) {
        exchange.collectBody(limit: JobHandler.orderBytes) { body in
            guard let name = HealthHandler.serviceName(body) else {
                return exchange.respond(
                    ConnectError(.invalidArgument, "the body must be {\"service\":\"…\"}"))
            }
            guard let isServing = isServing(name) else {
                return exchange.respond(ConnectError(.notFound, "there is no target `\(name)`"))
            }
            exchange.respondJSON(
                Array("{\"status\":\"\(isServing ? "SERVING" : "NOT_SERVING")\"}".utf8))
        }
    }

    private func isServing(_ name: String) -> Bool? {
        if name.isEmpty {
            return checks(includingWorkers: true).allSatisfy { $0.status != .failing }
        }
        guard let target = service.start.catalog.target(named: name) else { return nil }
        let isPaused = service.engine.logic.lanes.lane(target: target)?.isPaused ?? false
        return !isPaused && service.engine.logic.workers.isReady(target: target)
    }

    private static func serviceName(_ body: ByteBuffer) -> String? {
        body.withUnsafeReadableBytes { bytes in
            var reader = JSONReader(bytes)
            var name = ""
            guard (try? reader.beginObject()) != nil else { return nil }
            while true {
                guard let key = try? reader.nextKey() else { break }
                guard key == "service", let text = try? reader.readString() else { return nil }
                name = text
            }
            guard (try? reader.expectEnd()) != nil else { return nil }
            return name
        }
    }
}
