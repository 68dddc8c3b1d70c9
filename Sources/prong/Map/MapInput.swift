// The input of a map: reads lines as they are wanted, checks each, and wraps it into the job that
// is sent. A line that is no request is never sent: it could otherwise change the job around it.
import Glibc

struct MapInput {
    enum Line {
        /// Ready to be sent.
        case job(payload: [UInt8], number: Int)
        /// Refused here, with the error's JSON.
        case refused(error: [UInt8], number: Int)
    }

    let fd: Int32
    private let name: String
    private let form: JobForm
    private var splitter = LineSplitter()
    private(set) var isEnded = false
    private(set) var bytesRead: Int64 = 0
    private var number = 0

    /// The number of the last line that was taken.
    var lineNumber: Int { number }

    init(fd: Int32, name: String, form: JobForm) {
        self.fd = fd
        self.name = name
        self.form = form
    }

    /// The length of a regular file, nil for pipes and terminals.
    var bytesTotal: Int64? {
        var status = stat()
        guard fstat(fd, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int64(status.st_size)
    }

    /// Reads what is there; to be called when poll(2) says that there is something.
    mutating func read() throws(Failure) {
        if let bytes = try RequestInput.readSome(fd, name: name) {
            bytesRead += Int64(bytes.count)
            splitter.feed(bytes)
        } else {
            isEnded = true
            splitter.finish()
        }
    }

    /// The next line that is not blank, nil until more is read.
    mutating func next() -> Line? {
        while let line = splitter.next() {
            number += 1
            switch line {
            case .tooLong:
                return refusal("it is longer than a request can be")
            case .text(let text):
                if text.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) { continue }
                return wrapped(text)
            }
        }
        return nil
    }

    private func wrapped(_ text: [UInt8]) -> Line {
        if let problem = form.problem(text) { return refusal(problem) }
        return .job(payload: form.wrap(text, number), number: number)
    }

    private func refusal(_ problem: String) -> Line {
        .refused(error: errorJSON("invalid_argument", "line \(number): \(problem)"), number: number)
    }
}

/// How a line becomes a job.
struct JobForm {
    /// What refusals of such jobs mean by a column.
    let place: RequestPlace
    private let prefix: [UInt8]
    /// For a line that is a list.
    private let listPrefix = Array(RequestPlace.jsonList.prefix.utf8)
    private let members: [UInt8]
    private let keyPrefix: String?
    private let isBinary: Bool

    /// - Parameter members: what every job has, as `CallOptions.jobMembers` gives it.
    init(members: String, keyPrefix: String?, isBinary: Bool) {
        place = isBinary ? .base64 : .json
        prefix = Array(place.prefix.utf8)
        self.members = Array(((isBinary ? "\"" : "") + members).utf8)
        self.keyPrefix = keyPrefix
        self.isBinary = isBinary
    }

    /// Why a line cannot be sent, nil if it can.
    func problem(_ text: [UInt8]) -> String? {
        if isBinary { return Base64.isValid(text[...]) ? nil : "it is not base64" }
        do {
            try JSONScanner.checkOneValue(text)
            return nil
        } catch {
            return "it is no JSON: \(error.problem), column \(error.offset + 1)"
        }
    }

    func wrap(_ text: [UInt8], _ number: Int) -> [UInt8] {
        let isList = !isBinary && RequestPlace.of(json: text) == .jsonList
        var payload = isList ? listPrefix : prefix
        payload.reserveCapacity(prefix.count + text.count + members.count + 32)
        payload += text
        payload += members
        if let keyPrefix { payload += Array(",\"key\":\(quote("\(keyPrefix)-\(number)"))".utf8) }
        payload += [UInt8(ascii: "}"), 0x0a]
        return payload
    }
}
