// Link messages as frames and back: every message with any values, messages of a newer or a broken
// other side, and bytes that are no messages at all.

import SeededRandom
import Testing
import WireFormat

struct LinkMessageTests {
    private func bytes(_ message: LinkMessage) -> [UInt8] {
        var bytes: [UInt8] = []
        message.append(to: &bytes)
        return bytes
    }

    private func frame(_ message: LinkMessage) -> Frame {
        let bytes = bytes(message)
        return Frame(kind: bytes[4], body: Array(bytes.dropFirst(Frame.headLength)))
    }

    @Test(arguments: LinkSample.kinds)
    func `every message comes back as it was`(kind: LinkMessage.Kind) throws {
        var random = SeededRandom(seed: UInt64(kind.rawValue))
        for _ in 0..<300 {
            let message = LinkSample.message(kind, &random)
            #expect(message.kind == kind)
            let frame = frame(message)
            #expect(frame.kind == kind.rawValue)
            #expect(try LinkMessage(frame) == message)
        }
    }

    @Test(arguments: LinkSample.kinds)
    func `fields of a newer version are skipped`(kind: LinkMessage.Kind) throws {
        var random = SeededRandom(seed: 100 + UInt64(kind.rawValue))
        for _ in 0..<100 {
            let message = LinkSample.message(kind, &random)
            let known = frame(message)
            var strange = FieldWriter()
            strange.unsigned(200, random.number())
            strange.data(UInt32.max >> 3, random.data())
            strange.signed(77, random.number())
            strange.message(90) { $0.text(1, "later") }
            for body in [strange.bytes + known.body, known.body + strange.bytes] {
                #expect(try LinkMessage(Frame(kind: known.kind, body: body)) == message)
            }
        }
    }

    @Test func `fields of a newer version inside a call are skipped too`() throws {
        var writer = FieldWriter()
        writer.message(1) { order in
            order.message(1) { ticket in
                ticket.unsigned(1, 5)
                ticket.data(30, [1, 2, 3])
                ticket.signed(2, 2)
            }
            order.unsigned(31, 1)
            order.text(3, "/s.S/M")
        }
        writer.data(2, [9])
        let message = try LinkMessage(Frame(kind: 17, body: writer.bytes))
        let order = CallOrder(
            ticket: Ticket(number: 5, attempt: 2), target: 0, path: "/s.S/M",
            deadlineMonotonicNanoseconds: 0, request: [])
        #expect(message == .jobs([order]))
    }

    @Test func `kinds that are not known are refused`() {
        let known = Set(LinkSample.kinds.map(\.rawValue))
        #expect(known.count == 15)
        for kind in UInt8.min...UInt8.max where !known.contains(kind) {
            #expect(throws: LinkError.unknownKind(kind)) {
                try LinkMessage(Frame(kind: kind, body: []))
            }
        }
    }

    @Test func `a value that does not fit is refused by its field`() {
        func refusal(_ kind: LinkMessage.Kind, _ write: (inout FieldWriter) -> Void) -> LinkError? {
            var writer = FieldWriter()
            write(&writer)
            do throws(LinkError) {
                _ = try LinkMessage(Frame(kind: kind.rawValue, body: writer.bytes))
                return nil
            } catch {
                return error
            }
        }
        #expect(
            refusal(.places) { $0.unsigned(1, 1 << 32) }
                == .field(kind: 2, .outOfRange(field: 1)))
        #expect(
            refusal(.hello) { $0.signed(3, 1 << 31) } == .field(kind: 1, .outOfRange(field: 3)))
        #expect(
            refusal(.targets) { $0.message(1) { $0.unsigned(2, 5) } }
                == .field(kind: 3, .outOfRange(field: 2)))
        #expect(
            refusal(.outcomes) { $0.message(1) { $0.unsigned(2, 17) } }
                == .field(kind: 4, .outOfRange(field: 2)))
        #expect(
            refusal(.outcomes) { $0.message(1) { $0.unsigned(2, .max) } }
                == .field(kind: 4, .outOfRange(field: 2)))
        #expect(
            refusal(.outcomes) { $0.message(1) { $0.data(3, [0xff]) } }
                == .field(kind: 4, .notText(field: 3)))
        #expect(
            refusal(.jobs) { $0.unsigned(1, 3) } == .field(kind: 17, .outOfRange(field: 1)))
        #expect(refusal(.goodbye) { $0.unsigned(1, 3) } == nil)
    }

    @Test(arguments: [Int32.min, -1, 17, .max])
    func `an outcome's code outside gRPC's is sent as unknown`(code: Int32) throws {
        let outcome = CallOutcome(ticket: Ticket(number: 1, attempt: 1), code: code)
        guard case .outcomes(let read) = try LinkMessage(frame(.outcomes([outcome]))) else {
            Issue.record("no outcome")
            return
        }
        #expect(read.map(\.code) == [2])
    }

    @Test func `a hundred thousand broken messages are refused or read, never a trap`() {
        var random = SeededRandom(seed: 7)
        var read = 0
        var refused = 0
        for _ in 0..<5_000 {
            let kind = LinkSample.kinds[random.index(LinkSample.kinds.count)]
            var body = frame(LinkSample.message(kind, &random)).body
            if body.count > 400 { body.removeLast(body.count - 400) }
            for _ in 0..<20 {
                let other = LinkSample.kinds[random.index(LinkSample.kinds.count)]
                let sent = random.index(4) == 0 ? other : kind
                let broken = mutate(body, &random)
                do throws(LinkError) {
                    let message = try LinkMessage(Frame(kind: sent.rawValue, body: broken))
                    // whatever was read can be said again, and means the same
                    if let again = try? LinkMessage(frame(message)), again != message {
                        Issue.record("\(message) is not \(again)")
                    }
                    read += 1
                } catch {
                    refused += 1
                }
            }
        }
        #expect(read > 1000 && refused > 1000)
    }

    private func mutate(_ body: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
        var body = body
        for _ in 0...random.index(3) {
            let place = random.index(body.count + 1)
            switch random.index(6) {
            case 0: body.removeLast(body.count - place)
            case 1: if place < body.count { body[place] ^= 1 << UInt8(random.index(8)) }
            case 2: if place < body.count { body[place] = random.number() }
            case 3: body.insert(contentsOf: (0..<random.index(12)).map { _ in 0xff }, at: place)
            case 4: body.insert(random.number(), at: place)
            default: if place < body.count { body.remove(at: place) }
            }
        }
        return body
    }

    @Test func `bytes of chance are refused or read, never a trap`() {
        var random = SeededRandom(seed: 8)
        for _ in 0..<20_000 {
            let body = (0..<random.index(60)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            for kind in LinkSample.kinds {
                _ = try? LinkMessage(Frame(kind: kind.rawValue, body: body))
            }
        }
    }
}
