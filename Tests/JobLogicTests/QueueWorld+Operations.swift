// What the world knows of operations: jobs whose calls begin them, what their servers say, and what
// may not happen to them.

import SeededRandom

@testable import JobLogic

extension QueueWorld {
    /// Short, so that walks come to it.
    static let operationTimeout: Int64 = 1500

    /// By target.
    static let operationPolicies = [true, false, true].map { operationPolicy(cancels: $0) }

    private static func operationPolicy(cancels: Bool) -> MethodPolicy {
        MethodPolicy(
            timeoutMilliseconds: 30_000, jobRetry: Sample.retry, callRetry: Sample.retry,
            safety: .unsafe,
            operation: OperationBench.rules(
                cancels: cancels, timeoutMilliseconds: operationTimeout))
    }

    static func target(
        _ name: String, maxInFlight: Int = 0, onUnknown: UnknownRule = .keep, cancels: Bool
    ) -> TargetPolicy {
        var target = Sample.target(name, maxInFlight: maxInFlight, onUnknown: onUnknown)
        target.methods[Sample.operationMethod] = operationPolicy(cancels: cancels)
        return target
    }

    /// A poll, or a cancel: nobody's call.
    static func isAboutOperation(_ dispatch: Dispatch) -> Bool {
        dispatch.method.hasPrefix("s.Ops/")
    }

    /// What a call that ended well has for an answer.
    func randomResponse(_ dispatch: Dispatch) -> [UInt8] {
        guard dispatch.method == Sample.operationMethod || dispatch.method == "s.Ops/Get" else {
            return [7]
        }
        switch random.index(12) {
        case 0..<8: return OperationBench.operation(0)
        case 8, 9: return OperationBench.operation(1)
        case 10: return OperationBench.operation(2)
        default: return []
        }
    }

    /// A job is not given up before its operation had its time.
    func checkOvertime(_ job: Job) {
        guard let error = job.progress.error, error.message.contains("operation_timeout") else {
            return
        }
        let end = job.progress.endedAtMilliseconds ?? 0
        if end - job.progress.operationStartMilliseconds < QueueWorld.operationTimeout {
            ledger.fault("\(job.order.id.key) was given up before its operation_timeout")
        }
    }
}
