// One POST /v1/jobs?wait=… under way: lines go out in chunks while results come in. The socket
// never blocks; `MapRun` polls it. It knows which of its lines have no answer yet.

/// A line of the input on its way.
struct SentLine {
    /// Where its result stands in the output, from 0.
    let place: Int
    /// In the input, from 1, blank lines counted.
    let number: Int
    let bytes: Int
    /// What is sent, kept only where it may be sent again.
    let payload: [UInt8]?
}

final class BodyStream {
    /// The daemon takes no more in one body.
    static let linesMax = 100_000
    /// Larger chunks would only cost memory.
    static let chunkBytes = 64 * 1024

    enum Event {
        case answer(JobAnswer, SentLine)
        /// All the response is here; lines without an answer get none.
        case ended
        /// The whole body was refused.
        case refused(Refusal)
        /// The connection broke, or what came cannot be understood.
        case lost(String)
    }

    let connection: UnixConnection
    /// When it was opened, as outages are counted.
    let openedAt: OutageCount.Mark
    private var chunk: [UInt8] = []
    private var outgoing: [UInt8]
    private var sentBytes = 0
    private var lines: [SentLine?] = []
    private(set) var unanswered = 0
    private(set) var isClosed = false
    private var parser = ResponseParser()
    private var splitter = LineSplitter()
    private var head: ResponseHead?
    private var refusalBody: [UInt8] = []

    init(_ connection: UnixConnection, _ request: Request, openedAt: OutageCount.Mark) {
        self.connection = connection
        self.openedAt = openedAt
        outgoing = request.chunkedHeadBytes
    }

    var isFull: Bool { lines.count >= Self.linesMax }
    var isEmpty: Bool { lines.isEmpty }
    var backlog: Int { outgoing.count - sentBytes + chunk.count }
    var wantsWrite: Bool { backlog > 0 }

    /// The lines that were never answered.
    var unansweredLines: [SentLine] { lines.compactMap(\.self) }

    func append(_ payload: [UInt8], _ line: SentLine) {
        chunk += payload
        lines.append(line)
        unanswered += 1
        if chunk.count >= Self.chunkBytes { sealChunk() }
    }

    /// No more lines follow.
    func finishBody() {
        guard !isClosed else { return }
        sealChunk()
        outgoing += Array("0\r\n\r\n".utf8)
        isClosed = true
    }

    private func sealChunk() {
        guard !chunk.isEmpty else { return }
        outgoing += Array("\(String(chunk.count, radix: 16))\r\n".utf8)
        outgoing += chunk
        outgoing += [0x0d, 0x0a]
        chunk.removeAll(keepingCapacity: true)
    }

    /// Sends what the socket takes. A daemon that closed its side is heard when reading.
    func write() {
        sealChunk()
        do {
            sentBytes += try connection.sendSome(outgoing[sentBytes...])
        } catch {
            sentBytes = outgoing.count
            isClosed = true
        }
        if sentBytes == outgoing.count || sentBytes > 1 << 20 {
            outgoing.removeSubrange(..<sentBytes)
            sentBytes = 0
        }
    }

    /// Reads what has come and returns what it means; ends with one of the last three events.
    func read() -> [Event] {
        var parsed: [ResponseParser.Event] = []
        var cut: String?
        do {
            guard let bytes = try connection.receiveSome() else { return [] }
            try parser.feed(bytes, into: &parsed)
        } catch let fault as ResponseFault {
            cut = "the answer cannot be read: \(fault.problem)"
        } catch {
            let isWhole = parser.endOfStream(into: &parsed) && !parsed.isEmpty
            if !isWhole { cut = "the connection was cut" }
        }
        var events: [Event] = []
        for event in parsed where cut == nil {
            cut = take(event, &events)
        }
        if let cut { events.append(.lost(cut)) }
        return events
    }

    /// Returns what is wrong with it, if anything.
    private func take(_ event: ResponseParser.Event, _ events: inout [Event]) -> String? {
        switch event {
        case .head(let head): self.head = head
        case .body(let part):
            guard isAccepted else {
                refusalBody += part.prefix(max(0, (1 << 20) - refusalBody.count))
                return nil
            }
            splitter.feed(part)
            return takeAnswers(&events)
        case .end:
            splitter.finish()
            if isAccepted, let problem = takeAnswers(&events) { return problem }
            events.append(ending)
        }
        return nil
    }

    private var isAccepted: Bool { head.map { $0.status == 200 } ?? false }

    private var ending: Event {
        guard let head, !isAccepted else { return .ended }
        return .refused(Refusal(Response(head: head, body: refusalBody)))
    }

    private func takeAnswers(_ events: inout [Event]) -> String? {
        while let text = splitter.next() {
            guard case .text(let bytes) = text else { return "an answer is too long" }
            if bytes.isEmpty { continue }
            guard let answer = try? JobAnswer(parsing: bytes), answer.line <= lines.count else {
                return "an answer cannot be understood"
            }
            guard let line = lines[answer.line - 1] else { continue }
            lines[answer.line - 1] = nil
            unanswered -= 1
            events.append(.answer(answer, line))
        }
        return nil
    }
}
