// Pages on protobuf's wire: the token out of a page, the next one into the request.

import SeededRandom
import Testing

@testable import WorkerProcess

@Suite struct PageMessageTests {
    @Test func `the token is taken out and all else stays as it is`() throws {
        // items (1): "a", token (2): "t", a number (3), items: "b"
        let page: [UInt8] = [0x0a, 1, 97, 0x12, 1, 116, 0x18, 7, 0x0a, 1, 98]
        let message = try #require(PageMessage(page, tokenField: 2))
        #expect(message.content == [0x0a, 1, 97, 0x18, 7, 0x0a, 1, 98])
        #expect(message.token == [116])
    }

    @Test func `without a token, or with an empty one, it is the last page`() throws {
        #expect(try #require(PageMessage([], tokenField: 2)).token == [])
        let empty = try #require(PageMessage([0x0a, 1, 97, 0x12, 0], tokenField: 2))
        #expect(empty.token == [])
        #expect(empty.content == [0x0a, 1, 97])
    }

    @Test func `of two tokens the last one counts`() throws {
        let message = try #require(PageMessage([0x12, 1, 97, 0x12, 1, 98], tokenField: 2))
        #expect(message.token == [98])
        #expect(message.content == [])
    }

    @Test func `fixed numbers and groups are stepped over`() throws {
        // fixed64 (4), fixed32 (5), a group (6) with a group (7) in it
        let rest: [UInt8] =
            [0x21] + Array(repeating: 2, count: 8) + [0x2d, 2, 2, 2, 2, 0x33, 0x3b, 0x3c, 0x34]
        let message = try #require(PageMessage(rest + [0x12, 1, 97], tokenField: 2))
        #expect(message.content == rest)
        #expect(message.token == [97])
    }

    @Test(
        arguments: [
            [0x0a], [0x0a, 5, 1], [0x00, 0], [0x21, 1], [0x33, 0x3c], [0x33], [0x07],
            [0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
        ] as [[UInt8]])
    func `broken bytes are no page`(_ bytes: [UInt8]) {
        #expect(PageMessage(bytes, tokenField: 2) == nil)
    }

    @Test func `groups without end, one in the other, do not run out of stack`() {
        #expect(PageMessage(Array(repeating: 0x33, count: 1 << 20), tokenField: 2) == nil)
    }

    @Test func `random bytes never trap, and a page loses nothing but its token`() {
        var random = SeededRandom(seed: 5)
        for _ in 0..<20_000 {
            let bytes = (0..<random.index(24)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            guard let page = PageMessage(bytes, tokenField: 2) else { continue }
            #expect(page.content.count + page.token.count <= bytes.count)
        }
    }

    @Test func `the next request has the token behind it, where the last one counts`() {
        #expect(
            PageMessage.request([0x0a, 0], [116, 50], field: 3) == [0x0a, 0, 0x1a, 2, 116, 50])
        #expect(
            PageMessage.request([], [1], field: 300) == [0xe2, 0x12, 1, 1])
    }
}
