// A blocking HTTP/1.1 client for one request at a time, with keep-alive.
// It reads while it still writes, so that a refusal in the middle of a body is heard, and it
// sends nothing twice unless the request says that it may.

final class Client {
    /// How long an answer may take to begin, in seconds, and each of its pieces to follow. In a
    /// wait, which may take longer, the daemon is asked after so long whether it still answers.
    static let answerSeconds = 10.0
    /// Answers are bounded by the daemon's `max_response`; this bounds what is not prong.
    static let bodyBytesMax = 512 * 1024 * 1024
    /// A repeatable request is tried so often when the daemon restarts under it.
    static let triesMax = 3

    let place: SocketPlace
    private var connection: UnixConnection?
    /// Nothing may last longer, whatever the request says (`prong health`).
    private let overall: Deadline
    /// `answerSeconds`, but for tests of waits.
    private let patience: Double

    init(
        _ place: SocketPlace, overall: Deadline = .never, patience: Double = answerSeconds
    ) {
        self.place = place
        self.overall = overall
        self.patience = patience
    }

    /// Makes one exchange.
    /// - Parameter within: seconds until the answer must begin; nil for a wait.
    /// - Throws: `unavailable` (69) when nothing, too little or nonsense is answered.
    /// - Parameter onPart: takes the body of a successful answer in lines as it comes; it is then
    ///   not part of the response.
    func exchange(
        _ request: Request, within seconds: Double? = answerSeconds,
        onPart: ((ArraySlice<UInt8>) throws(Failure) -> Void)? = nil
    ) throws(Failure) -> Response {
        var tries = 0
        while true {
            tries += 1
            do {
                return try attempt(request, seconds, onPart)
            } catch {
                connection = nil
                guard case .cut = error, request.isRepeatable, tries < Self.triesMax else {
                    throw failure(error)
                }
            }
        }
    }

    private enum AttemptFault: Error {
        case cut(begun: Bool)
        case timedOut
        case nonsense(String)
        case failure(Failure)
    }

    private func attempt(
        _ request: Request, _ seconds: Double?,
        _ onPart: ((ArraySlice<UInt8>) throws(Failure) -> Void)?
    ) throws(AttemptFault) -> Response {
        let begin = limit(seconds)
        let connection = try open(begin)
        var transfer = Transfer(request.wireBytes, handsOnLines: onPart != nil)
        while !transfer.isDone {
            let limit = transfer.hasBegun ? limit(seconds) : begin
            try step(&transfer, connection, until: limit)
            guard let onPart else { continue }
            do throws(Failure) {
                for part in transfer.takeParts() { try onPart(part) }
            } catch {
                self.connection = nil
                throw .failure(error)
            }
        }
        if transfer.closes { self.connection = nil }
        guard let head = transfer.head else { throw .nonsense("the answer has no head") }
        return Response(head: head, body: transfer.body)
    }

    /// Waits for the next piece. A daemon that is silent for long may be busy with what was asked,
    /// or stand still: then it answers nobody.
    private func step(
        _ transfer: inout Transfer, _ connection: UnixConnection, until deadline: Deadline
    ) throws(AttemptFault) {
        var limit = deadline.earlier(.after(seconds: patience))
        var isSilent = false
        while true {
            do {
                return try transfer.step(connection, until: limit)
            } catch {
                guard error.isTimeout, !deadline.hasPassed else { throw fault(error) }
            }
            guard !isSilent else { throw .failure(standstill) }
            isSilent = !answersHealth()
            // An answer that came while we asked elsewhere is an answer.
            limit = deadline.earlier(.after(seconds: isSilent ? 0 : patience))
        }
    }

    /// Whether the daemon answers on another connection, be it that it is not well.
    private func answersHealth() -> Bool {
        let other = Client(place, overall: overall)
        return (try? other.exchange(.get("/healthz"), within: patience)) != nil
    }

    private var standstill: Failure {
        Failure(
            .unavailable,
            "the daemon at \(place.path) stands still: it does not even answer whether it is well; "
                + "what was asked may or may not have happened; see its log")
    }

    private func limit(_ seconds: Double?) -> Deadline {
        (seconds.map { Deadline.after(seconds: $0) } ?? .never).earlier(overall)
    }

