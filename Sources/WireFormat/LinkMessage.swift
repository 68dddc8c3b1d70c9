// What the queue and a worker say to each other on workers.sock. One enum case a message; the
// document prongd.docc/LinkProtocol.md draws each. A field that is not known is skipped, a kind
// that is not known is refused: the sender must have learnt from the hello that it is understood.
//
//     worker                                    queue
//       │ hello(version, who, places, holding) ──▶ │   first, and only once
//       │ ◀── welcome(version)                     │   or the connection is closed
//       │ outcomes kept from before ─────────────▶ │
//       │ ◀── jobs …                               │   at most `places` not yet committed
//       │ outcomes, notStarted ──────────────────▶ │
//       │ ◀── committed (the place is free again)  │
//       │ places(0), …, goodbye ─────────────────▶ │   drain or retirement

package enum LinkMessage: Equatable, Sendable {
    // worker → queue
    case hello(Hello)
    case places(UInt32)
    case targets([TargetState])
    case outcomes([CallOutcome])
    case notStarted([Ticket])
    case stats(WorkerStats)
    case goodbye
    // queue → worker
    case welcome(Welcome)
    case jobs([CallOrder])
    case committed([Ticket])
    case cancel([Ticket])
    // either way; for calls of several messages and long-running operations
    case chunk(Chunk)
    case window(ticket: Ticket, bytes: UInt32)
    case checkpoint(ticket: Ticket, data: [UInt8])
    case slow(target: UInt32, untilMonotonicNanoseconds: UInt64)

    /// Raised when a message changes its meaning; new fields alone do not raise it.
    package static let version: UInt32 = 1

    package enum Kind: UInt8, Sendable {
        case hello = 1
        case places = 2
        case targets = 3
        case outcomes = 4
        case notStarted = 5
        case stats = 6
        case goodbye = 7
        case welcome = 16
        case jobs = 17
        case committed = 18
        case cancel = 19
        case chunk = 32
        case window = 33
        case checkpoint = 34
        case slow = 35
    }
}

package enum LinkError: Error, Equatable, Sendable {
    case unknownKind(UInt8)
    case field(kind: UInt8, FieldError)
}

/// One attempt of one job, or one direct call: what an outcome, a cancel and a commit name.
package struct Ticket: Hashable, Sendable {
    /// A job's key, or a number of the queue's own for a direct call.
    package var number: UInt64
    package var attempt: Int32

    package init(number: UInt64, attempt: Int32) {
        self.number = number
        self.attempt = attempt
    }

    /// Set in the numbers of direct calls; a job's key never has it.
    package static let directBit: UInt64 = 1 << 63

    /// A durable call's outcome is kept, with its place, until it is committed; a direct call's is
    /// sent once, and the call is cancelled when the connection to the queue is lost.
    package var isDurable: Bool { number & Ticket.directBit == 0 }
}

package struct Hello: Equatable, Sendable {
    package var version: UInt32
    package var instance: UInt64
    package var slot: Int32
    package var generation: Int32
    package var pid: Int32
    /// Which bundle of settings it runs with.
    package var settingsGeneration: UInt64
    /// How many calls it will hold at once: running ones, and durable outcomes not yet committed.
    package var places: UInt32
    /// Every durable call that it holds: those that run, and those that have ended but whose
    /// outcome was never committed. Outcomes that are there already follow at once.
    package var holding: [Ticket]

    package init(
        version: UInt32 = LinkMessage.version, instance: UInt64, slot: Int32, generation: Int32,
        pid: Int32, settingsGeneration: UInt64 = 0, places: UInt32, holding: [Ticket] = []
    ) {
        self.version = version
        self.instance = instance
        self.slot = slot
        self.generation = generation
        self.pid = pid
        self.settingsGeneration = settingsGeneration
        self.places = places
        self.holding = holding
    }
}

package struct Welcome: Equatable, Sendable {
    package var version: UInt32

    package init(version: UInt32 = LinkMessage.version) {
        self.version = version
    }
}

/// gRPC's connectivity states, with C-core's numbers.
package enum Connectivity: UInt8, Sendable {
    case idle = 0
    case connecting = 1
    case ready = 2
    case transientFailure = 3
    case shutdown = 4

    package var name: String {
        switch self {
        case .idle: "idle"
        case .connecting: "connecting"
        case .ready: "ready"
        case .transientFailure: "transient_failure"
        case .shutdown: "shutdown"
        }
    }
}

