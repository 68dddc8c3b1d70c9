// Where a refusal says that a fault is: the daemon counts from the start of the job that was sent,
// whoever gave the request counts from the start of the request. Pure. It touches no message that
// speaks of another part of the job.

struct RequestPlace: Equatable {
    /// What stands before the request in the first line of the job.
    let prefix: String

    static let json = RequestPlace(prefix: "{\"request\":")
    /// For methods that take a stream.
    static let jsonList = RequestPlace(prefix: "{\"requests\":")

    /// Where a request goes by its first character. No message is a list in JSON, but
    /// google.protobuf's ListValue and Value, which no method takes by itself: a list is a stream.
    static func of(json text: some Sequence<UInt8>) -> RequestPlace {
        let first = text.first { $0 != 0x20 && !(0x09...0x0d).contains($0) }
        return first == UInt8(ascii: "[") ? jsonList : json
    }

    static let base64 = RequestPlace(prefix: "{\"requestBase64\":\"")

    /// An error's JSON with its message as it is meant for whoever gave the request.
    /// - Parameter line: which line of a map's input the request is; nil: a request by itself.
    func own(_ error: [UInt8], line: Int? = nil) -> [UInt8] {
        guard let literal = rawMember("message", of: error) else { return error }
        let message = unquote(literal[...])
        let owned = own(message, line: line)
        guard owned != message else { return error }
        return replacingMember("message", of: error, with: Array(quote(owned).utf8))
    }

    /// `request.a: no field (line 1, column 13)` becomes `request.a: no field (line 1, column 2)`,
    /// in a map `line 7: request.a: no field (column 2)`.
    func own(_ message: String, line: Int? = nil) -> String {
        guard message.hasPrefix("request"), let found = Place(endOf: message) else {
            return message
        }
        let before = message.hasPrefix("requests") ? Self.jsonList.prefix : prefix
        let column = found.line == 1 ? found.column - before.utf8.count : found.column
        var text = String(found.sentence)
        // What is left of column 1 is prong's own: no place to show.
        if column > 0 {
            text += line == nil ? " (line \(found.line), column \(column))" : " (column \(column))"
        }
        return (line.map { "line \($0): " } ?? "") + text
    }

    /// A message's last words, as the daemon writes them: ` (line 1, column 13)`.
    private struct Place {
        let sentence: Substring
        let line: Int
        let column: Int

        init?(endOf message: String) {
            guard message.hasSuffix(")"), let open = message.lastIndex(of: "(") else { return nil }
            let words = message[open...].dropFirst().dropLast().split(separator: " ")
            guard words.count == 4, words[0] == "line", words[1].hasSuffix(","),
                words[2] == "column", let line = Int(words[1].dropLast()),
                let column = Int(words[3])
            else { return nil }
            sentence = message[..<open].dropLast()
            self.line = line
            self.column = column
        }
    }
}
