// `prong map`: a request a line in, a result a line out.
import ArgumentParser
import Glibc

struct MapCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "map",
        abstract: "Make a call for each line of a file.",
        discussion: """
            One request a line in (NDJSON, blank lines are skipped), one result a line out, in \
            the input's order: the response's JSON, or {"error":{…}}.

              prong map Echo/Say requests.ndjson > results.ndjson
              jq -c '{text: .}' words.json | prong map Echo/Say
              prong map Echo/Say requests.ndjson --unordered --number
              prong map Invoices/Create invoices.ndjson --key invoices-may

            Every line is a durable job. A line that fails does not stop the others; the exit \
            code is then 1. If the connection is lost, the lines without an answer are named and \
            the exit code is 75. With --key (line 1 gets the key KEY-1, and so on) they are sent \
            again, and whoever runs the same map with the same key again makes no call twice.
            """)

    @OptionGroup var socket: SocketOption

    @OptionGroup var called: MethodArgument

    @Argument(
        help: ArgumentHelp("The requests; default: standard input.", valueName: "file"),
        completion: .file())
    var file: String?

    @Flag(help: "Print results as they end, not in the input's order.")
    var unordered = false

    @Flag(help: "Print each result with its line's number: {\"line\":3,\"response\":…}.")
    var number = false

    @Option(help: ArgumentHelp("A name to find the jobs by.", valueName: "name"))
    var batch: String?

    @OptionGroup(title: "Options of each job")
    var options: CallOptions

    /// The daemon lets go of a stream after this; jobs that go on are then asked for singly.
    private static let streamWait = "1d"
    /// So much room a line's number takes at the end of its key.
    private static let keyBytesMax = 235

    func validate() throws {
        guard (options.key ?? "").utf8.count <= Self.keyBytesMax else {
            throw ValidationError(
                "a key for map has at most \(Self.keyBytesMax) characters: line numbers follow")
        }
    }

    func run() throws {
        let isFile = file != nil && file != "-"
        let fd = isFile ? try RequestInput.openFile(file ?? "") : STDIN_FILENO
        let client = socket.client()
        let name = try client.resolveMethod(called.method)
        let form = JobForm(
            members: options.jobMembers(name, batch: batch), keyPrefix: options.key,
            isBinary: options.binary)
        let request = Request(
            method: .post, target: "/v1/jobs" + queryText([("wait", Self.streamWait)]),
            headers: [Header("Content-Type", "application/x-ndjson")])
        var run = MapRun(
            place: client.place, request: request,
            input: MapInput(fd: fd, name: isFile ? file ?? "" : "standard input", form: form),
            output: OutputQueue(fd: STDOUT_FILENO),
            isOrdered: !unordered, isRepeatable: options.key != nil,
            resultForm: MapResultForm(
                isNumbered: number, isBinary: options.binary, place: form.place, client: client))
        try run.run()
    }
}
