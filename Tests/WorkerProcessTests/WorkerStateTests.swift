// What a worker decides, event by event.

import Testing
import WireFormat

@testable import WorkerProcess

@Suite struct WorkerStateTests {
    private static let durable = Ticket(number: 7, attempt: 1)
    private static let other = Ticket(number: 8, attempt: 1)
    private static let direct = Ticket(number: Ticket.directBit | 1, attempt: 1)
    private static let millisecond: UInt64 = 1_000_000

    private func state(places: UInt32 = 2) -> WorkerState {
        WorkerState(
            WorkerState.Configuration(
                instance: 99, slot: 1, generation: 3, pid: 42, places: places,
                drainMilliseconds: 1000))
    }

    private func order(_ ticket: Ticket) -> CallOrder {
        CallOrder(
            ticket: ticket, target: 0, path: "/a.B/C", deadlineMonotonicNanoseconds: 0,
            request: [1])
    }

    /// A worker that the queue has welcomed.
    private func welcomed(places: UInt32 = 2) -> WorkerState {
        var state = state(places: places)
        _ = state.handle(.tick, now: 0)
        _ = state.handle(.connected, now: 0)
        _ = state.handle(.received(.welcome(Welcome())), now: 0)
        return state
    }

    private func end(_ number: UInt64, _ ticket: Ticket, code: Int32 = 0) -> WorkerEvent {
        .ended(
            [
                EndedCall(
                    number: CallNumber(number), outcome: CallOutcome(ticket: ticket, code: code))
            ])
    }

    private func hello(_ state: inout WorkerState, now: UInt64) -> Hello? {
        _ = state.handle(.tick, now: now)
        guard case .send(.hello(let hello))? = state.handle(.connected, now: now).first else {
            return nil
        }
        return hello
    }

    @Test func `it connects, says who it is, and is ready when it is welcomed`() {
        var state = state()
        #expect(state.handle(.tick, now: 0) == [.connect])
        let hello = Hello(instance: 99, slot: 1, generation: 3, pid: 42, places: 2)
        #expect(state.handle(.connected, now: 0) == [.send(.hello(hello))])
        #expect(state.handle(.received(.welcome(Welcome())), now: 0) == [.report(.ready)])
        #expect(state.handle(.tick, now: 0) == [.measure])
    }

