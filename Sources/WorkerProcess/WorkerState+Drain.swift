// How a worker leaves: by an order of the supervisor, by the supervisor's end, or at once. It says
// goodbye to the queue last, so that what it still holds then counts as cut off and not as killed.

import WireFormat

extension WorkerState {
    mutating func obey(_ order: SupervisorOrder, _ now: UInt64) {
        switch order {
        case .stop(let drainMilliseconds): stop(drainMilliseconds: drainMilliseconds, now)
        case .stopNow: leave()
        case .dump: effects.append(.dump)
        case .worker, .workersComplete, .figures, .newBundle:
            effects.append(.warn("the supervisor sent an order that is for the queue"))
        }
    }

    /// Takes nothing new and finishes what runs. A second order changes nothing but the time, and
    /// only to a shorter one.
    mutating func stop(drainMilliseconds: UInt32, _ now: UInt64) {
        let until = now + UInt64(drainMilliseconds) * 1_000_000
        switch phase {
        case .running:
            phase = .draining(untilNanoseconds: until)
            effects.append(.report(.draining))
            if link == .up { effects.append(.send(.places(0))) }
        case .draining(let before):
            phase = .draining(untilNanoseconds: min(before, until))
        case .cutting, .left:
            break
        }
    }

    mutating func passDrain(_ now: UInt64) {
        switch phase {
        case .draining(let until) where now >= until:
            phase = .cutting(untilNanoseconds: now + Self.cutMilliseconds * 1_000_000)
            for (number, call) in calls.sorted(by: { $0.key < $1.key }) {
                guard call.phase == .running else { continue }
                calls[number]?.isCut = true
                if !call.isAbandoned { effects.append(.cancel(number)) }
            }
        case .cutting(let until) where now >= until:
            leave()
        case .running, .draining, .cutting, .left:
            break
        }
    }

    /// Nothing runs, and the queue has committed every outcome: nothing keeps a draining worker.
    mutating func leaveIfDone(_ now: UInt64) {
        switch phase {
        case .draining, .cutting:
            if calls.values.allSatisfy({ $0.phase == .cutOff }) { leave() }
        case .running, .left:
            break
        }
    }

    private mutating func leave() {
        phase = .left
        let kept = calls.values.count { if case .ended = $0.phase { true } else { false } }
        if kept > 0 {
            effects.append(
                .warn(
                    "leaving with \(kept) outcomes that the queue has not committed; it treats "
                        + "these jobs as cut off"))
        }
        if link == .up { effects.append(.send(.goodbye)) }
        effects.append(.report(.goodbye))
        effects.append(.leave(isCut: !calls.isEmpty))
    }
}

extension WorkerState {
    /// What is wrong with this value; nil if nothing is.
    package func checkInvariants() -> String? {
        for (ticket, number) in numberOfTicket where calls[number]?.ticket != ticket {
            return "a ticket without its call"
        }
        let running = calls.values.count { $0.phase == .running }
        if running != inFlight || calls.values.count(where: \.isAbandoned) != abandonedCount {
            return "\(inFlight) calls and \(abandonedCount) abandoned are not what is there"
        }
        if running - abandonedCount > Int(configuration.places) { return "more calls than places" }
        if numberOfTicket.count > 3 * Int(configuration.places) { return "too much is kept" }
        for (number, call) in calls {
            if call.isAbandoned == (numberOfTicket[call.ticket] == number) {
                return "a call that is known to the queue must not be abandoned, nor the reverse"
            }
            if call.isAbandoned, call.ticket.isDurable { return "a durable call was abandoned" }
            if case .ended(let outcome) = call.phase {
                if !call.ticket.isDurable { return "a direct call's outcome was kept" }
                if outcome.ticket != call.ticket { return "an outcome of another call" }
            }
            if call.phase == .cutOff, !call.isCut || !call.ticket.isDurable {
                return "cut off without a cut"
            }
            if !call.ticket.isDurable, !call.isAbandoned, link != .up, phase != .left {
                return "a direct call outlived its connection"
            }
        }
        return nil
    }
}
