// What a worker holds and what it does next: calls, places, the link to the queue, the drain. A
// value: no IO, no clock, no gRPC. Must never forget a durable call before the queue has said that
// its outcome is committed, nor start anything that the queue did not order.
//
//     the link
//     down(retry) ── tick ──▶ connecting ── connected ──▶ greeting ── welcome ──▶ up
//        ▲                        │                           │                   │
//        └──────── disconnected ──┴───────────────────────────┴───────────────────┘
//
//     a call
//     ordered ─┬─ no ready channel: handed back, forgotten
//              └─▶ running ── ended ─┬─ direct: outcome sent, forgotten
//                    │               └─ durable: kept, sent at each welcome ── committed ─▶ gone
//                    ├─ direct, link lost: cancelled, its end is told to nobody
//                    └─ cut by the drain: cut off, told by the goodbye
//
//     the life
//     running ── stop ──▶ draining(until) ── time over ──▶ cutting(until) ──▶ left
//                            └─ nothing held any more ─────────────────────────▶┘

package import WireFormat

package struct WorkerState: Equatable, Sendable {
    /// Who this worker is and how much it takes.
    package struct Configuration: Equatable, Sendable {
        package var instance: UInt64
        package var slot: Int32
        package var generation: Int32
        package var pid: Int32
        package var settingsGeneration: UInt64
        package var places: UInt32
        /// Used if the supervisor goes without an order to stop.
        package var drainMilliseconds: UInt32

        package init(
            instance: UInt64, slot: Int32, generation: Int32, pid: Int32,
            settingsGeneration: UInt64 = 0, places: UInt32, drainMilliseconds: UInt32
        ) {
            self.instance = instance
            self.slot = slot
            self.generation = generation
            self.pid = pid
            self.settingsGeneration = settingsGeneration
            self.places = places
            self.drainMilliseconds = drainMilliseconds
        }
    }

    package enum Link: Equatable, Sendable {
        case down(retryNanoseconds: UInt64)
        case connecting
        case greeting
        case up
    }

    package enum Phase: Equatable, Sendable {
        case running
        case draining(untilNanoseconds: UInt64)
        case cutting(untilNanoseconds: UInt64)
        case left
    }

    package enum CallPhase: Equatable, Sendable {
        case running
        /// Durable only: what the queue has not committed yet.
        indirect case ended(CallOutcome)
        /// Durable only: ended by the drain's own cancel. Nothing is said of it but the goodbye,
        /// yet a hello must name it: a call that no hello names counts as never sent.
        case cutOff
    }

    package struct Call: Equatable, Sendable {
        package var ticket: Ticket
        package var phase: CallPhase
        /// A direct call whose queue is gone: nobody wants its end.
        package var isAbandoned = false
        /// The drain's time was over: an end by our own cancel is told by the goodbye alone.
        package var isCut = false
        /// Messages that went to its caller.
        package var streamedCount: UInt32 = 0
    }

    package static let backoffMillisecondsMin: UInt64 = 10
    package static let backoffMillisecondsMax: UInt64 = 500
    package static let statsMilliseconds: UInt64 = 1_000
    /// What is left to cancelled calls and to the queue's acknowledgements after the drain's time;
    /// less than the supervisor and the kernel's alarm wait beyond it.
    package static let cutMilliseconds: UInt64 = 1_500

    package let configuration: Configuration
    package private(set) var link = Link.down(retryNanoseconds: 0)
    package internal(set) var phase = Phase.running
    package internal(set) var calls: [CallNumber: Call] = [:]
    /// Calls that the queue knows this worker to hold.
    package private(set) var numberOfTicket: [Ticket: CallNumber] = [:]
    package private(set) var targets: [UInt32: TargetState] = [:]
    package private(set) var jobsDone: UInt64 = 0
    private var lastNumber: UInt64 = 0
    private var backoffMilliseconds = WorkerState.backoffMillisecondsMin
    private var statsDueNanoseconds: UInt64 = 0
    private var wasReady = false
    var effects: [WorkerEffect] = []

    package init(_ configuration: Configuration) {
        self.configuration = configuration
    }

    /// Decides. Effects are to be carried out in order; `leave` is the last one of a life.
    package mutating func handle(_ event: WorkerEvent, now: UInt64) -> [WorkerEffect] {
        guard phase != .left else { return [] }
        switch event {
        case .connected: greet()
        case .disconnected: loseLink(now)
        case .received(let message): receive(message, now)
        case .ended(let ended): finish(ended)
        case .head(let number, let fields): passOn(nil, fields, of: number)
        case .streamed(let number, let message): passOn(message, [], of: number)
        case .notStarted(let numbers): handBack(numbers)
        case .target(let state): note(state)
        case .order(let order): obey(order, now)
        case .supervisorGone: stop(drainMilliseconds: configuration.drainMilliseconds, now)
        case .tick: pass(now)
        case .measured(let threads, let bytes): sendStats(threads: threads, bytes)
        }
        leaveIfDone(now)
        assert(checkInvariants() == nil, checkInvariants() ?? "")
        defer { effects = [] }
        return effects
    }

    /// When `tick` is due, by the monotonic clock; nil: never.
    package var nextNanoseconds: UInt64? {
        var next: UInt64?
        switch link {
        case .down(let retry): next = retry
        case .up: next = statsDueNanoseconds
        case .connecting, .greeting: break
        }
        switch phase {
        case .draining(let until), .cutting(let until): next = min(next ?? until, until)
        case .running, .left: break
        }
        return next
    }

    /// Calls under way.
    package private(set) var inFlight = 0
    /// Those among them whose end nobody wants: the queue does not count them.
    private(set) var abandonedCount = 0

    var acceptsJobs: Bool { phase == .running }

    // MARK: the link

    private mutating func greet() {
        guard link == .connecting else {
            return effects.append(.disconnect(because: "it was not asked for"))
        }
        link = .greeting
        let hello = Hello(
            instance: configuration.instance, slot: configuration.slot,
            generation: configuration.generation, pid: configuration.pid,
            settingsGeneration: configuration.settingsGeneration,
            places: acceptsJobs ? configuration.places : 0,
            holding: numberOfTicket.sorted { $0.value < $1.value }.map(\.key))
        effects.append(.send(.hello(hello)))
    }

    private mutating func welcome(_ welcome: Welcome, _ now: UInt64) {
        guard link == .greeting else { return refuse("a second welcome") }
        guard welcome.version == LinkMessage.version else {
            return refuse("version \(welcome.version) of the link")
        }
        link = .up
        backoffMilliseconds = Self.backoffMillisecondsMin
        statsDueNanoseconds = now
        send(keptOutcomes)
        let states = targets.values.sorted { $0.target < $1.target }
        if !states.isEmpty { effects.append(.send(.targets(states))) }
        if !wasReady, acceptsJobs {
            wasReady = true
            effects.append(.report(.ready))
        }
    }

    private mutating func loseLink(_ now: UInt64) {
        link = .down(retryNanoseconds: now + backoffMilliseconds * 1_000_000)
        backoffMilliseconds = min(2 * backoffMilliseconds, Self.backoffMillisecondsMax)
        for (number, call) in calls.sorted(by: { $0.key < $1.key }) where !call.ticket.isDurable {
            guard !call.isAbandoned else { continue }
            calls[number]?.isAbandoned = true
            abandonedCount += 1
            numberOfTicket[call.ticket] = nil
            effects.append(.cancel(number))
        }
    }

    private mutating func refuse(_ what: String) {
        effects.append(.disconnect(because: what))
    }

    // MARK: what the queue says

    private mutating func receive(_ message: LinkMessage, _ now: UInt64) {
        if case .welcome(let welcome) = message { return self.welcome(welcome, now) }
        guard link == .up else { return refuse("\(message.kind) before the welcome") }
        switch message {
        case .jobs(let orders): take(orders)
        case .committed(let tickets): forget(tickets)
        case .cancel(let tickets): cancel(tickets)
        case .window(let ticket, let bytes): grant(ticket, bytes)
        case .hello, .places, .targets, .outcomes, .notStarted, .stats, .goodbye, .welcome:
            refuse("\(message.kind), which only workers send")
        case .chunk, .checkpoint, .slow:
            refuse("\(message.kind), which this version does not know")
        }
    }

    private mutating func take(_ orders: [CallOrder]) {
        var refused: [Ticket] = []
        for order in orders {
            guard numberOfTicket[order.ticket] == nil else {
                effects.append(.warn("the queue sent a job that this worker holds already"))
                continue
            }
            // Places that were taken back by the drain may have been used meanwhile.
            guard acceptsJobs, hasPlace(for: order.ticket) else {
                refused.append(order.ticket)
                continue
            }
            lastNumber += 1
            let number = CallNumber(lastNumber)
            calls[number] = Call(ticket: order.ticket, phase: .running)
            inFlight += 1
            numberOfTicket[order.ticket] = number
            effects.append(.start(number, order))
        }
        if !refused.isEmpty { effects.append(.send(.notStarted(refused))) }
    }

    /// As many calls as it has places; and durable calls only while it does not hold twice as many,
    /// with the outcomes that wait for the queue's disk.
    private func hasPlace(for ticket: Ticket) -> Bool {
        let places = Int(configuration.places)
        return inFlight - abandonedCount < places
            && (!ticket.isDurable || numberOfTicket.count < 2 * places)
    }

    private mutating func forget(_ tickets: [Ticket]) {
        for ticket in tickets {
            guard let number = numberOfTicket[ticket], case .ended = calls[number]?.phase else {
                // Running still: an acknowledgement of what nobody sent is not believed.
                continue
            }
            calls[number] = nil
            numberOfTicket[ticket] = nil
        }
    }

    private mutating func cancel(_ tickets: [Ticket]) {
        for ticket in tickets {
            guard let number = numberOfTicket[ticket], calls[number]?.phase == .running else {
                // Its outcome crossed the cancel.
                continue
            }
            effects.append(.cancel(number))
        }
    }

    private mutating func grant(_ ticket: Ticket, _ bytes: UInt32) {
        guard let number = numberOfTicket[ticket], calls[number]?.phase == .running else {
            // Its outcome crossed the window.
            return
        }
        effects.append(.grant(number, bytes: bytes))
    }

    // MARK: what the calls say

    /// For a caller that is gone nothing is sent: its call is being cancelled.
    private mutating func passOn(
        _ message: [UInt8]?, _ headers: [HeaderField], of number: CallNumber
    ) {
        guard link == .up, let call = calls[number], call.phase == .running, !call.isAbandoned
        else { return }
        let chunk = Chunk(
            ticket: call.ticket, message: call.streamedCount, data: message ?? [],
            endsMessage: message != nil, endsStream: false, headers: headers)
        if message != nil { calls[number]?.streamedCount &+= 1 }
        effects.append(.send(.chunk(chunk)))
    }

    private mutating func finish(_ ended: [EndedCall]) {
        var told: [CallOutcome] = []
        for end in ended {
            guard let call = calls[end.number], call.phase == .running else {
                preconditionFailure("a call that is not running has ended")
            }
            jobsDone += 1
            inFlight -= 1
            let endedByCut = call.isCut && end.outcome.code == Self.cancelledCode
            if call.ticket.isDurable {
                calls[end.number]?.phase = endedByCut ? .cutOff : .ended(end.outcome)
                if !endedByCut { told.append(end.outcome) }
                continue
            }
            calls[end.number] = nil
            if letGo(call), !endedByCut { told.append(end.outcome) }
        }
        if link == .up { send(told) }
    }

    private static let cancelledCode: Int32 = 1

    private mutating func handBack(_ numbers: [CallNumber]) {
        var tickets: [Ticket] = []
        for number in numbers {
            guard let call = calls.removeValue(forKey: number), call.phase == .running else {
                preconditionFailure("a call that is not running was not started")
            }
            inFlight -= 1
            if letGo(call) { tickets.append(call.ticket) }
        }
        // Without the link nothing need be said: the hello will not name them.
        if link == .up, !tickets.isEmpty { effects.append(.send(.notStarted(tickets))) }
    }

    /// Of a call that is no more; false: nobody waits for it.
    private mutating func letGo(_ call: Call) -> Bool {
        guard !call.isAbandoned else {
            abandonedCount -= 1
            return false
        }
        numberOfTicket[call.ticket] = nil
        return true
    }

    private mutating func note(_ state: TargetState) {
        targets[state.target] = state
        if link == .up { effects.append(.send(.targets([state]))) }
    }

    private var keptOutcomes: [CallOutcome] {
        calls.sorted { $0.key < $1.key }.compactMap { _, call in
            if case .ended(let outcome) = call.phase { outcome } else { nil }
        }
    }

    /// Several a message, but none of them waits behind many bytes of others.
    private mutating func send(_ outcomes: [CallOutcome]) {
        var batch: [CallOutcome] = []
        var size = 0
        for outcome in outcomes {
            batch.append(outcome)
            size += outcome.responseBytes + outcome.statusDetails.count
            if size >= Frame.fillTargetBytes {
                effects.append(.send(.outcomes(batch)))
                (batch, size) = ([], 0)
            }
        }
        if !batch.isEmpty { effects.append(.send(.outcomes(batch))) }
    }

    // MARK: time

    private mutating func pass(_ now: UInt64) {
        if case .down(let retry) = link, now >= retry {
            link = .connecting
            effects.append(.connect)
        }
        if link == .up, now >= statsDueNanoseconds {
            statsDueNanoseconds = now + Self.statsMilliseconds * 1_000_000
            effects.append(.measure)
        }
        passDrain(now)
    }

    private mutating func sendStats(threads: UInt32, _ residentBytes: UInt64) {
        guard link == .up else { return }
        let stats = WorkerStats(
            threads: threads, residentBytes: residentBytes, inFlight: UInt32(inFlight),
            jobsDone: jobsDone)
        effects.append(.send(.stats(stats)))
    }
}
