// The states a job may be in, as the client needs them.
import ArgumentParser

enum JobState: String, CaseIterable, ExpressibleByArgument {
    case queued, scheduled, running, waiting, succeeded, failed, cancelled, expired, unknown

    /// Nothing more happens by itself: ended, or kept as `unknown` until somebody decides.
    var isFinal: Bool {
        switch self {
        case .queued, .scheduled, .running, .waiting: false
        case .succeeded, .failed, .cancelled, .expired, .unknown: true
        }
    }
}

/// Whether a job's JSON says that it has come to its end, or to `unknown`.
func isFinal(_ job: JSONValue) -> Bool {
    job["state"]?.text.flatMap(JobState.init(rawValue:))?.isFinal ?? true
}

/// The error of a job that did not succeed; made from its state where the job names none.
func jobError(_ job: JSONValue, _ json: [UInt8]) -> [UInt8] {
    if let raw = rawMember("error", of: json) { return raw }
    let state = job["state"]?.text ?? "unknown"
    return stateError(state, id: job["id"]?.text)
}

/// The error that stands for a state without an error of its own.
func stateError(_ state: String, id: String?) -> [UInt8] {
    let code =
        switch JobState(rawValue: state) {
        case .cancelled: "canceled"
        case .expired: "deadline_exceeded"
        case .queued, .scheduled, .running, .waiting: "unavailable"
        case .succeeded, .failed, .unknown, nil: "unknown"
        }
    let name = id.map { "job \($0)" } ?? "the job"
    return errorJSON(code, "\(name) is \(state)")
}

func errorJSON(_ code: String, _ message: String) -> [UInt8] {
    Array("{\"code\":\(quote(code)),\"message\":\(quote(message))}".utf8)
}

/// The text with another value of a top-level member; as it was if it has none of that name.
func replacingMember(_ name: String, of json: [UInt8], with value: [UInt8]) -> [UInt8] {
    var scanner = JSONScanner(json)
    let literal = Array(quote(name).utf8)
    var found: Range<Int>?
    let whole: Void? = try? scanner.eachMember { (key, place) throws(JSONFault) in
        if json[key].elementsEqual(literal) { found = place }
    }
    guard whole != nil, let found else { return json }
    return json[..<found.lowerBound] + value + json[found.upperBound...]
}

/// The text of a top-level member, exactly as it came; nil if it is missing or null.
func rawMember(_ name: String, of json: [UInt8]) -> [UInt8]? {
    var scanner = JSONScanner(json)
    let literal = Array(quote(name).utf8)
    var found: [UInt8]?
    let whole: Void? = try? scanner.eachMember { (key, value) throws(JSONFault) in
        if json[key].elementsEqual(literal) { found = Array(json[value]) }
    }
    guard whole != nil, let found, found != Array("null".utf8) else { return nil }
    return found
}
