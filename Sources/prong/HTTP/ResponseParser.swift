// Reads HTTP/1.1 responses from whatever pieces the socket gives (RFC 9112). Pure: bytes in,
// events out. It never trusts a length: every part has its bound.
//
//   head ──▶ fixed ─────────────────────────▶ done ──▶ head (next response)
//     │ ├──▶ untilClose ── end of stream ──▶ done
//     │ └──▶ chunkSize ──▶ chunkData ──▶ chunkEnd ─┐
//     │          ▲  └─ size 0 ──▶ trailers ──▶ done │
//     │          └─────────────────────────────────┘
//     └─ 1xx: the head is dropped, another follows

struct ResponseFault: Error, Equatable {
    let problem: String
}

struct ResponseParser {
    enum Event: Equatable {
        case head(ResponseHead)
        case body(ArraySlice<UInt8>)
        case end
    }

    /// Far above what prong answers; a bound against a server that is not prong.
    static let headBytesMax = 256 * 1024
    static let chunkLineBytesMax = 4 * 1024

    private enum State: Equatable {
        case head
        case fixed(remaining: Int)
        case untilClose
        case chunkSize
        case chunkData(remaining: Int)
        case chunkEnd
        case trailers
        case done
    }

    private var state = State.head
    /// The part of a line that has come so far.
    private var line: [UInt8] = []
    private var headLines: [[UInt8]] = []
    private var headBytes = 0

    /// A response is whole, or none has begun.
    var isBetweenResponses: Bool {
        state == .done || (state == .head && headLines.isEmpty && line.isEmpty)
    }

    /// Some byte of the response that is awaited has come.
    var hasBegun: Bool { state != .head || !headLines.isEmpty || !line.isEmpty }

    /// Makes ready for the next response on the same connection.
    mutating func startNext() {
        self = ResponseParser()
    }

    /// Takes bytes and adds what they complete to `events`. Bytes after a whole response are an
    /// error: prong's client never has two requests under way on one connection.
    mutating func feed(
        _ bytes: ArraySlice<UInt8>, into events: inout [Event]
    ) throws(ResponseFault) {
        var rest = bytes
        while !rest.isEmpty {
            switch state {
            case .head: try takeHeadLine(&rest, &events)
            case .fixed(let remaining):
                let left = take(remaining, &rest, &events)
                state = .fixed(remaining: left)
                if left == 0 { finish(&events) }
            case .untilClose: _ = take(rest.count, &rest, &events)
            case .chunkSize: try takeChunkSize(&rest)
            case .chunkData(let remaining):
                let left = take(remaining, &rest, &events)
                state = left == 0 ? .chunkEnd : .chunkData(remaining: left)
            case .chunkEnd: try takeChunkEnd(&rest)
            case .trailers: try takeTrailer(&rest, &events)
            case .done: throw ResponseFault(problem: "bytes after the end of the answer")
            }
        }
    }

    /// The other side closed; returns false if that cut a response.
    mutating func endOfStream(into events: inout [Event]) -> Bool {
        if state == .untilClose { finish(&events) }
        return isBetweenResponses
    }

    private mutating func finish(_ events: inout [Event]) {
        state = .done
        events.append(.end)
    }

    /// Hands out up to `count` bytes and returns how many are still missing.
    private func take(
        _ count: Int, _ rest: inout ArraySlice<UInt8>, _ events: inout [Event]
    ) -> Int {
        let part = rest.prefix(count)
        if !part.isEmpty { events.append(.body(part)) }
        rest = rest.dropFirst(part.count)
        return count - part.count
    }

    /// A line without its CR LF, or nil if its end has not come yet.
    private mutating func takeLine(
        _ rest: inout ArraySlice<UInt8>, limit: Int
    ) throws(ResponseFault) -> [UInt8]? {
        let end = rest.firstIndex(of: 0x0a)
        line += rest[..<(end ?? rest.endIndex)]
        guard line.count <= limit else { throw ResponseFault(problem: "a line is too long") }
        rest = end.map { rest[($0 + 1)...] } ?? []
        guard end != nil else { return nil }
        defer { line = [] }
        return line.last == 0x0d ? Array(line.dropLast()) : line
    }

