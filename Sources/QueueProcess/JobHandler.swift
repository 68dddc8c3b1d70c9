// Jobs over HTTP: submit one or many, show, list, act. INTERFACE 2.3. What a caller may not see is
// answered as if it did not exist.

import Glibc
import HTTPServer
import JobLogic
import JobStorage
import Kernel
import NIOCore
import Schema
import Settings

struct JobHandler {
    let service: Service
    let ownUid = getuid()

    init(_ service: Service) {
        self.service = service
    }

    static let accepted = "application/json, application/x-ndjson"
    static let waitMaxMilliseconds: Int64 = 86_400_000

    // MARK: submit

    func submit(_ exchange: Exchange) {
        let type = exchange.head.headers["Content-Type"]?
            .split(separator: ";", maxSplits: 1).first.map { $0.trimmingSpaces().lowercased() }
        switch type {
        case "application/json": submitOne(exchange)
        case "application/x-ndjson":
            guard let wait = waitTime(exchange) else { return }
            LineSubmission(
                service: service, exchange: exchange, caller: caller(exchange), wait: wait
            )
            .begin()
        case _:
            exchange.respond(
                ConnectError(
                    .invalidArgument, "the content type must be one of \(JobHandler.accepted)",
                    status: 415, headers: ["Accept-Post": JobHandler.accepted]))
        }
    }

    private func submitOne(_ exchange: Exchange) {
        let limit = service.start.settings.listen.maxRequestBytes
        guard let wait = waitTime(exchange) else { return }
        exchange.collectBody(limit: limit, limitName: "listen.max_request") { body in
            let submission: Submission
            do throws(ConnectError) {
                submission = try parse(body, exchange)
            } catch {
                return exchange.respond(error)
            }
            service.engine.submit(submission) { result in
                switch result {
                case .failure(let refusal): exchange.respond(ConnectError(refusal))
                case .success(let (id, isReplay)):
                    guard wait > 0 else { return accept(exchange, id, isReplay) }
                    show(exchange, id, wait)
                }
            }
        }
    }

    /// A body that only says what to do (resolve, scale and the like).
    static let orderBytes = 64 << 10

    private func parse(
        _ body: ByteBuffer, _ exchange: Exchange
    ) throws(ConnectError) -> Submission {
        var parser = JobParser(service: service)
        let submitter = caller(exchange).submitter
        var result: Result<Submission, ConnectError>?
        body.withUnsafeReadableBytes { bytes in
            do throws(ConnectError) {
                result = .success(try parser.parse(bytes, submitter))
            } catch {
                result = .failure(error)
            }
        }
        guard let result else { throw ConnectError(.internal, "the body was not read") }
        return try result.get()
    }

