// `prong call`: one Connect call, its response on standard output.
import ArgumentParser
import Glibc

struct CallCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call",
        abstract: "Make a call and print the response.",
        discussion: """
              prong call Echo/Say '{"text":"hello"}'
              prong call Echo/Say @request.json --timeout 5s
              echo '{"text":"hello"}' | prong call example.v1.Echo/Say
              prong call Echo/Say --binary < request.pb > response.pb

            Without --key the call lives as long as this command: interrupt it and it is \
            cancelled. With --key it is a durable job; sent again with the same key it is made \
            only once:

              prong call Invoices/Create @invoice.json --key invoice-17

            A method that answers with a stream has its messages printed one a line, as they \
            come; with --binary it is refused, for bytes have no lines. --pages all follows a list \
            to its end and prints it as one response.

            The error of a call that failed goes to standard error as JSON; the exit code is 1.
            """)

    @OptionGroup var socket: SocketOption

    @OptionGroup var called: MethodArgument

    @OptionGroup var given: RequestArgument

    @OptionGroup(title: "Options of the call") var options: CallOptions

    func run() throws {
        let body =
            try options.binary
            ? RequestInput.read(given.request) : RequestInput.readJSONText(given.request)
        let headers = options.headers(nowMilliseconds: wallMillisecondsNow()) + [accept]
        let client = socket.client()
        let limit = options.timeout.map { $0.seconds + Client.answerSeconds }
        let stream = StreamOutput()
        let response = try client.exchange(
            methodText: called.method,
            { name throws(Failure) in
                Request(
                    method: .post, target: name.path, headers: headers, body: body,
                    isRepeatable: options.key != nil)
            },
            within: limit,
            onPart: { part throws(Failure) in try stream.take(part) })
        guard response.isSuccess else { throw failure(response) }
        if response.head.hasLines {
            try stream.finish()
        } else if options.binary {
            try writeAll(response.body, to: STDOUT_FILENO)
        } else {
            try printJSON(response.body)
        }
    }

    /// Lines only where there is no other form: pages come as one response, and bytes are asked
    /// for alone, so that a method that streams is refused before it is called.
    private var accept: Header {
        if options.binary { return Header("Accept", "application/proto") }
        let lines = options.pages == nil ? ", application/x-ndjson" : ""
        return Header("Accept", "application/json\(lines)")
    }

    /// 406: what comes is a stream, and bytes alone were asked for.
    private func failure(_ response: Response) -> Failure {
        let refusal = Refusal(response)
        guard options.binary, refusal.status == 406, !refusal.isTargets else {
            return refusal.failure(json: true)
        }
        return Failure(
            .usage,
            "--binary has no form for a stream of messages, with which \(called.method) answers;"
                + " the call was not made: leave --binary out for a line of JSON each, or submit"
                + " a job, which collects them")
    }
}
