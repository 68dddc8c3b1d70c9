// How scripts of the fake daemon read bodies of jobs and stream results.
import Foundation
import Glibc

/// A job line as the daemon got it, with its number within the body.
struct GotLine: Sendable {
    let number: Int
    let text: String

    /// The request's value of the member `n`.
    var n: Int? {
        guard let start = text.range(of: "{\"n\":")?.upperBound else { return nil }
        return Int(text[start...].prefix { $0.isNumber })
    }
}

extension FakeConnection {
    /// Starts a streamed answer of results.
    func beginStream() {
        write(
            "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n"
                + "Transfer-Encoding: chunked\r\n\r\n")
    }

    func endStream() {
        write("0\r\n\r\n")
    }

    /// Reads the body as it comes and hands over its whole lines, a batch a chunk.
    func eachBatch(_ take: ([GotLine]) -> Bool) {
        var rest: [UInt8] = []
        var number = 0
        while let chunk = readChunk() {
            rest += chunk
            var batch: [GotLine] = []
            var start = 0
            while let end = rest[start...].firstIndex(of: 0x0a) {
                number += 1
                batch.append(
                    GotLine(
                        number: number, text: String(decoding: rest[start..<end], as: UTF8.self)))
                start = end + 1
            }
            rest.removeSubrange(..<start)
            if !take(batch) { return }
        }
    }
}

extension FakeConnection {
    /// Reads the body as it comes and hands over the numbers of the lines that each chunk ends:
    /// enough for scripts that answer millions alike.
    func eachCount(_ take: (Range<Int>) -> Bool) {
        var number = 1
        while let chunk = readChunk() {
            let count = countLineFeeds(chunk)
            if !take(number..<number + count) { return }
            number += count
        }
    }

    private func countLineFeeds(_ bytes: [UInt8]) -> Int {
        bytes.withUnsafeBytes { buffer in
            var count = 0
            var rest = buffer[...]
            while let base = UnsafeRawBufferPointer(rebasing: rest).baseAddress,
                let found = memchr(base, 0x0a, rest.count)
            {
                count += 1
                rest = rest.dropFirst(UnsafeRawPointer(found) - base + 1)
            }
            return count
        }
    }
}

/// Results whose response is the line's number within its body.
func successes(_ lines: some Sequence<Int>) -> String {
    lines.map { "{\"line\":\($0),\"state\":\"succeeded\",\"response\":\($0)}\n" }.joined()
}

func success(_ line: GotLine) -> String {
    #"{"line":\#(line.number),"id":"j\#(line.n ?? 0)","state":"succeeded","#
        + #""response":{"n":\#(line.n ?? 0)}}"# + "\n"
}
