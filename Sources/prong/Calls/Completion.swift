// Names for the shell's completion, asked of the daemon. Completion must never disturb the
// person who types: no daemon, no answer within a second, anything else wrong: no suggestion.

/// A completion that takes longer is worse than none.
private let completionSeconds = 1.0

func completeMethods(_ typed: String) -> [String] {
    let client = Client(.find(option: nil), overall: .after(seconds: completionSeconds))
    return methodCompletions(typed, among: (try? client.methodNames()) ?? [])
}

/// The names that begin as typed: `Service/Method`, which is what people type, in full where that
/// would name several methods or where the typed text has begun with a package.
func methodCompletions(_ typed: String, among methods: [String]) -> [String] {
    let tails = Dictionary(grouping: methods, by: serviceAndMethod)
    let short = tails.keys.filter { tails[$0]?.count == 1 && $0.hasPrefix(typed) }
    let full = methods.filter { name in
        name.hasPrefix(typed) && (!typed.isEmpty || tails[serviceAndMethod(name)]?.count != 1)
    }
    return (short + full).sorted()
}

private func serviceAndMethod(_ full: String) -> String {
    let service = full.prefix { $0 != "/" }
    guard let last = service.split(separator: ".").last else { return full }
    return String(last + full[service.endIndex...])
}

func completeTargets() -> [String] {
    let client = Client(.find(option: nil), overall: .after(seconds: completionSeconds))
    let answer = try? client.expectJSON(.get("/v1/targets"))
    return (answer?["targets"]?.elements ?? []).compactMap { $0["name"]?.text }
}
