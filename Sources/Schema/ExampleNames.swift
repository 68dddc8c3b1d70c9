// What an example of a request says where the method's options know better than "text": names of
// resources in the form that its paths give them (google.api.http, google.api.routing; AIP-122).
// And what it does not say: what a first call never sends.

struct ExampleHints {
    /// Of text fields, by their path of field names: `parent`, `access_policy.name`.
    var texts: [String: String] = [:]
    /// Fields of the request itself.
    var leftOut: Set<String> = []

    init() {}

    init(_ method: MethodDescriptor) {
        // a token is another answer's, and so is an etag; the rest is a method's own where no
        // annotation says that it follows Google's rules (AIP-158, AIP-154, AIP-155, AIP-163)
        leftOut = ["page_token"]
        if let rule = method.options.http {
            leftOut.formUnion(["etag", "request_id", "validate_only"])
            addNames(in: [rule.primary.path] + rule.additional.map(\.path))
        }
        for parameter in method.options.routing ?? [] where !parameter.pathTemplate.isEmpty {
            add(parameter.field, Self.name(template: Self.withoutBraces(parameter.pathTemplate)))
        }
    }

    private mutating func add(_ field: String, _ text: String?) {
        if texts[field] == nil { texts[field] = text }
    }

    /// Of several paths one is enough, and what only others name is left out: of the forms that a
    /// name may have, the one in a project is what most have.
    private mutating func addNames(in paths: [String]) {
        let chosen = paths.firstIndex { $0.contains("=projects/") } ?? 0
        let variables = paths.map(Self.variables)
        for (field, name) in variables[chosen] { add(field, name) }
        guard !variables[chosen].isEmpty else { return }
        leftOut.formUnion(variables.joined().map(\.field))
        leftOut.subtract(variables[chosen].map(\.field))
    }

    /// `/v1/{parent=projects/*}/x/{x_id}`: `parent` by its template, `x_id` by what is before it.
    private static func variables(in path: String) -> [(field: String, name: String?)] {
        var found: [(field: String, name: String?)] = []
        var rest = path[...]
        while let open = rest.firstIndex(of: "{"),
            let close = rest[open...].firstIndex(of: "}")
        {
            let parts = rest[rest.index(after: open)..<close]
                .split(separator: "=", maxSplits: 1)
            let before = rest[..<open].split(separator: "/").last
            if let field = parts.first {
                let name = parts.count == 2 ? name(template: parts[1]) : before.map(id)
                found.append((String(field), name))
            }
            rest = rest[rest.index(after: close)...]
        }
        return found
    }

    /// `projects/*/{name=tables/*}/**` is `projects/*/tables/*/**`.
    private static func withoutBraces(_ template: String) -> Substring {
        var text = ""
        for part in template.split(separator: "{", omittingEmptySubsequences: false) {
            if part.contains("}"), let equals = part.firstIndex(of: "=") {
                text += part[part.index(after: equals)...]
            } else {
                text += part.contains("}") ? "*" + part.drop { $0 != "}" } : part
            }
        }
        return text.filter { $0 != "}" }[...]
    }

    /// `projects/*/locations/*` is `projects/my-project/locations/my-location`. Nil: it names no
    /// collection.
    static func name(template: Substring) -> String? {
        var segments: [String] = []
        var collection: Substring?
        for segment in template.split(separator: "/") {
            if segment == "**", collection == nil { break }
            guard segment.contains("*") else {
                segments.append(String(segment))
                collection = segment
                continue
            }
            segments.append(collection.map(id) ?? "my-id")
            collection = nil
        }
        return segments.isEmpty || template.hasPrefix("*") ? nil : segments.joined(separator: "/")
    }

    /// `serviceAccounts` holds `my-service-account`.
    static func id(in collection: Substring) -> String {
        var text = "my-"
        for character in singular(collection) {
            if character.isUppercase, !text.hasSuffix("-") { text += "-" }
            text += character == "_" ? "-" : character.lowercased()
        }
        return text
    }

    private static func singular(_ plural: Substring) -> Substring {
        if plural.hasSuffix("ies") { return plural.dropLast(3) + "y" }
        for ending in ["sses", "xes", "ches", "shes"] where plural.hasSuffix(ending) {
            return plural.dropLast(2)
        }
        return plural.hasSuffix("s") && !plural.hasSuffix("ss") ? plural.dropLast() : plural
    }
}
