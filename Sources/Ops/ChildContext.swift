// What the supervisor leaves to a child: who it is, and the child table, the only descriptors it
// has beside 0, 1, 2. They have fixed numbers and live as long as the process.
//
//      3  link           all        SOCK_SEQPACKET to the supervisor
//      4  bundle         all        the sealed memory file with settings and descriptors; the
//                                   loader of the start has none, for it makes the first
//      5  store lock     not loader held (flock) by merely being open: never close, never unlock
//      6  prong.sock     queue      listening, non-blocking
//      7  workers.sock   queue      listening, non-blocking
//
// A child starts with one thread, SIGPIPE, INT, QUIT and HUP ignored, SIGTERM meaning "the link
// has ended" (its handler shuts the link down for reading, so that whoever reads it sees end of
// file; an alarm ends a process that is deaf to that), ABRT and the fault signals writing a
// backtrace, all others as by default. What it returns is its exit code.

package enum ChildTable {
    package static let link: CInt = 3
    package static let bundle: CInt = 4
    package static let storeLock: CInt = 5
    package static let clientListener: CInt = 6
    package static let workerListener: CInt = 7
}

/// The two listening sockets, which only the queue gets; the supervisor keeps its own copies, so
/// closing these refuses no connection.
package struct Listeners: Equatable, Sendable {
    /// prong.sock: HTTP.
    package let clients: CInt
    /// workers.sock: frames of the worker link.
    package let workers: CInt

    package init(clients: CInt, workers: CInt) {
        self.clients = clients
        self.workers = workers
    }
}

/// Everything that a role's main gets.
package struct ChildContext: ~Copyable, Sendable {
    package let identity: Identity
    /// Random, made when this supervisor started; every hello carries it.
    package let instance: UInt64
    package let link: SupervisorLink
    /// The sealed memory file that is in force; -1 in the loader of the start, which makes it.
    package let bundle: CInt
    /// Only in the queue.
    package let listeners: Listeners?
    /// Only in the queue: three queues died within 60 s, so render no bodies and dispatch nothing.
    package let safeMode: Bool
    /// Only in a loader that is forked while prongd runs: whom it asks for descriptors, by their
    /// places in the settings; nil: all.
    package let askedTargets: Set<UInt32>?
    /// How often the role's main loop reports a heartbeat.
    package let heartbeatMilliseconds: UInt64
    package let log: Log

    package static let heartbeatMillisecondsMax: UInt64 = 1000

    package init(
        identity: Identity, instance: UInt64, link: SupervisorLink, bundle: CInt,
        listeners: Listeners?, safeMode: Bool, askedTargets: Set<UInt32>? = nil,
        heartbeatMilliseconds: UInt64, log: Log
    ) {
        self.identity = identity
        self.instance = instance
        self.link = link
        self.bundle = bundle
        self.listeners = listeners
        self.safeMode = safeMode
        self.askedTargets = askedTargets
        self.heartbeatMilliseconds = heartbeatMilliseconds
        self.log = log
    }
}
