// How an error looks on the wire: Connect's names and HTTP statuses, its JSON, unpadded base64.
//
// Whatever text a message holds, the result is valid JSON.

extension ConnectCode {
    /// The name in JSON and in metrics.
    package var name: String {
        switch self {
        case .canceled: "canceled"
        case .unknown: "unknown"
        case .invalidArgument: "invalid_argument"
        case .deadlineExceeded: "deadline_exceeded"
        case .notFound: "not_found"
        case .alreadyExists: "already_exists"
        case .permissionDenied: "permission_denied"
        case .resourceExhausted: "resource_exhausted"
        case .failedPrecondition: "failed_precondition"
        case .aborted: "aborted"
        case .outOfRange: "out_of_range"
        case .unimplemented: "unimplemented"
        case .internal: "internal"
        case .unavailable: "unavailable"
        case .dataLoss: "data_loss"
        case .unauthenticated: "unauthenticated"
        }
    }

    /// The status of Connect's table (connectrpc.com/docs/protocol, "Error Codes").
    package var httpStatus: Int {
        switch self {
        case .canceled: 499
        case .unknown, .internal, .dataLoss: 500
        case .invalidArgument, .failedPrecondition, .outOfRange: 400
        case .deadlineExceeded: 504
        case .notFound: 404
        case .alreadyExists, .aborted: 409
        case .permissionDenied: 403
        case .resourceExhausted: 429
        case .unimplemented: 501
        case .unavailable: 503
        case .unauthenticated: 401
        }
    }

    /// gRPC's number for this code, 1 to 16 (0 would be OK, which is no error).
    package var grpcNumber: Int { rawValue }

    /// The code of that gRPC number; nil for 0 and for numbers without a meaning.
    package init?(grpcNumber: Int) { self.init(rawValue: grpcNumber) }

    /// The code of that name in lower case; nil when there is none.
    package init?(name: String) {
        guard let code = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = code
    }

    /// The label under which a response that carried no code is counted; nil is "ok".
    init?(labelForStatus status: Int) {
        switch status {
        case ..<400: return nil
        case 401: self = .unauthenticated
        case 403: self = .permissionDenied
        case 404: self = .notFound
        case 405, 501: self = .unimplemented
        case 409: self = .aborted
        case 413, 429, 431: self = .resourceExhausted
        case 408, 504: self = .deadlineExceeded
        case 499: self = .canceled
        case ..<500: self = .invalidArgument
        case 503: self = .unavailable
        default: self = .unknown
        }
    }
}

extension ConnectError {
    /// The error's JSON, for a body or a line of NDJSON (it holds no newline).
    package var json: String {
        var text = "{\"code\":\"\(code.name)\""
        if !message.isEmpty {
            text += ",\"message\":"
            appendJSONString(message, to: &text)
        }
        if !details.isEmpty {
            text += ",\"details\":["
            for (index, detail) in details.enumerated() {
                if index > 0 { text += "," }
                detail.append(to: &text)
            }
            text += "]"
        }
        return text + "}"
    }
}

extension ConnectError.Detail {
    fileprivate func append(to text: inout String) {
        text += "{\"type\":"
        appendJSONString(type, to: &text)
        text += ",\"value\":\"\(base64(value))\""
        if let debug { text += ",\"debug\":\(debug)" }
        text += "}"
    }
}

/// Appends a JSON string literal (RFC 8259, section 7).
func appendJSONString(_ value: String, to text: inout String) {
    text += "\""
    for scalar in value.unicodeScalars {
        switch scalar {
        case "\"": text += "\\\""
        case "\\": text += "\\\\"
        case "\n": text += "\\n"
        case "\r": text += "\\r"
        case "\t": text += "\\t"
        case "\u{0}"..."\u{1f}", "\u{7f}":
            let digits = String(scalar.value, radix: 16)
            text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        default: text.unicodeScalars.append(scalar)
        }
    }
    text += "\""
}

private let base64Alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

/// Base64 with the standard alphabet, without padding (RFC 4648, section 4 and 3.2).
func base64(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count * 4 + 2) / 3)
    var index = 0
    while index < bytes.count {
        let second = index + 1 < bytes.count ? bytes[index + 1] : 0
        let third = index + 2 < bytes.count ? bytes[index + 2] : 0
        let group = UInt32(bytes[index]) << 16 | UInt32(second) << 8 | UInt32(third)
        let count = Swift.min(3, bytes.count - index) + 1
        for place in 0..<count {
            text.append(base64Alphabet[Int(group >> UInt32(18 - 6 * place) & 63)])
        }
        index += 3
    }
    return String(decoding: text, as: UTF8.self)
}
