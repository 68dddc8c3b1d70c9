// TOML text as a tree of configuration nodes. The only user of CTOML. Hostile text is an error;
// length and depth are bounded there, so this code need not be careful with recursion.

private import CTOML
package import Settings

/// Parsing of configuration text.
package enum ConfigurationText {
    /// A file longer than this, in bytes, is refused.
    package static let bytesMax = Int(CTOML_TEXT_BYTES_MAX)

    /// The tree of a TOML text.
    ///
    /// - Throws: the first syntax error alone, with its place.
    package static func parse(_ text: [UInt8]) throws(SettingsError) -> ConfigurationNode {
        let document = text.withUnsafeBytes { bytes in
            CTOML_parse(bytes.bindMemory(to: CChar.self).baseAddress, bytes.count)
        }
        defer { CTOML_free(document) }
        var line: UInt32 = 0
        var column: UInt32 = 0
        let error = string(CTOML_error(document, &line, &column))
        guard error.isEmpty else {
            let place = TextPlace(line: Int(line), column: Int(column))
            throw SettingsError([
                Complaint(place: place, key: "", what: oneLine(error), wanted: "")
            ])
        }
        var count = 0
        let nodes = CTOML_nodes(document, &count)
        return tree(UnsafeBufferPointer(start: nodes, count: count))
    }

    /// Builds the tree from the last node to the first: children stand behind their parents.
    private static func tree(_ nodes: UnsafeBufferPointer<CTOML_Node>) -> ConfigurationNode {
        var children = [[ConfigurationNode.Entry]](repeating: [], count: nodes.count)
        for index in nodes.indices.reversed() {
            let raw = nodes[index]
            let node = ConfigurationNode(
                place: TextPlace(line: Int(raw.line), column: Int(raw.column)),
                value: value(raw, children[index].reversed()))
            children[index] = []
            guard raw.parent >= 0 else { return node }
            children[Int(raw.parent)].append(
                ConfigurationNode.Entry(key: string(raw.key), node: node))
        }
        return ConfigurationNode(place: TextPlace(line: 1, column: 1), value: .table([]))
    }

    private static func value(
        _ raw: CTOML_Node, _ children: [ConfigurationNode.Entry]
    ) -> ConfigurationNode.Value {
        switch raw.kind {
        case CTOML_TABLE: .table(children)
        case CTOML_ARRAY: .array(children.map(\.node))
        case CTOML_STRING: .text(string(raw.text))
        case CTOML_INTEGER: .integer(raw.integer)
        case CTOML_REAL: .real(raw.real)
        case CTOML_BOOLEAN: .boolean(raw.integer != 0)
        case _: .date
        }
    }

    private static func string(_ text: CTOML_Text) -> String {
        String(
            decoding: UnsafeRawBufferPointer(start: text.bytes, count: text.length), as: UTF8.self)
    }

    /// The parser quotes what it met; a control character of it must not reach a terminal.
    private static func oneLine(_ text: String) -> String {
        var line = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let isControl = scalar.value < 0x20 || scalar.value == 0x7F
            line.append(isControl ? "\u{FFFD}" : scalar)
        }
        let shown = String(line)
        return shown.prefix(1).lowercased() + shown.dropFirst()
    }
}

/// Parses and checks any bytes as a configuration and prints what it made of them again: for
/// fuzzing, where nothing but a trap is a finding.
package func fuzzConfiguration(_ bytes: [UInt8]) {
    guard let root = try? ConfigurationText.parse(bytes),
        let settings = try? SettingsReader.read(root, places: .success(.system))
    else { return }
    let text = EffectiveSettings.toml(settings)
    let again = try? SettingsReader.read(
        try ConfigurationText.parse(Array(text.utf8)), places: .success(.system))
    precondition(again == settings, "the printed configuration reads as another one")
    let decoded = try? Settings(encoded: settings.encoded())
    precondition(decoded == settings, "the encoded settings read as others")
}
