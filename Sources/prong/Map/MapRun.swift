// The loop of `map`: reads lines, keeps a bounded number of jobs under way, and writes results,
// all at once over poll(2), so that no side ever waits for another. One line that fails stops
// nothing; a daemon that goes away stops the input, and every line without an answer is named.
//
//   input ──▶ BodyStream (≤ 100,000 lines) ──▶ daemon
//                                                 │ results as they end
//   output ◀── OutputQueue ◀── ReorderBuffer ◀────┘
import Glibc

struct MapRun {
    /// Lines under way, and bytes of lines under way.
    static let outstandingMax = BodyStream.linesMax
    static let outstandingBytesMax = 64 << 20
    /// Results that wait for their turn: so many bytes, and so far from the first missing one.
    static let reorderBytesMax = 64 << 20
    static let reorderSpanMax = 2 * BodyStream.linesMax
    static let outputBytesMax = 4 << 20
    static let backlogBytesMax = 256 << 10
    /// A body that gets no line for so long is ended, so that its request does not idle.
    static let idleSeconds = 5.0
    /// Bodies open at once.
    static let bodiesMax = 16

    let place: SocketPlace
    let request: Request
    let isOrdered: Bool
    /// Lines may be sent again: each has a key.
    let isRepeatable: Bool
    let resultForm: MapResultForm

    var input: MapInput
    var output: OutputQueue
    var bar = ProgressBar()
    private let interruption = Interruption()
    var progress: Progress

    var bodies: [BodyStream] = []
    var results = ReorderBuffer()
    /// Lines to be sent again.
    var again: [SentLine] = []
    var places = 0
    var outstanding = 0
    var outstandingBytes = 0
    var outages = OutageCount()
    var lost = LineRanges()
    /// Why no more lines are taken.
    var stop: Failure?
    /// Every line of the input was taken.
    var isExhausted = false
    /// When the open body is ended for want of lines.
    var lastLine = Deadline.never

    init(
        place: SocketPlace, request: Request, input: MapInput, output: OutputQueue,
        isOrdered: Bool, isRepeatable: Bool, resultForm: MapResultForm
    ) {
        self.place = place
        self.request = request
        self.input = input
        self.output = output
        self.isOrdered = isOrdered
        self.isRepeatable = isRepeatable
        self.resultForm = resultForm
        progress = Progress(startedAt: .now, bytesTotal: input.bytesTotal)
    }

    /// Runs to the end. Throws what `prong map` exits with if not all went well: a `Failure`, or
    /// `Interrupted`.
    mutating func run() throws {
        while !isDone {
            fill()
            endIdleBody()
            if isDone { break }
            try pollOnce()
            if let signal = interruption.signal { throw interrupt(signal) }
            bar.draw(&progress)
        }
        bar.finish(progress)
        try conclude()
    }

    private var isDone: Bool {
        progress.isInputEnded && bodies.isEmpty && again.isEmpty && output.pending == 0
    }

    /// Whether another line may be taken from the input.
    var hasRoom: Bool {
        stop == nil && outstanding < Self.outstandingMax
            && outstandingBytes < Self.outstandingBytesMax
            && results.bytes < Self.reorderBytesMax
            && (!isOrdered || places - results.next < Self.reorderSpanMax)
            && output.pending < Self.outputBytesMax
            && (open?.backlog ?? 0) < Self.backlogBytesMax
            && (open != nil || bodies.count < Self.bodiesMax)
    }

    /// The body that still takes lines.
    var open: BodyStream? {
        bodies.last.flatMap { $0.isClosed || $0.isFull ? nil : $0 }
    }

    private mutating func pollOnce() throws(Failure) {
        let wantsInput = hasRoom && !input.isEnded && again.isEmpty
        var ready = [
            pollfd(fd: wantsInput ? input.fd : -1, events: Int16(POLLIN), revents: 0),
            pollfd(fd: output.pending > 0 ? output.fd : -1, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: interruption.fd, events: Int16(POLLIN), revents: 0),
        ]
        for body in bodies {
            let events = Int16(POLLIN) | (body.wantsWrite ? Int16(POLLOUT) : 0)
            ready.append(pollfd(fd: body.connection.fd, events: events, revents: 0))
        }
        let limit = open == nil ? bar.nextDraw : bar.nextDraw.earlier(lastLine)
        guard poll(&ready, nfds_t(ready.count), limit.pollMilliseconds) > 0 else { return }
        if ready[1].revents != 0 {
            bar.makeWay()
            try output.writeSome()
        }
        if ready[0].revents != 0 { try readInput() }
        for (body, state) in zip(bodies, ready.dropFirst(3)) where state.revents != 0 {
            if state.revents & Int16(POLLOUT) != 0 { body.write() }
            if state.revents & ~Int16(POLLOUT) != 0 { handle(body.read(), of: body) }
        }
    }

    private mutating func readInput() throws(Failure) {
        do throws(Failure) {
            try input.read()
            progress.bytesRead = input.bytesRead
        } catch {
            stop = stop ?? error
        }
    }

    /// Says what is done and what goes on without us; the results that are out are whole lines.
    private mutating func interrupt(_ signal: Int32) -> Interrupted {
        try? output.finishLine()
        bar.finish(progress)
        var open = LineRanges()
        for line in bodies.flatMap(\.unansweredLines) + again { open.add(line.number) }
        let read = counted(progress.read, "line")
        complain("interrupted: \(progress.done) of the \(read) that were read have a result")
        if !open.isEmpty {
            let next =
                isRepeatable
                ? "the same map with the same --key gives all results, and makes no call twice"
                : "they are seen by: prong list"
            complain("\(open.text) had been sent and may go on as jobs; \(next)")
        }
        return Interrupted(signal: signal)
    }

    private mutating func conclude() throws(Failure) {
        if !lost.isEmpty {
            complain(
                "no answer for \(lost.text); they may have been accepted, so send them again only "
                    + "with the --key of this run")
        }
        if progress.failed > 0 {
            complain("\(progress.failed) of \(counted(progress.read, "line")) failed")
        }
        if let stop {
            complain("stopped at line \(input.lineNumber); later lines were not sent")
            throw stop
        }
        if !lost.isEmpty { throw Failure(.temporary, "") }
        if progress.failed > 0 { throw Failure(.failed, "") }
    }
}
