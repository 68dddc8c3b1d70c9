// What a connection sends, and how it ends without losing any of it.
//
// A kernel that closes a socket with unread input throws away what the other side has not yet
// taken. So the end is: write everything, shut the sending side, read on until the client closes
// too (or for a moment), and only then close.

import NIOCore

extension Connection {
    // MARK: Writing

    func send(_ bytes: ByteBuffer) {
        guard let context, phase == .open else { return }
        writing.wrote(bytes.readableBytes)
        context.write(wrapOutboundOut(bytes), promise: nil)
        flushSoon()
    }

    private func flushSoon() {
        guard !isFlushPending else { return }
        isFlushPending = true
        if !(reader?.isReading ?? false) { server.flushSoon(self) }
    }

    func flushNow() {
        isFlushPending = false
        context?.flush()
    }

    // MARK: The end

    /// Answers what is no exchange, and ends the connection.
    func refuse(_ error: ConnectError, isHead: Bool = false) {
        guard phase == .open else { return }
        server.countUnrouted(error.code)
        send(server.render(error, withoutBody: isHead))
        end()
    }

    /// Sends what was written, and then closes in the way that loses nothing.
    func end() {
        guard phase == .open, let context else { return }
        phase = .ending
        waiting = []
        waitingStart = 0
        reader?.discardRest()
        isFlushPending = false
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { _ in self.everythingSent() }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: promise)
    }

    private func everythingSent() {
        guard phase == .ending, let context else { return }
        if hasInputEnded {
            close()
            return
        }
        phase = .lingering(until: .now() + Self.lingerTime)
        context.close(mode: .output, promise: nil)
    }

    /// Closes at once; what was not yet sent is lost.
    func close() {
        guard phase != .closed else { return }
        context?.close(promise: nil)
    }

    /// True between requests, with nothing begun and nothing left to send.
    var isIdle: Bool { phase == .open && current == nil && headStartedAt == nil }
}
