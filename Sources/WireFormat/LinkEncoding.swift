// Link messages to frames. The field numbers are the protocol: never use one again for something
// else. Defaults (0, empty) are left out, except where a reader needs the field to be there.

extension LinkMessage {
    /// Appends the message as one frame.
    package func append(to bytes: inout [UInt8]) {
        Frame.append(kind: kind.rawValue, to: &bytes) { writer in
            writeFields(to: &writer)
        }
    }

    package var kind: Kind {
        switch self {
        case .hello: .hello
        case .places: .places
        case .targets: .targets
        case .outcomes: .outcomes
        case .notStarted: .notStarted
        case .stats: .stats
        case .goodbye: .goodbye
        case .welcome: .welcome
        case .jobs: .jobs
        case .committed: .committed
        case .cancel: .cancel
        case .chunk: .chunk
        case .window: .window
        case .checkpoint: .checkpoint
        case .slow: .slow
        }
    }

    private func writeFields(to writer: inout FieldWriter) {
        switch self {
        case .hello(let hello): hello.write(to: &writer)
        case .places(let count): writer.unsigned(1, UInt64(count))
        case .targets(let states): writer.messages(1, states) { $0.write(to: &$1) }
        case .outcomes(let outcomes): writer.messages(1, outcomes) { $0.write(to: &$1) }
        case .notStarted(let tickets), .committed(let tickets), .cancel(let tickets):
            writer.messages(1, tickets) { $0.write(to: &$1) }
        case .stats(let stats): stats.write(to: &writer)
        case .goodbye: break
        case .welcome(let welcome): writer.unsigned(1, UInt64(welcome.version))
        case .jobs(let orders): writer.messages(1, orders) { $0.write(to: &$1) }
        case .chunk(let chunk): chunk.write(to: &writer)
        case .window(let ticket, let count):
            writer.message(1) { ticket.write(to: &$0) }
            writer.unsigned(2, UInt64(count))
        case .checkpoint(let ticket, let data):
            writer.message(1) { ticket.write(to: &$0) }
            writer.data(2, data)
        case .slow(let target, let until):
            writer.unsigned(1, UInt64(target))
            writer.unsigned(2, until)
        }
    }
}

extension FieldWriter {
    fileprivate mutating func messages<Element>(
        _ field: UInt32, _ elements: [Element], _ write: (Element, inout FieldWriter) -> Void
    ) {
        for element in elements {
            message(field) { write(element, &$0) }
        }
    }

    fileprivate mutating func optionalData(_ field: UInt32, _ value: [UInt8]) {
        if !value.isEmpty { data(field, value) }
    }

    fileprivate mutating func optionalText(_ field: UInt32, _ value: String) {
        if !value.isEmpty { text(field, value) }
    }

    fileprivate mutating func headers(_ field: UInt32, _ fields: [HeaderField]) {
        messages(field, fields) { header, writer in
            writer.text(1, header.name)
            writer.data(2, header.value)
        }
    }
}

extension Ticket {
    fileprivate func write(to writer: inout FieldWriter) {
        writer.unsigned(1, number)
        writer.signed(2, Int64(attempt))
    }
}

extension Hello {
    fileprivate func write(to writer: inout FieldWriter) {
        writer.unsigned(1, UInt64(version))
        writer.unsigned(2, instance)
        writer.signed(3, Int64(slot))
        writer.signed(4, Int64(generation))
        writer.signed(5, Int64(pid))
        writer.unsigned(6, settingsGeneration)
        writer.unsigned(7, UInt64(places))
        writer.messages(8, holding) { $0.write(to: &$1) }
    }
}

extension TargetState {
    fileprivate func write(to writer: inout FieldWriter) {
        writer.unsigned(1, UInt64(target))
        writer.unsigned(2, UInt64(connectivity.rawValue))
        writer.signed(3, builtAtMilliseconds)
        writer.optionalText(4, reason)
    }
}

extension CallOrder {
    fileprivate func write(to writer: inout FieldWriter) {
        writer.message(1) { ticket.write(to: &$0) }
        writer.unsigned(2, UInt64(target))
        writer.text(3, path)
        writer.unsigned(4, deadlineMonotonicNanoseconds)
        writer.headers(5, metadata)
        writer.optionalData(6, request)
        if let extent { writer.message(7) { extent.write(to: &$0) } }
        if isGoogle { writer.flag(8, true) }
    }
}

extension CallExtent {
    fileprivate func write(to writer: inout FieldWriter) {
        writer.flag(1, clientStreams)
        writer.flag(2, serverStreams)
        for request in requests { writer.data(3, request) }
        if let window { writer.unsigned(4, UInt64(window)) }
        if let pages { writer.message(5) { pages.write(to: &$0) } }
    }
}

extension PageOrder {
    fileprivate func write(to writer: inout FieldWriter) {
        writer.unsigned(1, UInt64(requestToken))
        writer.unsigned(2, UInt64(responseToken))
        writer.unsigned(3, timeoutNanoseconds)
        if let retry { writer.message(4) { retry.write(to: &$0) } }
    }
}

extension PageRetry {
    fileprivate func write(to writer: inout FieldWriter) {
        writer.unsigned(1, attempts)
        writer.unsigned(2, initialMilliseconds)
        writer.unsigned(3, maxMilliseconds)
        writer.unsigned(4, multiplierThousandths)
        writer.unsigned(5, codes)
        writer.unsigned(6, totalMilliseconds)
        writer.flag(7, isSpreadWide)
    }
}

extension CallOutcome {
    private static var unknownCode: UInt64 { 2 }

    fileprivate func write(to writer: inout FieldWriter) {
        writer.message(1) { ticket.write(to: &$0) }
        // what is no gRPC code is unknown, as gRPC has it; a reader would refuse the frame
        writer.unsigned(2, 0...16 ~= code ? UInt64(code) : CallOutcome.unknownCode)
        writer.optionalText(3, message)
        writer.optionalData(4, statusDetails)
        writer.optionalData(5, response)
        writer.headers(6, headers)
        writer.headers(7, trailers)
        writer.optionalText(8, peer)
        writer.signed(9, startedAtMilliseconds)
        writer.unsigned(10, durationNanoseconds)
        if let pushbackMilliseconds { writer.signed(11, pushbackMilliseconds) }
        if let responses {
            // also without any: a stream may well be empty
            writer.message(12) { list in
                for response in responses { list.data(1, response) }
            }
        }
        if isMadeByProng { writer.flag(13, true) }
    }
}

extension WorkerStats {
    fileprivate func write(to writer: inout FieldWriter) {
        writer.unsigned(1, UInt64(threads))
        writer.unsigned(2, residentBytes)
        writer.unsigned(3, UInt64(inFlight))
        writer.unsigned(4, jobsDone)
    }
}

extension Chunk {
    fileprivate func write(to writer: inout FieldWriter) {
        writer.message(1) { ticket.write(to: &$0) }
        writer.unsigned(2, UInt64(message))
        writer.optionalData(3, data)
        writer.flag(4, endsMessage)
        writer.flag(5, endsStream)
        writer.headers(6, headers)
    }
}