    private func accept(_ exchange: Exchange, _ id: JobID, _ isReplay: Bool) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.field("id", id.text)
        if isReplay {
            writer.key("replayed")
            writer.bool(true)
        }
        writer.endObject()
        var headers: HeaderFields = [
            "Content-Type": "application/json", "Location": "/v1/jobs/\(id.text)",
            "Prong-Job": id.text,
        ]
        if isReplay { headers.append("Prong-Replayed", "true") }
        exchange.respond(status: 202, headers: headers, body: writer.bytes)
    }

    // MARK: read

    func caller(_ exchange: Exchange) -> Caller {
        Caller(exchange, ownUid: ownUid)
    }

    /// The path's id; answers 404 itself.
    private func id(_ exchange: Exchange) -> JobID? {
        guard let id = JobID(text: exchange.route["id"]) else {
            exchange.respond(ConnectError(.notFound, "there is no such job"))
            return nil
        }
        return id
    }

    /// `?wait=10s`, 0 without it; answers 400 itself.
    private func waitTime(_ exchange: Exchange) -> Int64? {
        guard let text = exchange.head.query("wait") else { return 0 }
        guard let wait = DurationText.milliseconds(text) else {
            exchange.respond(
                ConnectError(.invalidArgument, "wait: is not a duration such as 10s or 5m"))
            return nil
        }
        return min(wait, JobHandler.waitMaxMilliseconds)
    }

    func show(_ exchange: Exchange) {
        withJob(exchange) { exchange.respondJSON(service.jobJSON($0, bodies: true)) }
    }

    /// A job that was submitted with a wait, as it is at its end or at the wait's.
    private func show(_ exchange: Exchange, _ id: JobID, _ wait: Int64) {
        JobWait(service: service, exchange: exchange, id: id, caller: caller(exchange))
            .begin(milliseconds: wait) { result in
                switch result {
                case .failure(let error): exchange.respond(error)
                case .success(let stored):
                    exchange.respondJSON(service.jobJSON(stored, bodies: true))
                }
            }
    }

    func response(_ exchange: Exchange) {
        withJob(exchange) { respond(exchange, messageOf: $0) }
    }

    /// The path's job, after the wait that is asked for, if the caller may see it; else answers
    /// itself.
    private func withJob(_ exchange: Exchange, then: @escaping (StoredJob) -> Void) {
        guard let id = id(exchange), let wait = waitTime(exchange) else { return }
        JobWait(service: service, exchange: exchange, id: id, caller: caller(exchange))
            .begin(milliseconds: wait) { result in
                switch result {
                case .failure(let error): exchange.respond(error)
                case .success(let stored): then(stored)
                }
            }
    }

    private func respond(_ exchange: Exchange, messageOf stored: StoredJob) {
        let order = stored.job.order
        let method = try? service.start.catalog.method(order.method, at: order.target)
        let schema = service.schemaOfStored(method)
        switch stored.job.progress.state {
        case .succeeded: break
        case .queued, .scheduled, .running, .waiting:
            return exchange.respond(
                ConnectError(
                    .failedPrecondition,
                    "the job has not ended: it is \(stored.job.progress.state.name)", status: 400))
        case .failed, .cancelled, .expired, .unknown:
            return exchange.respond(
                ConnectError(endOf: stored.job, schema: service.schemaOfDetails(method)),
                origin: stored.job.origin)
        }
        guard !order.serverStreams else {
            return StoredStream(service: service, exchange: exchange)
                .respond(stored.responses, method)
        }
        guard let wire = stored.responses.first else {
            return exchange.respond(
                ConnectError(
                    .notFound, "the job has no response: it was resolved by hand as succeeded"))
        }
        let wantsProto =
            exchange.head.headers.list("Accept").first
            .map { $0.hasPrefix("application/proto") } ?? false
        if wantsProto {
            return exchange.respond(
                status: 200, headers: ["Content-Type": "application/proto"], body: wire)
        }
        guard let method, let schema,
            let message = method.responseMessage(of: stored.job),
            let json = try? schema.decode(wire: wire, as: message)
        else { return exchange.respond(service.responseNotShown()) }
        exchange.respondJSON(json)
    }

    func batch(_ exchange: Exchange) {
        let name = exchange.route["name"]
        guard let wait = waitTime(exchange) else { return }
        BatchWait(
            service: service, exchange: exchange, name: name, uid: caller(exchange).visibleUid
        ).begin(milliseconds: wait)
    }

    // MARK: act on one

    func act(_ action: JobAction, _ exchange: Exchange) {
        act(action, exchange) { id, result in finishAct(result, id, exchange) }
    }

    /// Acts on the path's job if the caller may see it; else answers 404 itself.
    private func act(
        _ action: JobAction, _ exchange: Exchange,
        then: @escaping (JobID, Result<Job?, Refusal>) -> Void
    ) {
        guard let id = id(exchange) else { return }
        let caller = caller(exchange)
        service.readJob(id, bodies: false) { result in
            switch result {
            case .failure(let error): exchange.respond(error)
            case .success(let stored):
                guard caller.maySee(stored.job) else {
                    return exchange.respond(ConnectError(.notFound, "there is no such job"))
                }
                service.engine.act(action, on: id) { then(id, $0) }
            }
        }
    }

    private func finishAct(
        _ result: Result<Job?, Refusal>, _ id: JobID, _ exchange: Exchange
    ) {
        switch result {
        case .failure(let refusal): exchange.respond(ConnectError(refusal))
        case .success:
            service.readJob(id) { result in
                switch result {
                case .failure(let error): exchange.respond(error)
                case .success(let stored):
                    exchange.respondJSON(service.jobJSON(stored, bodies: true))
                }
            }
        }
    }

    /// The job is gone afterwards, so the answer is its id alone.
    func purge(_ exchange: Exchange) {
        act(.purge, exchange) { id, result in
            switch result {
            case .failure(let refusal): exchange.respond(ConnectError(refusal))
            case .success: exchange.respondJSON(Array("{\"id\":\"\(id.text)\"}".utf8))
            }
        }
    }

    func resolve(_ exchange: Exchange) {
        exchange.collectBody(limit: JobHandler.orderBytes) { body in
            guard let succeeded = JobHandler.resolution(body) else {
                return exchange.respond(
                    ConnectError(
                        .invalidArgument,
                        "the body must be {\"as\":\"succeeded\"} or"
                            + " {\"as\":\"failed\"}"))
            }
            act(.resolve(succeeded: succeeded), exchange)
        }
    }

    private static func resolution(_ body: ByteBuffer) -> Bool? {
        body.withUnsafeReadableBytes { bytes in
            var reader = JSONReader(bytes)
            var value: String?
            guard (try? reader.beginObject()) != nil else { return nil }
            while let key = try? reader.nextKey() {
                guard key == "as", value == nil, let text = try? reader.readString() else {
                    return nil
                }
                value = text
            }
            guard (try? reader.expectEnd()) != nil else { return nil }
            switch value {
            case "succeeded": return true
            case "failed": return false
            case _: return nil
            }
        }
    }
}

extension Exchange {
    func respondJSON(_ bytes: [UInt8], status: Int = 200) {
        respond(status: status, headers: ["Content-Type": "application/json"], body: bytes)
    }
}
