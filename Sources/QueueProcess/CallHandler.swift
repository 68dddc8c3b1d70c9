// `POST /package.Service/Method`: a Connect unary call, or one whose server streams, answered line
// by line. Direct unless the caller asks for a durable one; either way the caller's connection
// waits, and going away means what INTERFACE 2.2 says.

import Glibc
import HTTPServer
import JobLogic
import Kernel
import NIOCore
import Ops
import Schema
import Settings

struct CallHandler {
    private let service: Service
    private let ownUid = getuid()

    init(_ service: Service) {
        self.service = service
    }

    private var catalog: Catalog { service.start.catalog }
    private var maxRequest: Int { service.start.settings.listen.maxRequestBytes }

    func handle(_ exchange: Exchange, method name: String) {
        do throws(ConnectError) {
            let request = try CallRequest(
                exchange.head, now: Int64(Clock.wallMilliseconds()))
            let method = try find(name, at: request.options.target)
            try method.checkShape(of: request)
            try checkAuthorization(exchange, request, method)
            exchange.collectBody(limit: maxRequest, limitName: "listen.max_request") { body in
                start(exchange, request, method, body)
            }
        } catch {
            exchange.respond(error)
        }
    }

    private func find(
        _ name: String, at target: String?
    ) throws(ConnectError) -> CallableMethod {
        do throws(LookupFailure) {
            return try catalog.method(name, at: target)
        } catch {
            throw service.refusal(of: error, method: name, target: target)
        }
    }

    private func checkAuthorization(
        _ exchange: Exchange, _ request: CallRequest, _ method: CallableMethod
    ) throws(ConnectError) {
        guard exchange.head.headers.contains("Authorization") else { return }
        let target = catalog.targets[method.target].settings
        guard !target.credentials.hasToken else {
            throw ConnectError(
                .invalidArgument,
                "authorization: target \(target.name) has credentials of its own; leave it out")
        }
        guard request.isDurable else { return }
        throw ConnectError(
            .invalidArgument,
            "authorization: a durable call lies on disk; let the target's credentials send it")
    }

    private func start(
        _ exchange: Exchange, _ request: CallRequest, _ method: CallableMethod, _ body: ByteBuffer
    ) {
        let wire: [UInt8]
        do throws(ConnectError) {
            wire = try CallHandler.wire(
                body, request.format, method.descriptor, method.schema)
        } catch {
            return exchange.respond(error)
        }
        if request.isDurable {
            startDurable(exchange, request, method, wire)
        } else {
            startDirect(exchange, request, method, wire)
        }
    }

