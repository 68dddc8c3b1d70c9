// `prong wait`: holds until jobs have ended, then prints each as the daemon shows it.
import ArgumentParser
import Glibc

struct WaitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait",
        abstract: "Wait until jobs have ended and print them.",
        discussion: """
              prong wait 01J8ZC4N0V
              prong wait $(cat ids) --timeout 10m
              prong wait "$id" | jq .response

            Prints one job a line as JSON, in the order given. Exit code: 0 if all succeeded, 1 \
            if one failed or ended unknown (its error goes to standard error), 75 if one was not \
            finished after --timeout.
            """)

    @OptionGroup var socket: SocketOption

    @Argument(help: ArgumentHelp("The jobs' ids.", valueName: "id"))
    var ids: [String]

    @Option(
        help: ArgumentHelp("Wait no longer than this.", valueName: "duration"),
        transform: readDuration)
    var timeout: DurationText?

    @Flag(help: "Changes nothing: the output is JSON anyway.")
    var json = false

    func run() throws {
        let client = socket.client()
        let deadline = timeout.map { Deadline.after(seconds: $0.seconds) } ?? .never
        var worst = ExitStatus.done
        for id in ids {
            let outcome = try end(of: id, client, deadline)
            if worst != .temporary && outcome != .done { worst = outcome }
        }
        guard worst == .done else { throw Failure(worst, "") }
    }

    private func end(
        of id: String, _ client: Client, _ deadline: Deadline
    ) throws(Failure) -> ExitStatus {
        let answer = try JobWait(client, deadline).response(of: id)
        let job = try client.readJSON(answer)
        try printJSON(answer.body)
        guard isFinal(job) else {
            complain("job \(id) is not finished: it is \(job["state"]?.text ?? "under way")")
            return .temporary
        }
        if job["state"]?.text == JobState.succeeded.rawValue { return .done }
        try printJSON(jobError(job, answer.body), to: STDERR_FILENO)
        return .failed
    }
}

/// Asks again and again for one job until it has ended: each single request holds for a bounded
/// time, so a daemon that is gone is noticed, and one that was restarted is asked anew.
struct JobWait {
    /// How long one request holds, in seconds.
    static let sliceSeconds = 30.0

    private let client: Client
    private let deadline: Deadline

    init(_ client: Client, _ deadline: Deadline) {
        self.client = client
        self.deadline = deadline
    }

    /// The last answer about the job: ended, or as it was when the deadline passed.
    func response(of id: String) throws(Failure) -> Response {
        while true {
            let slice = min(Self.sliceSeconds, Double(deadline.pollMilliseconds) / 1000)
            let seconds = deadline == .never ? Self.sliceSeconds : slice
            let wait = DurationText(milliseconds: Int64(seconds * 1000)).text
            let began = MonotonicInstant.now
            let answer = try client.expect(
                .get("/v1/jobs/\(percentEncoded(id))", query: [("wait", wait)]),
                within: seconds + Client.answerSeconds)
            if isFinal(try client.readJSON(answer)) || deadline.hasPassed { return answer }
            // A daemon that answers at once although the job goes on must not be asked in a loop.
            if MonotonicInstant.now.seconds(since: began) < 0.05 { _ = poll(nil, 0, 100) }
        }
    }
}
