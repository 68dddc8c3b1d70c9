// The life of a token by the clock: renewed in time, kept while renewals fail, never after its end.

import SeededRandom
import Testing

@testable import Credentials

@Suite struct TokenMachineTests {
    private func at(_ milliseconds: UInt64) -> TokenMoment {
        TokenMoment(
            monotonicNanoseconds: milliseconds * 1_000_000,
            wallMilliseconds: Int64(milliseconds) + 5_000_000)
    }

    private func token(_ text: String, seconds: Int64? = 3_600) -> GivenToken {
        GivenToken(text: Secret(text), lifetimeMilliseconds: seconds.map { $0 * 1000 })
    }

    private func standing(_ text: String) -> TokenEffect {
        .publish(TokenStanding(token: Secret(text), reason: ""))
    }

    /// A machine with a token of an hour, fetched at 0.
    private func running(random: UInt64 = 0, seconds: Int64? = 3_600) -> TokenMachine {
        var machine = TokenMachine()
        #expect(machine.handle(.start, now: at(0), random: random) == [.fetch])
        let effects = machine.handle(
            .fetched(token("one", seconds: seconds), at: at(0)), now: at(10), random: random)
        #expect(effects == [standing("one")])
        return machine
    }

    @Test(arguments: [0, 149_999, 150_000, 7_000_000_000_001])
    func `a token is renewed minutes before its end, each worker at a moment of its own`(
        random: UInt64
    ) {
        var machine = running(random: random)
        let due = (machine.nextNanoseconds ?? 0) / 1_000_000
        #expect(3_150_000...3_300_000 ~= due)
        #expect(machine.handle(.tick, now: at(due - 1), random: 0) == [])
        #expect(machine.handle(.tick, now: at(due), random: 0) == [.fetch])
        #expect(machine.handle(.tick, now: at(due + 1), random: 0) == [])
        let effects = machine.handle(
            .fetched(token("two"), at: at(due)), now: at(due + 5), random: 0)
        #expect(effects == [standing("two")])
    }

    @Test func `while it cannot be renewed the old one counts, until it ends`() {
        var machine = running()
        var time = (machine.nextNanoseconds ?? 0) / 1_000_000
        var warnings = 0
        var ended: UInt64?
        while ended == nil, time < 4_000_000 {
            for effect in machine.handle(.tick, now: at(time), random: 3) {
                switch effect {
                case .fetch:
                    let more = machine.handle(
                        .failed(TokenFailure("down")), now: at(time), random: 3)
                    warnings += more.filter { $0 == .warn("down") }.count
                case .publish(let standing):
                    #expect(standing == TokenStanding(token: nil, reason: "down"))
                    ended = time
                case .warn: Issue.record("a warning by the clock")
                }
            }
            time = max(time + 1, (machine.nextNanoseconds ?? 0) / 1_000_000)
        }
        #expect(ended == 3_595_000)
        #expect(warnings == 1)
    }

    @Test func `failures are further and further apart, at most a minute`() {
        var machine = TokenMachine()
        _ = machine.handle(.start, now: at(0), random: 0)
        var now: UInt64 = 0
        var waits: [UInt64] = []
        for _ in 0..<10 {
            _ = machine.handle(.failed(TokenFailure("x")), now: at(now), random: .max)
            let next = (machine.nextNanoseconds ?? 0) / 1_000_000
            waits.append(next - now)
            now = next
            #expect(machine.handle(.tick, now: at(now), random: 0).contains(.fetch))
        }
        #expect(waits.allSatisfy { 500...60_000 ~= $0 })
        #expect(zip(waits, waits.dropFirst()).prefix(4).allSatisfy { $0 < $1 })
    }

    @Test func `a cause is told once, another cause again`() {
        var machine = TokenMachine()
        _ = machine.handle(.start, now: at(0), random: 0)
        let none = TokenEffect.publish(TokenStanding(token: nil, reason: "a"))
        #expect(
            machine.handle(.failed(TokenFailure("a")), now: at(0), random: 0) == [.warn("a"), none])
        _ = machine.handle(.tick, now: at(2_000), random: 0)
        #expect(machine.handle(.failed(TokenFailure("a")), now: at(2_000), random: 0) == [])
        _ = machine.handle(.tick, now: at(9_000), random: 0)
        #expect(
            machine.handle(.failed(TokenFailure("b")), now: at(9_000), random: 0).first
                == .warn("b"))
    }

    @Test func `a wall clock that was set ends the token and has it fetched anew`() {
        var machine = running()
        var now = at(20_000)
        now.wallMilliseconds += 7_200_000
        #expect(machine.handle(.tick, now: now, random: 0) == [.fetch, .publish(.none)])
    }

    @Test func `a source that changes is read at once, and again if it did so meanwhile`() {
        var machine = running()
        #expect(machine.handle(.sourceChanged, now: at(50), random: 0) == [.fetch])
        #expect(machine.handle(.sourceChanged, now: at(60), random: 0) == [])
        let effects = machine.handle(
            .fetched(token("two"), at: at(50)), now: at(70), random: 0)
        #expect(effects == [.fetch, standing("two")])
    }

    @Test func `a token without an end is kept for moments when its file is gone`() {
        var machine = running(seconds: nil)
        #expect(machine.nextNanoseconds == nil)
        _ = machine.handle(.sourceChanged, now: at(100), random: 0)
        #expect(machine.handle(.failed(TokenFailure("gone")), now: at(100), random: 0).count == 1)
        let effects = machine.handle(.tick, now: at(10_100), random: 0)
        #expect(effects.contains(.publish(TokenStanding(token: nil, reason: "gone"))))
    }

    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func `whatever happens, no ended token is offered and fetches do not overlap`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var machine = TokenMachine()
        var now: UInt64 = 0
        var underWay = false
        var ends: [String: UInt64] = [:]
        var offered: String?
        var serial = 0
        for step in 0..<200 {
            now += UInt64.random(in: 0...400_000, using: &random)
            var event = TokenEvent.tick
            switch Int.random(in: 0...5, using: &random) {
            case _ where step == 0: event = .start
            case 0: event = .sourceChanged
            case 1,
                2 where underWay:
                serial += 1
                let life = Int64.random(in: 1...7_200, using: &random)
                ends["t\(serial)"] = now + UInt64(life) * 1_000
                event = .fetched(token("t\(serial)", seconds: life), at: at(now))
            case 3 where underWay: event = .failed(TokenFailure("f"))
            case _: break
            }
            switch event {
            case .fetched, .failed: underWay = false
            case .start, .tick, .sourceChanged: break
            }
            for effect in machine.handle(event, now: at(now), random: random.next()) {
                switch effect {
                case .fetch:
                    #expect(!underWay)
                    underWay = true
                case .publish(let standing):
                    offered = standing.token?.text
                    #expect((offered == nil) == !standing.reason.isEmpty)
                case .warn: break
                }
            }
            if event == .tick, let offered { #expect((ends[offered] ?? 0) > now) }
        }
    }
}
