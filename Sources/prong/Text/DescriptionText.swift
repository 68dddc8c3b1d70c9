// A description for people: proto text first, then what one must know to call. Pure.
// Members that this client does not know are shown under their own names, so that a newer daemon
// loses nothing.

enum DescriptionText {
    /// Shown as text of their own, in this order.
    private static let proto = ["proto", "text"]
    private static let shownElsewhere: Set<String> = [
        "proto", "text", "example", "request", "response",
    ]

    static func lines(_ description: JSONValue, json: [UInt8]) -> [String] {
        var lines: [String] = []
        for name in proto {
            guard let text = description[name]?.text else { continue }
            lines += text.split(separator: "\n", omittingEmptySubsequences: false)
                .map { printable(String($0)) }
            while lines.last?.isEmpty == true { lines.removeLast() }
        }
        lines += fields(description, afterText: !lines.isEmpty)
        lines += example(description, json)
        return lines
    }

    private static func fields(_ description: JSONValue, afterText: Bool) -> [String] {
        let members = description.members.filter { !shownElsewhere.contains($0.name) }
        let shown = members.map { (spaced($0.name), summary(applying($0.value))) }
            .filter { !$0.1.isEmpty }
        guard !shown.isEmpty else { return [] }
        let width = shown.reduce(0) { max($0, $1.0.count) }
        return (afterText ? [""] : [])
            + shown.map { name, value in
                name + String(repeating: " ", count: width - name.count) + "  " + printable(value)
            }
    }

    /// A back-off for no code at all would be read as one that applies.
    private static func applying(_ retry: JSONValue) -> JSONValue {
        guard case .object(let members) = retry, retry["when"] != nil,
            retry["codes"] == .array([])
        else { return retry }
        return .object(members.filter { ["attempts", "total", "when"].contains($0.name) })
    }

    /// An example is JSON, or a string that holds JSON.
    private static func example(_ description: JSONValue, _ json: [UInt8]) -> [String] {
        guard let value = description["example"], value != .null else { return [] }
        let raw = value.text.map { Array($0.utf8) } ?? rawMember("example", of: json) ?? []
        let text = String(decoding: JSONLayout.lay(raw, indented: true), as: UTF8.self)
        // only a method's description says whether it is safe
        let kind = value.elements.isEmpty ? "example request" : "example requests, of a job"
        return ["", description["safe"] == nil ? "example" : kind]
            + text.split(separator: "\n").map { "  " + printable(String($0)) }
    }

    /// One line for any value: `attempts 5, initial 100ms`.
    static func summary(_ value: JSONValue) -> String {
        switch value {
        case .null: ""
        case .string, .number, .bool: value.text ?? ""
        case .array(let elements): elements.map(summary).joined(separator: ", ")
        case .object(let members):
            members.map { "\(spaced($0.name)) \(summary($0.value))" }.joined(separator: ", ")
        }
    }

    /// `maxAttempts` as people write it: `max attempts`.
    static func spaced(_ name: String) -> String {
        var text = ""
        for character in name {
            if character.isUppercase, !text.isEmpty { text += " " }
            text += character.lowercased()
        }
        return text
    }
}
