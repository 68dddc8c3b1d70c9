// The end of serving: whoever still waits is told, what was written leaves, and only then may the
// process go. It must never wait for a client longer than it was told to.

package import NIOCore

extension Server {
    /// How often it is looked whether everything has left.
    private static let lookTime = TimeAmount.milliseconds(5)

    /// Answers every request that is not answered yet with `error`, ends the responses that are
    /// under way where they are, so that their readers see that they are not whole, and calls
    /// `then` once all that was written has left. A client that does not read is waited for no
    /// longer than `patience`.
    package func finish(
        answering error: ConnectError, patience: TimeAmount, then: @escaping () -> Void
    ) {
        drain()
        for connection in connections { connection.finish(answering: error) }
        endOnceSent(until: .now() + patience, then)
    }

    private func endOnceSent(until limit: NIODeadline, _ then: @escaping () -> Void) {
        if connections.allSatisfy(\.isSent) || NIODeadline.now() >= limit { return then() }
        eventLoop.assumeIsolated().scheduleTask(in: Self.lookTime) {
            self.endOnceSent(until: limit, then)
        }
    }
}

extension Connection {
    fileprivate func finish(answering error: ConnectError) {
        current?.respond(error)
        end()
    }

    /// Nothing waits for the client to read it.
    fileprivate var isSent: Bool {
        switch phase {
        case .open, .ending: false
        case .lingering, .closed: true
        }
    }
}