    @Test func `it is ready only once, and tells its targets at each welcome`() {
        var state = state()
        let target = TargetState(target: 0, connectivity: .ready, builtAtMilliseconds: 5)
        #expect(state.handle(.target(target), now: 0) == [])
        _ = state.handle(.tick, now: 0)
        _ = state.handle(.connected, now: 0)
        let welcome = WorkerEvent.received(.welcome(Welcome()))
        #expect(
            state.handle(welcome, now: 0) == [.send(.targets([target])), .report(.ready)])
        _ = state.handle(.disconnected, now: 0)
        _ = hello(&state, now: 1_000 * Self.millisecond)
        #expect(state.handle(welcome, now: 0) == [.send(.targets([target]))])
    }

    @Test func `it waits longer after each failure to connect, up to half a second`() {
        var state = state()
        var now: UInt64 = 0
        var waits: [UInt64] = []
        for _ in 0..<8 {
            #expect(state.handle(.tick, now: now) == [.connect])
            _ = state.handle(.disconnected, now: now)
            let next = state.nextNanoseconds ?? 0
            waits.append((next - now) / Self.millisecond)
            now = next
        }
        #expect(waits == [10, 20, 40, 80, 160, 320, 500, 500])
    }

    @Test func `a durable outcome is kept and said again until it is committed`() {
        var state = welcomed()
        #expect(
            state.handle(.received(.jobs([order(Self.durable)])), now: 0)
                == [.start(CallNumber(1), order(Self.durable))])
        let outcome = CallOutcome(ticket: Self.durable, code: 0)
        #expect(
            state.handle(end(1, Self.durable), now: 0) == [.send(.outcomes([outcome]))])
        #expect(state.handle(.disconnected, now: 0) == [])
        #expect(hello(&state, now: 1_000 * Self.millisecond)?.holding == [Self.durable])
        #expect(
            state.handle(.received(.welcome(Welcome())), now: 0)
                == [.send(.outcomes([outcome]))])
        #expect(state.handle(.received(.committed([Self.durable])), now: 0) == [])
        #expect(state.calls.isEmpty)
    }

    @Test func `a commit of a running call is not believed`() {
        var state = welcomed()
        _ = state.handle(.received(.jobs([order(Self.durable)])), now: 0)
        _ = state.handle(.received(.committed([Self.durable])), now: 0)
        #expect(state.inFlight == 1)
    }

    @Test func `a direct call is forgotten with its outcome, and cancelled with its link`() {
        var state = welcomed()
        _ = state.handle(.received(.jobs([order(Self.direct)])), now: 0)
        #expect(state.handle(end(1, Self.direct), now: 0).count == 1)
        #expect(state.calls.isEmpty)
        _ = state.handle(.received(.jobs([order(Self.direct), order(Self.durable)])), now: 0)
        #expect(state.handle(.disconnected, now: 0) == [.cancel(CallNumber(2))])
        #expect(hello(&state, now: 1_000 * Self.millisecond)?.holding == [Self.durable])
        _ = state.handle(.received(.welcome(Welcome())), now: 0)
        // A new queue may use the number again while the old call still ends.
        _ = state.handle(.received(.jobs([order(Self.direct)])), now: 0)
        #expect(state.handle(end(2, Self.direct, code: 1), now: 0) == [])
        #expect(state.handle(end(4, Self.direct), now: 0).count == 1)
    }

    @Test func `what was not started is handed back and forgotten`() {
        var state = welcomed()
        _ = state.handle(.received(.jobs([order(Self.durable)])), now: 0)
        #expect(
            state.handle(.notStarted([CallNumber(1)]), now: 0)
                == [.send(.notStarted([Self.durable]))])
        #expect(state.calls.isEmpty)
    }

    @Test func `more jobs than places, and jobs in a drain, are handed back`() {
        var state = welcomed(places: 1)
        let effects = state.handle(
            .received(.jobs([order(Self.durable), order(Self.other)])), now: 0)
        #expect(effects.last == .send(.notStarted([Self.other])))
        #expect(
            state.handle(.order(.stop(drainMilliseconds: 100)), now: 0)
                == [.report(.draining), .send(.places(0))])
        #expect(
            state.handle(.received(.jobs([order(Self.other)])), now: 0)
                == [.send(.notStarted([Self.other]))])
    }

    @Test func `a drain ends when the last outcome is committed`() {
        var state = welcomed()
        _ = state.handle(.received(.jobs([order(Self.durable)])), now: 0)
        _ = state.handle(.order(.stop(drainMilliseconds: 100)), now: 0)
        _ = state.handle(end(1, Self.durable), now: 0)
        #expect(state.phase != .left)
        #expect(
            state.handle(.received(.committed([Self.durable])), now: 0)
                == [.send(.goodbye), .report(.goodbye), .leave(isCut: false)])
        #expect(state.phase == .left)
    }

    @Test func `an idle worker leaves a drain at once, and without the supervisor as well`() {
        var state = welcomed()
        #expect(
            state.handle(.supervisorGone, now: 0)
                == [
                    .report(.draining), .send(.places(0)), .send(.goodbye), .report(.goodbye),
                    .leave(isCut: false),
                ])
    }

    @Test func `what the drain cuts is told by the goodbye alone, yet named by a hello`() {
        var state = welcomed()
        _ = state.handle(.received(.jobs([order(Self.durable), order(Self.other)])), now: 0)
        _ = state.handle(.order(.stop(drainMilliseconds: 100)), now: 0)
        #expect(
            state.handle(.tick, now: 100 * Self.millisecond)
                == [.measure, .cancel(CallNumber(1)), .cancel(CallNumber(2))])
        #expect(state.handle(end(1, Self.durable, code: 1), now: 0) == [])
        _ = state.handle(.disconnected, now: 101 * Self.millisecond)
        let hello = hello(&state, now: 1_000 * Self.millisecond)
        #expect(hello?.holding == [Self.durable, Self.other])
        #expect(hello?.places == 0)
        _ = state.handle(.received(.welcome(Welcome())), now: 1_000 * Self.millisecond)
        // The other one had its answer before the cancel reached it.
        #expect(state.handle(end(2, Self.other, code: 0), now: 0).count == 1)
        #expect(
            state.handle(.received(.committed([Self.other])), now: 0)
                == [.send(.goodbye), .report(.goodbye), .leave(isCut: true)])
    }

    @Test func `a queue that commits nothing does not hold a cut worker for ever`() {
        var state = welcomed()
        _ = state.handle(.received(.jobs([order(Self.durable)])), now: 0)
        _ = state.handle(end(1, Self.durable), now: 0)
        _ = state.handle(.order(.stop(drainMilliseconds: 100)), now: 0)
        _ = state.handle(.tick, now: 100 * Self.millisecond)
        let effects = state.handle(.tick, now: 1_700 * Self.millisecond)
        #expect(effects.last == .leave(isCut: true))
        #expect(effects.contains(.send(.goodbye)))
    }

    @Test func `a stop at once leaves at once`() {
        var state = welcomed()
        _ = state.handle(.received(.jobs([order(Self.durable)])), now: 0)
        #expect(
            state.handle(.order(.stopNow), now: 0)
                == [.send(.goodbye), .report(.goodbye), .leave(isCut: true)])
    }

    @Test(arguments: [
        LinkMessage.places(3), .goodbye,
        .stats(
            WorkerStats(
                threads: 1, residentBytes: 1, inFlight: 0, jobsDone: 0)),
        .slow(target: 0, untilMonotonicNanoseconds: 1), .welcome(Welcome()),
    ])
    func `what a queue never says closes the link`(message: LinkMessage) {
        var state = welcomed()
        guard case .disconnect? = state.handle(.received(message), now: 0).first else {
            Issue.record("the link was kept")
            return
        }
    }

    @Test func `jobs before the welcome, and another version, close the link`() {
        var state = state()
        _ = state.handle(.tick, now: 0)
        _ = state.handle(.connected, now: 0)
        #expect(
            state.handle(.received(.jobs([order(Self.durable)])), now: 0)
                == [.disconnect(because: "jobs before the welcome")])
        #expect(
            state.handle(.received(.welcome(Welcome(version: 2))), now: 0)
                == [.disconnect(because: "version 2 of the link")])
    }

    @Test func `a job that is held already is not started again`() {
        var state = welcomed()
        _ = state.handle(.received(.jobs([order(Self.durable)])), now: 0)
        let effects = state.handle(.received(.jobs([order(Self.durable)])), now: 0)
        #expect(effects.count == 1)
        #expect(state.inFlight == 1)
    }

    @Test func `a streamed call's messages go to its caller in order, until the link is lost`() {
        var state = welcomed()
        _ = state.handle(.received(.jobs([order(Self.direct)])), now: 0)
        for message in UInt32(0)..<2 {
            let chunk = Chunk(
                ticket: Self.direct, message: message, data: [7], endsMessage: true,
                endsStream: false)
            #expect(
                state.handle(.streamed(CallNumber(1), [7]), now: 0) == [.send(.chunk(chunk))])
        }
        _ = state.handle(.disconnected, now: 0)
        #expect(state.handle(.streamed(CallNumber(1), [7]), now: 0) == [])
    }

    @Test func `a server's metadata go to the caller as a chunk that is no message`() {
        var state = welcomed()
        _ = state.handle(.received(.jobs([order(Self.direct)])), now: 0)
        let fields = [HeaderField(name: "k", value: [7])]
        var chunk = Chunk(
            ticket: Self.direct, message: 0, data: [], endsMessage: false, endsStream: false,
            headers: fields)
        #expect(state.handle(.head(CallNumber(1), fields), now: 0) == [.send(.chunk(chunk))])
        (chunk.data, chunk.endsMessage, chunk.headers) = ([7], true, [])
        #expect(state.handle(.streamed(CallNumber(1), [7]), now: 0) == [.send(.chunk(chunk))])
        _ = state.handle(.disconnected, now: 0)
        #expect(state.handle(.head(CallNumber(1), fields), now: 0) == [])
    }

    @Test func `a window is for a running call, and one that crossed its end is nothing`() {
        var state = welcomed()
        _ = state.handle(.received(.jobs([order(Self.direct)])), now: 0)
        let window = WorkerEvent.received(.window(ticket: Self.direct, bytes: 9))
        #expect(state.handle(window, now: 0) == [.grant(CallNumber(1), bytes: 9)])
        _ = state.handle(end(1, Self.direct), now: 0)
        #expect(state.handle(window, now: 0) == [])
        #expect(
            state.handle(.received(.checkpoint(ticket: Self.direct, data: [])), now: 0).count == 1)
    }

    @Test func `outcomes that are long go in messages of their own`() {
        var state = welcomed(places: 3)
        let tickets = (1...3).map { Ticket(number: UInt64($0), attempt: 1) }
        _ = state.handle(.received(.jobs(tickets.map(order))), now: 0)
        let ended = tickets.enumerated().map { index, ticket in
            EndedCall(
                number: CallNumber(UInt64(index + 1)),
                outcome: CallOutcome(
                    ticket: ticket, code: 0,
                    response: Array(repeating: 0, count: index == 0 ? 100_000 : 10)))
        }
        let sizes = state.handle(.ended(ended), now: 0).map { effect in
            if case .send(.outcomes(let outcomes)) = effect { outcomes.count } else { 0 }
        }
        #expect(sizes == [1, 2])
    }
}
