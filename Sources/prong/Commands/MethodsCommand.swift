// `prong methods`: what can be called.
import ArgumentParser
import Glibc

struct MethodsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "methods",
        abstract: "List what can be called.",
        discussion: """
              prong methods
              prong methods translate
              prong methods '*/Get*'

            A PATTERN without * or ? matches anywhere in the name, without regard to case.
            """)

    @OptionGroup var socket: SocketOption

    @Argument(help: ArgumentHelp("Only methods that match.", valueName: "pattern"))
    var pattern: String?

    @Flag(help: "Print the list as JSON.")
    var json = false

    func run() throws {
        let client = socket.client()
        let answer = try client.expect(.get("/v1/methods"))
        let methods = try client.readJSON(answer)["methods"]?.elements ?? []
        let chosen = methods.filter { matches($0["method"]?.text ?? "") }
        if json {
            let list = JSONValue.object([.init(name: "methods", value: .array(chosen))])
            return try printJSON(list.jsonBytes)
        }
        guard !chosen.isEmpty else { return complain("no method matches") }
        try printLines(PoolText.methods(chosen))
    }

    private func matches(_ name: String) -> Bool {
        guard let pattern else { return true }
        let isGlob = pattern.contains("*") || pattern.contains("?")
        return globMatches(isGlob ? pattern : "*\(pattern)*", name)
    }
}

/// Whether the name matches a pattern of literal characters, `*` and `?`, in any case.
func globMatches(_ pattern: String, _ name: String) -> Bool {
    let pattern = Array(pattern.lowercased().utf8)
    let name = Array(name.lowercased().utf8)
    var (p, n) = (0, 0)
    var retry: (pattern: Int, name: Int)?
    while n < name.count {
        if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
            retry = (p + 1, n)
            p += 1
        } else if p < pattern.count, pattern[p] == name[n] || pattern[p] == UInt8(ascii: "?") {
            (p, n) = (p + 1, n + 1)
        } else if let last = retry {
            retry = (last.pattern, last.name + 1)
            (p, n) = (last.pattern, last.name + 1)
        } else {
            return false
        }
    }
    return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
}
