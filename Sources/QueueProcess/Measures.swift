// What the queue counts, as plain values; MetricsText turns them into Prometheus' text. Bounded:
// label values come from the settings and the descriptors, never from a caller.

import JobLogic

/// A histogram with fixed bounds in seconds.
struct Histogram {
    static let boundsSeconds: [Double] = [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
    ]
    /// One more than bounds: the last one counts what is above all.
    private(set) var counts = [UInt64](repeating: 0, count: boundsSeconds.count + 1)
    private(set) var sumSeconds = 0.0

    var count: UInt64 { counts.reduce(0, +) }

    mutating func observe(seconds: Double) {
        let place = Histogram.boundsSeconds.firstIndex { seconds <= $0 }
        counts[place ?? Histogram.boundsSeconds.count] += 1
        sumSeconds += seconds
    }
}

/// Numbers with labels of which few exist: the last one used is mostly the next one too, so it is
/// looked at before anything is hashed.
struct LabelledCounts<Label: Hashable> {
    private(set) var rows: [(label: Label, count: UInt64)] = []
    private var places: [Label: Int] = [:]
    private var last = 0

    mutating func add(_ label: Label) {
        if last < rows.count, rows[last].label == label {
            rows[last].count += 1
            return
        }
        if let place = places[label] {
            last = place
            rows[place].count += 1
        } else {
            last = rows.count
            places[label] = last
            rows.append((label, 1))
        }
    }
}

struct AttemptLabel: Hashable {
    let target: Int
    let method: String
    let code: Int32
}

struct TargetCode: Hashable {
    let target: Int
    let code: Int32
}

struct TargetEnd: Hashable {
    let target: Int
    let state: JobState
}

struct Measures {
    private(set) var attempts = LabelledCounts<AttemptLabel>()
    private(set) var attemptSeconds: [Int: Histogram] = [:]
    private(set) var waitSeconds: [Int: Histogram] = [:]
    private(set) var calls: [TargetCode: UInt64] = [:]
    private(set) var submitted: [Int: UInt64] = [:]
    private(set) var ended: [TargetEnd: UInt64] = [:]
    private(set) var commitSeconds = Histogram()
    /// Jobs and direct calls that ended, for the heartbeat.
    private(set) var done: UInt64 = 0

    mutating func note(_ observation: Observation) {
        switch observation {
        case .attempt(let target?, let method, let code, let nanoseconds):
            attempts.add(AttemptLabel(target: target, method: method, code: code))
            attemptSeconds[target, default: Histogram()]
                .observe(seconds: Double(nanoseconds) / 1e9)
        case .wait(let target?, let nanoseconds):
            waitSeconds[target, default: Histogram()].observe(seconds: Double(nanoseconds) / 1e9)
        case .call(let target, let code):
            done += 1
            calls[TargetCode(target: target, code: code), default: 0] += 1
        case .submitted(let target?):
            submitted[target, default: 0] += 1
        case .ended(let target?, let state):
            done += 1
            ended[TargetEnd(target: target, state: state), default: 0] += 1
        case .attempt(nil, _, _, _), .wait(nil, _), .submitted(nil), .ended(nil, _):
            // the target is not in the settings any more: nothing to label it with
            break
        }
    }

    mutating func noteCommit(nanoseconds: UInt64) {
        commitSeconds.observe(seconds: Double(nanoseconds) / 1e9)
    }
}
