// One line for a monitoring system: state, the reasons, figures after a bar. Pure.
// (Monitoring Plugins Development Guidelines: output and return codes, perfdata.)

/// The exit codes of `prong health`.
enum HealthState: Int32, Error, Comparable {
    case ok = 0
    case warning = 1
    case critical = 2
    case unknown = 3

    static func < (left: HealthState, right: HealthState) -> Bool {
        left.rawValue < right.rawValue
    }

    var word: String {
        switch self {
        case .ok: "OK"
        case .warning: "WARNING"
        case .critical: "CRITICAL"
        case .unknown: "UNKNOWN"
        }
    }

    /// From what /healthz and /readyz answer.
    init(status: String?) {
        self =
            switch status {
            case "ok": .ok
            case "degraded": .warning
            case "failing": .critical
            default: .unknown
            }
    }
}

struct HealthLine {
    let state: HealthState
    let reasons: [String]
    let figures: [String]

    var text: String {
        let said = reasons.isEmpty ? "" : " - \(reasons.joined(separator: "; "))"
        let measured = figures.isEmpty ? "" : " | \(figures.joined(separator: " "))"
        return "PRONG \(state.word)\(said)\(measured)"
    }

    init(state: HealthState, reasons: [String], figures: [String] = []) {
        self.state = state
        // A bar ends the text for a monitoring system, so none may stand in a reason.
        self.reasons = reasons.map { String(printable($0).map { $0 == "|" ? "/" : $0 }) }
        self.figures = figures
    }

    /// - Parameters:
    ///   - reports: the answers of /healthz and /readyz.
    ///   - status: the answer of /v1/status, for the figures; nil where it could not be had.
    init(reports: [JSONValue?], status: JSONValue?) {
        let state = reports.map { HealthState(status: $0?["status"]?.text) }.max() ?? .unknown
        var reasons: [String] = []
        for report in reports {
            guard let report else { continue }
            for reason in Self.faults(report) where !reasons.contains(reason) {
                reasons.append(reason)
            }
        }
        if reports.contains(nil) { reasons.append("the daemon's answer cannot be read") }
        if reasons.isEmpty, let status { reasons = [Self.summary(status)] }
        self.init(state: state, reasons: reasons, figures: status.map(Self.figures) ?? [])
    }

    private static func faults(_ report: JSONValue) -> [String] {
        (report["checks"]?.elements ?? []).compactMap { check in
            guard check["status"]?.text != "ok" else { return nil }
            let name = check["name"]?.text ?? "check"
            return check["message"]?.text.map { "\(name): \($0)" } ?? name
        }
    }

    private static func readyWorkers(_ status: JSONValue) -> Int {
        (status["workers"]?.elements ?? []).filter { $0["state"]?.text == "ready" }.count
    }

    private static func depth(_ status: JSONValue, _ state: String) -> Int64 {
        status["queue"]?["depth"]?[state]?.integer ?? 0
    }

    private static func summary(_ status: JSONValue) -> String {
        "\(counted(Int64(readyWorkers(status)), "worker")) ready, "
            + "\(counted(depth(status, "queued"), "job")) queued, "
            + "\(depth(status, "running")) running"
    }

    private static func figures(_ status: JSONValue) -> [String] {
        var figures = ["workers=\(readyWorkers(status));;;0"]
        for state in ["queued", "running", "unknown"] {
            figures.append("\(state)=\(depth(status, state));;;0")
        }
        if let oldest = status["queue"]?["oldestQueuedSeconds"]?.real {
            figures.append("oldest=\(decimal(oldest, places: 3))s;;;0")
        }
        if let bytes = status["queue"]?["storeBytes"]?.integer {
            figures.append("store=\(bytes)B;;;0")
        }
        return figures
    }
}
