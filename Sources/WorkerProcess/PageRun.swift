// All pages of a method, as Google's generated iterators follow them (AIP-4233): one unary call
// after the other, each with the token that the one before gave. The pages are collected into one
// response, or handed on one by one while the caller's window is open. A server cannot keep this
// going for ever: tokens must not repeat, and pages and bytes are bounded.
//
//     page ── OK ─┬─ no token ──▶ outcome
//       ▲         └─ token, not seen before ──▶ window? ── open ──▶ page
//       └──────────────────────── grant ◀──────── shut
//     any other status ─┬─ behind the first page, and the policy repeats it ──▶ back-off ──▶ page
//                       └─ else ──▶ that outcome: prong's retries repeat the whole

import GRPCClient
import Kernel
import WireFormat

final class PageRun: LongCall {
    /// Longer lists are cut into several calls by whoever wants them.
    static let pagesMax = 10_000

    private let order: LongOrder
    private let plan: PageOrder
    private var call: UnaryCall?
    private var request: [UInt8]
    private var collected: [UInt8] = []
    private var room: ResponseRoom
    private var pageCount = 0
    /// Hashes with a key of this process: 64 bits each, however long the tokens are. That two
    /// tokens of one call had the same is less likely than one in 10^11.
    private var seen: Set<Int> = []
    private var waitsForRoom = false
    /// Of the page that is asked for now.
    private var backOff: PageBackOff?
    private var waitsForBackOff = false
    private var hasEnded = false

    init(_ order: LongOrder, _ plan: PageOrder) {
        self.order = order
        self.plan = plan
        request = order.order.request
        room = ResponseRoom(window: order.extent.window, bytesMax: order.responseBytesMax)
    }

    func start() {
        let unary = UnaryRequest(
            path: order.order.path, metadata: order.metadata(), message: request,
            deadlineNanoseconds: deadline)
        do throws(CallError) {
            call = try order.channel.start(unary) { [self] in take($0) }
        } catch {
            end(CallOutcome(order.order.ticket, error))
        }
    }

    private var deadline: UInt64? {
        guard plan.timeoutNanoseconds > 0 else { return order.order.deadlineNanoseconds }
        return Clock.monotonicNanoseconds() &+ plan.timeoutNanoseconds
    }

    func cancel() {
        if waitsForRoom || waitsForBackOff {
            end(.cancelled, "cancelled between two pages")
        } else {
            call?.cancel()
        }
    }

    func grant(bytes: Int) {
        room.grant(bytes: bytes)
        guard waitsForRoom, room.isOpen else { return }
        waitsForRoom = false
        start()
    }

    func wake() {
        guard waitsForBackOff else { return }
        waitsForBackOff = false
        start()
    }

    /// A page behind the first is asked for again here: those before it are not lost, and what was
    /// handed on already is not handed on twice.
    private func failed(_ outcome: CallOutcome) {
        let due = backOff?.next(
            after: outcome, now: Clock.monotonicNanoseconds(),
            deadline: order.order.deadlineNanoseconds, random: UInt64.random(in: 0...UInt64.max))
        guard pageCount > 0, let due else { return end(outcome) }
        waitsForBackOff = true
        order.onWait(due)
    }

    private func take(_ result: UnaryResult) {
        call = nil
        guard let response = result.response else {
            return failed(CallOutcome(order.order.ticket, result))
        }
        guard let page = PageMessage(response, tokenField: plan.responseToken) else {
            return end(.internal, "page \(pageCount + 1) of the response is not protobuf")
        }
        pageCount += 1
        guard room.take(bytes: page.content.count) else {
            return end(.resourceExhausted, tooLarge)
        }
        if room.streams {
            if pageCount == 1, !result.end.headers.isEmpty { order.onHead(result.end.headers) }
            order.onMessage(page.content)
        } else {
            collected += page.content
        }
        guard !page.token.isEmpty else { return endWell(result) }
        follow(page.token)
    }

    private func follow(_ token: [UInt8]) {
        guard seen.insert(token.hashValue).inserted else {
            return end(
                .internal,
                "a page token came back a second time: \(PageMessage.shown(token)), after page"
                    + " \(pageCount); the server would never end")
        }
        guard pageCount < Self.pagesMax else {
            return end(
                .resourceExhausted,
                "the list has more than \(Self.pagesMax) pages; ask for larger pages, or for a"
                    + " part of it")
        }
        request = PageMessage.request(order.order.request, token, field: plan.requestToken)
        backOff = plan.retry.map { PageBackOff($0, now: Clock.monotonicNanoseconds()) }
        guard room.isOpen else {
            waitsForRoom = true
            return
        }
        start()
    }

    private func endWell(_ result: UnaryResult) {
        var outcome = CallOutcome(order.order.ticket, result)
        outcome.response = collected
        end(outcome)
    }

    private var tooLarge: String {
        "\(pageCount) pages are together over \(order.responseBytesMax) bytes"
            + " (listen.max_response, each page counted with \(Chunk.messageOverheadBytes) more);"
            + " ask for a part of the list, or stream it with Accept: application/x-ndjson"
    }

    private func end(_ status: CallStatus, _ message: String) {
        end(
            CallOutcome(
                ticket: order.order.ticket, code: status.rawValue, message: message,
                isMadeByProng: true))
    }

    private func end(_ outcome: CallOutcome) {
        guard !hasEnded else { return }
        hasEnded = true
        (collected, waitsForRoom, waitsForBackOff) = ([], false, false)
        order.onEnd(outcome)
    }
}
