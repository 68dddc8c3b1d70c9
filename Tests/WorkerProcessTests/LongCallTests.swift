// A worker's streams and pages, between a queue that opens windows and a server that never ends.

import Foundation
import Synchronization
import Settings
import Testing
import WireFormat

@testable import WorkerProcess

@Suite(.serialized) struct LongCallTests {
    private static let direct = Ticket(number: Ticket.directBit | 5, attempt: 1)
    private static let durable = Ticket(number: 5, attempt: 1)

    private func run(_ body: (WorkerHarness) throws -> Void) throws {
        let harness = try WorkerHarness()
        defer { harness.end() }
        _ = try harness.welcome()
        try harness.waitForReadyTarget()
        try body(harness)
    }

    private func order(
        _ ticket: Ticket, _ method: String, _ request: [UInt8], _ extent: CallExtent,
        metadata: [HeaderField] = []
    ) -> LinkMessage {
        .jobs([
            CallOrder(
                ticket: ticket, target: 0, path: "/test.Service/\(method)",
                deadlineMonotonicNanoseconds: 0, metadata: metadata, request: request,
                extent: extent)
        ])
    }

    private func chunk(_ harness: WorkerHarness) throws -> Chunk {
        try harness.next("a chunk") { if case .chunk(let chunk) = $0 { chunk } else { nil } }
    }

