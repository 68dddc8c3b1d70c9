// Whatever goes wrong, as the error that a caller reads: Connect's shape, INTERFACE 2.1's statuses.

import HTTPServer
import JobLogic
import JobStorage
import Schema

extension ConnectError {
    init(_ refusal: Refusal) {
        switch refusal.kind {
        case .queueFull, .storeFull:
            self.init(
                .resourceExhausted, refusal.message, status: 429, headers: ["Retry-After": "1"])
        case .storeFailing, .draining:
            self.init(.unavailable, refusal.message, status: 503, headers: ["Retry-After": "1"])
        case .keyOfAnotherCall:
            self.init(.alreadyExists, refusal.message, status: 409)
        case .keyOfAGoneJob:
            self.init(.failedPrecondition, refusal.message, status: 409)
        case .notFound: self.init(.notFound, refusal.message)
        case .impossible: self.init(.failedPrecondition, refusal.message, status: 400)
        }
    }

    init(_ error: StoreError) {
        self.init(
            .unavailable, "the store cannot be read now (\(error.message)); try again",
            headers: ["Retry-After": "1"])
    }

    /// - Parameter suggestion: what else may have been meant.
    init(_ failure: LookupFailure, method: String, suggestion: String) {
        switch failure {
        case .unknownTarget(let name):
            self.init(.notFound, "there is no target `\(shown(name))`")
        case .unknownMethod:
            self.init(
                .unimplemented,
                "no target offers `\(shown(method))`"
                    + (suggestion.isEmpty ? "; " : "\(suggestion) ")
                    + "GET /v1/methods lists what can be called")
        case .ambiguous(let targets):
            self.init(
                .invalidArgument,
                "several targets offer `\(shown(method))`: name one of them as target:"
                    + " \(targets.joined(separator: ", "))")
        case .notAtTarget(let name):
            self.init(.unimplemented, "target `\(name)` does not offer `\(shown(method))`")
        }
    }

    init(_ fault: EnvelopeFault) {
        self.init(fault.isUnimplemented ? .unimplemented : .invalidArgument, fault.message)
    }

    init(_ error: TranscodeError) {
        self.init(.invalidArgument, error.description)
    }

    /// A call's own end: its gRPC code by Connect's table, its details decoded where they can be.
    /// - Parameter schema: nil: nothing is decoded.
    init(code: Int32, message: String, statusDetails: [UInt8], schema: Schema?) {
        self.init(
            ConnectCode(grpcNumber: Int(code)) ?? .unknown, message,
            details: RichStatus.details(statusDetails).map { detail in
                ConnectError.Detail(
                    type: detail.type, value: detail.value,
                    debug: schema.flatMap { detail.json($0) ?? detail.standardJSON })
            })
    }
}

extension Origin {
    init(fromTarget: Bool) { self = fromTarget ? .target : .prong }
}

extension CallEnd {
    var origin: Origin { Origin(fromTarget: fromTarget) }
}

extension StatusDetail {
    /// As JSON text, if it is one of google.rpc's own, which servers of any API send.
    var standardJSON: String? {
        guard type.hasPrefix("google.rpc.") else { return nil }
        return Schema.errorDetails.flatMap { json($0) }
    }

    /// As JSON text, if the schema knows the type.
    func json(_ schema: Schema) -> String? {
        guard let message = schema.message(named: type),
            let bytes = try? schema.decode(wire: value, as: message)
        else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}
