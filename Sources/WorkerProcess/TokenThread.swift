// Keeps the tokens of all targets: one thread that reads files, signs and watches the clock, and a
// short-lived one for each exchange over a network, so that a token endpoint that hangs holds up no
// other target and never the loop. What to do when is TokenMachine's decision.
//
//     token thread ── file, signature ───────────▶ machine ──▶ board ── wake ──▶ loop
//          ▲  └────── exchange thread ── https ──┐
//          └────────── results, poke ◀───────────┘

import Credentials
import Glibc
import Kernel
import Ops
import Settings
import Synchronization
import TokenExchange

final class TokenThread: Sendable {
    /// What one target's token is made of.
    private struct Seat {
        let target: Int
        let name: String
        var source: TokenSource
        var machine = TokenMachine()
    }

    private struct Result: Sendable {
        let seat: Int
        let event: TokenEvent
    }

    private let board: TokenBoard
    private let log: Log
    private let results = Mutex<[Result]>([])
    private let pokes: SelfPipe

    /// Files are looked at this often, as is a wall clock that was set.
    private static let lookMilliseconds: UInt64 = 1_000

    private init(board: TokenBoard, log: Log) throws(SystemError) {
        self.board = board
        self.log = log
        pokes = try SelfPipe()
    }

    /// Starts it if a target needs tokens.
    static func start(
        _ settings: Settings, board: TokenBoard, log: Log
    ) throws(SystemError) {
        let targets = settings.targets
        guard targets.contains(where: { $0.credentials.hasToken }) else { return }
        let thread = try TokenThread(board: board, log: log)
        NamedThread.start(named: "prong-token") { thread.serve(targets) }
    }

    private func serve(_ targets: [Settings.Target]) {
        var random = RandomPool()
        var seats: [Seat] = []
        for (index, target) in targets.enumerated() where target.credentials.hasToken {
            seats.append(Seat(target: index, name: target.name, source: TokenSource(target)))
        }
        for index in seats.indices { handle(.start, index, &seats, &random) }
        while true {
            wait(until: seats.compactMap(\.machine.nextNanoseconds).min())
            for result in takeResults() { handle(result.event, result.seat, &seats, &random) }
            for index in seats.indices {
                let hasChanged = seats[index].source.stamps.contains { FileStamp(path: $0) != $1 }
                handle(hasChanged ? .sourceChanged : .tick, index, &seats, &random)
            }
        }
    }

    private func wait(until due: UInt64?) {
        let now = Clock.monotonicNanoseconds()
        let end = min(due ?? .max, now + Self.lookMilliseconds * 1_000_000)
        var wait = pollfd(fd: pokes.descriptor, events: Int16(POLLIN), revents: 0)
        let milliseconds = end > now ? (end - now + 999_999) / 1_000_000 : 0
        guard poll(&wait, 1, CInt(clamping: milliseconds)) > 0 else { return }
        pokes.drain()
    }

    private func takeResults() -> [Result] {
        results.withLock { results in
            defer { results.removeAll() }
            return results
        }
    }

    private func handle(
        _ event: TokenEvent, _ index: Int, _ seats: inout [Seat], _ random: inout RandomPool
    ) {
        var events = [event]
        while !events.isEmpty {
            let effects = seats[index].machine.handle(
                events.removeFirst(), now: Self.moment(), random: random.next())
            for effect in effects {
                switch effect {
                case .fetch:
                    if let end = fetch(index, &seats[index]) { events.append(end) }
                case .publish(let standing): publish(standing, seats[index])
                case .warn(let reason): warn(reason, seats[index])
                }
            }
        }
    }

    private func publish(_ standing: TokenStanding, _ seat: Seat) {
        board.publish(
            CallToken(standing: standing, quotaProject: seat.source.quotaProject),
            ofTarget: seat.target)
    }

    private func warn(_ reason: String, _ seat: Seat) {
        let name = seat.name
        log.warning(
            "target \(name) gets no new token: \(reason); its calls use the present one until it"
                + " ends, its jobs wait where there is none, and prong tries again by itself",
            cause: "token \(name)")
    }

    private static func moment() -> TokenMoment {
        TokenMoment(
            monotonicNanoseconds: Clock.monotonicNanoseconds(),
            wallMilliseconds: Int64(Clock.wallMilliseconds()))
    }

    // MARK: one token

    /// The end of the fetch; nil where an exchange was begun, whose end comes by `results`.
    private func fetch(_ index: Int, _ seat: inout Seat) -> TokenEvent? {
        let moment = Self.moment()
        do throws(TokenFailure) {
            switch try seat.source.prepare(environment: ProcessEnvironment.value(of:)) {
            case .token(let given): return .fetched(given, at: moment)
            case .exchange(let plan, let fetch):
                guard exchange(index, plan, fetch, at: moment) else {
                    throw TokenFailure("the system gives no thread to ask for it")
                }
                return nil
            }
        } catch {
            return .failed(error)
        }
    }

    /// Begins an exchange on a thread of its own; false where there is none to be had.
    private func exchange(
        _ index: Int, _ plan: TokenPlan, _ fetch: TokenFetch, at moment: TokenMoment
    ) -> Bool {
        NamedThread.startIfPossible(named: "prong-exchange") { [self] in
            let event: TokenEvent
            do throws(TokenFailure) {
                event = .fetched(try fetch.token(plan), at: moment)
            } catch {
                event = .failed(error)
            }
            results.withLock { $0.append(Result(seat: index, event: event)) }
            pokes.poke()
        }
    }
}
