// `prong describe`: a service, method or message as proto text, and how to call it.
import ArgumentParser

struct DescribeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe",
        abstract: "Describe a service, method or message.",
        discussion: """
              prong describe Echo/Say
              prong describe example.v1.EchoRequest
              prong describe Echo/Say --json | jq .example

            Shows the proto text; for a method also an example request, the endpoint, timeout \
            and retries, and whether and why it is safe to repeat.
            """)

    @OptionGroup var socket: SocketOption

    @Argument(
        help: ArgumentHelp(
            "A full name, or a unique tail of a method's.", valueName: "name"),
        completion: .custom { _, _, typed in completeMethods(typed) })
    var name: String

    @Flag(help: "Print the description as JSON.")
    var json = false

    func run() throws {
        let client = socket.client()
        let answer = try describe(client)
        if json { return try printJSON(answer.body) }
        guard let description = try? JSONValue(parsing: answer.body) else {
            let text = String(decoding: answer.body, as: UTF8.self)
            return try printLines(
                text.split(separator: "\n", omittingEmptySubsequences: false)
                    .map { printable(String($0)) })
        }
        try printLines(DescriptionText.lines(description, json: answer.body))
    }

    /// A name with a slash is a method's and may be a tail; others must be known as they are.
    private func describe(_ client: Client) throws(Failure) -> Response {
        guard name.contains("/") else {
            let response = try client.exchange(.get(Self.path(name)))
            if response.isSuccess { return response }
            let refusal = Refusal(response)
            guard refusal.status == 404 || refusal.status == 501,
                case .one(let method) = MethodMatch.find(name, among: try client.methodNames())
            else { throw refusal.failure(json: false) }
            return try client.expect(.get(Self.path(method.full)))
        }
        let response = try client.exchange(
            methodText: name,
            { method throws(Failure) in .get(Self.path(method.full)) },
            within: Client.answerSeconds)
        guard response.isSuccess else { throw Refusal(response).failure(json: false) }
        return response
    }

    private static func path(_ name: String) -> String {
        "/v1/describe/"
            + name.split(separator: "/", omittingEmptySubsequences: false)
            .map { percentEncoded(String($0)) }.joined(separator: "/")
    }
}
