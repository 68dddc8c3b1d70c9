// What can be done to jobs: cancel, retry, resolve, purge; to those named by id, or to all that
// filters choose. Before many are touched it says how many, and asks a person at a terminal.
import ArgumentParser
import Glibc

enum JobAct: Equatable {
    case cancel
    case retry
    case resolve(as: String)
    case purge

    var verb: String {
        switch self {
        case .cancel: "cancel"
        case .retry: "retry"
        case .resolve: "resolve"
        case .purge: "purge"
        }
    }

    func request(_ id: String) -> Request {
        let path = "/v1/jobs/\(percentEncoded(id))"
        return switch self {
        case .cancel: Request(method: .delete, target: path)
        case .retry: .post("\(path)/retry")
        case .resolve(let state): .post("\(path)/resolve", json: "{\"as\":\(quote(state))}")
        case .purge: .post("\(path)/purge")
        }
    }

    /// One request for all that match, nil where jobs must be taken one by one.
    func bulkRequest(_ query: [(String, String)]) -> Request? {
        switch self {
        case .cancel, .retry, .purge: .post("/v1/jobs:\(verb)", query: query)
        case .resolve: nil
        }
    }
}

struct JobSelection: ParsableArguments {
    @Argument(help: ArgumentHelp("The jobs' ids; or choose jobs by filters.", valueName: "id"))
    var ids: [String] = []

    @OptionGroup(title: "Which jobs") var filter: JobFilter

    @Flag(help: "Do not ask, even at a terminal.")
    var yes = false

    @Flag(help: "Print the answers as JSON, one a line.")
    var json = false

    func validate() throws {
        guard ids.isEmpty || filter.isEmpty else {
            throw ValidationError("name jobs by id or choose them by filters, not both")
        }
        guard !ids.isEmpty || !filter.isEmpty else {
            throw ValidationError(
                "name the jobs by id, or choose them by --state, --target, --method, --batch "
                    + "or --since")
        }
    }
}

/// Carries out one act on a selection.
struct JobActing {
    /// Counting stops here: "more than 10000" is enough to make a person think.
    static let countMax = 10_000
    /// One request may touch a million jobs: it is given longer than others, in seconds.
    static let bulkSeconds = 600.0

    let act: JobAct
    let client: Client
    let selection: JobSelection

    func run() throws(Failure) {
        if selection.ids.isEmpty { return try actOnMatching() }
        try actOn(selection.ids)
    }

    /// Acts on each and goes on after a refusal; the first refusal decides the exit code.
    private func actOn(_ ids: [String]) throws(Failure) {
        var worst = ExitStatus.done
        for id in ids {
            let response = try client.exchange(act.request(id))
            if response.isSuccess {
                try tell(id, response)
            } else {
                let refusal = Refusal(response)
                complain("cannot \(act.verb) \(id): \(refusal.sentence)")
                if worst == .done { worst = refusal.exitStatus }
            }
        }
        guard worst == .done else { throw Failure(worst, "") }
    }

    private func tell(_ id: String, _ response: Response) throws(Failure) {
        if selection.json, !response.body.isEmpty { return try printJSON(response.body) }
        let state = (try? JSONValue(parsing: response.body))?["state"]?.text
        let word = act == .purge ? "purged" : state ?? "done"
        try printLines(["\(printable(id)) \(printable(word))"])
    }

    private func actOnMatching() throws(Failure) {
        let query = try selection.filter.query(client, nowMilliseconds: wallMillisecondsNow())
        let matching = try count(query)
        guard matching > 0 else { return complain("no job matches; nothing to \(act.verb)") }
        let number =
            matching > Self.countMax
            ? "more than \(Self.countMax) jobs"
            : counted(Int64(matching), "job")
        guard try agreed("\(act.verb) \(number)") else {
            throw Failure(.failed, "nothing was changed")
        }
        guard let request = act.bulkRequest(query) else { return try actOneByOne(query) }
        let answer = try client.expect(request, within: Self.bulkSeconds)
        if selection.json { return try printJSON(answer.body) }
        let done = try client.readJSON(answer)["matched"]?.integer ?? Int64(matching)
        try printLines(["\(act.verb): \(counted(done, "job"))"])
    }

    private func count(_ query: [(String, String)]) throws(Failure) -> Int {
        var pages = JobPages(client, query)
        var count = 0
        while !pages.isAtEnd, count <= Self.countMax {
            count += try pages.next(limit: JobPages.pageMax).count
        }
        return count
    }

    /// Says what is about to happen; a person at a terminal is asked unless `--yes`.
    private func agreed(_ what: String) throws(Failure) -> Bool {
        guard !selection.yes, isTerminal(STDIN_FILENO) else {
            complain(what)
            return true
        }
        try writeAll(Array("prong: \(what)? [y/N] ".utf8), to: STDERR_FILENO)
        let answer = readLine()?.lowercased() ?? ""
        return answer == "y" || answer == "yes"
    }

    /// All ids are read first, for acting on jobs moves them out of the filter's pages.
    private func actOneByOne(_ query: [(String, String)]) throws(Failure) {
        var pages = JobPages(client, query)
        var ids: [String] = []
        while !pages.isAtEnd {
            ids += try pages.next(limit: JobPages.pageMax).compactMap { $0["id"]?.text }
        }
        try actOn(ids)
    }
}
