// From a checked call to a durable job: what is stored with it decides its life, not later
// settings.

import HTTPServer
import JobLogic
import Kernel
import NIOCore
import Ops
import Schema
import Settings
import WireFormat

extension Service {
    func submission(
        _ options: CallOptions, _ method: CallableMethod, _ requests: [[UInt8]],
        _ submitter: Submitter, timeoutMilliseconds: Int64?, wantsAllPages: Bool = false,
        now: Int64
    ) -> Submission {
        let target = start.catalog.targets[method.target].name
        let name = method.descriptor.fullName
        let order = JobOrder(
            id: identifiers.next(wallMilliseconds: now), lane: lane(ofTarget: method.target),
            target: target, method: name, priority: options.priority,
            submittedAtMilliseconds: now,
            expiresAtMilliseconds: options.expiresAtMilliseconds
                ?? expiry(method, now: now, options),
            timeoutMilliseconds: timeoutMilliseconds, submitter: submitter,
            idempotencyKey: options.key, batch: options.batch,
            metadata: options.metadata,
            maxAttempts: options.maxAttempts ?? method.policy.jobRetry.attempts,
            safety: method.policy.safety,
            flags: flags(method, options, wantsAllPages: wantsAllPages))
        return Submission(
            order: order, requests: requests,
            fingerprint: options.key.map { _ in
                .of(method: name, target: target, requests: requests)
            },
            notBeforeMilliseconds: options.notBeforeMilliseconds, policy: method.policy)
    }

    /// Where a total time bounds a method's attempts, that time is the job's to live, from when it
    /// may start.
    private func expiry(
        _ method: CallableMethod, now: Int64, _ options: CallOptions
    ) -> Int64? {
        method.policy.jobRetry.totalMilliseconds.map {
            max(now, options.notBeforeMilliseconds ?? now) + $0
        }
    }

    private func flags(
        _ method: CallableMethod, _ options: CallOptions, wantsAllPages: Bool
    ) -> JobFlags {
        var flags = method.flags
        if wantsAllPages { flags.insert(.allPages) }
        if options.expiresAtMilliseconds == nil, method.policy.jobRetry.totalMilliseconds != nil {
            flags.insert(.totalTime)
        }
        if options.awaitsOperation { flags.insert(.waitOperation) }
        return flags
    }

    private func lane(ofTarget target: Int) -> LaneID {
        guard let lane = engine.logic.lanes.id(ofTarget: target) else {
            preconditionFailure("every target of the settings has its lane from the start")
        }
        return lane
    }
}

/// One job out of the text of an envelope: found, transcoded, ready to be submitted.
struct JobParser {
    let service: Service
    /// The lines of a body mostly name one method: looked up once.
    private var last: (name: String, target: String?, method: CallableMethod)?
    /// A body may have 100,000 lines with wrong names, and finding near ones takes a while.
    private var suggestionsLeft = 10
    /// When the jobs come in, wall clock: all lines of one read have the same time.
    private var now: Int64

    init(service: Service) {
        self.service = service
        now = Int64(Clock.wallMilliseconds())
    }

    mutating func readClock() {
        now = Int64(Clock.wallMilliseconds())
    }

    mutating func parse(
        _ text: UnsafeRawBufferPointer, _ submitter: Submitter
    ) throws(ConnectError) -> Submission {
        let envelope: JobEnvelope
        do throws(EnvelopeFault) {
            envelope = try JobEnvelopeReader.read(text, now: now)
        } catch {
            throw ConnectError(error)
        }
        let method = try find(envelope)
        if envelope.wantsAllPages { try method.checkPages("pages") }
        if envelope.options.awaitsOperation { try method.checkOperation("waitOperation") }
        let messages = try requests(envelope, text, method)
        return service.submission(
            envelope.options, method, messages, submitter,
            timeoutMilliseconds: envelope.options.timeoutMilliseconds,
            wantsAllPages: envelope.wantsAllPages, now: now)
    }

    private mutating func find(_ envelope: JobEnvelope) throws(ConnectError) -> CallableMethod {
        if let last, last.name == envelope.method, last.target == envelope.options.target {
            return last.method
        }
        let method: CallableMethod
        do throws(LookupFailure) {
            method = try service.start.catalog.method(
                envelope.method, at: envelope.options.target)
        } catch {
            defer { suggestionsLeft = max(0, suggestionsLeft - 1) }
            throw service.refusal(
                of: error, method: envelope.method, target: envelope.options.target,
                suggests: suggestionsLeft > 0)
        }
        last = (envelope.method, envelope.options.target, method)
        return method
    }

    /// A client's stream may be given as one message: it is a stream of one.
    private func requests(
        _ envelope: JobEnvelope, _ text: UnsafeRawBufferPointer, _ method: CallableMethod
    ) throws(ConnectError) -> [[UInt8]] {
        let schema = method.schema
        if let ranges = envelope.requests { return try list(ranges, text, schema, method) }
        guard let range = envelope.request else {
            return [try binary(envelope, schema, method.descriptor)]
        }
        return [
            try encode(range, text, schema, method.descriptor.input, path: "request")
        ]
    }

    private func list(
        _ ranges: [Range<Int>], _ text: UnsafeRawBufferPointer, _ schema: Schema,
        _ method: CallableMethod
    ) throws(ConnectError) -> [[UInt8]] {
        guard method.flags.contains(.clientStreams) else {
            throw ConnectError(
                .invalidArgument,
                "requests: `\(method.descriptor.fullName)` takes one message: give it as `request`")
        }
        let bytesMax = service.start.settings.listen.maxRequestBytes
        var bytes = 0
        var messages: [[UInt8]] = []
        for (place, range) in ranges.enumerated() {
            let message = try encode(
                range, text, schema, method.descriptor.input, path: "requests[\(place)]")
            bytes += Chunk.cost(ofBytes: message.count)
            guard bytes <= bytesMax else {
                throw ConnectError(
                    .resourceExhausted,
                    "requests: are together over `listen.max_request`, each message counted with"
                        + " \(Chunk.messageOverheadBytes) bytes more", status: 413)
            }
            messages.append(message)
        }
        return messages
    }

    private func encode(
        _ range: Range<Int>, _ text: UnsafeRawBufferPointer, _ schema: Schema,
        _ message: MessageHandle, path: String
    ) throws(ConnectError) -> [UInt8] {
        do throws(TranscodeError) {
            var wire: [UInt8] = []
            wire.reserveCapacity(range.count)
            try schema.encode(
                json: text, range: range, as: message, path: path, into: &wire)
            return wire
        } catch {
            throw ConnectError(error)
        }
    }

    private func binary(
        _ envelope: JobEnvelope, _ schema: Schema, _ method: MethodDescriptor
    ) throws(ConnectError) -> [UInt8] {
        guard let text = envelope.requestBase64, let bytes = Base64Text.decode(text) else {
            throw ConnectError(.invalidArgument, "requestBase64 is not base64")
        }
        var failure: TranscodeError?
        bytes.withUnsafeBytes { buffer in
            do throws(TranscodeError) {
                try schema.validate(wire: buffer, as: method.input)
            } catch {
                failure = error
            }
        }
        if let failure { throw ConnectError(failure) }
        return bytes
    }
}
