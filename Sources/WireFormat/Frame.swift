// How messages are cut out of the stream between the queue and a worker. Reads what arrives in any
// pieces; refuses a frame that is too long before it holds any of it; never trusts a length.
//
//      0        4      5                     5 + length
//     +--------+------+---------------------+
//     | length | kind | body: fields        |    length: of the body, 32 bits, little-endian
//     +--------+------+---------------------+

package enum FrameError: Error, Equatable, Sendable {
    case tooLong(length: UInt32, limit: Int)
}

package struct Frame: Equatable, Sendable {
    package var kind: UInt8
    package var body: [UInt8]

    package init(kind: UInt8, body: [UInt8]) {
        self.kind = kind
        self.body = body
    }

    package static let headLength = 5

    /// A frame holds at most one message that may be of any size (a job, an outcome), bounded by
    /// `max_request` and `max_response`, which settings bound to 64 MiB, and a little around it.
    package static let bodyLimitBytes = 80 << 20

    /// Messages that hold several jobs or outcomes are closed at about this size, so that a short
    /// one never waits for a long one behind it.
    package static let fillTargetBytes = 64 << 10

    /// Writes a frame whose body is written by `fields`, behind what `bytes` holds.
    package static func append(
        kind: UInt8, to bytes: inout [UInt8], _ fields: (inout FieldWriter) -> Void
    ) {
        let start = bytes.count
        bytes.append(contentsOf: [0, 0, 0, 0, kind])
        var writer = FieldWriter(appendingTo: bytes)
        // the caller's buffer moves into the writer and back: no copy
        bytes = []
        fields(&writer)
        bytes = writer.bytes
        let length = UInt32(bytes.count - start - headLength)
        for place in 0..<4 {
            bytes[start + place] = UInt8(truncatingIfNeeded: length >> (8 * UInt32(place)))
        }
    }
}

/// Collects bytes and gives out whole frames.
package struct FrameStream: Sendable {
    private var buffer: [UInt8] = []
    private var start = 0

    package init() {}

    package mutating func append(_ bytes: some Collection<UInt8>) {
        if start == buffer.count {
            buffer.removeAll(keepingCapacity: buffer.count <= Frame.fillTargetBytes)
            start = 0
        } else if start > Frame.fillTargetBytes {
            buffer.removeSubrange(0..<start)
            start = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// Bytes held that do not make a frame yet.
    package var pendingBytes: Int { buffer.count - start }

    package mutating func next() throws(FrameError) -> Frame? {
        guard buffer.count - start >= Frame.headLength else { return nil }
        var length: UInt32 = 0
        for place in (0..<4).reversed() {
            length = length << 8 | UInt32(buffer[start + place])
        }
        guard length <= UInt32(Frame.bodyLimitBytes) else {
            throw FrameError.tooLong(length: length, limit: Frame.bodyLimitBytes)
        }
        let bodyStart = start + Frame.headLength
        guard buffer.count - bodyStart >= Int(length) else { return nil }
        let kind = buffer[start + 4]
        start = bodyStart + Int(length)
        return Frame(kind: kind, body: Array(buffer[bodyStart..<start]))
    }
}
