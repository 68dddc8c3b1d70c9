// Many jobs in one body: NDJSON in, one answer a line out, in order, while the body is still read.
// With a wait: each job's final JSON as it ends, in the order of the ends. Memory is bounded by the
// lines of a body; a client that writes all before it reads is never blocked, so reading never
// waits for the client to read. Final jobs, which may be large, are fetched when they are taken.
//
//     body ─▶ lines ─▶ parse ─▶ engine ─▶ answers, kept in order ─▶ response
//               ▲                               │
//               └──────── pause, resume ────────┘

import HTTPServer
import JobLogic
import NIOCore
import Ops
import Schema
import Settings

final class LineSubmission: LineOwner {
    private let service: Service
    private let exchange: Exchange
    private let caller: Caller
    /// Milliseconds; 0: answer with ids.
    private let wait: Int64
    private var parser: JobParser

    private var lines: LineSplitter
    private var lineNumber = 0
    /// Answers in the order of the lines: written only when it is a line's turn, straight into
    /// what is sent.
    private enum Answer {
        case awaited
        /// With a wait: the line is answered by the job's end.
        case later
        case accepted(JobID, isReplay: Bool)
        case refused(ConnectError)
    }

    private var answers: [Answer] = []
    private var firstAnswer = 0
    private var outstanding = 0
    private var outstandingBytes = 0
    private var bodyHasEnded = false
    private var isPaused = false
    private var hasBegun = false
    private var hasFinished = false

    /// Jobs whose end is awaited, by key: their lines.
    private var awaited: [JobKey: (id: JobID, lines: [Int], token: Token)] = [:]
    private var timer: Scheduled<Void>?
    private var waitIsOver = false

    /// INTERFACE 2.3: so that a client that writes all before it reads is never blocked for good.
    static let linesMax = 100_000
    /// Reading pauses above these and goes on below the half.
    static let outstandingMax = 4096
    static let outstandingBytesMax = 8 << 20
    /// Final jobs rendered within one turn of the loop; more of them wait in the store.
    static let readyBytesMax = 256 << 10

    init(service: Service, exchange: Exchange, caller: Caller, wait: Int64) {
        self.service = service
        self.exchange = exchange
        self.caller = caller
        self.wait = wait
        parser = JobParser(service: service)
        lines = LineSplitter(limit: service.start.settings.listen.maxRequestBytes)
    }

    func begin() {
        exchange.onGone = { [self] in stop() }
        exchange.onWritable = { [self] in
            fetchKept()
            planFlush()
        }
        if wait > 0 {
            timer = service.loop.assumeIsolated().scheduleTask(in: .milliseconds(wait)) {
                [self] in endWait()
            }
        }
        exchange.streamBody(
            onBytes: { [self] in take($0) },
            onEnd: { [self] whole in
                if whole { endBody() } else { cutOff() }
            })
    }

    // MARK: lines

    private func take(_ bytes: ByteBuffer) {
        parser.readClock()
        lines.append(bytes)
        while let line = lines.next() {
            takeLine(line)
            if parsed.count == LineSubmission.linesAtOnce { submitParsed() }
        }
        submitParsed()
        pauseIfNeeded()
        flush()
    }

    /// The body broke off or is not well formed. Lines that came whole are jobs and are answered,
    /// then the response is cut; only where there were none can all of it be refused.
    private func cutOff() {
        guard !exchange.isEnded else { return stop() }
        guard lineNumber > 0 else {
            stop()
            return exchange.respond(
                ConnectError(.invalidArgument, "the body broke off before its end"))
        }
        isBroken = true
        bodyHasEnded = true
        flush()
    }

    private var isBroken = false

    private func takeLine(_ line: LineSplitter.Line) {
        guard line.isOverlong || !line.isBlank else { return }
        // one line more than the limit is answered; the rest is read and forgotten
        guard lineNumber <= LineSubmission.linesMax else { return }
        lineNumber += 1
        let place = answers.count + firstAnswer
        guard lineNumber <= LineSubmission.linesMax else {
            return refuse(
                ConnectError(
                    .resourceExhausted,
                    "a body has at most \(LineSubmission.linesMax) lines; send the rest in another")
            )
        }
        guard !line.isOverlong else {
            return refuse(
                ConnectError(.resourceExhausted, "the line is over `listen.max_request`"))
        }
        read(line.bytes, place)
    }

