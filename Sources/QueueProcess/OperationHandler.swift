// What operators ask and do: status, workers, targets, methods, describe; pause, resume, scale.
// INTERFACE 2.4. Reading is for everybody at the socket; changing is for operators.

import Glibc
import HTTPServer
import JobLogic
import JobStorage
import NIOCore
import Ops
import Schema
import Settings
import WireFormat

struct OperationHandler {
    let service: Service
    private let ownUid = getuid()

    static let workersMax = Int64(BundleHeader.workersMax)

    init(_ service: Service) {
        self.service = service
    }

    // MARK: reading

    func status(_ exchange: Exchange) {
        readAges { ages, storeBytes in
            exchange.respondJSON(StatusJSON(service).status(ages: ages, storeBytes: storeBytes))
        }
    }

    func targets(_ exchange: Exchange) {
        service.noteTargets()
        readAges { oldest, _ in
            service.surveyAges { ages in
                exchange.respondJSON(StatusJSON(service).targets(oldest: oldest, ages: ages))
            }
        }
    }

    func workers(_ exchange: Exchange) {
        var writer = JSONWriter()
        writer.beginObject()
        StatusJSON(service).writeWorkers(to: &writer)
        writer.endObject()
        exchange.respondJSON(writer.bytes)
    }

    func metrics(_ exchange: Exchange) {
        readAges { ages, storeBytes in
            let text = MetricsText(service).text(ages: ages, storeBytes: storeBytes)
            exchange.respond(
                status: 200, headers: ["Content-Type": "text/plain; version=0.0.4; charset=utf-8"],
                text: text)
        }
    }

    /// The age of each lane's oldest queued job, and the store's size; empty while it cannot be
    /// read.
    private func readAges(
        _ then: @escaping (_ oldest: [LaneID: Int64], _ storeBytes: Int64) -> Void
    ) {
        let path = service.start.settings.store.path
        let held = service.heldJobs
        service.engine.store.read({ reader throws(StoreError) in
            (try reader.oldestQueued(besides: held), OperationHandler.fileBytes(path))
        }) { result in
            guard case .success(let (ages, bytes)) = result else { return then([:], 0) }
            then(Dictionary(ages, uniquingKeysWith: min), bytes)
        }
    }

    /// The database and its write-ahead log.
    private static func fileBytes(_ path: String) -> Int64 {
        [path, path + "-wal"].reduce(0) { total, file in
            var status = stat()
            return stat(file, &status) == 0 ? total + Int64(status.st_size) : total
        }
    }

    func methods(_ exchange: Exchange) {
        let catalog = service.start.catalog
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("methods")
        writer.beginArray()
        for (name, targets) in catalog.methodNames {
            guard let method = catalog.targets[targets[0]].methods[name] else { continue }
            writer.beginObject()
            writer.field("method", name)
            writer.key("targets")
            writer.beginArray()
            for target in targets { writer.string(catalog.targets[target].settings.name) }
            writer.endArray()
            writer.key("safe")
            writer.bool(method.policy.safety.isSafe)
            writer.field("request", method.descriptor.inputName)
            writer.field("response", method.descriptor.outputName)
            writer.field("streaming", method.descriptor.streamingName)
            writer.key("pages")
            writer.bool(method.policy.pages != nil)
            writer.key("waitOperation")
            writer.bool(method.policy.operation != nil)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        exchange.respondJSON(writer.bytes)
    }

    func describe(_ exchange: Exchange) {
        let name = exchange.route["name"]
        let catalog = service.start.catalog
        let method = catalog.anyMethod(
            Catalog.methodName(name), at: exchange.head.query("target"))
        guard let text = method?.text ?? catalog.describe(name) else {
            return exchange.respond(
                ConnectError(
                    .notFound,
                    "no descriptor has a service, method, message or enum named `\(shown(name))`"
                        + catalog.suggestion(for: name)))
        }
        var writer = JSONWriter()
        writer.beginObject()
        writer.field("name", method?.descriptor.fullName ?? name)
        writer.field("text", text)
        if let method {
            let target = catalog.targets[method.target].settings
            MethodDescription(method: method, target: target).write(to: &writer)
        }
        if let example = method?.example ?? catalog.example(of: name) {
            writer.key("example")
            writer.raw(example)
        }
        writer.endObject()
        exchange.respondJSON(writer.bytes)
    }

    // MARK: changing

    private func mayChange(_ exchange: Exchange) -> Bool {
        guard Caller(exchange, ownUid: ownUid).isOperator else {
            exchange.respond(
                ConnectError(
                    .permissionDenied, "only root and the daemon's own user may do this"))
            return false
        }
        return true
    }

    func setPaused(_ paused: Bool, _ exchange: Exchange) {
        guard mayChange(exchange) else { return }
        let name = exchange.route["name"]
        guard service.start.catalog.target(named: name) != nil else {
            return exchange.respond(ConnectError(.notFound, "there is no target `\(name)`"))
        }
        exchange.collectBody(limit: JobHandler.orderBytes) { [self] _ in
            service.engine.handle(.setPaused(target: name, paused: paused))
            service.start.log.notice("target \(name) was \(paused ? "paused" : "resumed")")
            targets(exchange)
        }
    }

    func scale(_ exchange: Exchange) {
        guard mayChange(exchange) else { return }
        exchange.collectBody(limit: JobHandler.orderBytes) { [self] body in
            guard let count = OperationHandler.workerCount(body) else {
                return exchange.respond(
                    ConnectError(
                        .invalidArgument,
                        "the body must be {\"workers\":N}, N from 1 to"
                            + " \(OperationHandler.workersMax)"))
            }
            service.supervisor.send(.scale(workers: UInt32(count)))
            exchange.respondJSON(Array("{\"workers\":\(count)}".utf8))
        }
    }

    private static func workerCount(_ body: ByteBuffer) -> Int64? {
        body.withUnsafeReadableBytes { bytes in
            var reader = JSONReader(bytes)
            guard (try? reader.beginObject()) != nil,
                let key = try? reader.nextKey(), key == "workers",
                let count = try? reader.readInt64(), 1...workersMax ~= count,
                (try? reader.nextKey()) == .some(.none), (try? reader.expectEnd()) != nil
            else { return nil }
            return count
        }
    }

    func notYet(_ exchange: Exchange) {
        exchange.respond(
            ConnectError(.unimplemented, "not available in this version of prong"))
    }
}

extension MethodDescriptor {
    /// `unary`, `server`, `client` or `bidi`.
    var streamingName: String {
        switch (isClientStreaming, isServerStreaming) {
        case (false, false): "unary"
        case (false, true): "server"
        case (true, false): "client"
        case (true, true): "bidi"
        }
    }
}
