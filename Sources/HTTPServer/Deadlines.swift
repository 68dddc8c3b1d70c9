// Everything that a client can keep us waiting for, and what is done about it.
//
// One sweep over all connections, some times a second while there are any, in the place of a timer
// for each: it costs microseconds, and a connection no memory.

import NIOCore

extension Connection {
    /// Called by the server's sweep.
    func check(now: NIODeadline) {
        switch phase {
        case .closed: return
        case .lingering(let until):
            if now >= until { close() }
        case .ending:
            closeIfStalled(now)
        case .open:
            closeIfStalled(now)
            checkInput(now)
        }
    }

    private func checkInput(_ now: NIODeadline) {
        guard phase == .open else { return }
        if let current {
            checkBody(of: current, now)
        } else if let start = headStartedAt {
            // While an earlier request was being answered, we did not read this one's rest.
            guard now - max(start, idleSince) >= server.limits.headTimeout else { return }
            refuse(
                ConnectError(
                    .deadlineExceeded, "the request's head was not whole in time", status: 408))
        } else if !writing.isUnconfirmed, now - max(idleSince, lastByteAt) >= idleTime {
            close()
        }
    }

    /// A connection beyond the limit is given just the time to send a head.
    private var idleTime: TimeAmount {
        admission == .refused ? server.limits.headTimeout : server.limits.idleTimeout
    }

    private func checkBody(of exchange: Exchange, _ now: NIODeadline) {
        guard exchange.awaitsBodyInTime, wantsInput,
            now - max(exchange.receivedAt, lastByteAt) >= server.limits.bodyStallTimeout
        else { return }
        if exchange.isEnded {
            close()
            return
        }
        exchange.mustClose()
        exchange.respond(
            ConnectError(.deadlineExceeded, "the request's body was not whole in time", status: 408)
        )
    }

    private func closeIfStalled(_ now: NIODeadline) {
        guard writing.isUnconfirmed, let channel = context?.channel else { return }
        let buffered = try? channel.syncOptions?.getOption(.bufferedWritableBytes)
        let isStalled = writing.isStalled(
            bufferedByteCount: buffered ?? 0, now: now, after: server.limits.writeStallTimeout)
        if isStalled { close() }
    }
}

/// Whether the client takes what is sent.
///
///     confirmed ── wrote ──► unconfirmed ── nothing buffered ──► confirmed
///                                │ bytes left since the last look: the clock starts anew
///                                └ none for the whole time: stalled
struct WriteProgress {
    /// Something was written that has not been seen to leave.
    private(set) var isUnconfirmed = false
    private var writtenByteCount: UInt64 = 0
    private var takenByteCount: UInt64 = 0
    private var movedAt: NIODeadline?

    mutating func wrote(_ byteCount: Int) {
        isUnconfirmed = true
        writtenByteCount &+= UInt64(byteCount)
    }

    /// - Parameter bufferedByteCount: what waits for the client now.
    mutating func isStalled(
        bufferedByteCount: Int, now: NIODeadline, after limit: TimeAmount
    ) -> Bool {
        if bufferedByteCount == 0 {
            isUnconfirmed = false
            movedAt = nil
            return false
        }
        let taken = writtenByteCount &- UInt64(bufferedByteCount)
        guard let movedAt, taken == takenByteCount else {
            takenByteCount = taken
            self.movedAt = now
            return false
        }
        return now - movedAt >= limit
    }
}
