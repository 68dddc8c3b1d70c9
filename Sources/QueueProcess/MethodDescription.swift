// What one must know of a method for the next call, as JSON: INTERFACE 2.4, `describe`. Says what
// will happen, so it looks at the same policy as the calls do; never a secret, nor where one lies.

import GoogleAPI
import JobLogic
import Schema
import Settings

struct MethodDescription {
    let method: CallableMethod
    let target: Settings.Target

    func write(to writer: inout JSONWriter) {
        let descriptor = method.descriptor
        writer.field("request", descriptor.inputName)
        writer.field("response", descriptor.outputName)
        writer.field("streaming", descriptor.streamingName)
        writer.field("target", target.name)
        writer.field("address", target.address)
        writer.field("credentials", target.credentials.kind)
        writer.field("timeout", DurationText.text(milliseconds: method.policy.timeoutMilliseconds))
        writer.key("safe")
        writer.bool(method.policy.safety.isSafe)
        writer.field("safeBecause", method.policy.safety.reason)
        if !method.policy.safety.isSafe { writer.field("onUnknown", "\(target.onUnknown)") }
        writer.key("retry")
        write(method.policy.jobRetry, to: &writer)
        if descriptor.isUnary {
            writer.key("callRetry")
            write(method.policy.callRetry, to: &writer)
        }
        writeOperation(to: &writer)
        writePages(to: &writer)
        writeRouting(to: &writer)
    }

    /// No attempts where only time counts. No codes where none is reason enough for a repeat.
    private func write(_ retry: RetryPolicy, to writer: inout JSONWriter) {
        let isSafe = method.policy.safety.isSafe
        writer.beginObject()
        if let total = retry.totalMilliseconds {
            writer.field("total", DurationText.text(milliseconds: total))
        } else {
            writer.field("attempts", Int(retry.attempts))
        }
        writer.field("initial", DurationText.text(milliseconds: retry.initialMilliseconds))
        writer.field("max", DurationText.text(milliseconds: retry.maxMilliseconds))
        writer.key("multiplier")
        writer.number(retry.multiplier)
        writer.key("codes")
        writer.beginArray()
        for code in Int32(1)...16 where isSafe && retry.repeats(code: code) {
            writer.string(codeName(code))
        }
        writer.endArray()
        if !isSafe { writer.field("when", Self.unsafeRepeats) }
        writer.endObject()
    }

    /// The table is Verdict's.
    private static let unsafeRepeats = "the server refuses it and asks for a wait (RetryInfo)"

    private func writeOperation(to writer: inout JSONWriter) {
        guard let plan = method.plans.operation else { return }
        let info = method.descriptor.options.operationInfo
        let response = plan.response.map { method.schema.name(of: $0) } ?? info?.responseType
        let progress = info?.metadataType ?? method.descriptor.outputName
        writer.key("waitOperation")
        writer.beginObject()
        writer.optionalField("response", response.flatMap { $0.isEmpty ? nil : $0 })
        writer.optionalField("progress", progress.isEmpty ? nil : progress)
        writer.field("poll", plan.pollMethod)
        writer.endObject()
    }

    private func writePages(to writer: inout JSONWriter) {
        guard let plan = method.plans.pages else { return }
        let items = method.schema.field(number: plan.items, of: method.descriptor.output)
        writer.key("pages")
        writer.beginObject()
        writer.optionalField("items", items?.name)
        if !method.policy.safety.isSafe {
            writer.field("needs", "the target's `idempotent` to name it")
        }
        writer.endObject()
    }

    private func writeRouting(to writer: inout JSONWriter) {
        guard let routing = method.plans.extras?.routing else { return }
        writer.key("routing")
        writer.beginObject()
        writer.field("header", RoutingPlan.headerName)
        writer.key("parameters")
        writer.beginArray()
        for key in routing.keys { writer.string(key) }
        writer.endArray()
        writer.endObject()
    }
}

extension Settings.Credentials {
    /// The configuration's word without the file's name.
    fileprivate var kind: String {
        switch self {
        case .insecure: "insecure"
        case .tls: "tls"
        case .google: "google"
        case .serviceAccount: "service-account"
        case .tokenFile: "token-file"
        case .external: "external"
        case .credential: "credential"
        }
    }
}