    @Test func `a window bounds what is sent, and a shut one holds the server back`() throws {
        try run { harness in
            let size = 10_000
            let cost = UInt32(Chunk.cost(ofBytes: size))
            let flood = CallExtent(serverStreams: true, window: 3 * cost)
            harness.say(
                order(Self.direct, "Flood", Array(repeating: 1, count: size), flood))
            for number in UInt32(0)..<3 { #expect(try chunk(harness).message == number) }
            // no window, no message: what comes next is the answer to the next order
            let other = Ticket(number: Ticket.directBit | 6, attempt: 1)
            harness.say(
                .jobs([
                    CallOrder(
                        ticket: other, target: 0, path: "/test.Service/Echo",
                        deadlineMonotonicNanoseconds: 0, request: [1])
                ]))
            let next = try harness.next("anything but figures") { message in
                message.kind == .stats || message.kind == .targets ? nil : message.kind
            }
            #expect(next == .outcomes)
            harness.say(.window(ticket: Self.direct, bytes: 2 * cost))
            for number in UInt32(3)..<5 { #expect(try chunk(harness).message == number) }
            harness.say(.cancel([Self.direct]))
            #expect(try harness.outcome().code == 1)
            _ = try harness.wait("the server's word of the cancel") {
                harness.target.cancelled.load(ordering: .relaxed) == 1 ? true : nil
            }
        }
    }

    @Test func `a server's metadata come first, once, and take nothing of the window`() throws {
        try run { harness in
            let field = HeaderField(name: "x-flood", value: Array("v".utf8))
            let cost = UInt32(Chunk.cost(ofBytes: 1))
            harness.say(
                order(
                    Self.direct, "Flood", [1],
                    CallExtent(serverStreams: true, window: 2 * cost), metadata: [field]))
            let head = try chunk(harness)
            #expect(head.headers == [field])
            #expect(!head.endsMessage && head.data.isEmpty)
            for number in UInt32(0)..<2 {
                let message = try chunk(harness)
                #expect(message.message == number && message.endsMessage)
                #expect(message.headers.isEmpty && message.data == [1])
            }
            harness.say(.cancel([Self.direct]))
            #expect(try harness.outcome().code == 1)
        }
    }

    @Test func `the metadata of a first page come before it`() throws {
        try run { harness throws in
            let field = HeaderField(name: "x-page", value: Array("v".utf8))
            let pages = CallExtent(
                window: 1 << 20, pages: PageOrder(requestToken: 2, responseToken: 2))
            harness.say(order(Self.direct, "Pages", [], pages, metadata: [field]))
            #expect(try chunk(harness).headers == [field])
            for number in UInt8(0)..<4 {
                let page = try chunk(harness)
                #expect(page.data == [0x08, number] && page.headers.isEmpty)
            }
            #expect(try harness.outcome().code == 0)
        }
    }

    @Test func `a collected stream without end is cancelled at the bound`() throws {
        try run { harness in
            let size = harness.settings.listen.maxResponseBytes / 4
            harness.say(
                order(
                    Self.durable, "Flood", Array(repeating: 1, count: size),
                    CallExtent(serverStreams: true)))
            let outcome = try harness.outcome()
            #expect(outcome.code == 8)
            #expect(outcome.isMadeByProng)
            #expect(outcome.message.contains("listen.max_response"), "\(outcome.message)")
            #expect(outcome.responses == nil)
            _ = try harness.wait("the server's word of the cancel") {
                harness.target.cancelled.load(ordering: .relaxed) == 1 ? true : nil
            }
        }
    }

    @Test func `pages are followed by two field numbers and are one response`() throws {
        try run { harness in
            let pages = CallExtent(pages: PageOrder(requestToken: 2, responseToken: 2))
            harness.say(order(Self.durable, "Pages", [], pages))
            let outcome = try harness.outcome()
            #expect(outcome.code == 0, "\(outcome.message)")
            #expect(outcome.response == [0x08, 0, 0x08, 1, 0x08, 2, 0x08, 3])
        }
    }

    /// Repeats UNAVAILABLE after a millisecond or two.
    private func flaky(attempts: UInt64) -> PageOrder {
        PageOrder(
            requestToken: 2, responseToken: 2,
            retry: PageRetry(
                attempts: attempts, initialMilliseconds: 1, maxMilliseconds: 2,
                multiplierThousandths: 1_300, codes: 1 << 14))
    }

    @Test func `a page that fails is asked for again, and none is handed on twice`() throws {
        try run { harness throws in
            harness.say(
                order(Self.durable, "FlakyPages", [], CallExtent(pages: flaky(attempts: 2))))
            let outcome = try harness.outcome()
            #expect(outcome.code == 0, "\(outcome.message)")
            #expect(outcome.response == [0x08, 0, 0x08, 1, 0x08, 2, 0x08, 3])
            #expect(harness.target.flakyPages.load(ordering: .relaxed) == 7)
        }
        try run { harness throws in
            harness.say(
                order(
                    Self.direct, "FlakyPages", [],
                    CallExtent(window: 1 << 20, pages: flaky(attempts: 2))))
            for number in UInt8(0)..<4 { #expect(try chunk(harness).data == [0x08, number]) }
            #expect(try harness.outcome().code == 0)
        }
    }

    @Test func `what the policy does not repeat, or names its own wait, ends the call`() throws {
        try run { harness throws in
            harness.say(
                order(Self.durable, "FlakyPages", [], CallExtent(pages: flaky(attempts: 1))))
            #expect(try harness.outcome().code == 14)
            #expect(harness.target.flakyPages.load(ordering: .relaxed) == 2)
        }
        try run { harness throws in
            let info = Array("type.googleapis.com/google.rpc.RetryInfo".utf8)
            harness.say(
                order(
                    Self.durable, "FlakyPages", [], CallExtent(pages: flaky(attempts: 9)),
                    metadata: [HeaderField(name: "x-details", value: info)]))
            #expect(try harness.outcome().code == 14)
            #expect(harness.target.flakyPages.load(ordering: .relaxed) == 2)
        }
    }

    @Test func `the next page waits for the window`() throws {
        try run { harness throws in
            let pages = CallExtent(
                window: 1, pages: PageOrder(requestToken: 2, responseToken: 2))
            harness.say(order(Self.direct, "Pages", [], pages))
            for number in UInt8(0)..<4 {
                #expect(try chunk(harness).data == [0x08, number])
                harness.say(
                    .window(ticket: Self.direct, bytes: UInt32(Chunk.cost(ofBytes: 2))))
            }
            #expect(try harness.outcome().code == 0)
        }
    }
}
