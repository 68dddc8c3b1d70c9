// `prong submit`: one durable job, its id on standard output once it is on disk.
import ArgumentParser

struct SubmitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "submit",
        abstract: "Queue a durable job and print its id.",
        discussion: """
            The id is printed when the job is on disk; from then on it is not lost.

              prong submit Echo/Say '{"text":"hello"}'
              prong submit Mail/Send @mail.json --delay 10m --key mail-17
              id=$(prong submit Report/Make '{}') && prong wait "$id"

            A method that takes a stream gets its messages as a list:

              prong submit Numbers/Sum '[{"n":1},{"n":2}]'

            If the connection breaks before the id came, the job may have been accepted: submit \
            it again with the same --key and it is made once.
            """)

    @OptionGroup var socket: SocketOption

    @OptionGroup var called: MethodArgument

    @OptionGroup var given: RequestArgument

    @OptionGroup(title: "Options of the job") var options: CallOptions

    @Option(help: ArgumentHelp("A name to find the job by.", valueName: "name"))
    var batch: String?

    @Flag(help: "Print the whole answer as JSON.")
    var json = false

    func run() throws {
        let (place, beginning) = try jobBeginning()
        let client = socket.client()
        let response = try client.exchange(
            methodText: called.method,
            { name throws(Failure) in job(name, beginning) },
            within: Client.answerSeconds)
        guard response.isSuccess else {
            throw Refusal(response).failure(json: true, place: place)
        }
        if json { return try printJSON(response.body) }
        guard let id = try client.readJSON(response)["id"]?.text else {
            throw Failure(.unavailable, "the daemon's answer holds no id")
        }
        try printLines([printable(id)])
    }

    /// The job's beginning, up to the end of its request.
    private func jobBeginning() throws(Failure) -> (RequestPlace, [UInt8]) {
        if options.binary {
            let text = Base64.encode(try RequestInput.read(given.request))
            return (.base64, Array("\(RequestPlace.base64.prefix)\(text)\"".utf8))
        }
        let text = try RequestInput.readJSONText(given.request)
        do {
            try JSONScanner.checkOneValue(text)
        } catch {
            throw Failure(
                .refused, "the request is no JSON: \(error.problem) at byte \(error.offset + 1)")
        }
        let place = RequestPlace.of(json: text)
        return (place, Array(place.prefix.utf8) + text)
    }

    private func job(_ name: MethodName, _ beginning: [UInt8]) -> Request {
        let key = options.key.map { ",\"key\":\(quote($0))" } ?? ""
        let rest = options.jobMembers(name, batch: batch) + key + "}"
        return Request(
            method: .post, target: "/v1/jobs",
            headers: [Header("Content-Type", "application/json")],
            body: beginning + Array(rest.utf8),
            isRepeatable: options.key != nil)
    }
}
