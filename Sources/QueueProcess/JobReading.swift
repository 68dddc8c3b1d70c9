// Jobs as users see them: read from the store by the reader's thread, overlaid with what only the
// logic knows (a safe call runs without the store knowing), written as INTERFACE 2.3's JSON.

import HTTPServer
import JobLogic
import JobStorage
import Ops
import Schema
import Settings
import WireFormat

struct StoredJob: Sendable {
    var job: Job
    var requests: [[UInt8]]
    var responses: [[UInt8]]
}

extension Service {
    func readJob(
        _ id: JobID, bodies: Bool = true,
        _ answer: @escaping (Result<StoredJob, ConnectError>) -> Void
    ) {
        let key = id.key
        engine.store.read({ reader throws(StoreError) -> StoredJob? in
            guard let job = try reader.job(key), job.order.id == id else { return nil }
            guard bodies else { return StoredJob(job: job, requests: [], responses: []) }
            return StoredJob(
                job: job, requests: try reader.requests(of: key),
                responses: try reader.responses(of: key))
        }) { [self] result in
            switch result {
            case .failure(let error): answer(.failure(ConnectError(error)))
            case .success(nil): answer(.failure(ConnectError(.notFound, "there is no such job")))
            case .success(let stored?):
                var stored = stored
                overlay(&stored.job)
                answer(.success(stored))
            }
        }
    }

    /// A job at its end, as who waited for it is shown it.
    func readSettled(
        _ settled: SettledJob, _ answer: @escaping (Result<StoredJob, ConnectError>) -> Void
    ) {
        guard let requests = settled.requests else {
            return readJob(settled.job.order.id) { answer($0) }
        }
        answer(
            .success(
                StoredJob(
                    job: settled.job, requests: requests, responses: settled.responses ?? [])))
    }

    /// A safe call's attempt is not on disk while it runs.
    func overlay(_ job: inout Job) {
        guard job.progress.state == .queued,
            let running = engine.logic.state(of: job.order.id.key)
        else { return }
        job.progress = running
    }

    /// What stored bytes are shown with; nothing in safe mode: they may be what killed the queue.
    func schemaOfStored(_ method: CallableMethod?) -> Schema? {
        guard let method, !start.isSafeMode else { return nil }
        return method.schema
    }

    /// What the details of a stored error are shown with: a method that is gone has no schema.
    func schemaOfDetails(_ method: CallableMethod?) -> Schema? {
        start.isSafeMode ? nil : method?.schema ?? Schema.errorDetails
    }

    /// Nothing: today's descriptors do not fit all of them.
    func messagesJSON(
        _ messages: [[UInt8]], _ method: CallableMethod?,
        _ message: KeyPath<MethodDescriptor, MessageHandle>
    ) -> [[UInt8]]? {
        guard let method, let schema = schemaOfStored(method) else { return nil }
        var texts: [[UInt8]] = []
        for wire in messages {
            let handle = method.descriptor[keyPath: message]
            guard let text = try? schema.decode(wire: wire, as: handle) else { return nil }
            texts.append(text)
        }
        return texts
    }

    func jobJSON(_ stored: StoredJob, bodies: Bool, line: Int? = nil) -> [UInt8] {
        var writer = JSONWriter()
        JobJSON(service: self).write(stored, bodies: bodies, line: line, to: &writer)
        return writer.bytes
    }
}

struct JobJSON {
    let service: Service

    func write(
        _ stored: StoredJob, bodies: Bool, line: Int? = nil, to writer: inout JSONWriter
    ) {
        let job = stored.job
        let order = job.order
        writer.beginObject()
        if let line { writer.field("line", line) }
        writer.field("id", order.id.text)
        writer.field("method", order.method)
        writer.field("target", order.target)
        writer.field("state", job.progress.state.name)
        if order.priority != 0 { writer.field("priority", Int(order.priority)) }
        writer.optionalField("key", order.idempotencyKey)
        writer.optionalField("batch", order.batch)
        writeMetadata(order.metadata, to: &writer)
        if let timeout = order.timeoutMilliseconds { writer.field("timeout", duration(timeout)) }
        writeTimes(job, to: &writer)
        writeSubmitter(order.submitter, to: &writer)
        let method = catalogMethod(of: order)
        if bodies { writeBodies(stored, method, to: &writer) }
        writeError(job, method, to: &writer)
        writeOperation(job, method, to: &writer)
        if order.maxAttempts != RetryPolicy.unlimited {
            writer.field("maxAttempts", Int(order.maxAttempts))
        }
        writer.field("attemptCount", Int(job.progress.attemptCount))
        if job.progress.crashes > 0 { writer.field("crashes", Int(job.progress.crashes)) }
        writer.optionalField("blocked", service.blockedReason(of: job))
        writeAttempts(job.progress.attempts, to: &writer)
        writer.endObject()
    }

    private func catalogMethod(of order: JobOrder) -> CallableMethod? {
        try? service.start.catalog.method(order.method, at: order.target)
    }

    private func duration(_ milliseconds: Int64) -> String {
        milliseconds % 1000 == 0 ? "\(milliseconds / 1000)s" : "\(milliseconds)ms"
    }

    private func writeMetadata(_ metadata: [MetadataEntry], to writer: inout JSONWriter) {
        guard !metadata.isEmpty else { return }
        writer.key("metadata")
        writer.beginObject()
        for entry in metadata {
            writer.field(
                entry.name,
                entry.name.hasSuffix("-bin")
                    ? Base64Text.encode(entry.value) : String(decoding: entry.value, as: UTF8.self))
        }
        writer.endObject()
    }

