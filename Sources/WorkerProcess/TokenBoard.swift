// Where the token thread leaves what calls may use, and the loop finds it. Each side holds the lock
// for a copy only, so neither ever waits for a network or a disk of the other's.

import Credentials
import GRPCClient
import Synchronization
import TokenExchange

/// What the calls of one target carry.
struct CallToken: Equatable, Sendable {
    let standing: TokenStanding
    /// Made once, for all calls; empty where there is no token.
    let fields: [MetadataField]

    /// - Parameter quotaProject: "" is none.
    init(standing: TokenStanding, quotaProject: String = "") {
        self.standing = standing
        guard let token = standing.token else {
            fields = []
            return
        }
        fields = TokenSource.metadata(token, quotaProject: quotaProject)
            .map { MetadataField($0.name, $0.value) }
    }
}

final class TokenBoard: Sendable {
    private let news = Mutex<[Int: CallToken]>([:])
    private let waker: Waker

    init(waker: Waker) {
        self.waker = waker
    }

    func publish(_ token: CallToken, ofTarget target: Int) {
        news.withLock { $0[target] = token }
        waker.wake()
    }

    /// What is new, by target.
    func take() -> [Int: CallToken] {
        news.withLock { news in
            defer { news.removeAll() }
            return news
        }
    }
}
