// Workers, targets and methods as tables. Pure; missing fields are shown as `-`.

enum PoolText {
    static func workers(_ workers: [JSONValue], nowMilliseconds now: Int64) -> [String] {
        var table = Table([
            .init("SLOT", .right), .init("GEN", .right), .init("PID", .right), .init("STATE"),
            .init("UP", .right), .init("IN FLIGHT", .right), .init("JOBS", .right),
            .init("MEMORY", .right), .init("THREADS", .right), .init("CLIENTS"),
        ])
        for worker in workers {
            table.add([
                worker["slot"]?.text ?? "", worker["generation"]?.text ?? "",
                worker["pid"]?.text ?? "", worker["state"]?.text ?? "",
                age(worker["readyAt"] ?? worker["forkedAt"], now),
                worker["inFlight"]?.text ?? "0", worker["jobs"]?.text ?? "0",
                worker["residentBytes"]?.integer.map { sizeText(bytes: $0) } ?? "",
                worker["threads"]?.text ?? "", clients(worker["clients"]),
            ])
        }
        return table.lines
    }

    /// `translate ready, etcd connecting (refused)`: every client of a worker, how it is and why.
    private static func clients(_ clients: JSONValue?) -> String {
        (clients?.elements ?? []).map { client in
            let state = client["connectivity"]?.text?.lowercased() ?? "?"
            let reason = client["reason"]?.text.map { " (\($0))" } ?? ""
            return "\(client["target"]?.text ?? "?") \(state)\(reason)"
        }.joined(separator: ", ")
    }

    private static func age(_ time: JSONValue?, _ now: Int64) -> String {
        guard let time = time?.text.flatMap(Timestamp.init) else { return "" }
        return ageText(seconds: max(0, Double(now - time.milliseconds) / 1000))
    }

    static func targets(_ targets: [JSONValue]) -> [String] {
        var table = Table([
            .init("TARGET"), .init("STATE"), .init("QUEUED", .right), .init("OLDEST", .right),
            .init("IN FLIGHT", .right), .init("ADDRESS"), .init("SERVICES"),
        ])
        for target in targets {
            table.add([
                target["name"]?.text ?? "", target["state"]?.text ?? "",
                target["queued"]?.text ?? "0",
                target["ages"]?["oldestSeconds"]?.real.map { ageText(seconds: $0) } ?? "",
                target["inFlight"]?.text ?? "0", target["address"]?.text ?? "",
                services(target["services"]),
            ])
        }
        return table.lines
    }

    /// `echo is down: no worker has had …`: a line for each target that has a reason, and one for
    /// each that has not told what it offers now.
    static func reasons(_ targets: [JSONValue]) -> [String] {
        targets.flatMap { target in
            let name = target["name"]?.text ?? "?"
            var lines: [String] = []
            if let reason = target["reason"]?.text {
                lines.append("\(name) is \(target["state"]?.text ?? "down"): \(reason)")
            }
            if let reflection = target["reflection"], let reason = reflection["reason"]?.text {
                let since = reflection["at"]?.text.map { "as it told at \($0)" } ?? "not known yet"
                lines.append("what \(name) offers is \(since): \(reason)")
            }
            return lines.map(printable)
        }
    }

    private static func services(_ services: JSONValue?) -> String {
        let names = (services?.elements ?? []).compactMap { $0.text ?? $0["name"]?.text }
        if !names.isEmpty { return names.joined(separator: ", ") }
        return services?.text ?? ""
    }

    /// How long what is queued has waited: a row a target, a column an age. A daemon that counted
    /// no ages gives no table; counts that are the least there are end in `+`.
    static func ages(_ targets: [JSONValue]) -> [String] {
        let bounds = (targets.first { $0["ages"]?["buckets"] != nil })?["ages"]?["buckets"]?
            .elements.map { $0["underSeconds"]?.real }
        guard let bounds else { return [] }
        var table = Table(
            [.init("WAITING FOR")] + bounds.map { .init(ageTitle($0), .right) })
        for target in targets {
            let more = target["ages"]?["atLeast"] == .bool(true) ? "+" : ""
            let buckets = target["ages"]?["buckets"]?.elements ?? []
            table.add(
                [target["name"]?.text ?? ""]
                    + buckets.map { ($0["jobs"]?.text).map { $0 + more } ?? "" })
        }
        return table.lines
    }

    /// `<1m`, and for the last one `longer`.
    private static func ageTitle(_ bound: Double?) -> String {
        guard let bound else { return "longer" }
        return bound < 10 ? "<\(Int64(bound))s" : "<\(ageText(seconds: bound))"
    }

    static func methods(_ methods: [JSONValue]) -> [String] {
        var table = Table([
            .init("METHOD"), .init("SAFE"), .init("KIND"), .init("TARGETS"), .init("REQUEST"),
            .init("RESPONSE"),
        ])
        for method in methods {
            table.add([
                method["method"]?.text ?? method.text ?? "", safe(method["safe"]),
                kind(method),
                (method["targets"]?.elements ?? []).compactMap(\.text).joined(separator: ", "),
                method["request"]?.text ?? "", method["response"]?.text ?? "",
            ])
        }
        return table.lines
    }

    private static func safe(_ value: JSONValue?) -> String {
        guard let value else { return "no" }
        return value.text ?? DescriptionText.summary(value)
    }

    /// `unary, pages`
    private static func kind(_ method: JSONValue) -> String {
        let more = [("pages", "pages"), ("waitOperation", "operation")]
            .filter { method[$0.0] == .bool(true) }.map(\.1)
        return ([streaming(method["streaming"])] + more).joined(separator: ", ")
    }

    private static func streaming(_ streaming: JSONValue?) -> String {
        switch streaming {
        case nil, .null, .bool(false): "unary"
        case .bool(true): "streaming"
        case .string(let text): text.isEmpty ? "unary" : text
        case .some(let value): DescriptionText.summary(value)
        }
    }
}
