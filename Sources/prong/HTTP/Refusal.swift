// What an error answer means for the person and for the exit code (INTERFACE: errors). Pure.

struct Refusal: Equatable {
    let status: Int
    /// Connect's lower-case code; derived from the status if the body does not say.
    let code: String
    let message: String
    /// Made by the target, not by prong.
    let isTargets: Bool
    /// The job that lives on after the caller's wait, if there is one.
    let job: String?
    let retryAfter: String?
    let json: [UInt8]

    init(_ response: Response) {
        status = response.head.status
        let parsed = try? JSONValue(parsing: response.body)
        code = parsed?["code"]?.text ?? Self.codes[response.head.status] ?? "unknown"
        message =
            parsed?["message"]?.text ?? "the daemon answered with status \(response.head.status)"
        isTargets = response.head["prong-origin"]?.lowercased() == "target"
        job = response.head["prong-job"]
        retryAfter = response.head["retry-after"]
        json =
            parsed?["code"] != nil
            ? response.body
            : Array("{\"code\":\(quote(code)),\"message\":\(quote(message))}".utf8)
    }

    /// For statuses that some other server in between might send without a Connect body.
    private static let codes = [
        400: "invalid_argument", 403: "permission_denied", 404: "not_found",
        409: "already_exists", 413: "resource_exhausted", 429: "resource_exhausted",
        499: "canceled", 501: "unimplemented", 503: "unavailable", 504: "deadline_exceeded",
    ]

    var exitStatus: ExitStatus {
        if isTargets { return .failed }
        switch status {
        case 400, 404, 405, 409, 411, 413, 414, 415, 431, 501: return .refused
        case 401, 403: return .notAllowed
        // prong is full, and says when to come again; or a bound ended the call, as it would again
        case 429: return retryAfter == nil ? .failed : .temporary
        case 503: return .temporary
        case 504: return job == nil ? .failed : .temporary
        default: return .failed
        }
    }

    /// A sentence that ends with what to do, for commands that print no JSON.
    var sentence: String {
        switch exitStatus {
        case .temporary where status == 504: return message
        case .temporary:
            let delay = retryAfter.flatMap { Int($0) }.map { "in \($0) s" } ?? "later"
            return "\(message); try again \(delay)"
        default: return message
        }
    }

    /// The failure of a command whose answer this is.
    /// - Parameters:
    ///   - json: whether standard error gets the error's JSON instead of a sentence.
    ///   - place: where the user's request stood in what was sent, if not by itself.
    func failure(json: Bool, place: RequestPlace? = nil) -> Failure {
        guard json else { return Failure(exitStatus, sentence) }
        guard status == 504, let job, !isTargets else {
            return Failure(exitStatus, "", json: place?.own(self.json) ?? self.json)
        }
        return Failure(
            exitStatus, "job \(job) goes on; its end is told by: prong wait \(job)",
            json: self.json)
    }
}

extension Client {
    /// An exchange that must succeed; a refusal becomes a sentence.
    func expect(
        _ request: Request, within seconds: Double? = answerSeconds, jsonErrors: Bool = false
    ) throws(Failure) -> Response {
        let response = try exchange(request, within: seconds)
        guard response.isSuccess else {
            throw Refusal(response).failure(json: jsonErrors)
        }
        return response
    }

    /// The same, read as JSON.
    func expectJSON(
        _ request: Request, within seconds: Double? = answerSeconds
    ) throws(Failure) -> JSONValue {
        try readJSON(try expect(request, within: seconds))
    }

    func readJSON(_ response: Response) throws(Failure) -> JSONValue {
        do {
            return try JSONValue(parsing: response.body)
        } catch {
            throw Failure(
                .unavailable,
                "the daemon's answer is no JSON (\(error.problem) at byte \(error.offset)); "
                    + "are prong and prongd of the same version?")
        }
    }
}
