// How a call ended, as gRPC says it (grpc/grpc, doc/statuscodes.md).

/// gRPC's status codes.
package enum CallStatus: Int32, Sendable, CaseIterable {
    case ok = 0
    case cancelled = 1
    case unknown = 2
    case invalidArgument = 3
    case deadlineExceeded = 4
    case notFound = 5
    case alreadyExists = 6
    case permissionDenied = 7
    case resourceExhausted = 8
    case failedPrecondition = 9
    case aborted = 10
    case outOfRange = 11
    case unimplemented = 12
    case `internal` = 13
    case unavailable = 14
    case dataLoss = 15
    case unauthenticated = 16

    /// A number that gRPC does not know is `unknown`, as the specification has it.
    package init(number: Int32) {
        self = CallStatus(rawValue: number) ?? .unknown
    }
}

/// The end of a client call of any kind.
package struct CallEnd: Equatable, Sendable {
    package var status: CallStatus
    /// The status message; what is not UTF-8 in it is replaced.
    package var message: String
    /// `grpc-status-details-bin`, decoded: a serialized google.rpc.Status, or empty.
    package var statusDetails: [UInt8]
    /// The server's metadata before the first message.
    package var headers: [MetadataField]
    /// The server's metadata at the end, without the status details.
    package var trailers: [MetadataField]
    /// The server's address as C-core writes it ("ipv4:127.0.0.1:443"), or empty.
    package var peer: String
    /// C-core's whole account of a failure, for the log; empty if the call succeeded.
    package var errorText: String
}

/// Why a call was not even started.
package enum CallError: Error, Equatable, Sendable {
    /// A metadata name or value that gRPC cannot carry.
    case illegalMetadata(name: String, reason: String)
    /// The path is not "/package.Service/Method".
    case illegalPath(String)
    /// C-core refused the operation, with its own word for it.
    case refused(String)
}
