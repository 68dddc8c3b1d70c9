// Every setting of prongd as one checked value: what the configuration file says, and the built-in
// defaults where it says nothing. This file is the only place where a default is written down.
// It must never read a file, ask the clock or look at the environment: whoever needs a setting gets
// this value, and whoever makes one has already checked it (SettingsReader).

/// The checked settings of one prongd.
///
/// The nesting is that of the configuration file; the unit is the last word of each name.
package struct Settings: Equatable, Sendable {
    /// `workers`: processes that make calls. More workers use more cores and keep a crash smaller.
    package var workers = 4
    package var listen: Listen
    package var store: Store
    package var worker = Worker()
    package var defaults = Defaults()
    /// `[targets.NAME]`, sorted by name; names are unique.
    package var targets: [Target] = []
    package var access = Access()
    package var log = Log()

    /// The built-in defaults, with the socket and the store at these places.
    package init(places: DefaultPlaces = .system) {
        listen = Listen(socketPath: places.socketPath)
        store = Store(path: places.storePath)
    }

    /// `[listen]`: the socket that callers use, and what one caller may ask of it.
    package struct Listen: Equatable, Sendable {
        /// `socket`: absolute path of the Unix stream socket, at most 107 bytes.
        package var socketPath: String
        /// `mode`: permission bits of the socket, 0…0o777.
        package var socketMode: UInt32 = 0o660
        /// `group`: the group that owns the socket; "" is the daemon's own.
        package var group = ""
        /// The gid of `group`, resolved by the loader; nil when `group` is "".
        package var groupId: UInt32?
        /// `http`: "ADDRESS:PORT" for health, metrics and status on TCP; "" is none.
        package var httpAddress = ""
        /// `max_request`: the longest request body, or line of a body with many.
        package var maxRequestBytes = 4 * 1024 * 1024
        /// `max_response`: the longest response message taken from a target.
        package var maxResponseBytes = 4 * 1024 * 1024
        /// `max_connections`: open connections; the last 16 are kept for health and operators.
        package var maxConnections = 10_000
        /// `head_timeout`: a request's head must be whole within this time.
        package var headTimeoutMilliseconds: Int64 = 10_000

        package init(socketPath: String) {
            self.socketPath = socketPath
        }
    }

    /// `[store]`: the file that holds every accepted job.
    package struct Store: Equatable, Sendable {
        /// `path`: absolute path of the database file.
        package var path: String
        /// `max_queued`: jobs that may wait; over it a submission is refused with 429.
        package var maxQueued = 1_000_000

        package init(path: String) {
            self.path = path
        }

        /// The file whose lock says that a prongd uses the store: `path` with ".lock".
        package var lockPath: String { path + ".lock" }

        /// The folder of what targets told about themselves, for when one is down: `path` with
        /// ".descriptors".
        package var descriptorsPath: String { path + ".descriptors" }
    }

    /// `[worker]`: what one worker process holds, and how long the supervisor is patient with it.
    package struct Worker: Equatable, Sendable {
        /// `in_flight`: calls at once, per worker.
        package var inFlight = 64
        /// `spawn_timeout`: a child that is not ready after this time is replaced.
        package var spawnTimeoutMilliseconds: Int64 = 10_000
        /// `stuck_timeout`: a child without a heartbeat for this time is replaced.
        package var stuckTimeoutMilliseconds: Int64 = 30_000
        /// `drain_timeout`: at a stop, calls that run longer than this are cancelled.
        package var drainTimeoutMilliseconds: Int64 = 30_000

        package init() {}
    }

    /// `[defaults]`: for every target and method that does not say otherwise.
    package struct Defaults: Equatable, Sendable {
        /// `timeout`: a direct call's whole time, and the time of one attempt of a job.
        package var timeoutMilliseconds: Int64 = 30_000
        /// `call_retry`: for direct calls, within their deadline.
        package var callRetry = RetrySettings(
            attempts: 5, initialMilliseconds: 100, maxMilliseconds: 60_000, multiplier: 1.3)
        /// `job_retry`: for durable jobs.
        package var jobRetry = RetrySettings(
            attempts: 20, initialMilliseconds: 1_000, maxMilliseconds: 600_000, multiplier: 2.0)

        package init() {}
    }

    /// `[access]`: who may do what. Its one key, `operate`, belongs to a later version: until then
    /// root and the daemon's own user operate, and nobody else.
    package struct Access: Equatable, Sendable {
        package init() {}
    }

    /// `[log]`: what is written about the daemon's own work.
    package struct Log: Equatable, Sendable {
        /// `level`: the least severe line that is written.
        package var level = LogLevel.info
        /// `format`: the form of a line on standard error.
        package var format = LogFormat.automatic
        /// `slow_call`: a call that took longer has a line of its own; 0 is none.
        package var slowCallMilliseconds: Int64 = 10_000

        package init() {}
    }

    /// The severities of log lines, least severe first.
    package enum LogLevel: UInt8, CaseIterable, Sendable {
        case debug, info, notice, warning, error
    }

    /// How a log line is written.
    package enum LogFormat: UInt8, CaseIterable, Sendable {
        /// The journal's protocol where standard error is the journal and this version speaks it,
        /// else text.
        case automatic
        case text
        case json
    }
}

/// When an attempt that failed is made again, and how often.
package struct RetrySettings: Equatable, Sendable {
    /// Attempts in all, the first included; at least 1.
    package var attempts: Int
    /// The longest first back-off.
    package var initialMilliseconds: Int64
    /// The longest back-off of all.
    package var maxMilliseconds: Int64
    /// How much longer each back-off is than the one before; at least 1.
    package var multiplier: Double
    /// The gRPC status codes that are worth another attempt, ascending, without OK.
    package var codes: [Int]

    package init(
        attempts: Int, initialMilliseconds: Int64, maxMilliseconds: Int64, multiplier: Double,
        codes: [Int] = [StatusCode.unavailable]
    ) {
        self.attempts = attempts
        self.initialMilliseconds = initialMilliseconds
        self.maxMilliseconds = maxMilliseconds
        self.multiplier = multiplier
        self.codes = codes
    }
}
