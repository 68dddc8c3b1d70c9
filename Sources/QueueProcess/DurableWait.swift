// A caller that waits for a durable job: until it ends, until the wait is over (the job lives on),
// or until the caller goes away (the job lives on too).

import HTTPServer
import JobLogic
import NIOCore
import Ops
import Schema

final class DurableWait {
    private let service: Service
    private let exchange: Exchange
    private let request: CallRequest
    private let method: CallableMethod
    private let id: JobID
    private let isReplay: Bool
    private var token: Token?
    private var timer: Scheduled<Void>?

    init(
        service: Service, exchange: Exchange, request: CallRequest, method: CallableMethod,
        id: JobID, isReplay: Bool
    ) {
        self.service = service
        self.exchange = exchange
        self.request = request
        self.method = method
        self.id = id
        self.isReplay = isReplay
    }

    func begin(timeoutMilliseconds: Int64) {
        // the caller may have left while the job was being committed
        guard !exchange.isEnded else { return }
        // watched before it is read, so that an end in between is not missed
        token = service.engine.watch(id.key) { [self] settled in
            stop()
            service.readSettled(settled) { [self] result in
                guard !exchange.isEnded else { return }
                switch result {
                case .failure(let error): exchange.respond(error, headers: jobHeaders)
                case .success(let stored): answer(stored.job, stored.requests, stored.responses)
                }
            }
        }
        exchange.onGone = { [self] in stop() }
        if isReplay {
            readStored(thenWait: timeoutMilliseconds)
        } else {
            wait(timeoutMilliseconds)
        }
    }

    private func wait(_ milliseconds: Int64) {
        guard milliseconds > 0 else { return expire() }
        timer = service.loop.assumeIsolated().scheduleTask(in: .milliseconds(milliseconds)) {
            [self] in expire()
        }
    }

    private func stop() {
        timer?.cancel()
        timer = nil
        if let token { service.engine.unwatch(id.key, token) }
        token = nil
        exchange.onGone = nil
    }

    private func readStored(thenWait milliseconds: Int64) {
        service.readJob(id) { [self] result in
            guard token != nil else { return }
            switch result {
            case .failure(let error):
                stop()
                exchange.respond(error, headers: jobHeaders)
            case .success(let stored):
                let state = stored.job.progress.state
                if state.hasEnded || state == .unknown {
                    stop()
                    answer(stored.job, stored.requests, stored.responses)
                } else {
                    wait(milliseconds)
                }
            }
        }
    }

    /// The wait is over before the job is: 202 with the job, or Connect's 504.
    private func expire() {
        stop()
        guard request.respondsAsync else {
            return exchange.respond(
                ConnectError(
                    .deadlineExceeded,
                    "the job has not ended within the deadline; it goes on: GET /v1/jobs/\(id.text)"
                ),
                headers: jobHeaders)
        }
        service.readJob(id) { [self] result in
            switch result {
            case .failure(let error): exchange.respond(error, headers: jobHeaders)
            case .success(let stored): respondAccepted(stored)
            }
        }
    }

    private func respondAccepted(_ stored: StoredJob) {
        var headers = jobHeaders
        headers.append("Location", "/v1/jobs/\(id.text)")
        headers.append("Preference-Applied", "respond-async")
        headers.append("Content-Type", "application/json")
        exchange.respond(
            status: 202, headers: headers, body: service.jobJSON(stored, bodies: true))
    }

    private var jobHeaders: HeaderFields {
        var headers: HeaderFields = ["Prong-Job": id.text]
        if isReplay { headers.append("Prong-Replayed", "true") }
        return headers
    }

    /// The job's end as the end of a Connect call.
    private func answer(_ job: Job, _ requests: [[UInt8]], _ responses: [[UInt8]]) {
        let schema = service.schemaOfStored(method)
        guard job.progress.state == .succeeded else {
            return exchange.respond(
                ConnectError(endOf: job, schema: schema), origin: job.origin, headers: jobHeaders)
        }
        guard !job.order.serverStreams else {
            return StoredStream(service: service, exchange: exchange)
                .answer(responses, method, headers: jobHeaders)
        }
        var headers = jobHeaders
        headers.append("Content-Type", request.format.contentType)
        let response = responses.first ?? []
        switch request.format {
        case .proto: exchange.respond(status: 200, headers: headers, body: response)
        case .json:
            guard let schema,
                let message = method.responseMessage(of: job),
                let json = try? schema.decode(wire: response, as: message)
            else { return exchange.respond(service.endNotShown(of: id), headers: jobHeaders) }
            exchange.respond(status: 200, headers: headers, body: json)
        }
    }
}

extension Exchange {
    /// An error with header fields beside its own.
    func respond(_ error: ConnectError, origin: Origin = .prong, headers: HeaderFields) {
        var error = error
        for field in headers { error.headers.append(field.name, field.value) }
        respond(error, origin: origin)
    }
}

extension Job {
    var origin: Origin {
        guard let error = progress.error else { return .prong }
        return Origin(fromTarget: error.fromTarget)
    }
}

extension ConnectError {
    /// INTERFACE 2.1: cancelled 499, expired 504, unknown 500, else the call's own code.
    init(endOf job: Job, schema: Schema?) {
        let error = job.progress.error
        let message = error?.message ?? "the job ended without a response"
        switch job.progress.state {
        case .cancelled: self.init(.canceled, message)
        case .expired: self.init(.deadlineExceeded, message)
        case .unknown: self.init(.unknown, message)
        case .queued, .scheduled, .running, .waiting, .succeeded, .failed:
            self.init(
                code: error?.code ?? StatusCode.unknown, message: message,
                statusDetails: error?.statusDetails ?? [], schema: schema)
        }
    }
}
