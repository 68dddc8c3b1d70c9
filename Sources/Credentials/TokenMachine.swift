// Keeps one target's token: fetches the first, renews it well before it ends, backs off when that
// fails, and keeps the old one until its last seconds. A value: clock and randomness come in.
//
//     empty ── start ──▶ fetching ── fetched ──▶ waiting until it must be renewed ─┐
//                           ▲  └─ failed ──▶ waiting in back-off ──────────────────┤
//                           └───────────── tick, when due; the source changed ─────┘

/// Both clocks: the monotonic one stands still while the machine sleeps, the wall's may be set. A
/// token has ended when either says so.
package struct TokenMoment: Equatable, Sendable {
    package var monotonicNanoseconds: UInt64
    package var wallMilliseconds: Int64

    package init(monotonicNanoseconds: UInt64, wallMilliseconds: Int64) {
        self.monotonicNanoseconds = monotonicNanoseconds
        self.wallMilliseconds = wallMilliseconds
    }
}

package enum TokenEvent: Equatable, Sendable {
    case start
    case tick
    /// `at`: when it was asked for, which its life counts from.
    case fetched(GivenToken, at: TokenMoment)
    case failed(TokenFailure)
    /// The file that it comes from is another.
    case sourceChanged
}

package enum TokenEffect: Equatable, Sendable {
    /// Fetch one; the answer is `fetched` or `failed`.
    case fetch
    /// What calls may use from now on.
    case publish(TokenStanding)
    /// For the log, once for each cause.
    case warn(String)
}

/// What a target's calls may use.
package struct TokenStanding: Equatable, Sendable {
    package var token: Secret?
    /// Why there is none; "" where there is one.
    package var reason: String

    package init(token: Secret?, reason: String) {
        self.token = token
        self.reason = reason
    }

    package static let none = TokenStanding(token: nil, reason: "its token is being fetched")
}

package struct TokenMachine: Equatable, Sendable {
    enum Phase: Equatable, Sendable {
        case empty
        case fetching
        case waiting(untilNanoseconds: UInt64)
    }

    private struct Life: Equatable, Sendable {
        var token: Secret
        /// Nil: it has no end that anybody knows.
        var endNanoseconds: UInt64?
        var endWallMilliseconds: Int64?
    }

    /// Renewed this long before its end, or a fifth of its life if that is less: Google's clients
    /// take 3:45, and the metadata server gives a new token in a token's last five minutes.
    static let renewMilliseconds: UInt64 = 300_000
    static let backOffMilliseconds: UInt64 = 1_000
    static let backOffMillisecondsMax: UInt64 = 60_000
    /// A token whose source is gone counts this much longer: a file may be in the making.
    static let graceMilliseconds: UInt64 = 10_000
    /// A token is not used in its last seconds, or its last twentieth if that is less: a call takes
    /// its time to arrive, and clocks differ.
    static let lastMilliseconds: UInt64 = 5_000

    private(set) var phase = Phase.empty
    private var life: Life?
    private var failures = 0
    private var reason = ""
    /// The source changed while a token was being fetched from the old one.
    private var isStale = false
    private var published = TokenStanding.none
    private var effects: [TokenEffect] = []

    package init() {}

    package mutating func handle(
        _ event: TokenEvent, now: TokenMoment, random: UInt64
    ) -> [TokenEffect] {
        switch event {
        case .start: if phase == .empty { fetch() }
        case .tick: pass(now)
        case .fetched(let token, let moment): take(token, since: moment, now, random)
        case .failed(let failure): fail(failure, now, random)
        case .sourceChanged: renew()
        }
        publish()
        defer { effects = [] }
        return effects
    }

    /// When `tick` is due by the monotonic clock; nil: only another event changes something. A wall
    /// clock that was set is noticed at any tick.
    package var nextNanoseconds: UInt64? {
        var next: UInt64?
        if case .waiting(let until) = phase, until != .max { next = until }
        if let end = life?.endNanoseconds { next = min(next ?? end, end) }
        return next
    }

    private mutating func fetch() {
        phase = .fetching
        effects.append(.fetch)
    }

    private mutating func renew() {
        failures = 0
        if phase == .fetching { isStale = true } else { fetch() }
    }

    private mutating func pass(_ now: TokenMoment) {
        if let life, Self.hasEnded(life, now) {
            self.life = nil
            if case .waiting = phase, failures == 0 { fetch() }
        }
        if case .waiting(let until) = phase, until <= now.monotonicNanoseconds { fetch() }
    }

    private static func hasEnded(_ life: Life, _ now: TokenMoment) -> Bool {
        if let end = life.endNanoseconds, end <= now.monotonicNanoseconds { return true }
        if let end = life.endWallMilliseconds, end <= now.wallMilliseconds { return true }
        return false
    }

    private mutating func take(
        _ token: GivenToken, since moment: TokenMoment, _ now: TokenMoment, _ random: UInt64
    ) {
        guard phase == .fetching else { return }
        failures = 0
        reason = ""
        guard let milliseconds = token.lifetimeMilliseconds.map({ UInt64(max(0, $0)) }) else {
            life = Life(token: token.text)
            phase = .waiting(untilNanoseconds: .max)
            return again()
        }
        let start = moment.monotonicNanoseconds
        let usable = milliseconds - min(Self.lastMilliseconds, milliseconds / 20)
        life = Life(
            token: token.text, endNanoseconds: start + usable * 1_000_000,
            endWallMilliseconds: moment.wallMilliseconds + Int64(usable))
        let margin = min(Self.renewMilliseconds, milliseconds / 5)
        // Workers that started together do not all ask together.
        let early = margin + random % (margin / 2 + 1)
        let due = start + (milliseconds - min(early, milliseconds)) * 1_000_000
        // Never in a circle, however short its life: at least a back-off apart.
        let least = now.monotonicNanoseconds + Self.backOffMilliseconds * 1_000_000 / 2
        phase = .waiting(untilNanoseconds: max(due, least))
        again()
    }

    private mutating func again() {
        guard isStale else { return }
        isStale = false
        fetch()
    }

    private mutating func fail(_ failure: TokenFailure, _ now: TokenMoment, _ random: UInt64) {
        guard phase == .fetching else { return }
        if failure.reason != reason {
            effects.append(.warn(failure.reason))
        }
        reason = failure.reason
        let doubled = Self.backOffMilliseconds << UInt64(min(failures, 6))
        let longest = min(doubled, Self.backOffMillisecondsMax)
        // Between half of it and all of it.
        let wait = longest / 2 + random % (longest / 2 + 1)
        failures += 1
        phase = .waiting(untilNanoseconds: now.monotonicNanoseconds + wait * 1_000_000)
        if life != nil, life?.endNanoseconds == nil {
            life?.endNanoseconds =
                now.monotonicNanoseconds + Self.graceMilliseconds * 1_000_000
        }
        again()
    }

    private mutating func publish() {
        let none = reason.isEmpty ? TokenStanding.none.reason : reason
        let standing = TokenStanding(token: life?.token, reason: life == nil ? none : "")
        guard standing != published else { return }
        published = standing
        effects.append(.publish(standing))
    }
}
