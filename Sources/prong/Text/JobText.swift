// A job for people: its fields one under the other, how far its operation is, its error's details,
// its bodies indented, its attempts as a table; and jobs in a list. Pure.

enum JobText {
    static func lines(_ job: JSONValue, json: [UInt8], nowMilliseconds now: Int64) -> [String] {
        let fields = fields(job, now)
        let width = fields.reduce(0) { max($0, $1.0.count) }
        var lines = fields.map { name, value in
            name + String(repeating: " ", count: width - name.count) + "  " + printable(value)
        }
        lines += DetailText.progress(job["operationMetadata"])
        lines += DetailText.errorDetails(job["error"])
        for name in bodies {
            guard let body = rawMember(name, of: json) else { continue }
            lines += ["", name] + indented(body)
        }
        return lines + attempts(job)
    }

    private static let bodies = [
        "request", "requestBase64", "requests", "requestsBase64", "response", "responseBase64",
        "responses", "responsesBase64",
    ]

    private static func fields(_ job: JSONValue, _ now: Int64) -> [(String, String)] {
        var fields: [(String, String)] = []
        func add(_ name: String, _ value: String?) {
            if let value, !value.isEmpty { fields.append((name, value)) }
        }
        add("job", job["id"]?.text)
        add("method", job["method"]?.text)
        add("target", job["target"]?.text)
        add("state", job["state"]?.text)
        add("blocked", job["blocked"]?.text)
        add("error", error(job))
        add("priority", job["priority"]?.text)
        add("key", job["key"]?.text)
        add("batch", job["batch"]?.text)
        add("timeout", job["timeout"]?.text)
        add("submitted", withAge(job["submittedAt"], now))
        add("not before", withAge(job["notBefore"], now))
        add("expires", withAge(job["expiresAt"], now))
        add("started", withAge(job["startedAt"], now))
        add("ended", withAge(job["endedAt"], now))
        add("submitter", pairs(job["submitter"]))
        add("metadata", pairs(job["metadata"]))
        add("operation", job["operationName"]?.text)
        add("attempts", tries(job))
        add("crashes", job["crashes"]?.text)
        return fields
    }

    private static func error(_ job: JSONValue) -> String? {
        guard let error = job["error"] else { return nil }
        return [error["code"]?.text, error["message"]?.text].compactMap(\.self)
            .joined(separator: ": ")
    }

    private static func tries(_ job: JSONValue) -> String? {
        guard let count = job["attemptCount"]?.text else { return nil }
        return job["maxAttempts"]?.text.map { "\(count) of at most \($0)" } ?? count
    }

    private static func pairs(_ object: JSONValue?) -> String? {
        object?.members.map { "\($0.name)=\($0.value.text ?? "")" }.joined(separator: " ")
    }

    /// `2026-01-31T12:00:00.000Z (3m 20s ago)`, or `(in 5s)`.
    private static func withAge(_ value: JSONValue?, _ now: Int64) -> String? {
        guard let text = value?.text else { return nil }
        guard let time = Timestamp(text) else { return text }
        let seconds = Double(now - time.milliseconds) / 1000
        let age = ageText(seconds: seconds.magnitude)
        return seconds >= 0 ? "\(text) (\(age) ago)" : "\(text) (in \(age))"
    }

    private static func indented(_ body: [UInt8]) -> [String] {
        String(decoding: JSONLayout.lay(body, indented: true), as: UTF8.self)
            .split(separator: "\n").map { "  " + printable(String($0)) }
    }

    private static func attempts(_ job: JSONValue) -> [String] {
        let attempts = job["attempts"]?.elements ?? []
        guard !attempts.isEmpty else { return [] }
        var table = Table([
            .init("ATTEMPT", .right), .init("WORKER"), .init("STARTED"), .init("TOOK", .right),
            .init("CODE"), .init("PEER"), .init("MESSAGE"),
        ])
        for attempt in attempts {
            table.add([
                attempt["number"]?.text ?? "", worker(attempt["worker"]),
                attempt["startedAt"]?.text ?? "", took(attempt), attempt["code"]?.text ?? "",
                attempt["peer"]?.text ?? "", attempt["message"]?.text ?? "",
            ])
        }
        return [""] + table.lines
    }

    /// `slot 3 gen 7 pid 812`
    private static func worker(_ worker: JSONValue?) -> String {
        guard let worker else { return "" }
        let parts = [("slot", "slot"), ("gen", "generation"), ("pid", "pid")]
        return parts.compactMap { name, field in worker[field]?.text.map { "\(name) \($0)" } }
            .joined(separator: " ")
    }

    private static func took(_ attempt: JSONValue) -> String {
        guard let start = attempt["startedAt"]?.text.flatMap(Timestamp.init),
            let end = attempt["endedAt"]?.text.flatMap(Timestamp.init)
        else { return "" }
        let milliseconds = max(0, end.milliseconds - start.milliseconds)
        return milliseconds < 1000
            ? "\(milliseconds)ms" : ageText(seconds: Double(milliseconds) / 1000)
    }

    /// The table of `prong list`.
    static func list(_ jobs: [JSONValue], nowMilliseconds now: Int64) -> [String] {
        var table = Table([
            .init("ID"), .init("STATE"), .init("AGE", .right), .init("TRIES", .right),
            .init("PRIO", .right), .init("TARGET"), .init("METHOD"), .init("NOTE"),
        ])
        for job in jobs {
            let submitted = job["submittedAt"]?.text.flatMap(Timestamp.init)
            table.add([
                job["id"]?.text ?? "", job["state"]?.text ?? "",
                submitted.map { ageText(seconds: Double(now - $0.milliseconds) / 1000) } ?? "",
                job["attemptCount"]?.text ?? "0", job["priority"]?.text ?? "0",
                job["target"]?.text ?? "", shortMethod(job["method"]?.text ?? ""),
                error(job) ?? blocked(job),
            ])
        }
        return table.lines
    }

    /// Why it cannot run, without what to do about it: that is for `prong show`.
    private static func blocked(_ job: JSONValue) -> String {
        guard let reason = job["blocked"]?.text else { return "" }
        return "blocked: \(reason.prefix { $0 != ";" })"
    }

    /// `Service/Method` without its package: the list is wide enough.
    private static func shortMethod(_ full: String) -> String {
        let parts = full.split(separator: "/", maxSplits: 1)
        guard parts.count == 2, let service = parts[0].split(separator: ".").last else {
            return full
        }
        return "\(service)/\(parts[1])"
    }
}
