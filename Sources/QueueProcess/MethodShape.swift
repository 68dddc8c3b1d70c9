// What a method's messages allow: one or a stream of them each way, pages or none, an operation or
// none. Says in one sentence why a call does not fit, and what would; never lets one through that
// the method cannot take.

import HTTPServer
import JobLogic
import Schema

extension CallableMethod {
    /// Whether an HTTP request, whose body is one message, can make this call.
    func checkShape(of request: CallRequest) throws(ConnectError) {
        if descriptor.isClientStreaming {
            throw ConnectError(
                .unimplemented,
                "`\(descriptor.fullName)` takes a stream of messages, and a request has one: submit"
                    + " a job with `requests`, a list (POST /v1/jobs, or `prong submit`)")
        }
        if descriptor.isServerStreaming, !request.acceptsLines, !request.respondsAsync {
            throw ConnectError(
                .invalidArgument,
                "`\(descriptor.fullName)` answers with a stream of messages: send Accept:"
                    + " \(StreamLines.contentType) for a line each as they come, or submit a job,"
                    + " which collects them as `responses`", status: 406)
        }
        if request.wantsAllPages { try checkPages("Prong-Pages") }
        if request.options.awaitsOperation { try checkOperation("Prong-Wait-Operation") }
    }

    /// Whether the end of an operation may be awaited.
    func checkOperation(_ option: String) throws(ConnectError) {
        guard policy.operation == nil else { return }
        throw ConnectError(
            .invalidArgument,
            "\(option): \(descriptor.fullName) begins no long-running operation; leave it out")
    }

    /// Whether all pages may be asked for.
    func checkPages(_ option: String) throws(ConnectError) {
        guard policy.pages != nil else {
            throw ConnectError(
                .invalidArgument,
                "\(option): `\(descriptor.fullName)` has no pages: its request needs `page_token`"
                    + " and `page_size` (or `max_results`), its response `next_page_token` and a"
                    + " list (AIP-4233)")
        }
        guard policy.safety.isSafe else {
            throw ConnectError(
                .invalidArgument,
                "\(option): `\(descriptor.fullName)` is not known to be safe to repeat"
                    + " (\(policy.safety.reason)), and all pages are many calls: name it in the"
                    + " target's `idempotent`")
        }
    }
}
