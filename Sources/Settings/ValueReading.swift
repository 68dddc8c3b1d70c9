// One value of the configuration: does it have the right type, is it possible, and what is it.
// Everything that is wrong becomes a complaint with the place of the key; nothing is guessed.

/// Collects complaints while values are read.
struct ValueReading {
    private(set) var complaints: [Complaint] = []

    mutating func complain(
        _ node: ConfigurationNode, _ key: String, _ what: String, _ wanted: String = ""
    ) {
        complaints.append(Complaint(place: node.place, key: key, what: what, wanted: wanted))
    }

    mutating func complain(_ node: ConfigurationNode, _ key: String, _ refusal: Refusal) {
        complain(node, key, refusal.what, refusal.wanted)
    }

    /// The value of a key, or nil after a complaint.
    mutating func value(
        _ kind: KeyKind, _ node: ConfigurationNode, _ key: String
    ) -> SettingValue? {
        switch kind {
        case .integer(let range): integer(range, node, key)
        case .size(let range): size(range, node, key)
        case .duration(let range): duration(range, node, key)
        case .real(let range): real(range, node, key).map { .real($0) }
        case .boolean: boolean(node, key)
        case .mode: mode(node, key)
        case .text(let rule): text(rule, node, key).map { .text($0) }
        case .texts(let rule): texts(rule, node, key)
        case .choice(let words, let later): choice(words, later, node, key)
        case .metadata: metadata(node, key)
        case .rates: rates(node, key)
        case .retry: retry(node, key).map { .retry($0) }
        }
    }

    private mutating func mistyped(
        _ node: ConfigurationNode, _ key: String, _ wanted: String
    ) -> SettingValue? {
        complain(node, key, "this is \(node.kindName)", wanted)
        return nil
    }

    private mutating func integer(
        _ range: ClosedRange<Int64>, _ node: ConfigurationNode, _ key: String
    ) -> SettingValue? {
        let wanted = "write an integer from \(range.lowerBound) to \(range.upperBound)"
        guard case .integer(let number) = node.value else { return mistyped(node, key, wanted) }
        guard range.contains(number) else {
            complain(node, key, "\(number) is out of range", wanted)
            return nil
        }
        return .integer(number)
    }

    private mutating func size(
        _ range: ClosedRange<Int64>, _ node: ConfigurationNode, _ key: String
    ) -> SettingValue? {
        quantity(
            range, node, key, parse: SizeText.bytes, noun: "size",
            example: "a size from \(SizeText.text(bytes: range.lowerBound)) to "
                + "\(SizeText.text(bytes: range.upperBound)), like \"64KiB\" or \"4MiB\"")
    }

    private mutating func duration(
        _ range: ClosedRange<Int64>, _ node: ConfigurationNode, _ key: String
    ) -> SettingValue? {
        quantity(
            range, node, key, parse: DurationText.milliseconds, noun: "duration",
            example: "a duration from \(DurationText.text(milliseconds: range.lowerBound)) to "
                + "\(DurationText.text(milliseconds: range.upperBound)), like \"500ms\" or \"30s\"")
    }

    private mutating func quantity(
        _ range: ClosedRange<Int64>, _ node: ConfigurationNode, _ key: String,
        parse: (String) -> Int64?, noun: String, example: String
    ) -> SettingValue? {
        let wanted = "write \(example)"
        guard case .text(let text) = node.value else { return mistyped(node, key, wanted) }
        guard let amount = parse(text) else {
            complain(node, key, "\(quoted(text)) is not a \(noun)", wanted)
            return nil
        }
        guard range.contains(amount) else {
            complain(node, key, "\(quoted(text)) is out of range", wanted)
            return nil
        }
        return .integer(amount)
    }

    mutating func real(
        _ range: ClosedRange<Double>, _ node: ConfigurationNode, _ key: String
    ) -> Double? {
        let wanted = "write a number from \(range.lowerBound) to \(range.upperBound)"
        let number: Double
        switch node.value {
        case .real(let real): number = real
        case .integer(let integer): number = Double(integer)
        case .table, .array, .text, .boolean, .date, .null:
            _ = mistyped(node, key, wanted)
            return nil
        }
        // NaN is in no range.
        guard range.contains(number) else {
            complain(node, key, "\(number) is out of range", wanted)
            return nil
        }
        return number
    }

    private mutating func boolean(_ node: ConfigurationNode, _ key: String) -> SettingValue? {
        guard case .boolean(let value) = node.value else {
            return mistyped(node, key, "write true or false")
        }
        return .boolean(value)
    }

    private mutating func mode(_ node: ConfigurationNode, _ key: String) -> SettingValue? {
        let wanted = "write octal digits in quotes, like \"0660\""
        guard case .text(let text) = node.value else { return mistyped(node, key, wanted) }
        guard let bits = ModeText.bits(text) else {
            complain(node, key, "\(quoted(text)) is not a file mode", wanted)
            return nil
        }
        return .integer(bits)
    }

    mutating func text(_ rule: TextRule, _ node: ConfigurationNode, _ key: String) -> String? {
        guard case .text(let text) = node.value else {
            _ = mistyped(node, key, "write a text in quotes")
            return nil
        }
        if let refusal = rule.refusal(of: text) {
            complain(node, key, refusal)
            return nil
        }
        return text
    }

    private mutating func texts(
        _ rule: TextRule, _ node: ConfigurationNode, _ key: String
    ) -> SettingValue? {
        guard case .array(let elements) = node.value else {
            return mistyped(node, key, "write a list of texts, like [\"a\", \"b\"]")
        }
        guard elements.count <= ValueReading.elementsMax else {
            complain(node, key, "the list has more than \(ValueReading.elementsMax) elements")
            return nil
        }
        var list: [String] = []
        for element in elements {
            guard let text = text(rule, element, key) else { continue }
            if text.isEmpty {
                complain(element, key, "an empty text names nothing", "leave it out")
            } else if list.contains(text) {
                complain(element, key, "\(quoted(text)) is there twice", "leave one out")
            } else {
                list.append(text)
            }
        }
        return list.count == elements.count ? .texts(list) : nil
    }

    /// Elements of a list or keys of a table that users fill: far more than anybody needs, few
    /// enough that comparing each with each is nothing.
    static let elementsMax = 1_000

    private mutating func choice(
        _ words: [String], _ later: [String], _ node: ConfigurationNode, _ key: String
    ) -> SettingValue? {
        let wanted = "write " + words.map { "\"\($0)\"" }.joined(separator: ", ")
        guard case .text(let text) = node.value else { return mistyped(node, key, wanted) }
        if words.contains(text) { return .text(text) }
        if let known = later.first(where: { $0.hasSuffix(":") ? text.hasPrefix($0) : text == $0 }) {
            complain(node, key, "\"\(known)\" is not available in this version", wanted)
        } else {
            complain(node, key, "\(quoted(text)) is none of the choices", wanted)
        }
        return nil
    }
}
