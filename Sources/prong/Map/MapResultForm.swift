// What `map` prints for a line: the response's JSON, or `{"error":…}`; with `--number` the line's
// number too. Asks the daemon again only where the stream did not say all: a job that was not
// finished when the stream ended, or a response that is wanted as bytes.

struct MapResultForm {
    let isNumbered: Bool
    let isBinary: Bool
    /// Where the line stands in what is sent for it.
    let place: RequestPlace
    /// A connection of its own, beside the streams.
    let client: Client

    struct Result {
        let text: [UInt8]
        let isFailure: Bool
    }

    func result(_ answer: JobAnswer, _ number: Int) throws(Failure) -> Result {
        switch answer.result {
        case .failed(let error): return Result(text: failure(error, number), isFailure: true)
        case .refused(let error):
            let own = place.own(error, line: number)
            return Result(text: failure(own, number), isFailure: true)
        case .succeeded(let response):
            guard isBinary else { return success(response, number) }
            return try bytes(answer.id ?? "", number)
        case .unfinished: return try finished(answer.id ?? "", number)
        }
    }

    func failure(_ error: [UInt8], _ number: Int) -> [UInt8] {
        let start = isNumbered ? "{\"line\":\(number),\"error\":" : "{\"error\":"
        return Array(start.utf8) + error + [UInt8(ascii: "}")]
    }

    private func success(_ response: [UInt8], _ number: Int) -> Result {
        guard isNumbered else { return Result(text: response, isFailure: false) }
        let start = Array("{\"line\":\(number),\"response\":".utf8)
        return Result(text: start + response + [UInt8(ascii: "}")], isFailure: false)
    }

    private func finished(_ id: String, _ number: Int) throws(Failure) -> Result {
        let answer = try JobWait(client, .never).response(of: id)
        // The answer about one job is a line of the stream but for its number.
        let asLine = Array("{\"line\":1,".utf8) + answer.body.drop { $0 != 0x7b }.dropFirst()
        guard let again = try? JobAnswer(parsing: asLine), again.result != .unfinished else {
            throw Failure(.unavailable, "the daemon's answer about job \(id) cannot be understood")
        }
        return try result(again, number)
    }

    private func bytes(_ id: String, _ number: Int) throws(Failure) -> Result {
        var request = Request.get("/v1/jobs/\(percentEncoded(id))/response")
        request.headers.append(Header("Accept", "application/proto"))
        let answer = try client.exchange(request)
        guard answer.isSuccess else {
            return Result(text: failure(Refusal(answer).json, number), isFailure: true)
        }
        let text = Base64.encode(answer.body)
        return success(Array((isNumbered ? quote(text) : text).utf8), number)
    }
}
