// The sending half of a map: lines become jobs in bodies of a bounded number of lines, no more
// under way than the bounds of `MapRun` allow.

extension MapRun {
    /// Sends lines while there are any and there is room.
    mutating func fill() {
        sendAgain()
        while hasRoom, again.isEmpty {
            guard let line = input.next() else {
                isExhausted = input.isEnded
                break
            }
            take(line)
        }
        guard isExhausted || stop != nil, again.isEmpty else { return }
        progress.isInputEnded = true
        open?.finishBody()
    }

    private mutating func sendAgain() {
        while let line = again.last {
            guard stop != nil || open != nil || bodies.count < Self.bodiesMax else { return }
            again.removeLast()
            do throws(Failure) {
                if let stop { throw stop }
                try send(line.payload ?? [], line)
            } catch {
                stop = stop ?? error
                // It was sent before and may have been accepted.
                abandon(line, error.sentence)
            }
        }
    }

    private mutating func take(_ line: MapInput.Line) {
        let place = places
        places += 1
        progress.read += 1
        switch line {
        case .refused(let error, let number):
            progress.failed += 1
            deliver(resultForm.failure(error, number), place)
        case .job(let payload, let number):
            outstanding += 1
            outstandingBytes += payload.count
            let line = SentLine(
                place: place, number: number, bytes: payload.count,
                payload: isRepeatable ? payload : nil)
            do throws(Failure) {
                try send(payload, line)
            } catch {
                stop = stop ?? error
                giveUp(line, "it was not sent: the daemon is gone")
            }
        }
    }

    private mutating func send(_ payload: [UInt8], _ line: SentLine) throws(Failure) {
        let body = if let open { open } else { try newBody() }
        body.append(payload, line)
        if body.isFull { body.finishBody() }
        lastLine = .after(seconds: Self.idleSeconds)
    }

    private mutating func newBody() throws(Failure) -> BodyStream {
        let limit = Deadline.after(seconds: Client.answerSeconds)
        let connection = try UnixConnection.connect(to: place, until: limit)
        let body = BodyStream(connection, request, openedAt: outages.mark)
        bodies.append(body)
        return body
    }

    mutating func endIdleBody() {
        guard let open, lastLine.hasPassed else { return }
        open.finishBody()
    }
}
