// Random link messages, and one small example of each whose bytes the tests hold fast.

import SeededRandom
import WireFormat

extension SeededRandom {
    /// Any number, the ends of its range more often than chance has it.
    mutating func number<Number: FixedWidthInteger>(_ type: Number.Type = Number.self) -> Number {
        switch index(5) {
        case 0: 0
        case 1: .max
        case 2: .min
        case 3: Number(truncatingIfNeeded: next() & 0xff)
        default: Number(truncatingIfNeeded: next())
        }
    }

    mutating func data() -> [UInt8] {
        let sizes = [0, 1, 5, 127, 128, 200, 20_000]
        let size = sizes[index(index(20) == 0 ? 7 : 6)]
        return (0..<size).map { _ in UInt8(truncatingIfNeeded: next()) }
    }

    mutating func text() -> String {
        let letters = Array("abcXYZ09-_.% äß漢🦊\u{0}\n")
        let size = index(index(10) == 0 ? 200 : 12)
        return String((0..<size).map { _ in letters[index(letters.count)] })
    }

    mutating func list<Element>(_ make: (inout SeededRandom) -> Element) -> [Element] {
        (0..<index(4)).map { _ in make(&self) }
    }

    mutating func ticket() -> Ticket { Ticket(number: number(), attempt: number()) }

    mutating func header() -> HeaderField { HeaderField(name: text(), value: data()) }
}

enum LinkSample {
    static func message(_ kind: LinkMessage.Kind, _ random: inout SeededRandom) -> LinkMessage {
        switch kind {
        case .hello: .hello(hello(&random))
        case .places: .places(random.number())
        case .targets: .targets(random.list(target))
        case .outcomes: .outcomes(random.list(outcome))
        case .notStarted: .notStarted(random.list { $0.ticket() })
        case .stats:
            .stats(
                WorkerStats(
                    threads: random.number(), residentBytes: random.number(),
                    inFlight: random.number(), jobsDone: random.number()))
        case .goodbye: .goodbye
        case .welcome: .welcome(Welcome(version: random.number()))
        case .jobs: .jobs(random.list(order))
        case .committed: .committed(random.list { $0.ticket() })
        case .cancel: .cancel(random.list { $0.ticket() })
        case .chunk:
            .chunk(
                Chunk(
                    ticket: random.ticket(), message: random.number(), data: random.data(),
                    endsMessage: random.index(2) == 0, endsStream: random.index(2) == 0,
                    headers: random.list { $0.header() }))
        case .window: .window(ticket: random.ticket(), bytes: random.number())
        case .checkpoint: .checkpoint(ticket: random.ticket(), data: random.data())
        case .slow: .slow(target: random.number(), untilMonotonicNanoseconds: random.number())
        }
    }

    static let kinds: [LinkMessage.Kind] = (UInt8.min...UInt8.max).compactMap {
        LinkMessage.Kind(rawValue: $0)
    }

    private static func hello(_ random: inout SeededRandom) -> Hello {
        Hello(
            version: random.number(), instance: random.number(), slot: random.number(),
            generation: random.number(), pid: random.number(), settingsGeneration: random.number(),
            places: random.number(), holding: random.list { $0.ticket() })
    }

    private static func target(_ random: inout SeededRandom) -> TargetState {
        TargetState(
            target: random.number(),
            connectivity: Connectivity(rawValue: UInt8(random.index(5))) ?? .idle,
            builtAtMilliseconds: random.number(), reason: random.text())
    }

    private static func order(_ random: inout SeededRandom) -> CallOrder {
        CallOrder(
            ticket: random.ticket(), target: random.number(), path: random.text(),
            deadlineMonotonicNanoseconds: random.number(), metadata: random.list { $0.header() },
            request: random.data(), extent: random.index(2) == 0 ? nil : extent(&random))
    }

    private static func extent(_ random: inout SeededRandom) -> CallExtent {
        CallExtent(
            clientStreams: random.index(2) == 0, serverStreams: random.index(2) == 0,
            requests: random.list { $0.data() },
            window: random.index(2) == 0 ? nil : random.number(),
            pages: random.index(2) == 0
                ? nil
                : PageOrder(
                    requestToken: random.number(), responseToken: random.number(),
                    timeoutNanoseconds: random.number(),
                    retry: random.index(2) == 0
                        ? nil
                        : PageRetry(
                            attempts: random.number(), initialMilliseconds: random.number(),
                            maxMilliseconds: random.number(),
                            multiplierThousandths: random.number(), codes: random.number(),
                            totalMilliseconds: random.number(),
                            isSpreadWide: random.index(2) == 0)))
    }

    private static func outcome(_ random: inout SeededRandom) -> CallOutcome {
        CallOutcome(
            ticket: random.ticket(), code: Int32(random.index(17)), message: random.text(),
            statusDetails: random.data(), response: random.data(),
            headers: random.list { $0.header() }, trailers: random.list { $0.header() },
            peer: random.text(), startedAtMilliseconds: random.number(),
            durationNanoseconds: random.number(),
            pushbackMilliseconds: random.index(2) == 0 ? nil : random.number(),
            responses: random.index(2) == 0 ? nil : random.list { $0.data() },
            isMadeByProng: random.index(2) == 0)
    }
}
