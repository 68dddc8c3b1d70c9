// The options that call, submit and map have in common, and their two forms on the wire: headers
// of a Connect call, members of a job.
import ArgumentParser

struct CallOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The target, where more than one offers the method.", valueName: "name"),
        completion: .custom { _, _, _ in completeTargets() }, transform: readTarget)
    var target: String?

    @Option(
        help: ArgumentHelp(
            "How long the call may take (30s); for a job, each attempt.", valueName: "duration"),
        transform: readPositiveDuration)
    var timeout: DurationText?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("From -100 to 100; higher goes first.", valueName: "n"),
        transform: readPriority)
    var priority: Int?

    @Option(
        help: ArgumentHelp("Start no sooner than after this long.", valueName: "duration"),
        transform: readDuration)
    var delay: DurationText?

    @Option(
        help: ArgumentHelp(
            "Start no sooner than this RFC 3339 time; instead of --delay.", valueName: "time"),
        transform: readTimestamp)
    var at: Timestamp?

    @Option(
        help: ArgumentHelp("Start no attempt later than after this long.", valueName: "duration"),
        transform: readPositiveDuration)
    var expires: DurationText?

    @Option(
        help: ArgumentHelp("Give up after so many attempts.", valueName: "n"),
        transform: readPositive)
    var maxAttempts: Int?

    @Option(
        help: ArgumentHelp(
            "The same key with the same call is made once, however often it is sent.",
            valueName: "key"),
        transform: readKey)
    var key: String?

    @Option(
        help: ArgumentHelp("gRPC metadata; may be repeated.", valueName: "name=value"),
        transform: { try MetadataPair($0) })
    var metadata: [MetadataPair] = []

    @Option(
        help: ArgumentHelp(
            "all: follow a list's pages to the end, as one response.", valueName: "all"))
    var pages: PagesWanted?

    @Flag(
        help: """
            Of a method that begins a long-running operation: wait for it, for its response is \
            the job's.
            """)
    var waitOperation = false

    @Flag(help: "Protobuf bytes in and out, instead of JSON (map: a line of base64 each).")
    var binary = false

    func validate() throws {
        guard at == nil || delay == nil else {
            throw ValidationError("--at and --delay exclude each other")
        }
    }
}

enum PagesWanted: String, ExpressibleByArgument {
    case all
}

extension CallOptions {
    /// The headers of a Connect call. `--at` has none of its own and goes as a delay from `now`.
    func headers(nowMilliseconds now: Int64) -> [Header] {
        var headers = [Header("Content-Type", binary ? "application/proto" : "application/json")]
        headers.append(Header("Connect-Protocol-Version", "1"))
        func add(_ name: String, _ value: String?) {
            if let value { headers.append(Header(name, value)) }
        }
        add("Connect-Timeout-Ms", timeout.map { "\($0.milliseconds)" })
        add("Prong-Target", target)
        add("Prong-Priority", priority.map { "\($0)" })
        let wait = at.map { DurationText(milliseconds: $0.milliseconds - now) } ?? delay
        add("Prong-Delay", wait?.text)
        add("Prong-Expires", expires?.text)
        add("Prong-Max-Attempts", maxAttempts.map { "\($0)" })
        add("Prong-Pages", pages?.rawValue)
        add("Prong-Wait-Operation", waitOperation ? "true" : nil)
        add("Idempotency-Key", key.map(Self.headerText))
        return headers + metadata.map { Header($0.name, $0.value) }
    }

    /// A key that itself begins with a quotation mark must be quoted, or it would be unquoted.
    private static func headerText(_ key: String) -> String {
        guard key.hasPrefix("\"") || key.hasPrefix(" ") || key.hasSuffix(" ") else { return key }
        var quoted = "\""
        for character in key {
            if character == "\"" || character == "\\" { quoted += "\\" }
            quoted.append(character)
        }
        return quoted + "\""
    }

    /// The members of a job beside its request and key: `,"method":…,"priority":…`.
    func jobMembers(_ method: MethodName, batch: String?) -> String {
        var text = ",\"method\":\(quote(method.full))"
        func add(_ name: String, _ value: String?) {
            if let value { text += ",\"\(name)\":\(value)" }
        }
        add("target", target.map(quote))
        add("timeout", timeout.map { quote($0.text) })
        add("priority", priority.map { "\($0)" })
        add("delay", delay.map { quote($0.text) })
        add("at", at.map { quote($0.text) })
        add("expires", expires.map { quote($0.text) })
        add("maxAttempts", maxAttempts.map { "\($0)" })
        add("batch", batch.map(quote))
        add("pages", pages.map { quote($0.rawValue) })
        add("waitOperation", waitOperation ? "true" : nil)
        if !metadata.isEmpty {
            let pairs = metadata.map { "\(quote($0.name)):\(quote($0.value))" }
            add("metadata", "{\(pairs.joined(separator: ","))}")
        }
        return text
    }
}
