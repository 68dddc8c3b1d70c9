// The responses of a job whose server streamed, as they lie in the store: a list, lines, or the
// lines of a call that was awaited. Whole: the job bounded them.

import HTTPServer
import JobLogic
import NIOCore
import Schema

struct StoredStream {
    let service: Service
    let exchange: Exchange

    /// `GET /v1/jobs/ID/response`: the messages alone, as a JSON array or one a line.
    func respond(_ responses: [[UInt8]], _ method: CallableMethod?) {
        let accepted = exchange.head.headers.list("Accept").first ?? ""
        guard !accepted.hasPrefix("application/proto") else {
            return exchange.respond(
                ConnectError(
                    .failedPrecondition,
                    "the job's \(responses.count) responses are a stream: ask with Accept:"
                        + " application/json for a list, or application/x-ndjson for lines",
                    status: 400))
        }
        guard let texts = service.messagesJSON(responses, method, \.output) else {
            return exchange.respond(service.streamNotShown())
        }
        guard accepted.hasPrefix(StreamLines.contentType) else {
            var writer = JSONWriter()
            writer.beginArray()
            for text in texts { writer.raw(text) }
            writer.endArray()
            return exchange.respondJSON(writer.bytes)
        }
        var lines: [UInt8] = []
        for text in texts {
            lines += text
            lines.append(UInt8(ascii: "\n"))
        }
        exchange.respond(
            status: 200, headers: ["Content-Type": StreamLines.contentType], body: lines)
    }

    /// A durable call that was awaited: as a direct one would have been answered.
    func answer(_ responses: [[UInt8]], _ method: CallableMethod, headers: HeaderFields) {
        guard let texts = service.messagesJSON(responses, method, \.output) else {
            return exchange.respond(service.streamNotShown(), headers: headers)
        }
        var headers = headers
        headers.append("Content-Type", StreamLines.contentType)
        var lines: [UInt8] = []
        for text in texts { lines += StreamLines.message(text) }
        lines += StreamLines.end(trailers: [])
        exchange.respond(status: 200, headers: headers, body: lines)
    }
}