    private mutating func takeHeadLine(
        _ rest: inout ArraySlice<UInt8>, _ events: inout [Event]
    ) throws(ResponseFault) {
        guard let taken = try takeLine(&rest, limit: Self.headBytesMax) else { return }
        headBytes += taken.count + 2
        guard headBytes <= Self.headBytesMax else {
            throw ResponseFault(problem: "the head is too long")
        }
        if !taken.isEmpty {
            headLines.append(taken)
        } else if !headLines.isEmpty {
            let head = try parseHead(headLines)
            headLines = []
            headBytes = 0
            if head.status >= 200 { try begin(head, &events) }
        }
    }

    private mutating func begin(
        _ head: ResponseHead, _ events: inout [Event]
    ) throws(ResponseFault) {
        events.append(.head(head))
        if head.status == 204 || head.status == 304 { return finish(&events) }
        if let coding = head["transfer-encoding"] {
            guard coding.lowercased() == "chunked" else {
                throw ResponseFault(problem: "the transfer coding \"\(coding)\" is not known")
            }
            state = .chunkSize
        } else if let length = head["content-length"] {
            guard let count = Int(length), count >= 0 else {
                throw ResponseFault(problem: "the content length \"\(length)\" is no number")
            }
            state = .fixed(remaining: count)
            if count == 0 { finish(&events) }
        } else {
            state = .untilClose
        }
    }

    private mutating func takeChunkSize(_ rest: inout ArraySlice<UInt8>) throws(ResponseFault) {
        guard let taken = try takeLine(&rest, limit: Self.chunkLineBytesMax) else { return }
        let digits = taken.prefix { $0 != UInt8(ascii: ";") && $0 != 0x20 }
        let text = String(decoding: digits, as: UTF8.self)
        guard digits.count <= 15, let first = text.first, first.isHexDigit,
            let size = Int(text, radix: 16)
        else { throw ResponseFault(problem: "the chunk size \"\(text)\" is no number") }
        state = size == 0 ? .trailers : .chunkData(remaining: size)
    }

    private mutating func takeChunkEnd(_ rest: inout ArraySlice<UInt8>) throws(ResponseFault) {
        guard let taken = try takeLine(&rest, limit: Self.chunkLineBytesMax) else { return }
        guard taken.isEmpty else { throw ResponseFault(problem: "a chunk is longer than it says") }
        state = .chunkSize
    }

    private mutating func takeTrailer(
        _ rest: inout ArraySlice<UInt8>, _ events: inout [Event]
    ) throws(ResponseFault) {
        guard let taken = try takeLine(&rest, limit: Self.headBytesMax) else { return }
        if taken.isEmpty { finish(&events) }
    }
}

private func parseHead(_ lines: [[UInt8]]) throws(ResponseFault) -> ResponseHead {
    let first = String(decoding: lines[0], as: UTF8.self)
    let words = first.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    guard words.count >= 2, words[0].hasPrefix("HTTP/1."), words[1].utf8.count == 3,
        let status = Int(words[1]), (100...999).contains(status)
    else { throw ResponseFault(problem: "what answers at the socket does not speak HTTP/1.1") }
    var headers: [Header] = []
    for line in lines.dropFirst() {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0 else {
            throw ResponseFault(problem: "a header line has no colon")
        }
        let name = String(decoding: line[..<colon], as: UTF8.self)
        let value = line[(colon + 1)...].drop { $0 == 0x20 || $0 == 0x09 }
        let end = value.lastIndex { $0 != 0x20 && $0 != 0x09 }.map { $0 + 1 } ?? value.startIndex
        headers.append(Header(name, String(decoding: value[..<end], as: UTF8.self)))
    }
    return ResponseHead(status: status, headers: headers)
}
