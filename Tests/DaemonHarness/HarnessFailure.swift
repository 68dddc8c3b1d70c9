// What the harness throws when the world is not as a test needs it, and how it waits for the world:
// always for an event, with a generous bound, never for a fixed time.
import Foundation

package struct HarnessFailure: Error, CustomStringConvertible {
    package let description: String
    /// Waiting longer cannot help: the process that is waited for has ended.
    package let isFinal: Bool

    package init(_ description: String, isFinal: Bool = false) {
        self.description = description
        self.isFinal = isFinal
    }
}

/// Seconds on the monotonic clock.
package func monotonicSeconds() -> Double {
    ProcessInfo.processInfo.systemUptime
}

/// Calls `probe` until it answers something, and fails with `claim` when `seconds` are over.
/// An error of the probe counts as "not yet": a daemon that restarts refuses connections.
@discardableResult
package func eventually<Found>(
    _ claim: String, within seconds: Double = 30, every pause: Double = 0.01,
    _ probe: () throws -> Found?
) throws -> Found {
    let end = monotonicSeconds() + seconds
    var last: (any Error)?
    while true {
        do {
            if let found = try probe() { return found }
            last = nil
        } catch let failure as HarnessFailure where failure.isFinal {
            throw failure
        } catch { last = error }
        guard monotonicSeconds() < end else { break }
        usleep(UInt32(pause * 1_000_000))
    }
    let reason = last.map { "; last error: \($0)" } ?? ""
    throw HarnessFailure("not within \(seconds) s: \(claim)\(reason)")
}

/// `eventually` for a condition.
package func eventuallyTrue(
    _ claim: String, within seconds: Double = 30, every pause: Double = 0.01,
    _ condition: () throws -> Bool
) throws {
    try eventually(claim, within: seconds, every: pause) { try condition() ? true : nil }
}

/// Work on a thread of its own, so that a test can hold a request open while it does other things.
package final class Background<Value: Sendable>: @unchecked Sendable {
    private let condition = NSCondition()
    private var result: Result<Value, any Error>?

    package init(_ work: @escaping @Sendable () throws -> Value) {
        Thread.detachNewThread { [self] in
            let outcome = Result { try work() }
            condition.lock()
            result = outcome
            condition.broadcast()
            condition.unlock()
        }
    }

    package var isDone: Bool {
        condition.lock()
        defer { condition.unlock() }
        return result != nil
    }

    package func value(within seconds: Double = 60) throws -> Value {
        condition.lock()
        defer { condition.unlock() }
        let limit = Date(timeIntervalSinceNow: seconds)
        while result == nil {
            guard condition.wait(until: limit) else {
                throw HarnessFailure("background work did not end within \(seconds) s")
            }
        }
        guard let result else { throw HarnessFailure("background work without a result") }
        return try result.get()
    }
}
