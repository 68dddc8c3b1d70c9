// Long-running operations, as far as a job's life knows them: a call that has only begun the work,
// and the polls that ask how it goes. How an operation looks on the wire is the business of whoever
// makes these rules.
//
//     call ── OK ──▶ waiting ── due ──▶ poll ─┬─ not done ──▶ waiting, later
//                      ▲                      ├─ done ──▶ succeeded | failed
//                      │                      └─ never heard of it, not allowed ──▶ failed
//                      └── no answer now ◀────┘
//
//     waiting ── a person's cancel ──▶ cancelled ── due, where the target asks for it ──▶ told
//                                          └── no answer now: later, for a day ◀────────┘

/// What an operation's message says.
package struct OperationReading: Equatable, Sendable {
    package var name: String
    package var isDone: Bool
    /// How it ended, if not well.
    package var error: JobError?
    /// The result of one that ended well.
    package var response: [UInt8]
    /// A serialized google.protobuf.Any that tells how far it is; may be empty.
    package var progress: [UInt8]

    package init(
        name: String, isDone: Bool, error: JobError? = nil, response: [UInt8] = [],
        progress: [UInt8] = []
    ) {
        self.name = name
        self.isDone = isDone
        self.error = error
        self.response = response
        self.progress = progress
    }
}

/// How the operations that a method begins are followed.
package final class OperationRules: Sendable {
    /// `package.Service/Method`.
    package let pollMethod: String
    /// Called when a waiting job is cancelled; nil: the operation goes on.
    package let cancelMethod: String?
    /// From when it began; then the job has failed, whatever the operation does.
    package let timeoutMilliseconds: Int64
    package let pollPolicy: MethodPolicy
    /// Nil: no operation. The request is there only for the call that began it.
    package let read: @Sendable (_ response: [UInt8], _ request: [UInt8]?) -> OperationReading?
    /// The request of a poll or a cancel, and its metadata.
    package let ask: Ask

    /// - Parameter method: `pollMethod` or `cancelMethod`.
    package typealias Ask =
        @Sendable (
            _ name: String, _ method: String
        ) -> (request: [UInt8], metadata: [MetadataEntry])

    package init(
        pollMethod: String, cancelMethod: String?, timeoutMilliseconds: Int64,
        pollPolicy: MethodPolicy,
        read: @escaping @Sendable ([UInt8], [UInt8]?) -> OperationReading?,
        ask: @escaping Ask
    ) {
        self.pollMethod = pollMethod
        self.cancelMethod = cancelMethod
        self.timeoutMilliseconds = timeoutMilliseconds
        self.pollPolicy = pollPolicy
        self.read = read
        self.ask = ask
    }

    /// Between polls, as Google's clients wait (google-api-core, `future/polling.py`): at most 1 s,
    /// then 1.5 times as long, up to 20 s, of which a random part.
    static var backOff: RetryPolicy {
        var policy = RetryPolicy(
            attempts: RetryPolicy.unlimited, initialMilliseconds: 1_000, maxMilliseconds: 20_000,
            multiplier: 1.5, codes: [])
        policy.isSpreadWide = true
        return policy
    }

    /// How long an operation is tried to be told to stop whose target does not answer, counted from
    /// its job's end: as long as it is followed where the settings say nothing else.
    static var cancelTimeoutMilliseconds: Int64 { 86_400_000 }

    /// A poll that ends so says nothing of the operation: it is asked again.
    static func isPassing(_ code: Int32) -> Bool {
        switch code {
        case StatusCode.unavailable, StatusCode.deadlineExceeded, StatusCode.resourceExhausted,
            StatusCode.aborted, StatusCode.cancelled, StatusCode.unknown, StatusCode.internal:
            true
        case _: false
        }
    }
}

/// What a waiting job's `checkpoint` holds: polls made (4 bytes, lowest first), then the progress.
/// Of a cancelled one whose operation is to be told, the tries to tell it take the polls' place.
package struct OperationCheckpoint: Equatable, Sendable {
    package var polls: UInt32
    package var progress: [UInt8]

    package init(polls: UInt32, progress: [UInt8]) {
        self.polls = polls
        self.progress = progress
    }

    /// Nil: no checkpoint of an operation.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= 4 else { return nil }
        polls = (0..<4).reduce(0) { $0 | UInt32(bytes[$1]) << (8 * UInt32($1)) }
        progress = Array(bytes[4...])
    }

    package var bytes: [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: polls >> (8 * $0)) } + progress
    }
}
