// A whole worker between a queue, a supervisor and a gRPC server that the test plays.

import Foundation
import Kernel
import Synchronization
import Testing
import WireFormat

@testable import WorkerProcess

@Suite(.serialized) struct WorkerTests {
    private static let direct = Ticket(number: Ticket.directBit | 5, attempt: 1)

    private func order(
        _ ticket: Ticket, _ method: String, _ request: [UInt8] = [1], target: UInt32 = 0,
        deadline: UInt64 = 0, metadata: [HeaderField] = []
    ) -> CallOrder {
        CallOrder(
            ticket: ticket, target: target, path: "/test.Service/\(method)",
            deadlineMonotonicNanoseconds: deadline, metadata: metadata, request: request)
    }

    private func run(
        drainMilliseconds: Int64 = 2_000, servesTarget: Bool = true,
        _ body: (WorkerHarness) throws -> Void
    ) throws {
        let harness = try WorkerHarness(
            drainMilliseconds: drainMilliseconds, servesTarget: servesTarget)
        defer { harness.end() }
        try body(harness)
    }

    @Test func `a worker says who it is, is ready, calls, and drains`() throws {
        try run { harness in
            let hello = try harness.welcome()
            #expect(hello.instance == 77)
            #expect(hello.slot == 1)
            #expect(hello.generation == 2)
            #expect(hello.places == 8)
            #expect(hello.holding == [])
            try harness.report("ready") { $0 == .ready }
            try harness.waitForReadyTarget()
            let ticket = Ticket(number: 3, attempt: 2)
            let own = HeaderField(name: "x-own", value: Array("me".utf8))
            harness.say(.jobs([order(ticket, "Echo", [1, 2, 3], metadata: [own])]))
            let outcome = try harness.outcome()
            #expect(outcome.ticket == ticket)
            #expect(outcome.code == 0)
            #expect(outcome.response == [1, 2, 3])
            #expect(outcome.headers.contains(own))
            #expect(outcome.headers.contains(HeaderField(name: "x-team", value: Array("web".utf8))))
            #expect(outcome.durationNanoseconds > 0)
            #expect(outcome.startedAtMilliseconds > 0)
            #expect(outcome.peer.hasPrefix("unix:"))
            try harness.report("a heartbeat") { report in
                if case .heartbeat(let beat) = report { beat.jobsDone == 1 } else { false }
            }
            harness.order(.stop(drainMilliseconds: 10_000))
            try harness.next("no places") { $0 == .places(0) ? true : nil }
            harness.say(.committed([ticket]))
            try harness.next("a goodbye") { $0 == .goodbye ? true : nil }
            try harness.report("a goodbye") { $0 == .goodbye }
            #expect(try harness.waitForExit() == 0)
        }
    }

    @Test func `status, details and pushback reach the outcome`() throws {
        try run { harness in
            _ = try harness.welcome()
            try harness.waitForReadyTarget()
            harness.say(.jobs([order(Self.direct, "Fail")]))
            let outcome = try harness.outcome()
            #expect(outcome.code == 11)
            #expect(outcome.message == "too far")
            #expect(outcome.statusDetails == [8, 11])
            #expect(!outcome.isMadeByProng)
            #expect(outcome.pushbackMilliseconds == 30)
        }
    }

    @Test func `a call that gRPC cannot carry ends as invalid, and the worker goes on`() throws {
        try run { harness in
            _ = try harness.welcome()
            try harness.waitForReadyTarget()
            let bad = HeaderField(name: "grpc-x", value: [])
            harness.say(.jobs([order(Self.direct, "Echo", metadata: [bad])]))
            let refused = try harness.outcome()
            #expect(refused.code == 3)
            #expect(refused.isMadeByProng)
            harness.say(.jobs([order(Self.direct, "Echo")]))
            #expect(try harness.outcome().code == 0)
        }
    }

