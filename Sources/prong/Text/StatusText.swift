// The page an operator looks at first: is it well, and if not, why not. Pure.

struct StatusPage {
    let status: JSONValue
    /// The answer of /readyz; nil where it could not be had.
    let readiness: JSONValue?
    let targets: [JSONValue]
    let nowMilliseconds: Int64

    var lines: [String] {
        var lines = [headline] + faults
        lines += ["", queueLine, poolLine, supervisorLine].filter { !$0.isEmpty || lines.count > 0 }
        let workers = status["workers"]?.elements ?? []
        if !workers.isEmpty {
            lines += [""] + PoolText.workers(workers, nowMilliseconds: nowMilliseconds)
        }
        if !targets.isEmpty { lines += [""] + PoolText.targets(targets) }
        return lines
    }

    /// `prong 0.1.0: ok, up 3d 4h`
    private var headline: String {
        let state = readiness?["status"]?.text ?? "state unknown"
        var text = "prong \(status["version"]?.text ?? "?"): \(state)"
        if let start = status["startedAt"]?.text.flatMap(Timestamp.init) {
            let seconds = Double(nowMilliseconds - start.milliseconds) / 1000
            text += ", up \(ageText(seconds: max(0, seconds)))"
        }
        return printable(text)
    }

    /// One line for each check that is not ok.
    private var faults: [String] {
        (readiness?["checks"]?.elements ?? []).compactMap { check in
            guard let state = check["status"]?.text, state != "ok" else { return nil }
            let message = check["message"]?.text.map { ": \($0)" } ?? ""
            return printable("  \(state)  \(check["name"]?.text ?? "?")\(message)")
        }
    }

    /// `queue       12 queued, 3 running; oldest queued 2.5s; store 12.3 MiB (pid 814)`
    private var queueLine: String {
        guard let queue = status["queue"] else { return "" }
        var depth = (queue["depth"]?.members ?? []).filter { $0.value.integer != 0 }
            .map { "\($0.value.text ?? "?") \($0.name)" }.joined(separator: ", ")
        if depth.isEmpty { depth = "empty" }
        var parts = [depth]
        if let oldest = queue["oldestQueuedSeconds"]?.real, oldest > 0 {
            parts.append("oldest queued \(ageText(seconds: oldest))")
        }
        if let bytes = queue["storeBytes"]?.integer {
            parts.append("store \(sizeText(bytes: bytes))")
        }
        return printable("queue       \(parts.joined(separator: "; "))\(pid(queue))")
    }

    /// `workers     3 ready of 4; 17 in flight; 48.1 MiB`
    private var poolLine: String {
        let workers = status["workers"]?.elements ?? []
        guard status["workers"] != nil else { return "" }
        let ready = workers.filter { $0["state"]?.text == "ready" }.count
        let flying = workers.reduce(Int64(0)) { $0 &+ ($1["inFlight"]?.integer ?? 0) }
        let bytes = workers.reduce(Int64(0)) { $0 &+ ($1["residentBytes"]?.integer ?? 0) }
        let memory = bytes > 0 ? "; \(sizeText(bytes: bytes))" : ""
        return "workers     \(ready) ready of \(workers.count); \(flying) in flight\(memory)"
    }

    private var supervisorLine: String {
        guard let supervisor = status["supervisor"] else { return "" }
        var parts: [String] = []
        if let forks = supervisor["forks"]?.integer { parts.append(counted(forks, "fork")) }
        if let threads = supervisor["threads"]?.integer { parts.append(counted(threads, "thread")) }
        return "supervisor  \(parts.joined(separator: "; "))\(pid(supervisor))"
    }

    private func pid(_ process: JSONValue) -> String {
        process["pid"]?.text.map { " (pid \($0))" } ?? ""
    }
}