/// One client of a worker: its target by index in the settings' sorted list.
package struct TargetState: Equatable, Sendable {
    package var target: UInt32
    package var connectivity: Connectivity
    /// Wall clock, milliseconds: after the worker was forked, by the fork law.
    package var builtAtMilliseconds: Int64
    /// Why it is not ready, as C-core tells it; may be empty.
    package var reason: String

    package init(
        target: UInt32, connectivity: Connectivity, builtAtMilliseconds: Int64, reason: String = ""
    ) {
        self.target = target
        self.connectivity = connectivity
        self.builtAtMilliseconds = builtAtMilliseconds
        self.reason = reason
    }
}

package struct HeaderField: Equatable, Sendable {
    package var name: String
    /// Raw, also for `-bin` names.
    package var value: [UInt8]

    package init(name: String, value: [UInt8]) {
        self.name = name
        self.value = value
    }
}

/// A call to make.
package struct CallOrder: Equatable, Sendable {
    package var ticket: Ticket
    package var target: UInt32
    /// `/package.Service/Method`.
    package var path: String
    /// CLOCK_MONOTONIC; 0: no deadline.
    package var deadlineMonotonicNanoseconds: UInt64
    package var metadata: [HeaderField]
    package var request: [UInt8]
    /// Nothing: a unary call of one page.
    package var extent: CallExtent?
    /// The worker adds what Google's clients say of themselves (`x-goog-api-client`).
    package var isGoogle: Bool

    package init(
        ticket: Ticket, target: UInt32, path: String,
        deadlineMonotonicNanoseconds: UInt64, metadata: [HeaderField] = [], request: [UInt8],
        extent: CallExtent? = nil, isGoogle: Bool = false
    ) {
        self.ticket = ticket
        self.target = target
        self.path = path
        self.deadlineMonotonicNanoseconds = deadlineMonotonicNanoseconds
        self.metadata = metadata
        self.request = request
        self.extent = extent
        self.isGoogle = isGoogle
    }
}

/// How a call ended.
package struct CallOutcome: Equatable, Sendable {
    package var ticket: Ticket
    /// A gRPC status code, 0 to 16.
    package var code: Int32
    package var message: String
    /// A serialized google.rpc.Status, if the trailers carried one.
    package var statusDetails: [UInt8]
    package var response: [UInt8]
    package var headers: [HeaderField]
    package var trailers: [HeaderField]
    package var peer: String
    package var startedAtMilliseconds: Int64
    package var durationNanoseconds: UInt64
    /// `grpc-retry-pushback-ms`: nothing without it; negative: do not repeat.
    package var pushbackMilliseconds: Int64?
    /// All responses of a call whose server streams; `response` is empty then. Nothing: it does
    /// not stream.
    package var responses: [[UInt8]]?
    /// The worker made the error itself, whatever the server said: a bound, a stream or pages that
    /// do not fit, a call that gRPC would not take.
    package var isMadeByProng: Bool

    package init(
        ticket: Ticket, code: Int32, message: String = "",
        statusDetails: [UInt8] = [], response: [UInt8] = [], headers: [HeaderField] = [],
        trailers: [HeaderField] = [], peer: String = "", startedAtMilliseconds: Int64 = 0,
        durationNanoseconds: UInt64 = 0, pushbackMilliseconds: Int64? = nil,
        responses: [[UInt8]]? = nil, isMadeByProng: Bool = false
    ) {
        self.ticket = ticket
        self.code = code
        self.message = message
        self.statusDetails = statusDetails
        self.response = response
        self.headers = headers
        self.trailers = trailers
        self.peer = peer
        self.startedAtMilliseconds = startedAtMilliseconds
        self.durationNanoseconds = durationNanoseconds
        self.pushbackMilliseconds = pushbackMilliseconds
        self.responses = responses
        self.isMadeByProng = isMadeByProng
    }

    /// Bytes of what was answered.
    package var responseBytes: Int {
        responses?.reduce(response.count) { $0 + $1.count } ?? response.count
    }
}

package struct WorkerStats: Equatable, Sendable {
    package var threads: UInt32
    package var residentBytes: UInt64
    package var inFlight: UInt32
    package var jobsDone: UInt64

    package init(threads: UInt32, residentBytes: UInt64, inFlight: UInt32, jobsDone: UInt64) {
        self.threads = threads
        self.residentBytes = residentBytes
        self.inFlight = inFlight
        self.jobsDone = jobsDone
    }
}
