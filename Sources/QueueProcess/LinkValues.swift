// The logic's values as the link's, and back. Nothing is decided here.

import JobLogic
import WireFormat

extension Ticket {
    init(_ lease: Lease) {
        self.init(number: lease.number, attempt: lease.attempt)
    }
}

extension CallOrder {
    init(_ dispatch: Dispatch) {
        self.init(
            ticket: Ticket(dispatch.lease), target: UInt32(dispatch.target),
            path: "/" + dispatch.method,
            deadlineMonotonicNanoseconds: dispatch.deadlineMonotonicNanoseconds,
            metadata: dispatch.metadata.map { HeaderField(name: $0.name, value: $0.value) },
            request: dispatch.form.clientStreams ? [] : dispatch.requests.first ?? [],
            extent: dispatch.form.isUnary ? nil : CallExtent(dispatch), isGoogle: dispatch.isGoogle)
    }
}

extension CallExtent {
    convenience init(_ dispatch: Dispatch) {
        let form = dispatch.form
        let timeout = UInt64(clamping: form.pageTimeoutMilliseconds)
        self.init(
            clientStreams: form.clientStreams, serverStreams: form.serverStreams,
            requests: form.clientStreams ? dispatch.requests : [], window: form.window,
            pages: form.pages.map {
                PageOrder(
                    requestToken: $0.requestToken, responseToken: $0.responseToken,
                    timeoutNanoseconds: timeout.multipliedReportingOverflow(by: 1_000_000)
                        .partialValue,
                    retry: form.pageRetry.map(PageRetry.init))
            })
    }
}

extension PageRetry {
    init(_ policy: RetryPolicy) {
        self.init(
            attempts: UInt64(clamping: policy.attempts),
            initialMilliseconds: UInt64(clamping: policy.initialMilliseconds),
            maxMilliseconds: UInt64(clamping: policy.maxMilliseconds),
            multiplierThousandths: UInt64(min(max(1, policy.multiplier), 1_000) * 1_000),
            codes: UInt64(policy.codes),
            totalMilliseconds: UInt64(clamping: policy.totalMilliseconds ?? 0),
            isSpreadWide: policy.isSpreadWide)
    }
}

extension Outcome {
    init(_ outcome: CallOutcome) {
        self.init(
            lease: Lease(number: outcome.ticket.number, attempt: outcome.ticket.attempt),
            code: outcome.code, message: outcome.message, statusDetails: outcome.statusDetails,
            fromTarget: !outcome.isMadeByProng,
            hint: RetryHint(
                pushbackMilliseconds: outcome.pushbackMilliseconds,
                statusDetails: outcome.statusDetails),
            responses: outcome.responses ?? [outcome.response],
            headers: outcome.headers.map { MetadataEntry(name: $0.name, value: $0.value) },
            trailers: outcome.trailers.map { MetadataEntry(name: $0.name, value: $0.value) },
            peer: outcome.peer, durationNanoseconds: outcome.durationNanoseconds)
    }
}
