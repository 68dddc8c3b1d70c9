// What a job's JSON tells beside its own fields, for people: how far its operation is, and the
// details of its error, each in short lines. Pure.

enum DetailText {
    /// Longer progress is cut, and says so: `--json` has all of it.
    private static let progressLinesMax = 40

    /// The operation's metadata: a line for each value, named by its path.
    static func progress(_ metadata: JSONValue?) -> [String] {
        guard let metadata, case .object(let members) = metadata else { return [] }
        var rows: [(path: String, value: String)] = []
        for member in members where member.name != typeName {
            add(member.value, at: member.name, to: &rows)
        }
        let width = rows.prefix(progressLinesMax).reduce(0) { max($0, displayWidth($1.path)) }
        var lines = rows.prefix(progressLinesMax).map { path, value in
            let space = String(repeating: " ", count: width - displayWidth(path))
            return "  \(printable(path))\(space)  \(printable(value))"
        }
        if rows.count > lines.count {
            lines.append("  … and \(rows.count - lines.count) more: --json shows all")
        }
        let kind = metadata[typeName]?.text.map { " (\(printable(shortType($0))))" } ?? ""
        return ["", "progress\(kind)"] + lines
    }

    /// A line for each detail: its type, then its fields, or its bytes where nobody knows them.
    static func errorDetails(_ error: JSONValue?) -> [String] {
        let details = error?["details"]?.elements ?? []
        guard !details.isEmpty else { return [] }
        let rows = details.map { detail in
            (printable(detail["type"]?.text ?? ""), printable(content(detail)))
        }
        let width = rows.reduce(0) { max($0, displayWidth($1.0)) }
        return ["", "error details"]
            + rows.map { type, content in
                let space = String(repeating: " ", count: width - displayWidth(type))
                return content.isEmpty ? "  \(type)" : "  \(type)\(space)  \(content)"
            }
    }

    private static let typeName = "@type"

    private static func content(_ detail: JSONValue) -> String {
        guard let debug = detail["debug"] else {
            return detail["value"]?.text.map { $0.isEmpty ? "" : "base64 \($0)" } ?? ""
        }
        return members(debug) ?? text(debug)
    }

    /// Names stay as they are: those of a map are somebody's own.
    private static func members(_ value: JSONValue) -> String? {
        guard case .object(let members) = value else { return nil }
        return members.map { "\($0.name): \(text($0.value))" }.joined(separator: ", ")
    }

    private static func text(_ value: JSONValue) -> String {
        switch value {
        case .null: "null"
        case .string, .number, .bool: value.text ?? ""
        case .array(let elements): "[\(elements.map(text).joined(separator: ", "))]"
        case .object: "{\(members(value) ?? "")}"
        }
    }

    private static func add(
        _ value: JSONValue, at path: String, to rows: inout [(path: String, value: String)]
    ) {
        switch value {
        case .object(let members):
            for member in members { add(member.value, at: "\(path).\(member.name)", to: &rows) }
        case .array(let elements):
            for (index, element) in elements.enumerated() {
                add(element, at: "\(path)[\(index)]", to: &rows)
            }
        case .null, .string, .number, .bool: rows.append((path, text(value)))
        }
    }

    /// The message's own name: `type.googleapis.com/google.container.v1.Operation` is `Operation`.
    private static func shortType(_ url: String) -> String {
        let name = url.split(separator: "/").last ?? ""
        return name.split(separator: ".").last.map(String.init) ?? url
    }
}
