// `prong status`, `workers`, `targets`: how the pool and the queue are.
import ArgumentParser

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how the pool and the queue are.",
        discussion: """
              prong status
              prong status --json | jq .queue.depth

            The first line says whether all is well; lines under it say what is not, and why.
            """)

    @OptionGroup var socket: SocketOption

    @Flag(help: "Print the status as JSON.")
    var json = false

    func run() throws {
        let client = socket.client()
        let answer = try client.expect(.get("/v1/status"))
        if json { return try printJSON(answer.body) }
        // A daemon that fails answers 503 here, with the same body: that is the news, no error.
        let readiness = try JSONValue(lenient: client.exchange(.get("/readyz")))
        let targets = try JSONValue(lenient: client.exchange(.get("/v1/targets")))
        let page = StatusPage(
            status: try client.readJSON(answer), readiness: readiness,
            targets: targets?["targets"]?.elements ?? [],
            nowMilliseconds: wallMillisecondsNow())
        try printLines(page.lines)
    }
}

struct WorkersCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "workers",
        abstract: "Show each worker and its clients.",
        discussion: """
              prong workers
              prong workers --json | jq '.workers[].clients'
            """)

    @OptionGroup var socket: SocketOption

    @Flag(help: "Print the workers as JSON.")
    var json = false

    func run() throws {
        let client = socket.client()
        let answer = try client.expect(.get("/v1/workers"))
        if json { return try printJSON(answer.body) }
        let workers = try client.readJSON(answer)["workers"]?.elements ?? []
        guard !workers.isEmpty else { return complain("no worker lives") }
        try printLines(PoolText.workers(workers, nowMilliseconds: wallMillisecondsNow()))
    }
}

struct TargetsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "targets",
        abstract: "Show each target, and how old what waits for it is.",
        discussion: """
              prong targets
              prong targets --json | jq '.targets[] | select(.state != "up")'

            The second table counts what is queued by how long it has waited: a queue that moves \
            has its jobs on the left, one that stands has them on the right. A + behind a number \
            means that there may be more. A target that is down is told with its reason.
            """)

    @OptionGroup var socket: SocketOption

    @Flag(help: "Print the targets as JSON.")
    var json = false

    func run() throws {
        let client = socket.client()
        let answer = try client.expect(.get("/v1/targets"))
        if json { return try printJSON(answer.body) }
        let targets = try client.readJSON(answer)["targets"]?.elements ?? []
        guard !targets.isEmpty else { return complain("no target is configured") }
        let parts = [
            PoolText.targets(targets), PoolText.ages(targets), PoolText.reasons(targets),
        ]
        try printLines(
            Array(parts.filter { !$0.isEmpty }.joined(separator: [""])))
    }
}

extension JSONValue {
    /// The body of an answer that may be missing or odd without harm.
    init?(lenient response: Response) {
        guard let value = try? JSONValue(parsing: response.body) else { return nil }
        self = value
    }
}
