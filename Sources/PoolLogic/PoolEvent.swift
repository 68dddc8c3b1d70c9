// What can happen to the pool. Every event names a child by place and generation, never by pid: a
// pid is used again by the kernel, a generation never.

/// A place for one child.
package enum ChildName: Hashable, Comparable, Sendable, CustomStringConvertible {
    case queue
    /// 1…N.
    case worker(UInt32)
    /// Only now and then: the one of the start is gone before there is a pool.
    case loader

    package var description: String {
        switch self {
        case .queue: "queue"
        case .worker(let slot): "worker \(slot)"
        case .loader: "loader"
        }
    }
}

/// One child: its place and which of the processes that had the place it is.
package struct ChildKey: Hashable, Sendable, CustomStringConvertible {
    package let name: ChildName
    package let generation: UInt32

    package init(_ name: ChildName, _ generation: UInt32) {
        self.name = name
        self.generation = generation
    }

    package var description: String { "\(name) (gen \(generation))" }
}

/// When an event happened, and the chance that belongs to it: logic reads no clock and no dice.
package struct Moment: Equatable, Sendable {
    /// Does not jump; deadlines are in it.
    package var monotonicMilliseconds: UInt64
    /// For people.
    package var wallMilliseconds: UInt64
    /// Uniform; drawn anew for each event, for jitter.
    package var random: UInt64

    package init(monotonicMilliseconds: UInt64, wallMilliseconds: UInt64, random: UInt64) {
        self.monotonicMilliseconds = monotonicMilliseconds
        self.wallMilliseconds = wallMilliseconds
        self.random = random
    }
}

/// How a process ended.
package enum ChildEnd: Equatable, Sendable, CustomStringConvertible {
    case exited(code: UInt8)
    case signalled(signal: UInt8)

    package var description: String {
        switch self {
        case .exited(let code): "exit code \(code)"
        case .signalled(let signal): "signal \(signal)"
        }
    }
}

/// The signals that prongd obeys.
package enum PoolSignal: Equatable, Sendable {
    /// TERM, INT: drain; the second time: at once.
    case terminate
    /// QUIT: at once.
    case quit
    /// TTIN: a worker more.
    case more
    /// TTOU: a worker less.
    case fewer
    /// USR1: each process's state to the log.
    case dump
    /// HUP: logged and ignored.
    case hangUp
}

package enum PoolEvent: Equatable, Sendable {
    /// Once: everything that the children need is there.
    case begin
    case ready(ChildKey)
    case heartbeat(ChildKey)
    case draining(ChildKey)
    case goodbye(ChildKey)
    case fatal(ChildKey, exitCode: UInt8, text: String)
    /// The queue wants a worker replaced that stays silent towards it.
    case askReplace(ChildKey)
    case scale(workers: UInt32)
    /// The queue wants to know what a target (its place in the settings) tells now.
    case askLoad(ChildKey, target: UInt32)
    /// The loader has handed a bundle back.
    case bundle(ChildKey)
    /// End of file on the child's link, while the process may still be there.
    case linkClosed(ChildKey)
    case exited(ChildKey, ChildEnd)
    case forkFailed(ChildKey, reason: String)
    /// The fork was refused because the law of the fork does not hold: a bug of prong.
    case lawBroken(ChildKey, text: String)
    case signal(PoolSignal)
    /// Time has passed; due every second at least, or the pool thinks it stood still.
    case tick
}