    @Test func `a call to a target that is down was never started`() throws {
        try run(servesTarget: false) { harness in
            _ = try harness.welcome()
            let ticket = Ticket(number: 3, attempt: 1)
            harness.say(.jobs([order(ticket, "Echo"), order(Self.direct, "Echo")]))
            try harness.next("both handed back") {
                $0 == .notStarted([ticket, Self.direct]) ? true : nil
            }
            harness.say(.jobs([order(ticket, "Echo", target: 9)]))
            try harness.next("an unknown target") { $0 == .notStarted([ticket]) ? true : nil }
            try harness.target.start()
            try harness.waitForReadyTarget()
            harness.say(.jobs([order(ticket, "Echo")]))
            #expect(try harness.outcome().code == 0)
        }
    }

    @Test func `a lost queue cancels direct calls, keeps durable ones and hears of them again`()
        throws
    {
        try run { harness in
            _ = try harness.welcome()
            try harness.waitForReadyTarget()
            let echo = Ticket(number: 3, attempt: 1)
            let wait = Ticket(number: 4, attempt: 1)
            harness.say(.jobs([order(wait, "Wait"), order(Self.direct, "Wait")]))
            _ = try harness.wait("both to run") {
                harness.target.waiting.load(ordering: .relaxed) == 2 ? true : nil
            }
            harness.say(.jobs([order(echo, "Echo", [9])]))
            _ = try harness.outcome()
            harness.hangUp()
            _ = try harness.wait("the direct call's cancel") {
                harness.target.cancelled.load(ordering: .relaxed) == 1 ? true : nil
            }
            let hello = try harness.welcome()
            #expect(Set(hello.holding) == [echo, wait])
            #expect(try harness.outcome().response == [9])
            harness.say(.committed([echo]))
            harness.say(.cancel([wait]))
            let outcome = try harness.outcome()
            #expect(outcome.ticket == wait)
            #expect(outcome.code == 1)
        }
    }

    @Test func `the drain's time cuts what still runs and tells it by the goodbye`() throws {
        try run { harness in
            _ = try harness.welcome()
            try harness.waitForReadyTarget()
            harness.say(.jobs([order(Ticket(number: 4, attempt: 1), "Wait")]))
            _ = try harness.wait("it to run") {
                harness.target.waiting.load(ordering: .relaxed) == 1 ? true : nil
            }
            harness.order(.stop(drainMilliseconds: 100))
            let told = try harness.next("a goodbye") { message -> String? in
                switch message {
                case .goodbye: "goodbye"
                case .outcomes: "an outcome"
                default: nil
                }
            }
            #expect(told == "goodbye")
            harness.hangUp()
            #expect(try harness.waitForExit() == 0)
        }
    }

    @Test func `the supervisor's end is a drain as well`() throws {
        try run { harness in
            _ = try harness.welcome()
            try harness.report("ready") { $0 == .ready }
            harness.goAway()
            try harness.next("a goodbye") { $0 == .goodbye ? true : nil }
            #expect(try harness.waitForExit() == 0)
        }
    }

    @Test func `a queue that reads nothing does not stop the heartbeats, and gets all at last`()
        throws
    {
        try run { harness in
            _ = try harness.welcome()
            try harness.waitForReadyTarget()
            let request = [UInt8](repeating: 7, count: 1_000_000)
            let tickets = (1...8).map { Ticket(number: UInt64($0), attempt: 1) }
            for ticket in tickets { harness.say(.jobs([order(ticket, "Echo", request)])) }
            try harness.report("eight done") { report in
                if case .heartbeat(let beat) = report { beat.jobsDone == 8 } else { false }
            }
            try harness.report("another heartbeat") { report in
                if case .heartbeat = report { true } else { false }
            }
            var seen: Set<Ticket> = []
            while seen.count < 8 {
                let outcomes = try harness.next("outcomes") { message in
                    if case .outcomes(let all) = message { all } else { nil }
                }
                for outcome in outcomes {
                    #expect(outcome.response.count == request.count)
                    seen.insert(outcome.ticket)
                }
            }
            #expect(seen == Set(tickets))
        }
    }

    @Test func `stats tell threads and memory`() throws {
        try run { harness in
            _ = try harness.welcome()
            let stats = try harness.next("stats") { message in
                if case .stats(let stats) = message { stats } else { nil }
            }
            #expect(stats.threads > 1)
            #expect(stats.residentBytes > 1_000_000)
        }
    }
}
