// Reads the text format of Prometheus strictly enough to find what its own parser would refuse.
import DaemonHarness

struct Prometheus {
    static let promised = [
        "prong_build_info", "prong_start_time_seconds", "prong_jobs", "prong_jobs_submitted_total",
        "prong_jobs_ended_total", "prong_calls_total", "prong_calls_in_flight",
        "prong_attempts_total", "prong_attempt_duration_seconds_bucket",
        "prong_queue_wait_seconds_bucket", "prong_oldest_queued_age_seconds", "prong_target_up",
        "prong_workers", "prong_worker_exits_total", "prong_forks_total",
        "prong_supervisor_threads", "prong_store_commit_duration_seconds_bucket",
        "prong_store_bytes", "prong_http_requests_total", "prong_process_resident_memory_bytes",
    ]

    private struct Sample {
        let name: String
        let labels: String
        let value: Double
    }

    private var samples: [Sample] = []
    private var types: [String: String] = [:]

    init(parsing text: String) throws {
        guard text.hasSuffix("\n") else { throw HarnessFailure("no line feed at the end") }
        for line in text.split(separator: "\n") {
            if line.hasPrefix("#") { try takeComment(line) } else { try takeSample(line) }
        }
        for sample in samples where !isTyped(sample.name) {
            throw HarnessFailure("\(sample.name) has no # TYPE")
        }
    }

    private func isTyped(_ name: String) -> Bool {
        let endings = ["", "_bucket", "_sum", "_count"]
        return endings.contains { ending in
            name.hasSuffix(ending) && types[String(name.dropLast(ending.count))] != nil
        }
    }

    private mutating func takeComment(_ line: Substring) throws {
        let words = line.split(separator: " ", maxSplits: 3)
        guard words.count >= 3, words[1] == "TYPE" || words[1] == "HELP" else {
            throw HarnessFailure("odd comment: \(line)")
        }
        guard words[1] == "TYPE" else { return }
        let name = String(words[2])
        guard types.updateValue(String(words[3]), forKey: name) == nil else {
            throw HarnessFailure("two types for \(name)")
        }
    }

    private mutating func takeSample(_ line: Substring) throws {
        let pattern =
            /^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\]|\\.)*",?)*)\})? ([0-9.eE+\-]+|NaN|\+Inf)$/
        guard let match = line.wholeMatch(of: pattern) else {
            throw HarnessFailure("no sample: \(line)")
        }
        let value = Double(match.3) ?? .infinity
        samples.append(
            Sample(name: String(match.1), labels: String(match.2 ?? ""), value: value))
    }

    /// There, or declared: a counter that nothing has counted yet may have no sample.
    func offers(_ name: String) -> Bool {
        types[name] == "counter" || samples.contains { $0.name == name }
    }

    /// The sum of the samples of `name` whose labels hold `label`.
    func value(_ name: String, _ label: String) -> Double? {
        let found = samples.filter {
            $0.name == name && (label.isEmpty || $0.labels.contains(label))
        }
        return found.isEmpty ? nil : found.map(\.value).reduce(0, +)
    }
}
