// Frames to link messages. The other side may be newer or broken: what is not known is skipped or
// refused, and nothing here traps.

extension LinkMessage {
    package init(_ frame: Frame) throws(LinkError) {
        guard let kind = Kind(rawValue: frame.kind) else {
            throw LinkError.unknownKind(frame.kind)
        }
        do throws(FieldError) {
            self = try LinkMessage.read(kind, FieldReader(frame.body))
        } catch {
            throw LinkError.field(kind: frame.kind, error)
        }
    }

    private static func read(
        _ kind: Kind, _ reader: FieldReader
    ) throws(FieldError) -> LinkMessage {
        switch kind {
        case .hello: .hello(try Hello(reader))
        case .places: .places(try reader.only())
        case .targets: .targets(try reader.list(TargetState.init))
        case .outcomes: .outcomes(try reader.list(CallOutcome.init))
        case .notStarted: .notStarted(try reader.list(Ticket.init))
        case .stats: .stats(try WorkerStats(reader))
        case .goodbye: .goodbye
        case .welcome: .welcome(Welcome(version: try reader.only()))
        case .jobs: .jobs(try reader.list(CallOrder.init))
        case .committed: .committed(try reader.list(Ticket.init))
        case .cancel: .cancel(try reader.list(Ticket.init))
        case .chunk: .chunk(try Chunk(reader))
        case .window: try readWindow(reader)
        case .checkpoint: try readCheckpoint(reader)
        case .slow: try readSlow(reader)
        }
    }

    private static func readWindow(_ reader: FieldReader) throws(FieldError) -> LinkMessage {
        var reader = reader
        var ticket = Ticket(number: 0, attempt: 0)
        var bytes: UInt32 = 0
        while let field = try reader.next() {
            switch field.number {
            case 1: ticket = try Ticket(try reader.message(field))
            case 2: bytes = try reader.integer(field)
            case _: break
            }
        }
        return .window(ticket: ticket, bytes: bytes)
    }

    private static func readCheckpoint(_ reader: FieldReader) throws(FieldError) -> LinkMessage {
        var reader = reader
        var ticket = Ticket(number: 0, attempt: 0)
        var data: [UInt8] = []
        while let field = try reader.next() {
            switch field.number {
            case 1: ticket = try Ticket(try reader.message(field))
            case 2: data = try reader.data(field)
            case _: break
            }
        }
        return .checkpoint(ticket: ticket, data: data)
    }

    private static func readSlow(_ reader: FieldReader) throws(FieldError) -> LinkMessage {
        var reader = reader
        var target: UInt32 = 0
        var until: UInt64 = 0
        while let field = try reader.next() {
            switch field.number {
            case 1: target = try reader.integer(field)
            case 2: until = try reader.unsigned(field)
            case _: break
            }
        }
        return .slow(target: target, untilMonotonicNanoseconds: until)
    }
}

extension FieldReader {
    /// Every field 1, each a nested message.
    fileprivate consuming func list<Element>(
        _ read: (FieldReader) throws(FieldError) -> Element
    ) throws(FieldError) -> [Element] {
        var elements: [Element] = []
        while let field = try next() {
            if field.number == 1 { elements.append(try read(try message(field))) }
        }
        return elements
    }

    /// The number in field 1, or 0.
    fileprivate consuming func only() throws(FieldError) -> UInt32 {
        var value: UInt32 = 0
        while let field = try next() {
            if field.number == 1 { value = try integer(field) }
        }
        return value
    }
}

extension Ticket {
    fileprivate init(_ reader: FieldReader) throws(FieldError) {
        var reader = reader
        self.init(number: 0, attempt: 0)
        while let field = try reader.next() {
            switch field.number {
            case 1: number = try reader.unsigned(field)
            case 2: attempt = try reader.integer(field)
            case _: break
            }
        }
    }
}

extension Hello {
    fileprivate init(_ reader: FieldReader) throws(FieldError) {
        var reader = reader
        self.init(version: 0, instance: 0, slot: 0, generation: 0, pid: 0, places: 0)
        while let field = try reader.next() {
            switch field.number {
            case 1: version = try reader.integer(field)
            case 2: instance = try reader.unsigned(field)
            case 3: slot = try reader.integer(field)
            case 4: generation = try reader.integer(field)
            case 5: pid = try reader.integer(field)
            case 6: settingsGeneration = try reader.unsigned(field)
            case 7: places = try reader.integer(field)
            case 8: holding.append(try Ticket(try reader.message(field)))
            case _: break
            }
        }
    }
}

extension TargetState {
    fileprivate init(_ reader: FieldReader) throws(FieldError) {
        var reader = reader
        self.init(target: 0, connectivity: .idle, builtAtMilliseconds: 0)
        while let field = try reader.next() {
            switch field.number {
            case 1: target = try reader.integer(field)
            case 2:
                guard let state = Connectivity(rawValue: try reader.integer(field)) else {
                    throw FieldError.outOfRange(field: 2)
                }
                connectivity = state
            case 3: builtAtMilliseconds = try reader.signed(field)
            case 4: reason = try reader.text(field)
            case _: break
            }
        }
    }
}

extension HeaderField {
    fileprivate init(_ reader: FieldReader) throws(FieldError) {
        var reader = reader
        self.init(name: "", value: [])
        while let field = try reader.next() {
            switch field.number {
            case 1: name = try reader.text(field)
            case 2: value = try reader.data(field)
            case _: break
            }
        }
    }
}

