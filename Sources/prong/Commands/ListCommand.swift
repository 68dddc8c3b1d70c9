// `prong list`: jobs, newest first.
import ArgumentParser
import Glibc

struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List jobs, newest first.",
        discussion: """
              prong list
              prong list --state failed --since 1h
              prong list --batch import --limit 5000 --json | jq -r '.jobs[].id'
            """)

    @OptionGroup var socket: SocketOption

    @OptionGroup(title: "Which jobs") var filter: JobFilter

    @Option(
        help: ArgumentHelp("Show no more than so many.", valueName: "n"), transform: readPositive)
    var limit: Int = 100

    @Flag(help: "Print the jobs as JSON.")
    var json = false

    func run() throws {
        let client = socket.client()
        let now = wallMillisecondsNow()
        var pages = JobPages(client, try filter.query(client, nowMilliseconds: now))
        var jobs: [JSONValue] = []
        while jobs.count < limit, !pages.isAtEnd {
            jobs += try pages.next(limit: limit - jobs.count)
        }
        if json {
            let answer = JSONValue.object([.init(name: "jobs", value: .array(jobs))])
            return try printJSON(answer.jsonBytes)
        }
        guard !jobs.isEmpty else { return complain("no job matches") }
        try printLines(JobText.list(jobs, nowMilliseconds: now))
        if !pages.isAtEnd { complain("there are more; show them with a greater --limit") }
    }
}
