// From what a person types to a method's full name: any tail that is unique. Pure.

/// `package.Service/Method` in full.
struct MethodName: Equatable, Comparable {
    let full: String

    /// The HTTP path of its Connect call.
    var path: String {
        "/"
            + full.split(separator: "/", omittingEmptySubsequences: false)
            .map { percentEncoded(String($0)) }.joined(separator: "/")
    }

    static func < (left: MethodName, right: MethodName) -> Bool { left.full < right.full }

    /// Whether the text might be a full name, so that the daemon can be asked for it at once.
    static func looksFull(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 2 && parts[0].contains(".") && !parts[1].isEmpty
            && !text.hasPrefix("/")
    }
}

enum MethodMatch: Equatable {
    case one(MethodName)
    /// More than one method ends like this.
    case ambiguous([MethodName])
    /// None does; the nearest are named.
    case none(nearest: [MethodName])

    /// How many candidates or suggestions a sentence names.
    static let namedMax = 8

    static func find(_ text: String, among methods: [String]) -> MethodMatch {
        let wanted = text.hasPrefix("/") ? String(text.dropFirst()) : text
        if methods.contains(wanted) { return .one(MethodName(full: wanted)) }
        let tails = methods.filter { endsInTail($0, wanted) }.sorted().map(MethodName.init)
        if tails.count == 1 { return .one(tails[0]) }
        if tails.count > 1 { return .ambiguous(tails) }
        return .none(nearest: nearest(to: wanted, among: methods))
    }

    /// A tail begins after a dot or the slash, never inside a word.
    private static func endsInTail(_ full: String, _ tail: String) -> Bool {
        guard !tail.isEmpty, full.hasSuffix(tail) else { return false }
        let before = full.dropLast(tail.count).last
        return before == "." || before == "/"
    }

    private static func nearest(to text: String, among methods: [String]) -> [MethodName] {
        let wanted = text.lowercased()
        let ranked = methods.map { (name: $0, distance: distance(wanted, $0)) }
        let bound = max(2, wanted.count / 3)
        return ranked.filter { $0.distance <= bound }
            .sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }
            .prefix(3).map { MethodName(full: $0.name) }
    }

    /// The smallest edit distance to any tail of the name, without regard to case.
    private static func distance(_ wanted: String, _ full: String) -> Int {
        let lower = full.lowercased()
        var best = editDistance(wanted, lower)
        for (index, character) in zip(lower.indices, lower)
        where character == "." || character == "/" {
            best = min(best, editDistance(wanted, String(lower[lower.index(after: index)...])))
        }
        return best
    }
}

/// Levenshtein's distance.
func editDistance(_ left: String, _ right: String) -> Int {
    let a = Array(left.utf8.prefix(200))
    let b = Array(right.utf8.prefix(200))
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, y) in b.enumerated() {
            let above = row[j + 1]
            row[j + 1] = min(above + 1, row[j] + 1, diagonal + (x == y ? 0 : 1))
            diagonal = above
        }
    }
    return row[b.count]
}

extension MethodMatch {
    /// The method, or the sentence that helps to name it.
    func resolved(_ text: String) throws(Failure) -> MethodName {
        switch self {
        case .one(let name): return name
        case .ambiguous(let names):
            let shown = names.prefix(Self.namedMax).map { "  \($0.full)" }
            let more =
                names.count > shown.count ? ["  … and \(names.count - shown.count) more"] : []
            throw Failure(
                .usage,
                ([
                    "\"\(text)\" could be any of \(names.count) methods; name more of the one "
                        + "you mean:"
                ] + shown + more).joined(separator: "\n"))
        case .none(let nearest):
            let hint =
                nearest.isEmpty
                ? "; all that can be called is listed by: prong methods"
                : "; did you mean:\n"
                    + nearest.map { "  \($0.full)" }.joined(separator: "\n")
            throw Failure(.refused, "no method is called \"\(text)\"\(hint)")
        }
    }
}
