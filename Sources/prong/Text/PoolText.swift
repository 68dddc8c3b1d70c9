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

    /// Among the ages: how long the job waits that has waited longest.
    private static let oldest = "oldestSeconds"

    static func targets(_ targets: [JSONValue]) -> [String] {
        var table = Table([
            .init("TARGET"), .init("STATE"), .init("QUEUED", .right), .init("OLDEST", .right),
            .init("IN FLIGHT", .right), .init("ADDRESS"), .init("SERVICES"), .init("WHY"),
        ])
        for target in targets {
            table.add([
                target["name"]?.text ?? "", target["state"]?.text ?? "",
                target["queued"]?.text ?? "0",
                target["ages"]?[oldest]?.real.map { ageText(seconds: $0) } ?? "",
                target["inFlight"]?.text ?? "0", target["address"]?.text ?? "",
                services(target["services"]), target["reason"]?.text ?? "",
            ])
        }
        return table.lines
    }

    private static func services(_ services: JSONValue?) -> String {
        let names = (services?.elements ?? []).compactMap { $0.text ?? $0["name"]?.text }
        if !names.isEmpty { return names.joined(separator: ", ") }
        return services?.text ?? ""
    }

    /// How old what waits is: a row a target, a column an age. The daemon may give the ages as
    /// an object (`{"1s":3}`) or as a list of objects with a name and a count.
    static func ages(_ targets: [JSONValue]) -> [String] {
        let rows = targets.map { (name: $0["name"]?.text ?? "", ages: buckets($0["ages"])) }
        guard let columns = rows.map({ $0.ages.map(\.0) }).max(by: { $0.count < $1.count }),
            !columns.isEmpty
        else { return [] }
        var table = Table(
            [.init("WAITING SINCE")] + columns.map { .init($0, .right) })
        for row in rows {
            table.add(
                [row.name]
                    + columns.map { column in
                        row.ages.first { $0.0 == column }?.1 ?? "0"
                    })
        }
        return table.lines
    }

    private static func buckets(_ ages: JSONValue?) -> [(String, String)] {
        guard let ages else { return [] }
        if case .object(let members) = ages {
            return members.filter { $0.name != oldest }.map { ($0.name, $0.value.text ?? "") }
        }
        return ages.elements.map { bucket in
            let texts = bucket.members.compactMap(\.value.text)
            return (texts.first ?? "", texts.dropFirst().first ?? "")
        }
    }

    static func methods(_ methods: [JSONValue]) -> [String] {
        var table = Table([
            .init("METHOD"), .init("SAFE"), .init("KIND"), .init("TARGETS"), .init("REQUEST"),
            .init("RESPONSE"),
        ])
        for method in methods {
            table.add([
                method["method"]?.text ?? method.text ?? "", safe(method["safe"]),
                kind(method["streaming"]),
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

    private static func kind(_ streaming: JSONValue?) -> String {
        switch streaming {
        case nil, .null, .bool(false): "unary"
        case .bool(true): "streaming"
        case .string(let text): text.isEmpty ? "unary" : text
        case .some(let value): DescriptionText.summary(value)
        }
    }
}
