// One line of the daemon's stream of results: which line of the body it answers, and with what.
// Read in one pass, for there may be millions; the result's text is taken as it came. Pure.

struct JobAnswer: Equatable {
    enum Result: Equatable {
        /// The response's JSON.
        case succeeded([UInt8])
        /// The error's JSON: the job ended with it.
        case failed([UInt8])
        /// The error's JSON: the line became no job.
        case refused([UInt8])
        /// The wait was over before the job's end.
        case unfinished
    }

    /// Of the body, from 1.
    let line: Int
    let id: String?
    let result: Result

    init(parsing text: [UInt8]) throws(JSONFault) {
        var fields = Fields()
        var scanner = JSONScanner(text)
        try scanner.eachMember { (name, value) throws(JSONFault) in
            fields.note(text[name], text[value])
        }
        guard let line = fields.line, line > 0 else {
            throw JSONFault(offset: 0, problem: "no line number")
        }
        self.line = line
        id = fields.id.map(unquote)
        result = fields.result(id: id)
    }

    private struct Fields {
        var line: Int?
        var id: ArraySlice<UInt8>?
        private var state: ArraySlice<UInt8>?
        private var response: ArraySlice<UInt8>?
        /// Stands for `response` where the daemon cannot render it any more.
        private var responseBytes: ArraySlice<UInt8>?
        private var error: ArraySlice<UInt8>?

        mutating func note(_ name: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) {
            switch name.count {
            case 4 where Self.isName(name, "id"): id = value
            case 6 where Self.isName(name, "line"):
                line = Int(String(decoding: value, as: UTF8.self))
            case 7 where Self.isName(name, "state"): state = value
            case 7 where Self.isName(name, "error"): error = value
            case 10 where Self.isName(name, "response"): response = value
            case 11 where Self.isName(name, "responses"): response = value
            case 16 where Self.isName(name, "responseBase64"): responseBytes = value
            case 17 where Self.isName(name, "responsesBase64"): responseBytes = value
            default: break
            }
        }

        private static func isName(_ literal: ArraySlice<UInt8>, _ name: StaticString) -> Bool {
            name.withUTF8Buffer { literal.dropFirst().dropLast().elementsEqual($0) }
        }

        private var responseText: [UInt8] {
            if let response { return Array(response) }
            guard let responseBytes else { return Array("{}".utf8) }
            return Array("{\"responseBase64\":".utf8) + responseBytes + [UInt8(ascii: "}")]
        }

        func result(id: String?) -> Result {
            guard let state else {
                return error.map { .refused(Array($0)) } ?? .unfinished
            }
            let name = unquote(state)
            guard let known = JobState(rawValue: name), known.isFinal else { return .unfinished }
            if known == .succeeded { return .succeeded(responseText) }
            return .failed(error.map(Array.init) ?? stateError(name, id: id))
        }
    }
}