    private func writeTimes(_ job: Job, to writer: inout JSONWriter) {
        writer.time("submittedAt", job.order.submittedAtMilliseconds)
        // of a job that has ended: when its operation is told to stop, which is no time of the job
        if !job.progress.state.hasEnded {
            writer.time("notBefore", job.progress.notBeforeMilliseconds)
        }
        writer.time("expiresAt", job.order.expiresAtMilliseconds)
        writer.time("startedAt", job.progress.startedAtMilliseconds)
        writer.time("endedAt", job.progress.endedAtMilliseconds)
    }

    private func writeSubmitter(_ submitter: Submitter, to writer: inout JSONWriter) {
        writer.key("submitter")
        writer.beginObject()
        writer.field("uid", Int(submitter.uid))
        writer.field("gid", Int(submitter.gid))
        writer.field("pid", Int(submitter.pid))
        writer.endObject()
    }

    private func writeBodies(
        _ stored: StoredJob, _ method: CallableMethod?, to writer: inout JSONWriter
    ) {
        let order = stored.job.order
        if order.clientStreams {
            writeList("requests", stored.requests, method, \.input, to: &writer)
        } else if let request = stored.requests.first {
            writeBody("request", request, method, to: &writer) { method in
                method.descriptor.input
            }
        }
        guard stored.job.progress.state == .succeeded else { return }
        if order.serverStreams {
            writeList("responses", stored.responses, method, \.output, to: &writer)
        } else if let response = stored.responses.first {
            writeBody("response", response, method, to: &writer) { method in
                method.responseMessage(of: stored.job)
            }
        }
    }

    /// A stream's messages: all with today's descriptors, else all as base64.
    private func writeList(
        _ name: String, _ messages: [[UInt8]], _ method: CallableMethod?,
        _ message: KeyPath<MethodDescriptor, MessageHandle>, to writer: inout JSONWriter
    ) {
        let texts = service.messagesJSON(messages, method, message)
        writer.key(texts == nil ? name + "Base64" : name)
        writer.beginArray()
        if let texts {
            for text in texts { writer.raw(text) }
        } else {
            for wire in messages { writer.base64(wire) }
        }
        writer.endArray()
    }

    /// With today's descriptors, else as base64.
    private func writeBody(
        _ name: String, _ wire: [UInt8], _ method: CallableMethod?, to writer: inout JSONWriter,
        _ type: (CallableMethod) -> MessageHandle?
    ) {
        if let method, let schema = service.schemaOfStored(method),
            let message = type(method),
            let json = try? schema.decode(wire: wire, as: message)
        {
            writer.key(name)
            writer.raw(json)
            return
        }
        writer.key(name + "Base64")
        writer.base64(wire)
    }

    private func writeError(
        _ job: Job, _ method: CallableMethod?, to writer: inout JSONWriter
    ) {
        guard job.progress.error != nil else { return }
        writer.key("error")
        writer.error(ConnectError(endOf: job, schema: service.schemaOfDetails(method)))
    }

    private func writeAttempts(_ attempts: [AttemptRecord], to writer: inout JSONWriter) {
        guard !attempts.isEmpty else { return }
        writer.key("attempts")
        writer.beginArray()
        for attempt in attempts {
            writer.beginObject()
            writer.field("number", Int(attempt.number))
            writer.key("worker")
            writer.beginObject()
            writer.field("slot", Int(attempt.slot))
            writer.field("generation", Int(attempt.generation))
            writer.field("pid", Int(attempt.pid))
            writer.endObject()
            writer.time("startedAt", attempt.startedAtMilliseconds)
            if attempt.endedAtMilliseconds > 0 {
                writer.time("endedAt", attempt.endedAtMilliseconds)
            }
            if let code = attempt.shownCode { writer.field("code", codeName(code)) }
            writer.optionalField("message", attempt.message.isEmpty ? nil : attempt.message)
            writer.optionalField("peer", attempt.peer.isEmpty ? nil : attempt.peer)
            writer.endObject()
        }
        writer.endArray()
    }
}

extension AttemptRecord {
    /// The target's word, or that prong cancelled the call (a user's cancel, the drain's cut-off):
    /// such an attempt has no word of the target's, but ended with a peer. Others without a code
    /// run yet, or their worker was lost.
    var shownCode: Int32? {
        code ?? (endedAtMilliseconds > 0 && !peer.isEmpty ? StatusCode.cancelled : nil)
    }
}

/// Connect's name of a gRPC code; `ok` included.
func codeName(_ code: Int32) -> String {
    code == StatusCode.ok ? "ok" : (ConnectCode(grpcNumber: Int(code)) ?? .unknown).name
}

extension JSONWriter {
    mutating func field(_ name: String, _ value: String) {
        key(name)
        string(value)
    }

    mutating func field(_ name: String, _ value: Int) {
        key(name)
        integer(value)
    }

    mutating func optionalField(_ name: String, _ value: String?) {
        if let value { field(name, value) }
    }

    mutating func time(_ name: String, _ milliseconds: Int64?) {
        guard let milliseconds else { return }
        field(name, Timestamp.text(UInt64(clamping: milliseconds)))
    }

    mutating func error(_ error: ConnectError) {
        beginObject()
        field("code", error.code.name)
        field("message", error.message)
        if !error.details.isEmpty {
            key("details")
            beginArray()
            for detail in error.details {
                beginObject()
                field("type", detail.type)
                key("value")
                base64(detail.value, padded: false)
                if let debug = detail.debug {
                    key("debug")
                    raw(Array(debug.utf8))
                }
                endObject()
            }
            endArray()
        }
        endObject()
    }
}
