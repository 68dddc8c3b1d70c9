// Random walks of a worker beside a queue that crashes, forgets, commits late and stops it at any
// time. The queue here is a model with only what the laws need.

import SeededRandom
import Testing
import WireFormat

@testable import WorkerProcess

/// The other side of the link, and the calls.
private struct Model {
    var random: SeededRandom
    var state: WorkerState
    var now: UInt64 = 0
    var isLinked = false
    var isWelcomed = false
    var nextJob: UInt64 = 1
    var nextDirect: UInt64 = 1
    /// What the queue believes that the worker holds.
    var leases: Set<Ticket> = []
    /// Durable calls that were started and not handed back.
    var begun: Set<Ticket> = []
    /// Outcomes on disk whose acknowledgement is on its way or lost.
    var committed: Set<Ticket> = []
    /// Calls that C-core has.
    var running: [CallNumber: Ticket] = [:]
    var cancelled: Set<CallNumber> = []
    var hasLeft = false
    var faults: [String] = []

    static let places = 4

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        state = WorkerState(
            WorkerState.Configuration(
                instance: 1, slot: 1, generation: 1, pid: 1, places: UInt32(Self.places),
                drainMilliseconds: 200))
    }

    mutating func give(_ event: WorkerEvent) {
        for effect in state.handle(event, now: now) { take(effect) }
        if let fault = state.checkInvariants() { faults.append(fault) }
    }

    mutating func take(_ effect: WorkerEffect) {
        if hasLeft { faults.append("an effect after the end: \(effect)") }
        switch effect {
        case .connect:
            isLinked = random.chance(70)
            give(isLinked ? .connected : .disconnected)
        case .disconnect(let reason): faults.append("the link was closed: \(reason)")
        case .send(let message): receive(message)
        case .start(let number, let order): start(number, order)
        case .cancel(let number):
            if running[number] == nil { faults.append("a cancel of nothing") }
            cancelled.insert(number)
        case .grant(let number, _):
            if running[number] == nil { faults.append("a window for nothing") }
        case .measure: give(.measured(threads: 1, residentBytes: 1))
        case .leave: hasLeft = true
        case .report, .dump, .warn: break
        }
    }

    mutating func start(_ number: CallNumber, _ order: CallOrder) {
        if order.ticket.isDurable {
            if !begun.insert(order.ticket).inserted { faults.append("started twice") }
        }
        if random.chance(10) {
            begun.remove(order.ticket)
            give(.notStarted([number]))
        } else {
            running[number] = order.ticket
        }
    }

    mutating func receive(_ message: LinkMessage) {
        guard isLinked else { return faults.append("sent without a link: \(message.kind)") }
        switch message {
        case .hello(let hello): greet(hello)
        case .outcomes(let outcomes):
            for outcome in outcomes {
                if outcome.ticket.isDurable {
                    if random.chance(80) { committed.insert(outcome.ticket) }
                } else {
                    leases.remove(outcome.ticket)
                }
            }
        case .notStarted(let tickets):
            for ticket in tickets { leases.remove(ticket) }
        case .chunk(let chunk):
            if !leases.contains(chunk.ticket) { faults.append("a chunk of nobody's call") }
        default: break
        }
    }

    /// A durable call that began and is not committed must be named: else it would be made again.
    mutating func greet(_ hello: Hello) {
        let named = Set(hello.holding)
        if !named.isSuperset(of: begun.subtracting(committed)) {
            faults.append("a hello left out a call that began")
        }
        if !named.isSubset(of: begun) { faults.append("a hello named what never began") }
        leases = named
        if state.phase != .running, hello.places != 0 { faults.append("places in a drain") }
    }

    mutating func step() {
        now += UInt64.random(in: 0...20, using: &random) * 1_000_000
        if let due = state.nextNanoseconds, due <= now { give(.tick) }
        guard !hasLeft else { return }
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<35: sendJobs()
        case 35..<65: endOne()
        case 65..<85: acknowledge()
        case 85..<88: cancelOne()
        case 88: openWindow()
        case 89: streamOne()
        case 90..<94: loseLink()
        case 94: give(.target(TargetState(target: 0, connectivity: .idle, builtAtMilliseconds: 0)))
        case 95 where random.chance(10): give(.order(.stop(drainMilliseconds: 100)))
        case 96 where random.chance(5): give(.supervisorGone)
        default: welcome()
        }
    }

    mutating func welcome() {
        guard isLinked, !isWelcomed, state.link == .greeting else { return }
        isWelcomed = true
        give(.received(.welcome(Welcome())))
    }

    mutating func sendJobs() {
        guard isLinked, isWelcomed else { return welcome() }
        let free = Self.places - leases.count
        guard free > 0 else { return }
        let orders = (0..<Int.random(in: 1...free, using: &random)).map { _ in
            let ticket: Ticket
            if random.chance(30) {
                ticket = Ticket(number: Ticket.directBit | nextDirect, attempt: 1)
                nextDirect += 1
            } else {
                ticket = Ticket(number: nextJob, attempt: 1)
                nextJob += 1
            }
            leases.insert(ticket)
            return CallOrder(
                ticket: ticket, target: 0, path: "/a.B/C", deadlineMonotonicNanoseconds: 0,
                request: [])
        }
        give(.received(.jobs(orders)))
    }

    mutating func endOne() {
        guard let number = running.keys.randomElement(using: &random),
            let ticket = running.removeValue(forKey: number)
        else { return }
        let code: Int32 = cancelled.contains(number) && random.chance(80) ? 1 : 0
        let outcome = CallOutcome(ticket: ticket, code: code)
        give(.ended([EndedCall(number: number, outcome: outcome)]))
    }

    mutating func acknowledge() {
        guard isLinked, isWelcomed, let ticket = committed.randomElement(using: &random) else {
            return
        }
        leases.remove(ticket)
        begun.remove(ticket)
        committed.remove(ticket)
        give(.received(.committed([ticket])))
    }

    mutating func cancelOne() {
        guard isLinked, isWelcomed, let ticket = leases.randomElement(using: &random) else {
            return
        }
        give(.received(.cancel([ticket])))
    }

    mutating func openWindow() {
        guard isLinked, isWelcomed, let ticket = leases.randomElement(using: &random) else {
            return
        }
        give(.received(.window(ticket: ticket, bytes: 5)))
    }

    mutating func streamOne() {
        guard let number = running.keys.randomElement(using: &random) else { return }
        give(random.chance(30) ? .head(number, []) : .streamed(number, [1]))
    }

    mutating func loseLink() {
        guard isLinked else { return }
        isLinked = false
        isWelcomed = false
        nextDirect = 1
        leases = []
        // What was acknowledged into a broken connection is acknowledged again later.
        give(.disconnected)
    }
}

@Suite struct WorkerStateWalkTests {
    @Test func `no walk forgets a call, starts one twice or speaks after the end`() {
        for seed in UInt64(1)...150 {
            var model = Model(seed: seed)
            for _ in 0..<500 where !model.hasLeft && model.faults.isEmpty { model.step() }
            #expect(model.faults == [], "seed \(seed)")
        }
    }

    @Test func `every walk ends once it is stopped`() {
        for seed in UInt64(1)...100 {
            var model = Model(seed: seed)
            for _ in 0..<200 where !model.hasLeft { model.step() }
            if !model.hasLeft { model.give(.order(.stop(drainMilliseconds: 50))) }
            for _ in 0..<10_000 where !model.hasLeft { model.step() }
            #expect(model.hasLeft, "seed \(seed)")
            #expect(model.faults == [], "seed \(seed)")
        }
    }
}
