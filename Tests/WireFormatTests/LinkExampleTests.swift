// One small example of every message, byte for byte: what the link protocol's document shows. A
// change here is a change of the protocol, and needs a new version of it.

import Testing
import WireFormat

struct LinkExample: Sendable, CustomTestStringConvertible {
    let message: LinkMessage
    /// Hexadecimal; the frame's head and its body are apart.
    let bytes: String

    var testDescription: String { "\(message.kind)" }

    init(_ message: LinkMessage, _ bytes: String) {
        self.message = message
        self.bytes = bytes
    }

    private static let ticket = Ticket(number: 300, attempt: 1)

    static let all: [LinkExample] = [
        LinkExample(
            .hello(
                Hello(
                    instance: 7, slot: 1, generation: 2, pid: 99, places: 64, holding: [ticket])),
            """
            16 00 00 00 01 | 08 01 10 07 18 02 20 04 28 c6 01 30 00 38 40 42 05 08 \
            ac 02 10 02
            """),
        LinkExample(
            .places(0),
            "02 00 00 00 02 | 08 00"),
        LinkExample(
            .targets([TargetState(target: 1, connectivity: .ready, builtAtMilliseconds: 5)]),
            "08 00 00 00 03 | 0a 06 08 01 10 02 18 0a"),
        LinkExample(
            .outcomes([
                CallOutcome(
                    ticket: ticket, code: 14, message: "no", response: [1, 2], peer: "ipv4:a",
                    durationNanoseconds: 1000, pushbackMilliseconds: 250)
            ]),
            """
            23 00 00 00 04 | 0a 21 0a 05 08 ac 02 10 02 10 0e 1a 02 6e 6f 2a 02 01 \
            02 42 06 69 70 76 34 3a 61 48 00 50 e8 07 58 f4 03
            """),
        LinkExample(
            .notStarted([ticket]),
            "07 00 00 00 05 | 0a 05 08 ac 02 10 02"),
        LinkExample(
            .stats(WorkerStats(threads: 9, residentBytes: 1 << 20, inFlight: 3, jobsDone: 12)),
            "0a 00 00 00 06 | 08 09 10 80 80 40 18 03 20 0c"),
        LinkExample(
            .goodbye,
            "00 00 00 00 07"),
        LinkExample(
            .welcome(Welcome()),
            "02 00 00 00 10 | 08 01"),
        LinkExample(
            .jobs([
                CallOrder(
                    ticket: ticket, target: 1, path: "/s.S/M", deadlineMonotonicNanoseconds: 1000,
                    metadata: [HeaderField(name: "k", value: [118])], request: [10, 1, 65])
            ]),
            """
            23 00 00 00 11 | 0a 21 0a 05 08 ac 02 10 02 10 01 1a 06 2f 73 2e 53 2f \
            4d 20 e8 07 2a 06 0a 01 6b 12 01 76 32 03 0a 01 41
            """),
        LinkExample(
            .jobs([
                CallOrder(
                    ticket: ticket, target: 1, path: "/s.S/M", deadlineMonotonicNanoseconds: 0,
                    request: [],
                    extent: CallExtent(
                        clientStreams: true, serverStreams: true, requests: [[65], []],
                        window: 65536, pages: PageOrder(requestToken: 3, responseToken: 2)))
            ]),
            """
            2c 00 00 00 11 | 0a 2a 0a 05 08 ac 02 10 02 10 01 1a 06 2f 73 2e 53 2f \
            4d 20 00 3a 15 08 01 10 01 1a 01 41 1a 00 20 80 80 04 2a 06 08 03 10 02 18 00
            """),
        LinkExample(
            .outcomes([CallOutcome(ticket: ticket, code: 0, responses: [[1], []])]),
            """
            16 00 00 00 04 | 0a 14 0a 05 08 ac 02 10 02 10 00 48 00 50 00 62 05 0a \
            01 01 0a 00
            """),
        LinkExample(
            .outcomes([CallOutcome(ticket: ticket, code: 13, isMadeByProng: true)]),
            "11 00 00 00 04 | 0a 0f 0a 05 08 ac 02 10 02 10 0d 48 00 50 00 68 01"),
        LinkExample(
            .committed([ticket]),
            "07 00 00 00 12 | 0a 05 08 ac 02 10 02"),
        LinkExample(
            .cancel([ticket]),
            "07 00 00 00 13 | 0a 05 08 ac 02 10 02"),
        LinkExample(
            .chunk(
                Chunk(
                    ticket: ticket, message: 0, data: [1], endsMessage: true, endsStream: false)),
            "10 00 00 00 20 | 0a 05 08 ac 02 10 02 10 00 1a 01 01 20 01 28 00"),
        LinkExample(
            .chunk(
                Chunk(
                    ticket: ticket, message: 0, data: [], endsMessage: false, endsStream: false,
                    headers: [HeaderField(name: "k", value: [0x76])])),
            """
            15 00 00 00 20 | 0a 05 08 ac 02 10 02 10 00 20 00 28 00 32 06 0a 01 6b \
            12 01 76
            """),
        LinkExample(
            .window(ticket: ticket, bytes: 65536),
            "0b 00 00 00 21 | 0a 05 08 ac 02 10 02 10 80 80 04"),
        LinkExample(
            .checkpoint(ticket: ticket, data: [1, 2]),
            "0b 00 00 00 22 | 0a 05 08 ac 02 10 02 12 02 01 02"),
        LinkExample(
            .slow(target: 1, untilMonotonicNanoseconds: 1000),
            "05 00 00 00 23 | 08 01 10 e8 07"),
    ]
}

struct LinkExampleTests {
    private func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { byte in
            let digits = String(byte, radix: 16)
            return digits.utf8.count == 1 ? "0" + digits : digits
        }.joined(separator: " ")
    }

    @Test(arguments: LinkExample.all)
    func `the example's bytes are those of the document`(example: LinkExample) throws {
        var bytes: [UInt8] = []
        example.message.append(to: &bytes)
        let head = hexadecimal(bytes.prefix(Frame.headLength))
        let body = hexadecimal(bytes.dropFirst(Frame.headLength))
        #expect((body.isEmpty ? head : head + " | " + body) == example.bytes)
        let frame = Frame(kind: bytes[4], body: Array(bytes.dropFirst(Frame.headLength)))
        #expect(try LinkMessage(frame) == example.message)
    }

    @Test func `every message has its example`() {
        #expect(Set(LinkExample.all.map(\.message.kind)) == Set(LinkSample.kinds))
    }
}
