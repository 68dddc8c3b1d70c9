// google.rpc.Status as `grpc-status-details-bin` carries it: its details, and the wait that a
// RetryInfo among them asks for. The bytes come from servers: what cannot be read says nothing.

import JobLogic
import WireFormat

/// One detail: a google.protobuf.Any.
struct StatusDetail: Equatable {
    /// The message's full name, without the type URL's prefix.
    var type: String
    var value: [UInt8]
}

enum RichStatus {
    /// More details than this are cut off: a status is a sentence, not a body.
    static let detailsMax = 64

    /// google.rpc.Status: code = 1, message = 2, details = 3 (google.protobuf.Any: type_url = 1,
    /// value = 2).
    static func details(_ bytes: [UInt8]) -> [StatusDetail] {
        guard !bytes.isEmpty else { return [] }
        var details: [StatusDetail] = []
        var reader = FieldReader(bytes)
        while details.count < detailsMax, let field = try? reader.next() {
            guard field.number == 3, let any = try? reader.message(field) else { continue }
            if let detail = detail(any) { details.append(detail) }
        }
        return details
    }

    /// code = 1, message = 2 of a google.rpc.Status; what is no code of gRPC's is unknown.
    static func head(_ bytes: [UInt8]) -> (code: Int32, message: String) {
        var code = StatusCode.unknown
        var message = ""
        var reader = FieldReader(bytes)
        while let field = try? reader.next() {
            switch field.number {
            case 1:
                if let value = try? reader.unsigned(field), 1...16 ~= value { code = Int32(value) }
            case 2: message = (try? reader.text(field)) ?? ""
            case _: break
            }
        }
        return (code, message)
    }

    private static func detail(_ any: FieldReader) -> StatusDetail? {
        var any = any
        var detail = StatusDetail(type: "", value: [])
        while let field = try? any.next() {
            switch field.number {
            case 1:
                guard let url = try? any.text(field) else { return nil }
                detail.type = String(
                    url[(url.lastIndex(of: "/").map(url.index(after:)) ?? url.startIndex)...])
            case 2:
                guard let value = try? any.data(field) else { return nil }
                detail.value = value
            case _: break
            }
        }
        return detail.type.isEmpty ? nil : detail
    }

    /// google.rpc.RetryInfo: retry_delay = 1 (google.protobuf.Duration: seconds = 1, nanos = 2).
    static func retryDelayMilliseconds(_ details: [StatusDetail]) -> Int64? {
        guard let info = details.first(where: { $0.type == "google.rpc.RetryInfo" }) else {
            return nil
        }
        var reader = FieldReader(info.value)
        while let field = try? reader.next() {
            guard field.number == 1, let duration = try? reader.message(field) else { continue }
            return milliseconds(duration)
        }
        return 0
    }

    private static func milliseconds(_ duration: FieldReader) -> Int64 {
        var duration = duration
        var seconds: Int64 = 0
        var nanos: Int64 = 0
        while let field = try? duration.next() {
            guard let raw = try? duration.unsigned(field) else { continue }
            if field.number == 1 { seconds = Int64(bitPattern: raw) }
            if field.number == 2 { nanos = Int64(bitPattern: raw) }
        }
        // a server that asks for more than a day is not obeyed to the letter
        return min(max(0, seconds), 86_400) * 1000 + min(max(0, nanos), 999_999_999) / 1_000_000
    }
}

extension RetryHint {
    /// The pushback goes before RetryInfo: it is what the server said about this very call.
    init(pushbackMilliseconds: Int64?, statusDetails: [UInt8]) {
        if let pushbackMilliseconds {
            self =
                pushbackMilliseconds < 0
                ? .never : .after(milliseconds: min(pushbackMilliseconds, 86_400_000))
        } else if let delay = RichStatus.retryDelayMilliseconds(RichStatus.details(statusDetails)) {
            self = .after(milliseconds: delay)
        } else {
            self = .none
        }
    }
}
