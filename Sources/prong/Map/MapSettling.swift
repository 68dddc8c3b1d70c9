// The receiving half of a map: answers become results in their places; lines that get no answer
// are sent again where that is safe, else named.

extension MapRun {
    mutating func handle(_ events: [BodyStream.Event], of body: BodyStream) {
        for event in events {
            switch event {
            case .answer(let answer, let line):
                outages.noteAnswer()
                settle(answer, line)
            case .ended where body.unanswered == 0: remove(body)
            case .ended: lose(body, "the daemon ended its answer without one for this line")
            case .refused(let refusal):
                stop = stop ?? refusal.failure(json: true)
                fail(body, refusal.json)
            case .lost(let problem): lose(body, problem)
            }
        }
    }

    private mutating func settle(_ answer: JobAnswer, _ line: SentLine) {
        do throws(Failure) {
            let result = try resultForm.result(answer, line.number)
            forget(line)
            if result.isFailure { progress.failed += 1 }
            deliver(result.text, line.place)
        } catch {
            stop = stop ?? error
            abandon(line, error.sentence)
        }
    }

    private mutating func forget(_ line: SentLine) {
        outstanding -= 1
        outstandingBytes -= line.bytes
    }

    mutating func deliver(_ result: [UInt8], _ place: Int) {
        progress.done += 1
        guard isOrdered else { return output.append(result) }
        _ = results.put(result, at: place)
        while let next = results.takeNext() { output.append(next) }
    }

    private mutating func remove(_ body: BodyStream) {
        bodies.removeAll { $0 === body }
    }

    /// The whole body was refused: so was each of its lines.
    private mutating func fail(_ body: BodyStream, _ error: [UInt8]) {
        remove(body)
        for line in body.unansweredLines {
            forget(line)
            progress.failed += 1
            deliver(resultForm.failure(error, line.number), line.place)
        }
    }

    private mutating func lose(_ body: BodyStream, _ problem: String) {
        outages.noteLoss(openedAt: body.openedAt)
        guard isRepeatable, !outages.isOver else { return drop(body, problem) }
        remove(body)
        again += body.unansweredLines.reversed()
    }

    private mutating func drop(_ body: BodyStream, _ problem: String) {
        remove(body)
        for line in body.unansweredLines { abandon(line, problem) }
        if outages.isOver {
            stop = stop ?? Failure(.temporary, "the connection was lost again and again")
        }
    }

    /// A line that was sent gets no answer any more: it is named at the end.
    mutating func abandon(_ line: SentLine, _ problem: String) {
        lost.add(line.number)
        giveUp(line, problem)
    }

    /// The line's result says that there is none. For a line that was sent, see `abandon`.
    mutating func giveUp(_ line: SentLine, _ problem: String) {
        forget(line)
        progress.failed += 1
        let error = errorJSON("unavailable", "no answer for line \(line.number): \(problem)")
        deliver(resultForm.failure(error, line.number), line.place)
    }
}
