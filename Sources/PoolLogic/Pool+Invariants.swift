// What must hold after every event; executable in debug builds and in every random walk.

extension Pool {
    /// The first law that does not hold, in words.
    package func invariantViolation() -> String? {
        if workers.count < Int(workersWanted) { return "fewer places than workers wanted" }
        for (index, slot) in workers.enumerated() where slot.name != .worker(UInt32(index) + 1) {
            return "place \(index + 1) is called \(slot.name)"
        }
        for name in names {
            if let violation = violation(of: self[name]) { return violation }
        }
        if let loaderViolation { return loaderViolation }
        if phase == .ended, queue.child != nil || livingWorkers > 0 || loader.child != nil {
            return "ended with children"
        }
        if phase == .running, queue.generation == 0 { return "running without ever a queue" }
        return nil
    }

    private func violation(of slot: Slot) -> String? {
        if slot.child != nil, slot.generation == 0 { return "\(slot.name) was never forked" }
        switch slot.state {
        case .empty:
            let isDue = phase.isServing && isWanted(slot.name) && queue.generation > 0
            return isDue ? "\(slot.name) is wanted and nothing is due" : nil
        case .backingOff:
            return isRefillDue(slot.name) || slot.name == .queue
                ? nil : "\(slot.name) backs off and is not wanted"
        case .starting(let child):
            if !phase.isServing { return "\(slot.key) starts while prongd stops" }
            return child.readyAt == nil ? nil : "\(slot.key) was ready and is starting"
        case .ready(let child):
            if !phase.isServing { return "\(slot.key) was not told to stop" }
            return child.readyAt == nil ? "\(slot.key) is ready since never" : nil
        case .draining, .killed:
            return nil
        }
    }
}
