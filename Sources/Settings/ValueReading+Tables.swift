// Values that are tables of their own: metadata, rates by method, retry policies.

extension ValueReading {
    /// The entries of a table, or nil after a complaint.
    mutating func entries(
        _ node: ConfigurationNode, _ key: String, _ wanted: String
    ) -> [ConfigurationNode.Entry]? {
        guard case .table(let entries) = node.value else {
            complain(node, key, "this is \(node.kindName)", wanted)
            return nil
        }
        guard entries.count <= ValueReading.elementsMax else {
            complain(node, key, "the table has more than \(ValueReading.elementsMax) keys")
            return nil
        }
        return entries
    }

    mutating func metadata(_ node: ConfigurationNode, _ key: String) -> SettingValue? {
        let wanted = "write a table, like { \"x-team\" = \"web\" }"
        guard let entries = entries(node, key, wanted) else { return nil }
        var pairs: [Settings.MetadataEntry] = []
        for entry in entries {
            let path = "\(key).\(entry.key)"
            guard case .text(let value) = entry.node.value else {
                complain(entry.node, path, "this is \(entry.node.kindName)", "write a text")
                continue
            }
            if let refusal = MetadataRule.refusal(name: entry.key, value: value) {
                complain(entry.node, path, refusal)
            } else {
                pairs.append(Settings.MetadataEntry(name: entry.key, value: value))
            }
        }
        guard pairs.count == entries.count else { return nil }
        return .pairs(pairs.sorted { $0.name < $1.name })
    }

    mutating func rates(_ node: ConfigurationNode, _ key: String) -> SettingValue? {
        let wanted = "write a table, like { \"*/Get*\" = \"10/1m\" }"
        guard let entries = entries(node, key, wanted) else { return nil }
        var pairs: [Settings.MetadataEntry] = []
        for entry in entries {
            let path = "\(key).\(entry.key)"
            if let refusal = TextRule.methodPattern.refusal(of: entry.key) {
                complain(entry.node, path, refusal)
            } else if let rate = text(.rate, entry.node, path) {
                pairs.append(Settings.MetadataEntry(name: entry.key, value: rate))
            }
        }
        return pairs.count == entries.count ? .pairs(pairs) : nil
    }

    /// Attempts that a policy may have, at most: at the longest back-off of an hour, four months.
    static let attemptsMax: Int64 = 3_000

    mutating func retry(_ node: ConfigurationNode, _ key: String) -> RetrySettings? {
        let wanted =
            "write { attempts = 5, initial = \"100ms\", max = \"60s\", "
            + "multiplier = 1.3, codes = [\"UNAVAILABLE\"] }"
        guard let entries = entries(node, key, wanted) else { return nil }
        let names = ["attempts", "initial", "max", "multiplier", "codes"]
        let before = complaints.count
        for entry in entries where !names.contains(entry.key) {
            complainUnknown(entry, in: key, known: names)
        }
        for name in names where node[name] == nil {
            complain(node, key, "\(name) is missing", wanted)
        }
        func part(_ name: String) -> ConfigurationNode? { node[name] }
        let day: Int64 = 86_400_000
        let attempts = part("attempts").flatMap {
            value(.integer(1...ValueReading.attemptsMax), $0, key + ".attempts")
        }
        let initial = part("initial").flatMap { value(.duration(1...day), $0, key + ".initial") }
        let longest = part("max").flatMap { value(.duration(1...day), $0, key + ".max") }
        let multiplier = part("multiplier").flatMap { real(1...100, $0, key + ".multiplier") }
        let codes = part("codes").flatMap { statusCodes($0, key + ".codes") }
        guard complaints.count == before, case .integer(let attempts) = attempts,
            case .integer(let initial) = initial, case .integer(let longest) = longest,
            let multiplier, let codes
        else { return nil }
        guard initial <= longest else {
            complain(node, key + ".max", "max is shorter than initial", "make it as long at least")
            return nil
        }
        return RetrySettings(
            attempts: Int(attempts), initialMilliseconds: initial, maxMilliseconds: longest,
            multiplier: multiplier, codes: codes)
    }

    /// gRPC status codes by name, in both cases; JSON may give numbers too. Ascending, no OK.
    mutating func statusCodes(_ node: ConfigurationNode, _ key: String) -> [Int]? {
        let wanted = "write names of gRPC status codes, like [\"UNAVAILABLE\"]"
        guard case .array(let elements) = node.value else {
            complain(node, key, "this is \(node.kindName)", wanted)
            return nil
        }
        var codes: Set<Int> = []
        let before = complaints.count
        for element in elements {
            switch element.value {
            case .text(let name):
                if let code = StatusCode.number(named: name), code != 0 {
                    codes.insert(code)
                } else {
                    complain(element, key, "\(quoted(name)) is not a code of a failed call", wanted)
                }
            case .integer(let number) where number > 0 && number < StatusCode.names.count:
                codes.insert(Int(number))
            case .table, .array, .integer, .real, .boolean, .date, .null:
                complain(element, key, "this is \(element.kindName)", wanted)
            }
        }
        return complaints.count == before ? codes.sorted() : nil
    }

    /// A key that nobody knows, with the one that was probably meant.
    mutating func complainUnknown(
        _ entry: ConfigurationNode.Entry, in table: String, known: [String]
    ) {
        let path = table.isEmpty ? entry.key : "\(table).\(entry.key)"
        let wanted: String
        if let near = NearestName.of(entry.key, among: known) {
            wanted = "did you mean \(near)?"
        } else {
            wanted = "known here: " + known.joined(separator: ", ")
        }
        complain(entry.node, shownKey(path), "unknown key", wanted)
    }
}

/// A key from outside as it can be printed: quoted where it is not a plain word.
func shownKey(_ key: String) -> String {
    let plain = key.utf8.allSatisfy {
        isLetter($0) || isDigit($0) || "._-*/".utf8.contains($0)
    }
    return plain && key.utf8.count <= 200 ? key : quoted(key)
}

/// What gRPC allows as metadata that an application sets (gRPC over HTTP/2, "Custom-Metadata").
enum MetadataRule {
    static func refusal(name: String, value: String) -> Refusal? {
        let namePlain = name.utf8.allSatisfy {
            ($0 >= 0x61 && $0 <= 0x7A) || isDigit($0) || "_-.".utf8.contains($0)
        }
        if name.isEmpty || !namePlain {
            return Refusal(
                what: "this is not a name of gRPC metadata",
                wanted: "write lower-case letters, digits, \"-\", \"_\" and \".\"")
        }
        if name.hasPrefix("grpc-") || ["te", "content-type", "user-agent", "host"].contains(name) {
            return Refusal(what: "gRPC itself sets this name", wanted: "leave it out")
        }
        if name.hasSuffix("-bin") {
            return .notAvailable("binary metadata")
        }
        // The value may be a secret: it is not shown.
        guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }), value.utf8.count <= 4_096 else {
            return Refusal(
                what: "the value is not printable ASCII of at most 4096 bytes",
                wanted: "write it so")
        }
        return nil
    }
}
