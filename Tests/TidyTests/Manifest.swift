// Reads the targets and their edges out of Package.swift, as text: the list that the import lines
// are held to.

struct Manifest: Sendable {
    struct Target: Sendable {
        enum Kind: Sendable { case library, executable, test, system }
        let name: String
        let kind: Kind
        /// Modules it may import, products of other packages included.
        let dependencies: Set<String>
    }

    let targets: [String: Target]

    static let current = Manifest(
        parsing: SourceTree.read("Package.swift")?.lines.joined(separator: "\n") ?? "")

    init(parsing text: String) {
        let kinds: [(String, Target.Kind)] = [
            (".target(", .library), (".executableTarget(", .executable), (".testTarget(", .test),
            (".systemLibrary(", .system),
        ]
        var found: [String: Target] = [:]
        for (opening, kind) in kinds {
            for body in Self.bodies(of: opening, in: text) {
                guard let name = Self.strings(in: Self.argument("name:", of: body)).first else {
                    continue
                }
                let list = Self.argument("dependencies:", of: body)
                let dependencies = Self.strings(in: list).filter { !$0.contains("swift-") }
                found[name] = Target(name: name, kind: kind, dependencies: Set(dependencies))
            }
        }
        targets = found
    }

    /// Everything that `name` reaches, itself included.
    func closure(of name: String) -> Set<String> {
        var reached: Set<String> = []
        var open = [name]
        while let next = open.popLast() {
            guard reached.insert(next).inserted else { continue }
            open += targets[next]?.dependencies ?? []
        }
        return reached
    }

    /// What stands between the parentheses after each `opening`.
    private static func bodies(of opening: String, in text: String) -> [Substring] {
        var found: [Substring] = []
        var rest = Substring(text)
        while let range = rest.firstRange(of: opening) {
            let body = balanced(rest[range.upperBound...], open: "(", close: ")")
            found.append(body)
            rest = rest[body.endIndex...]
        }
        return found
    }

    /// The text up to the bracket that closes one opened before it.
    private static func balanced(
        _ text: Substring, open: Character, close: Character
    ) -> Substring {
        var depth = 1
        var index = text.startIndex
        while index < text.endIndex {
            if text[index] == open { depth += 1 }
            if text[index] == close { depth -= 1 }
            if depth == 0 { return text[..<index] }
            index = text.index(after: index)
        }
        return text
    }

    /// A list or a single string after `label`.
    private static func argument(_ label: String, of body: Substring) -> Substring {
        guard let range = body.firstRange(of: label) else { return "" }
        let rest = body[range.upperBound...].drop { $0 == " " || $0 == "\n" }
        if rest.first == "[" { return balanced(rest.dropFirst(), open: "[", close: "]") }
        return rest.prefix { $0 != "," && $0 != ")" && $0 != "\n" }
    }

    private static func strings(in text: Substring) -> [String] {
        text.matches(of: /"([^"]*)"/).map { String($0.1) }
    }
}
