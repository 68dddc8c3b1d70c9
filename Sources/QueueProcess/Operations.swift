// Long-running operations between the queue's logic, which knows when to ask, and GoogleAPI, which
// knows how they look. Decides nothing.

import GoogleAPI
import HTTPServer
import JobLogic
import Schema
import Settings

extension OperationRules {
    convenience init(_ plan: OperationPlan, at target: Settings.Target) {
        self.init(
            pollMethod: plan.pollMethod,
            cancelMethod: target.cancelsOperation ? plan.cancelMethod : nil,
            timeoutMilliseconds: target.operationTimeoutMilliseconds,
            pollPolicy: Self.pollPolicy,
            read: { response, request in
                plan.read(response, request: request).map(OperationReading.init)
            },
            ask: { name, method in
                (
                    plan.request(name: name, of: method),
                    [
                        MetadataEntry(
                            name: RoutingPlan.headerName,
                            value: Array(OperationPlan.routing(name: name).utf8))
                    ]
                )
            })
    }

    /// How Google's clients repeat a poll that had no answer (google/longrunning, service config).
    private static let pollPolicy: MethodPolicy = {
        var retry = RetryPolicy(
            attempts: RetryPolicy.unlimited, initialMilliseconds: 100, maxMilliseconds: 60_000,
            multiplier: 1.3, codes: [StatusCode.unavailable])
        retry.isSpreadWide = true
        return MethodPolicy(
            timeoutMilliseconds: 0, jobRetry: retry, callRetry: retry, safety: .httpGet)
    }()
}

extension OperationReading {
    init(_ reading: OperationPlan.Reading) {
        self.init(
            name: reading.name, isDone: reading.isDone || reading.lostReason != nil,
            error: Self.error(reading),
            response: reading.response,
            progress: reading.progress.count <= Self.progressBytesMax ? reading.progress : [])
    }

    /// Longer progress is not kept: it is in memory while its job waits, on disk at each change,
    /// and in each list of jobs. Google's has some hundred bytes.
    private static let progressBytesMax = 16 << 10

    private static func error(_ reading: OperationPlan.Reading) -> JobError? {
        if let reason = reading.lostReason {
            return JobError(code: StatusCode.internal, message: reason, fromTarget: false)
        }
        if let status = reading.status {
            let (code, message) = RichStatus.head(status)
            return JobError(
                code: code, message: message, statusDetails: status, fromTarget: true)
        }
        if reading.lacksResult {
            return JobError(
                code: StatusCode.internal,
                message: "the operation is done, but with neither a response nor an error",
                fromTarget: false)
        }
        return reading.foreignType.map {
            JobError(
                code: StatusCode.internal,
                message: "the operation ended well, but with a \($0), which the method does not"
                    + " declare", fromTarget: false)
        }
    }
}

extension CallableMethod {
    /// What stored bytes of a job's end are; nil: they cannot be shown.
    func responseMessage(of job: Job) -> MessageHandle? {
        guard job.order.flags.contains(.waitOperation) else { return descriptor.output }
        return plans.operation?.response
    }
}

extension JobJSON {
    /// How far the job's operation is, with today's descriptors; left out where they do not know.
    func writeOperation(_ job: Job, _ method: CallableMethod?, to writer: inout JSONWriter) {
        writer.optionalField("operationName", job.progress.operationName)
        guard let checkpoint = OperationCheckpoint(job.progress.checkpoint),
            !checkpoint.progress.isEmpty, job.order.flags.contains(.waitOperation),
            let schema = service.schemaOfStored(method),
            let any = schema.message(named: "google.protobuf.Any"),
            let json = try? schema.decode(wire: checkpoint.progress, as: any)
        else { return }
        writer.key("operationMetadata")
        writer.raw(json)
    }
}