extension CallOrder {
    fileprivate init(_ reader: FieldReader) throws(FieldError) {
        var reader = reader
        self.init(
            ticket: Ticket(number: 0, attempt: 0), target: 0, path: "",
            deadlineMonotonicNanoseconds: 0, request: [])
        while let field = try reader.next() {
            switch field.number {
            case 1: ticket = try Ticket(try reader.message(field))
            case 2: target = try reader.integer(field)
            case 3: path = try reader.text(field)
            case 4: deadlineMonotonicNanoseconds = try reader.unsigned(field)
            case 5: metadata.append(try HeaderField(try reader.message(field)))
            case 6: request = try reader.data(field)
            case 7: extent = try CallExtent(try reader.message(field))
            case 8: isGoogle = try reader.flag(field)
            case _: break
            }
        }
    }
}

extension CallExtent {
    fileprivate convenience init(_ reader: FieldReader) throws(FieldError) {
        var reader = reader
        var (clientStreams, serverStreams) = (false, false)
        var requests: [[UInt8]] = []
        var window: UInt32?
        var pages: PageOrder?
        while let field = try reader.next() {
            switch field.number {
            case 1: clientStreams = try reader.flag(field)
            case 2: serverStreams = try reader.flag(field)
            case 3: requests.append(try reader.data(field))
            case 4: window = try reader.integer(field)
            case 5: pages = try PageOrder(try reader.message(field))
            case _: break
            }
        }
        self.init(
            clientStreams: clientStreams, serverStreams: serverStreams, requests: requests,
            window: window, pages: pages)
    }
}

extension PageOrder {
    fileprivate init(_ reader: FieldReader) throws(FieldError) {
        var reader = reader
        self.init(requestToken: 0, responseToken: 0)
        while let field = try reader.next() {
            switch field.number {
            case 1: requestToken = try reader.integer(field)
            case 2: responseToken = try reader.integer(field)
            case 3: timeoutNanoseconds = try reader.unsigned(field)
            case 4: retry = try PageRetry(try reader.message(field))
            case _: break
            }
        }
    }
}

extension PageRetry {
    fileprivate init(_ reader: FieldReader) throws(FieldError) {
        var reader = reader
        self.init(
            attempts: 0, initialMilliseconds: 0, maxMilliseconds: 0, multiplierThousandths: 0,
            codes: 0)
        while let field = try reader.next() {
            switch field.number {
            case 1: attempts = try reader.unsigned(field)
            case 2: initialMilliseconds = try reader.unsigned(field)
            case 3: maxMilliseconds = try reader.unsigned(field)
            case 4: multiplierThousandths = try reader.unsigned(field)
            case 5: codes = try reader.unsigned(field)
            case 6: totalMilliseconds = try reader.unsigned(field)
            case 7: isSpreadWide = try reader.flag(field)
            case _: break
            }
        }
    }
}

extension CallOutcome {
    fileprivate init(_ reader: FieldReader) throws(FieldError) {
        var reader = reader
        self.init(ticket: Ticket(number: 0, attempt: 0), code: 0)
        while let field = try reader.next() {
            try read(field, with: reader)
        }
        guard 0...16 ~= code else { throw FieldError.outOfRange(field: 2) }
    }

    private mutating func read(_ field: Field, with reader: FieldReader) throws(FieldError) {
        switch field.number {
        case 1: ticket = try Ticket(try reader.message(field))
        case 2: code = Int32(clamping: try reader.unsigned(field))
        case 3: message = try reader.text(field)
        case 4: statusDetails = try reader.data(field)
        case 5: response = try reader.data(field)
        case 6: headers.append(try HeaderField(try reader.message(field)))
        case 7: trailers.append(try HeaderField(try reader.message(field)))
        case 8: peer = try reader.text(field)
        case 9: startedAtMilliseconds = try reader.signed(field)
        case 10: durationNanoseconds = try reader.unsigned(field)
        case 11: pushbackMilliseconds = try reader.signed(field)
        case 12: responses = try CallOutcome.list(try reader.message(field))
        case 13: isMadeByProng = try reader.flag(field)
        case _: break
        }
    }

    private static func list(_ reader: FieldReader) throws(FieldError) -> [[UInt8]] {
        var reader = reader
        var messages: [[UInt8]] = []
        while let field = try reader.next() {
            if field.number == 1 { messages.append(try reader.data(field)) }
        }
        return messages
    }
}

extension WorkerStats {
    fileprivate init(_ reader: FieldReader) throws(FieldError) {
        var reader = reader
        self.init(threads: 0, residentBytes: 0, inFlight: 0, jobsDone: 0)
        while let field = try reader.next() {
            switch field.number {
            case 1: threads = try reader.integer(field)
            case 2: residentBytes = try reader.unsigned(field)
            case 3: inFlight = try reader.integer(field)
            case 4: jobsDone = try reader.unsigned(field)
            case _: break
            }
        }
    }
}

extension Chunk {
    fileprivate init(_ reader: FieldReader) throws(FieldError) {
        var reader = reader
        self.init(
            ticket: Ticket(number: 0, attempt: 0), message: 0, data: [], endsMessage: false,
            endsStream: false)
        while let field = try reader.next() {
            switch field.number {
            case 1: ticket = try Ticket(try reader.message(field))
            case 2: message = try reader.integer(field)
            case 3: data = try reader.data(field)
            case 4: endsMessage = try reader.flag(field)
            case 5: endsStream = try reader.flag(field)
            case 6: headers.append(try HeaderField(try reader.message(field)))
            case _: break
            }
        }
    }
}