    static func wire(
        _ body: ByteBuffer, _ format: BodyFormat, _ method: MethodDescriptor, _ schema: Schema
    ) throws(ConnectError) -> [UInt8] {
        var wire: [UInt8] = []
        var failure: TranscodeError?
        body.withUnsafeReadableBytes { bytes in
            do throws(TranscodeError) {
                switch format {
                case .json:
                    wire.reserveCapacity(bytes.count)
                    try schema.encode(json: bytes, as: method.input, into: &wire)
                case .proto:
                    try schema.validate(wire: bytes, as: method.input)
                    wire = Array(bytes)
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw ConnectError(failure) }
        return wire
    }

    // MARK: direct

    private func startDirect(
        _ exchange: Exchange, _ request: CallRequest, _ method: CallableMethod, _ wire: [UInt8]
    ) {
        let timeout =
            request.timeoutMilliseconds ?? request.options.timeoutMilliseconds
            ?? method.policy.timeoutMilliseconds
        let order = DirectOrder(
            target: method.target, method: method.descriptor.fullName,
            priority: request.options.priority, metadata: request.options.metadata, request: wire,
            deadlineMonotonicNanoseconds: deadline(exchange, timeout),
            maxAttempts: request.options.maxAttempts ?? method.policy.callRetry.attempts,
            policy: method.policy, form: form(of: method, request))
        let engine = service.engine
        guard order.form.window == nil else {
            return StreamedCall(service: service, exchange: exchange, method: method).begin(order)
        }
        let token = engine.call(order) { end in answer(exchange, request.format, method, end) }
        exchange.onGone = { engine.abandon(token) }
    }

    private func form(of method: CallableMethod, _ request: CallRequest) -> CallForm {
        let streams = method.descriptor.isServerStreaming
        let pages = request.wantsAllPages ? method.policy.pages : nil
        let isStreamed = request.acceptsLines && (streams || pages != nil)
        return CallForm(
            serverStreams: streams, pages: pages,
            pageRetry: pages == nil ? nil : method.policy.callRetry,
            window: isStreamed ? StreamedCall.windowBytes : nil)
    }

    /// Runs from the receipt of the head, the body's way and the queue included.
    private func deadline(_ exchange: Exchange, _ timeout: Int64) -> UInt64 {
        let spent = max(0, (NIODeadline.now() - exchange.receivedAt).nanoseconds)
        let whole = UInt64(clamping: timeout).multipliedReportingOverflow(by: 1_000_000)
        guard !whole.overflow else { return 0 }
        return Clock.monotonicNanoseconds() &+ whole.partialValue &- UInt64(spent)
    }

    private func answer(
        _ exchange: Exchange, _ format: BodyFormat, _ method: CallableMethod, _ end: CallEnd
    ) {
        exchange.onGone = nil
        let schema = method.schema
        var headers = ResponseMetadata.headers(end.headers, trailers: end.trailers)
        guard end.code == StatusCode.ok else {
            var error = ConnectError(
                code: end.code, message: service.message(of: end, target: method.target),
                statusDetails: end.statusDetails, schema: schema)
            error.headers = headers
            if error.code == .unavailable, !end.fromTarget {
                error.headers.append("Retry-After", "1")
            }
            return exchange.respond(error, origin: end.origin)
        }
        headers.append("Content-Type", format.contentType)
        switch format {
        case .proto: exchange.respond(status: 200, headers: headers, body: end.response)
        case .json:
            do throws(TranscodeError) {
                let json = try schema.decode(wire: end.response, as: method.descriptor.output)
                exchange.respond(status: 200, headers: headers, body: json)
            } catch {
                exchange.respond(
                    ConnectError(
                        .internal,
                        "the target's response does not fit its descriptor: \(error.description)"))
            }
        }
    }

    // MARK: durable

    private func startDurable(
        _ exchange: Exchange, _ request: CallRequest, _ method: CallableMethod, _ wire: [UInt8]
    ) {
        let caller = Caller(exchange, ownUid: ownUid)
        let submission = service.submission(
            request.options, method, [wire], caller.submitter,
            timeoutMilliseconds: request.options.timeoutMilliseconds,
            wantsAllPages: request.wantsAllPages, now: Int64(Clock.wallMilliseconds()))
        service.engine.submit(submission) { result in
            switch result {
            case .failure(let refusal): exchange.respond(ConnectError(refusal))
            case .success(let (id, isReplay)):
                let wait = DurableWait(
                    service: service, exchange: exchange, request: request, method: method, id: id,
                    isReplay: isReplay)
                wait.begin(timeoutMilliseconds: waitTime(exchange, request, method))
            }
        }
    }

    private func waitTime(
        _ exchange: Exchange, _ request: CallRequest, _ method: CallableMethod
    ) -> Int64 {
        if request.respondsAsync { return request.asyncWaitMilliseconds ?? 0 }
        let spent = max(0, (NIODeadline.now() - exchange.receivedAt).nanoseconds) / 1_000_000
        // An operation lasts as long as it lasts; the method's own timeout is its first call's.
        let usual =
            request.options.awaitsOperation
            ? method.policy.operation?.timeoutMilliseconds : method.policy.timeoutMilliseconds
        return max(0, (request.timeoutMilliseconds ?? usual ?? 0) - spent)
    }
}

/// A server's metadata as HTTP headers. What would break HTTP's or Connect's framing is dropped.
enum ResponseMetadata {
    static func headers(
        _ headers: [MetadataEntry], trailers: [MetadataEntry]
    ) -> HeaderFields {
        var fields = HeaderFields()
        for entry in headers { append(entry, prefix: "", to: &fields) }
        for entry in trailers { append(entry, prefix: "Trailer-", to: &fields) }
        return fields
    }

    private static func append(
        _ entry: MetadataEntry, prefix: String, to fields: inout HeaderFields
    ) {
        guard !entry.name.hasPrefix(":"), !entry.name.hasPrefix("grpc-"),
            !isFraming(entry.name)
        else { return }
        let value =
            entry.name.hasSuffix("-bin")
            ? Base64Text.encode(entry.value) : String(decoding: entry.value, as: UTF8.self)
        fields.append(prefix + entry.name, value)
    }

    private static func isFraming(_ name: String) -> Bool {
        name.hasPrefix("content-") || name.hasPrefix("connect-") || name.hasPrefix("trailer")
            || name.hasPrefix("prong-")
            || [
                "connection", "keep-alive", "transfer-encoding", "te", "upgrade", "date",
                "proxy-connection", "server", "accept-encoding",
            ].contains(name)
    }
}
