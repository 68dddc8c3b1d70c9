// Frames out of a stream that is cut anywhere.

import SeededRandom
import Testing
import WireFormat

struct FrameStreamTests {
    private func frames(_ random: inout SeededRandom, count: Int) -> ([LinkMessage], [UInt8]) {
        var bytes: [UInt8] = []
        let messages = (0..<count).map { _ in
            LinkSample.message(LinkSample.kinds[random.index(LinkSample.kinds.count)], &random)
        }
        for message in messages { message.append(to: &bytes) }
        return (messages, bytes)
    }

    @Test func `whatever the cuts, the same messages come out in order`() throws {
        var random = SeededRandom(seed: 11)
        for _ in 0..<150 {
            let (messages, bytes) = frames(&random, count: 12)
            let pieceMax = [1, 3, 7, 64, 4096, 100_000][random.index(6)]
            var stream = FrameStream()
            var read: [LinkMessage] = []
            var start = 0
            while start < bytes.count {
                let end = min(bytes.count, start + 1 + random.index(pieceMax))
                stream.append(bytes[start..<end])
                start = end
                while let frame = try stream.next() { read.append(try LinkMessage(frame)) }
            }
            #expect(read == messages)
            #expect(stream.pendingBytes == 0)
        }
    }

    @Test func `frames that are read late come out the same`() throws {
        var random = SeededRandom(seed: 12)
        var stream = FrameStream()
        var expected: [LinkMessage] = []
        var read: [LinkMessage] = []
        for _ in 0..<400 {
            let (messages, bytes) = frames(&random, count: random.index(4))
            expected += messages
            stream.append(bytes)
            for _ in 0..<random.index(4) {
                if let frame = try stream.next() { read.append(try LinkMessage(frame)) }
            }
        }
        while let frame = try stream.next() { read.append(try LinkMessage(frame)) }
        #expect(read == expected)
    }

    @Test func `an over-long frame is refused as soon as its head is there`() {
        for length in [UInt32(Frame.bodyLimitBytes) + 1, 1 << 31, .max] {
            var stream = FrameStream()
            stream.append((0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) })
            #expect(throws: Never.self) { try stream.next() }
            stream.append([4])
            for _ in 0..<2 {
                #expect(
                    throws: FrameError.tooLong(length: length, limit: Frame.bodyLimitBytes)
                ) { try stream.next() }
            }
        }
    }

    @Test func `a frame of the greatest length waits for its body`() throws {
        var stream = FrameStream()
        let length = UInt32(Frame.bodyLimitBytes)
        stream.append((0..<4).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + [7])
        #expect(try stream.next() == nil)
        stream.append([1, 2, 3])
        #expect(try stream.next() == nil)
        #expect(stream.pendingBytes == 8)
    }

    @Test func `any bytes at all come out as frames or an error`() {
        var random = SeededRandom(seed: 13)
        for _ in 0..<2_000 {
            var stream = FrameStream()
            for _ in 0..<10 {
                let length = UInt8(random.index(3) == 0 ? 255 : 0)
                let head = [UInt8(random.index(30)), 0, 0, length, UInt8(random.index(40))]
                stream.append(head + (0..<random.index(40)).map { _ in random.number() })
                while let frame = try? stream.next() { _ = try? LinkMessage(frame) }
            }
        }
    }
}
