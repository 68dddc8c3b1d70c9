// One order, one gRPC call (or as many as there are pages), one outcome. Starts a call only on a
// connected channel; else the call counts as never started, which is always safe to say, because
// nothing was sent. Unary calls, the hot path, are made here; all others by a `LongCall`.

import GRPCClient
import Kernel
import Ops
import WireFormat

final class CallRunner {
    private let clients: TargetClients
    private let log: Log
    private let slowNanoseconds: UInt64
    private let responseBytesMax: Int
    private var running: [CallNumber: UnaryCall] = [:]
    private var long: [CallNumber: any LongCall] = [:]
    /// Long calls that wait for a time; few, since each has failed once.
    private var sleeping: [CallNumber: UInt64] = [:]
    private var streamed: [WorkerEvent] = []
    private(set) var ended: [EndedCall] = []
    private(set) var notStarted: [CallNumber] = []

    /// `slowMilliseconds`: a call that takes longer has a line in the log; 0: none has.
    init(
        clients: TargetClients, slowMilliseconds: UInt64, responseBytesMax: Int, log: Log
    ) {
        self.clients = clients
        self.responseBytesMax = responseBytesMax
        self.log = log
        slowNanoseconds = slowMilliseconds == 0 ? UInt64.max : slowMilliseconds * 1_000_000
    }

    func start(_ number: CallNumber, _ order: CallOrder) {
        guard let channel = clients.readyChannel(order.target) else {
            return notStarted.append(number)
        }
        if let extent = order.extent { return start(number, order, extent, channel) }
        let beginning = Beginning(number, order)
        let request = UnaryRequest(
            path: order.path, metadata: clients.metadata(for: order), message: order.request,
            deadlineNanoseconds: order.deadlineNanoseconds)
        let ticket = order.ticket
        do throws(CallError) {
            running[number] = try channel.start(request) { [self] result in
                running[number] = nil
                end(beginning, CallOutcome(ticket, result))
                let account = result.end.errorText
                if !account.isEmpty { log.debug("\(beginning.path): \(account)") }
            }
        } catch {
            ended.append(EndedCall(number: number, outcome: CallOutcome(ticket, error)))
        }
    }

    private func start(
        _ number: CallNumber, _ order: CallOrder, _ extent: CallExtent, _ channel: Channel
    ) {
        let beginning = Beginning(number, order)
        let call = LongOrder(
            order: order, extent: extent, channel: channel, responseBytesMax: responseBytesMax,
            metadata: { [clients] in clients.metadata(for: order) },
            onHead: { [self] in streamed.append(.head(number, $0.map(HeaderField.init))) },
            onMessage: { [self] in streamed.append(.streamed(number, $0)) },
            onWait: { [self] in sleeping[number] = $0 },
            onEnd: { [self] outcome in
                long[number] = nil
                sleeping[number] = nil
                end(beginning, outcome)
            })
        let run: any LongCall = extent.pages.map { PageRun(call, $0) } ?? StreamRun(call)
        long[number] = run
        run.start()
    }

    func cancel(_ number: CallNumber) {
        running[number]?.cancel()
        long[number]?.cancel()
    }

    /// When `wake` is due; nil: nobody waits.
    var nextNanoseconds: UInt64? { sleeping.isEmpty ? nil : sleeping.values.min() }

    func wake(now: UInt64) {
        for (number, due) in sleeping where due <= now {
            sleeping[number] = nil
            long[number]?.wake()
        }
    }

    func grant(_ number: CallNumber, bytes: UInt32) {
        long[number]?.grant(bytes: Int(bytes))
    }

    /// What calls that stream to their callers have answered, in its order.
    func takeStreamed() -> [WorkerEvent] {
        defer { streamed = [] }
        return streamed
    }

    func takeEnded() -> [EndedCall] {
        defer { ended = [] }
        return ended
    }

    func takeNotStarted() -> [CallNumber] {
        defer { notStarted = [] }
        return notStarted
    }

    /// What is known of a call when it begins.
    private struct Beginning {
        let number: CallNumber
        let path: String
        let wallMilliseconds = Int64(Clock.wallMilliseconds())
        let nanoseconds = Clock.monotonicNanoseconds()

        init(_ number: CallNumber, _ order: CallOrder) {
            self.number = number
            path = order.path
        }
    }

    private func end(_ beginning: Beginning, _ outcome: CallOutcome) {
        var outcome = outcome
        outcome.startedAtMilliseconds = beginning.wallMilliseconds
        outcome.durationNanoseconds = Clock.monotonicNanoseconds() - beginning.nanoseconds
        ended.append(EndedCall(number: beginning.number, outcome: outcome))
        tellIfSlow(beginning.path, outcome)
    }

    private func tellIfSlow(_ path: String, _ outcome: CallOutcome) {
        let nanoseconds = outcome.durationNanoseconds
        guard nanoseconds > slowNanoseconds else { return }
        let status = CallStatus(number: outcome.code)
        log.notice(
            "\(path) took \(nanoseconds / 1_000_000) ms (\(status)) at \(outcome.peer)",
            cause: "slow \(path)")
    }
}

extension HeaderField {
    init(_ field: MetadataField) {
        self.init(name: field.name, value: field.value)
    }
}

extension CallOutcome {
    init(_ ticket: Ticket, _ result: UnaryResult) {
        self.init(ticket, result.end, response: result.response ?? [])
        isMadeByProng = result.lacksMessage
    }

    init(_ ticket: Ticket, _ end: CallEnd, response: [UInt8] = []) {
        self.init(
            ticket: ticket, code: end.status.rawValue, message: end.message,
            statusDetails: end.statusDetails, response: response,
            headers: end.headers.map(HeaderField.init),
            trailers: end.trailers.map(HeaderField.init),
            peer: end.peer, pushbackMilliseconds: Self.pushback(end.trailers))
    }

    /// A call that gRPC would not take: the caller's fault, and nothing was sent.
    init(_ ticket: Ticket, _ error: CallError) {
        switch error {
        case .illegalMetadata(let name, let reason):
            self.init(
                ticket: ticket, code: CallStatus.invalidArgument.rawValue,
                message: "metadata \(name): \(reason)", isMadeByProng: true)
        case .illegalPath(let path):
            self.init(
                ticket: ticket, code: CallStatus.invalidArgument.rawValue,
                message: "no method has the path \(path)", isMadeByProng: true)
        case .refused(let reason):
            self.init(
                ticket: ticket, code: CallStatus.internal.rawValue, message: reason,
                isMadeByProng: true)
        }
    }

    /// `grpc-retry-pushback-ms` (gRFC A6): a number of milliseconds; anything else means "do not
    /// repeat", for which -1 stands.
    static func pushback(_ trailers: [MetadataField]) -> Int64? {
        let found = trailers.first { $0.name == "grpc-retry-pushback-ms" }
        guard let found else { return nil }
        return max(-1, Int64(String(decoding: found.value, as: UTF8.self)) ?? -1)
    }
}