    private func open(_ deadline: Deadline) throws(AttemptFault) -> UnixConnection {
        if let connection { return connection }
        do {
            let limit = deadline.earlier(.after(seconds: Self.answerSeconds))
            let opened = try UnixConnection.connect(to: place, until: limit)
            connection = opened
            return opened
        } catch {
            throw .failure(error)
        }
    }

    private func fault(_ fault: Transfer.Fault) -> AttemptFault {
        switch fault {
        case .connection(.closed): .cut(begun: false)
        case .cutInside: .cut(begun: true)
        case .connection(.timedOut): .timedOut
        case .connection(.system(let number)): .nonsense(errnoText(number))
        case .nonsense(let problem): .nonsense(problem)
        }
    }

    private func failure(_ fault: AttemptFault) -> Failure {
        switch fault {
        case .failure(let failure): failure
        case .cut(begun: false):
            Failure(
                .unavailable,
                "the daemon closed the connection without an answer; what was asked may or may "
                    + "not have happened; see its log")
        case .cut(begun: true):
            Failure(.unavailable, "the connection was cut in the middle of the answer")
        case .timedOut:
            Failure(
                .unavailable,
                "the daemon at \(place.path) did not answer in time; see its log")
        case .nonsense(let problem):
            Failure(.unavailable, "the answer at \(place.path) cannot be read: \(problem)")
        }
    }
}

/// One request going out and its answer coming in.
private struct Transfer {
    enum Fault: Error {
        case connection(ConnectionFault)
        case cutInside
        case nonsense(String)

        var isTimeout: Bool {
            if case .connection(.timedOut) = self { true } else { false }
        }
    }

    private var pending: ArraySlice<UInt8>
    private var parser = ResponseParser()
    private(set) var head: ResponseHead?
    private(set) var body: [UInt8] = []
    private(set) var isDone = false
    /// The connection cannot serve another request.
    private(set) var closes = false

    private let handsOnLines: Bool
    private var parts: [ArraySlice<UInt8>] = []

    init(_ bytes: [UInt8], handsOnLines: Bool) {
        pending = bytes[...]
        self.handsOnLines = handsOnLines
    }

    mutating func takeParts() -> [ArraySlice<UInt8>] {
        defer { parts = [] }
        return parts
    }

    var hasBegun: Bool { parser.hasBegun }

    mutating func step(
        _ connection: UnixConnection, until deadline: Deadline
    ) throws(Fault) {
        do {
            let ready = try connection.await(alsoWrite: !pending.isEmpty, until: deadline)
            if ready.write { trySending(connection) }
            guard ready.read, let bytes = try connection.receiveSome() else { return }
            try take(bytes)
        } catch let fault as ConnectionFault {
            try end(fault)
        } catch let fault as ResponseFault {
            throw .nonsense(fault.problem)
        } catch {
            throw .nonsense("\(error)")
        }
    }

    /// A daemon that refuses early closes its side: no more is sent, its answer is still read.
    private mutating func trySending(_ connection: UnixConnection) {
        do {
            pending = pending.dropFirst(try connection.sendSome(pending))
        } catch {
            pending = []
            closes = true
        }
    }

    private mutating func take(_ bytes: ArraySlice<UInt8>) throws(ResponseFault) {
        var events: [ResponseParser.Event] = []
        try parser.feed(bytes, into: &events)
        try note(events)
    }

    private mutating func end(_ fault: ConnectionFault) throws(Fault) {
        guard fault == .closed else { throw .connection(fault) }
        let begun = parser.hasBegun
        var events: [ResponseParser.Event] = []
        guard parser.endOfStream(into: &events), begun else {
            throw begun ? .cutInside : .connection(.closed)
        }
        closes = true
        do {
            try note(events)
        } catch {
            throw .nonsense(error.problem)
        }
    }

    private mutating func note(_ events: [ResponseParser.Event]) throws(ResponseFault) {
        for event in events {
            switch event {
            case .head(let head):
                self.head = head
                if head["connection"]?.lowercased() == "close" { closes = true }
            case .body(let part) where handsOnLines && head?.hasLines == true:
                parts.append(part)
            case .body(let part):
                body += part
                guard body.count <= Client.bodyBytesMax else {
                    throw ResponseFault(problem: "it is too long")
                }
            case .end:
                isDone = true
                if !pending.isEmpty { closes = true }
            }
        }
    }
}
