// A direct call whose messages (or pages) go to the caller as they come. The worker sends no more
// than the window, which is opened again only as the caller's socket drains: a caller that reads
// slowly slows the server, and what lies in memory is a window and one message. A caller that goes
// away cancels the call.
//
//     worker ── metadata ──▶ head of the answer, at the latest with what comes next
//     worker ── message ──▶ line ──▶ socket ── drained ──▶ grant ──▶ worker
//     end ──▶ {"end":…} or {"error":…}

import HTTPServer
import JobLogic
import NIOCore
import Schema
import WireFormat

final class StreamedCall: StreamOwner {
    /// On the way between worker and caller: enough that neither waits for the other's every
    /// message, little beside what a worker's places may hold.
    static let windowBytes: UInt32 = 256 << 10
    /// Grants are gathered up to this, so that small messages cost no message each.
    private static let grantBytesMin = 64 << 10

    private let service: Service
    private let exchange: Exchange
    private let method: CallableMethod
    private let schema: Schema
    private var token: Token?
    private var hasBegun = false
    /// Taken from the worker, and not granted again.
    private var owedBytes = 0

    init(service: Service, exchange: Exchange, method: CallableMethod) {
        self.service = service
        self.exchange = exchange
        self.method = method
        schema = method.schema
    }

    func begin(_ order: DirectOrder) {
        exchange.onGone = { [self] in abandon() }
        exchange.onWritable = { [self] in grantIfTaken() }
        token = service.engine.stream(order, to: self)
    }

    func take(headers: [MetadataEntry]) {
        sendHead(headers)
    }

    func take(message: [UInt8]) {
        guard !exchange.isEnded else { return }
        let json: [UInt8]
        do throws(TranscodeError) {
            json = try schema.decode(wire: message, as: method.descriptor.output)
        } catch {
            abandon()
            return finish(
                ConnectError(
                    .internal,
                    "a message of the target does not fit its descriptor: \(error.description)"))
        }
        write(StreamLines.message(json))
        owedBytes += Chunk.cost(ofBytes: message.count)
        grantIfTaken()
    }

    func end(_ end: CallEnd) {
        token = nil
        sendHead(end.headers)
        guard end.code == StatusCode.ok else {
            return finish(
                ConnectError(
                    code: end.code, message: service.message(of: end, target: method.target),
                    statusDetails: end.statusDetails, schema: schema))
        }
        write(StreamLines.end(trailers: end.trailers))
        exchange.finish()
    }

    private func finish(_ error: ConnectError) {
        write(StreamLines.error(error))
        exchange.finish(code: error.code)
    }

    private func write(_ line: [UInt8]) {
        sendHead([])
        exchange.write(ByteBuffer(bytes: line))
    }

    /// Goes out with the first sign of life from the server, and not again.
    private func sendHead(_ metadata: [MetadataEntry]) {
        guard !hasBegun else { return }
        hasBegun = true
        var headers = ResponseMetadata.headers(metadata, trailers: [])
        headers.append("Content-Type", StreamLines.contentType)
        exchange.begin(status: 200, headers: headers)
    }

    private func grantIfTaken() {
        guard let token, exchange.isWritable, owedBytes >= StreamedCall.grantBytesMin else {
            return
        }
        service.engine.grant(token, bytes: UInt32(clamping: owedBytes))
        owedBytes = 0
    }

    private func abandon() {
        guard let token = token.take() else { return }
        service.engine.abandon(token)
    }
}