    private func read(_ line: ByteBuffer, _ place: Int) {
        line.withUnsafeReadableBytes { bytes in
            do throws(ConnectError) {
                let submission = try parser.parse(bytes, caller.submitter)
                answers.append(.awaited)
                outstanding += 1
                outstandingBytes += bytes.count
                parsed.append(
                    SubmittedLine(submission: submission, place: place, bytes: bytes.count))
            } catch {
                refuse(error)
            }
        }
    }

    /// Lines that were read and are not submitted yet: empty between two turns of the loop.
    private var parsed: [SubmittedLine] = []
    /// Enough to share a submission's cost; few enough that the first commit begins soon.
    private static let linesAtOnce = 128

    private func submitParsed() {
        guard !parsed.isEmpty else { return }
        var batch: [SubmittedLine] = []
        swap(&batch, &parsed)
        service.engine.submit(batch, for: self)
        batch.removeAll(keepingCapacity: true)
        swap(&batch, &parsed)
    }

    func take(_ answer: SubmissionAnswer, ofLineAt place: Int, bytes: Int) {
        outstanding -= 1
        outstandingBytes -= bytes
        finish(place, answer)
    }

    private func refuse(_ error: ConnectError) {
        answers.append(.refused(error))
        planFlush()
    }

    private func finish(_ place: Int, _ result: SubmissionAnswer) {
        guard !hasFinished else { return }
        switch result {
        case .failure(let refusal): answer(place, .refused(ConnectError(refusal)))
        case .success(let (id, isReplay)):
            if wait > 0 {
                awaitEnd(of: id, place + 1, isReplay)
                answer(place, .later)
            } else {
                answer(place, .accepted(id, isReplay: isReplay))
            }
        }
        resumeIfPossible()
    }

    private func answer(_ place: Int, _ answer: Answer) {
        answers[place - firstAnswer] = answer
        planFlush()
    }

    // MARK: the response

    private var isFlushPlanned = false

    /// Answers of one turn of the loop leave in one piece.
    private func planFlush() {
        guard !isFlushPlanned else { return }
        isFlushPlanned = true
        service.loop.assumeIsolated().execute { [self] in
            isFlushPlanned = false
            flush()
        }
    }

    private var ready: [UInt8] = []

    private func flush() {
        guard !hasFinished else { return }
        writeAnswers()
        if !ready.isEmpty {
            beginResponse()
            exchange.write(ByteBuffer(bytes: ready))
            ready.removeAll(keepingCapacity: ready.count < 1 << 16)
        }
        if !kept.isEmpty, exchange.isWritable { fetchKept() }
        finishIfDone()
    }

    private func writeAnswers() {
        var count = 0
        loop: for answer in answers {
            // lines are counted from 1
            let number = firstAnswer + count + 1
            switch answer {
            case .awaited: break loop
            case .later: break
            case .accepted(let id, let isReplay):
                LineAnswer.append(accepted: id, number, isReplay, to: &ready)
            case .refused(let error): ready += LineAnswer.error(number, error)
            }
            count += 1
        }
        answers.removeFirst(count)
        firstAnswer += count
    }

    private func beginResponse() {
        guard !hasBegun else { return }
        hasBegun = true
        exchange.begin(status: 200, headers: ["Content-Type": "application/x-ndjson"])
    }

    private func endBody() {
        parser.readClock()
        if let line = lines.rest() { takeLine(line) }
        submitParsed()
        bodyHasEnded = true
        flush()
    }

    private func finishIfDone() {
        guard bodyHasEnded, answers.isEmpty, outstanding == 0, readingRest == 0 else { return }
        if isBroken {
            beginResponse()
            exchange.cut()
            return stop()
        }
        if !kept.isEmpty {
            if exchange.isWritable { fetchKept() }
            return
        }
        guard awaited.isEmpty else {
            if waitIsOver, exchange.isWritable { readRest() }
            return
        }
        beginResponse()
        exchange.finish()
        stop()
    }

