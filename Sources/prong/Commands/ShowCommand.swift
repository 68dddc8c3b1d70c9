// `prong show`: one job with its attempts.
import ArgumentParser

struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show a job with its attempts.",
        discussion: """
              prong show 01J8ZC4N0V
              prong show 01J8ZC4N0V --json | jq .response
            """)

    @OptionGroup var socket: SocketOption

    @Argument(help: ArgumentHelp("The job's id.", valueName: "id"))
    var id: String

    @Flag(help: "Print the job as JSON.")
    var json = false

    func run() throws {
        let client = socket.client()
        let answer = try client.expect(.get("/v1/jobs/\(percentEncoded(id))"))
        if json { return try printJSON(answer.body) }
        let job = try client.readJSON(answer)
        try printLines(
            JobText.lines(job, json: answer.body, nowMilliseconds: wallMillisecondsNow()))
    }
}
