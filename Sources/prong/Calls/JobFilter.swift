// Which jobs: by state, target, method, batch, age. The same options for list and for acts.
import ArgumentParser

struct JobFilter: ParsableArguments {
    @Option(help: "Jobs in this state.")
    var state: JobState?

    @Option(
        help: ArgumentHelp("Jobs for this target.", valueName: "name"),
        completion: .custom { _, _, _ in completeTargets() }, transform: readTarget)
    var target: String?

    @Option(
        help: ArgumentHelp("Jobs that call this method.", valueName: "method"),
        completion: .custom { _, _, typed in completeMethods(typed) })
    var method: String?

    @Option(help: ArgumentHelp("Jobs of this batch.", valueName: "name"))
    var batch: String?

    @Option(
        help: ArgumentHelp(
            "Jobs submitted since then: a duration back from now (1h), or an RFC 3339 time.",
            valueName: "when"),
        transform: Since.init)
    var since: Since?

    var isEmpty: Bool {
        state == nil && target == nil && method == nil && batch == nil && since == nil
    }

    /// The filters as a query; a short method name is completed by asking the daemon.
    func query(_ client: Client, nowMilliseconds now: Int64) throws(Failure) -> [(String, String)] {
        var query: [(String, String)] = []
        if let state { query.append(("state", state.rawValue)) }
        if let target { query.append(("target", target)) }
        if let method {
            let full = MethodName.looksFull(method)
            query.append(("method", full ? method : try client.resolveMethod(method).full))
        }
        if let batch { query.append(("batch", batch)) }
        if let since { query.append(("since", since.time(now).text)) }
        return query
    }
}

enum Since: Equatable {
    case ago(DurationText)
    case at(Timestamp)

    init(_ text: String) throws {
        if let duration = DurationText(text) {
            self = .ago(duration)
        } else if let time = Timestamp(text) {
            self = .at(time)
        } else {
            throw ValidationError(
                "write a duration such as 1h, or an RFC 3339 time such as 2030-01-31T12:00:00Z")
        }
    }

    func time(_ nowMilliseconds: Int64) -> Timestamp {
        switch self {
        case .ago(let duration):
            Timestamp(milliseconds: nowMilliseconds - duration.milliseconds)
        case .at(let time): time
        }
    }
}

/// Walks the pages of the list.
struct JobPages {
    /// The daemon gives no more a page.
    static let pageMax = 1000

    private let client: Client
    private let query: [(String, String)]
    private var cursor: String?
    private(set) var isAtEnd = false

    init(_ client: Client, _ query: [(String, String)]) {
        self.client = client
        self.query = query
    }

    /// The next page, of at most `limit` jobs; empty at the end.
    mutating func next(limit: Int) throws(Failure) -> [JSONValue] {
        guard !isAtEnd else { return [] }
        var query = self.query
        query.append(("limit", "\(min(limit, Self.pageMax))"))
        if let cursor { query.append(("cursor", cursor)) }
        let page = try client.expectJSON(.get("/v1/jobs", query: query))
        let following = page["nextCursor"]?.text ?? ""
        isAtEnd = following.isEmpty || following == cursor
        cursor = following
        return page["jobs"]?.elements ?? []
    }
}
