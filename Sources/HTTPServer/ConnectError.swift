// Errors in the Connect protocol's shape (connectrpc.com/docs/protocol, "Error End-Stream" and
// "Error Codes"): the one form in which a request is ever refused.
//
// Messages are for people. Nothing secret may be put into one.

/// The sixteen error codes that gRPC and Connect share; Connect's names, gRPC's numbers.
package enum ConnectCode: Int, CaseIterable, Sendable {
    case canceled = 1
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
}

/// One refusal or failure, ready to be sent by `Exchange.respond(_:origin:)`.
package struct ConnectError: Error {
    package var code: ConnectCode
    package var message: String
    package var details: [Detail]
    /// The HTTP status; the code's own unless given (405, 413, 415 and others have none).
    package var status: Int
    /// Further fields: `Retry-After`, `Allow`, `Accept-Post` and the like.
    package var headers: HeaderFields

    /// A `google.rpc` message that tells more.
    package struct Detail {
        /// The message's full name, without a type URL's prefix.
        package var type: String
        /// The message in protobuf's wire format.
        package var value: [UInt8]
        /// The message as JSON text, for people; nil when it is not known. Put in as it is.
        package var debug: String?

        package init(type: String, value: [UInt8], debug: String? = nil) {
            self.type = type
            self.value = value
            self.debug = debug
        }
    }

    package init(
        _ code: ConnectCode,
        _ message: String,
        details: [Detail] = [],
        status: Int? = nil,
        headers: HeaderFields = HeaderFields()
    ) {
        self.code = code
        self.message = message
        self.details = details
        self.status = status ?? code.httpStatus
        self.headers = headers
    }
}

/// Who made an error: the field `Prong-Origin`.
package enum Origin: String, Sendable { case prong, target }
