// Between the socket and the decoder: hands bytes on only as fast as the connection works them off.
//
//   socket ──► RequestReader: bytes held, decoder ──► Connection: one request at a time
//
// A client may send many requests at once, or a body that its handler has paused. What cannot be
// used yet stays here as raw bytes: at most one read's worth, because nothing more is read until it
// is used. It decodes in small steps, so that one packet cannot become thousands of decoded heads.
// The end of the client's sending is passed on only after all that came before it; the loss of
// the connection at once.

import NIOCore
import NIOHTTP1

final class RequestReader: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Decoded at once when a step may hold several requests: some twenty ordinary ones.
    private static let stepByteCount = 4096

    private let connection: Connection
    private let decoder: HTTPRequestDecoder
    private var context: ChannelHandlerContext?
    /// What the decoder has not taken; empty, and without storage, most of the time.
    private var held = ByteBuffer()
    /// How many bytes at the start of `held` the decoder has seen without an end of their field.
    private var seenByteCount = 0
    private var isFeeding = false
    private var isReadWithheld = false
    private var hasSeenEnd = false
    private var isDiscarding = false
    private(set) var discardedByteCount = 0
    /// True between a read's first bytes and its completion: writes wait for the end to be flushed.
    private(set) var isReading = false
    /// When bytes last came.
    private(set) var lastByteAt: NIODeadline
    /// When the first byte of a head came that is not whole yet.
    private(set) var headStartedAt: NIODeadline?

    init(connection: Connection, limits: ServerLimits, now: NIODeadline) {
        self.connection = connection
        var heads = NIOHTTPDecoderLimitConfiguration()
        heads.maxHeaderFieldSize = limits.maxHeaderBytes
        heads.maxHeaderListSize = limits.maxHeaderBytes
        decoder = HTTPRequestDecoder(limitConfiguration: heads)
        lastByteAt = now
    }

    /// True when the client has sent something that was not used.
    var holdsBytes: Bool { held.readableBytes > 0 }

    // MARK: From the channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        decoder.decoderAdded(context: context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        decoder.decoderRemoved(context: context)
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        isReading = true
        lastByteAt = .now()
        if isDiscarding {
            discardedByteCount += bytes.readableBytes
            return
        }
        if held.readableBytes == 0 {
            held = bytes
        } else {
            held.writeBuffer(&bytes)
        }
        feed()
        keepOnlyWhatIsNeeded()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        connection.readCompleted()
    }

    func read(context: ChannelHandlerContext) {
        if wantsBytes {
            context.read()
        } else {
            isReadWithheld = true
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? ChannelEvent, event == .inputClosed else { return }
        // When the client has gone altogether, the channel says this first and closes in the same
        // turn of the loop: only a client that is still there a turn later has ended its sending.
        context.eventLoop.assumeIsolated().execute {
            self.hasSeenEnd = true
            self.passOnEnd()
        }
    }

    // MARK: From the connection

    /// To be called whenever the connection may be able to take more.
    func resume() {
        guard !isFeeding else { return }
        feed()
        passOnEnd()
        guard isReadWithheld, wantsBytes else { return }
        isReadWithheld = false
        context?.read()
    }

    /// From now on, whatever the client sends is read and thrown away.
    func discardRest() {
        guard !isDiscarding else { return }
        isDiscarding = true
        headStartedAt = nil
        held = ByteBuffer()
        seenByteCount = 0
        resume()
    }

    // MARK: Decoding

    private var wantsBytes: Bool {
        isDiscarding || (connection.wantsInput && held.readableBytes == seenByteCount)
    }

    private func feed() {
        guard !isFeeding, let context else { return }
        isFeeding = true
        defer { isFeeding = false }
        while !isDiscarding, held.readableBytes > seenByteCount, connection.wantsInput {
            let step = max(Self.stepByteCount, connection.bodyByteCountExpected)
            let count = min(held.readableBytes, seenByteCount + step)
            guard var slice = held.getSlice(at: held.readerIndex, length: count) else { return }
            let endsBefore = connection.requestEndCount
            let isInsideLine = slice.readableBytesView.last != UInt8(ascii: "\n")
            let end = slice.endAddress
            do {
                _ = try decoder.decode(context: context, buffer: &slice)
            } catch {
                connection.malformed(error)
                return
            }
            guard !isDiscarding else { return }
            seenByteCount = slice.readableBytes
            held.moveReaderIndex(forwardBy: count - slice.readableBytes)
            let isBehindRequest = isInsideLine && connection.lastBodyEndAddress != end
            noteHead(
                didEndRequest: connection.requestEndCount != endsBefore,
                hasBegunNext: seenByteCount > 0 || isBehindRequest)
        }
    }

    /// The decoder does not tell when it has begun a head: it keeps back the bytes of an unfinished
    /// field, but not those of the method. Heads and chunked bodies end with a line, other bodies
    /// where their last piece ends; anything behind that is a beginning.
    private func noteHead(didEndRequest: Bool, hasBegunNext: Bool) {
        if connection.isInsideBody {
            headStartedAt = nil
        } else if didEndRequest {
            headStartedAt = hasBegunNext ? lastByteAt : nil
        } else if headStartedAt == nil {
            headStartedAt = lastByteAt
        }
    }

    /// The socket's buffer is large and shared with the slices that were handed out; a rest that
    /// waits for long must not keep it alive.
    private func keepOnlyWhatIsNeeded() {
        if held.readableBytes == 0 {
            held = ByteBuffer()
        } else if held.readerIndex > 0 || held.capacity > 2 * held.readableBytes {
            held = ByteBuffer(bytes: held.readableBytesView)
        }
    }

    private func passOnEnd() {
        guard hasSeenEnd, !isFeeding, isDiscarding || held.readableBytes == seenByteCount else {
            return
        }
        hasSeenEnd = false
        connection.inputEnded(insideHead: headStartedAt != nil)
    }
}

extension ByteBuffer {
    /// Where the readable bytes end in memory: only to be compared while the storage is alive.
    var endAddress: UInt {
        withUnsafeReadableBytes { bytes in
            UInt(bitPattern: bytes.baseAddress) + UInt(bytes.count)
        }
    }
}