    private func pauseIfNeeded() {
        guard !isPaused, !bodyHasEnded,
            outstanding > LineSubmission.outstandingMax
                || outstandingBytes > LineSubmission.outstandingBytesMax
        else { return }
        isPaused = true
        exchange.pauseBody()
    }

    private func resumeIfPossible() {
        guard isPaused, outstanding <= LineSubmission.outstandingMax / 2,
            outstandingBytes <= LineSubmission.outstandingBytesMax / 2
        else { return }
        isPaused = false
        exchange.resumeBody()
    }

    private func stop() {
        hasFinished = true
        timer?.cancel()
        timer = nil
        for (key, wait) in awaited { service.engine.unwatch(key, wait.token) }
        awaited = [:]
        exchange.onGone = nil
        exchange.onWritable = nil
    }

    // MARK: waiting for the ends

    private func awaitEnd(of id: JobID, _ number: Int, _ isReplay: Bool) {
        guard awaited[id.key] == nil else {
            awaited[id.key]?.lines.append(number)
            return
        }
        let token = service.engine.watch(id.key) { [self] settled in
            service.readSettled(settled) { [self] result in
                switch result {
                case .success(let stored): settle(id.key, stored)
                case .failure(let error):
                    giveUp(id.key, error)
                    planFlush()
                }
            }
        }
        awaited[id.key] = (id, [number], token)
        guard isReplay else { return }
        service.readJob(id) { [self] result in
            guard case .success(let stored) = result else { return }
            let state = stored.job.progress.state
            if state.hasEnded || state == .unknown { settle(id.key, stored) }
        }
    }

    private func settle(_ key: JobKey, _ stored: StoredJob) {
        guard !hasFinished, let wait = awaited.removeValue(forKey: key) else { return }
        service.engine.unwatch(key, wait.token)
        guard exchange.isWritable || !hasBegun, ready.count < LineSubmission.readyBytesMax else {
            kept.append((wait.id, wait.lines))
            return
        }
        tell(stored, wait.lines)
    }

    private func tell(_ stored: StoredJob, _ lines: [Int]) {
        for line in lines {
            ready += service.jobJSON(stored, bodies: true, line: line)
            ready.append(UInt8(ascii: "\n"))
        }
        planFlush()
    }

    /// Jobs that ended while the client was not reading: in the store, not in memory.
    private var kept: [(id: JobID, lines: [Int])] = []

    private func fetchKept() {
        guard !hasFinished, readingRest == 0 else { return }
        let batch = kept.prefix(LineSubmission.restAtOnce)
        kept.removeFirst(batch.count)
        for (id, lines) in batch {
            readingRest += 1
            service.readJob(id) { [self] result in
                readingRest -= 1
                guard !hasFinished else { return }
                switch result {
                case .success(let stored): tell(stored, lines)
                case .failure(let error):
                    for line in lines { ready += LineAnswer.error(line, error) }
                    planFlush()
                }
            }
        }
    }

    private func endWait() {
        timer = nil
        waitIsOver = true
        planFlush()
    }

    private var readingRest = 0

    /// The wait is over: the rest as they are, a bounded number at a time.
    private func readRest() {
        for (key, wait) in awaited.prefix(LineSubmission.restAtOnce) {
            readingRest += 1
            service.readJob(wait.id) { [self] result in
                readingRest -= 1
                switch result {
                case .success(let stored): settle(key, stored)
                case .failure(let error): giveUp(key, error)
                }
                planFlush()
            }
        }
    }

    /// Each may be a request and a response of the largest size.
    private static let restAtOnce = 4

    private func giveUp(_ key: JobKey, _ error: ConnectError) {
        guard !hasFinished, let wait = awaited.removeValue(forKey: key) else { return }
        for line in wait.lines { ready += LineAnswer.error(line, error) }
    }
}
