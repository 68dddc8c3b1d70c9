// Names for the shell's completion, asked of the daemon. Completion must never disturb the
// person who types: no daemon, no answer within a second, anything else wrong: no suggestion.

/// A completion that takes longer is worse than none.
private let completionSeconds = 1.0

func completeMethods() -> [String] {
    let client = Client(.find(option: nil), overall: .after(seconds: completionSeconds))
    return (try? client.methodNames()) ?? []
}

func completeTargets() -> [String] {
    let client = Client(.find(option: nil), overall: .after(seconds: completionSeconds))
    let answer = try? client.expectJSON(.get("/v1/targets"))
    return (answer?["targets"]?.elements ?? []).compactMap { $0["name"]?.text }
}
