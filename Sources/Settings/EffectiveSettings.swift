// Settings as configuration text, every key with the value in force: what --print-config shows.
// Reading the text again gives the same settings.

/// Values as TOML.
enum TOMLText {
    static func value(_ value: SettingValue, _ kind: KeyKind) -> String {
        switch (value, kind) {
        case (.integer(let bytes), .size): string(SizeText.text(bytes: bytes))
        case (.integer(let ms), .duration): string(DurationText.text(milliseconds: ms))
        case (.integer(let bits), .mode): string(ModeText.text(bits: bits))
        case (.integer(let number), _): "\(number)"
        case (.real(let number), _): "\(number)"
        case (.boolean(let flag), _): flag ? "true" : "false"
        case (.text(let text), _): string(text)
        case (.texts(let list), _): "[" + list.map(string).joined(separator: ", ") + "]"
        case (.pairs(let pairs), _): table(pairs.map { (string($0.name), string($0.value)) })
        case (.retry(let retry), _): table(parts(of: retry))
        }
    }

    /// A basic string; a control character cannot be in a checked setting, but is escaped.
    static func string(_ text: String) -> String {
        var written = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\":
                written += "\\"
                written.unicodeScalars.append(scalar)
            case _ where scalar.value < 0x20 || scalar.value == 0x7F:
                let digits = String(scalar.value, radix: 16, uppercase: true)
                written += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            case _:
                written.unicodeScalars.append(scalar)
            }
        }
        return written + "\""
    }

    private static func table(_ entries: [(String, String)]) -> String {
        if entries.isEmpty { return "{}" }
        return "{ " + entries.map { "\($0) = \($1)" }.joined(separator: ", ") + " }"
    }

    private static func parts(of retry: RetrySettings) -> [(String, String)] {
        let codes = retry.codes.compactMap(StatusCode.name).map(string).joined(separator: ", ")
        return [
            ("attempts", "\(retry.attempts)"),
            ("initial", string(DurationText.text(milliseconds: retry.initialMilliseconds))),
            ("max", string(DurationText.text(milliseconds: retry.maxMilliseconds))),
            ("multiplier", "\(retry.multiplier)"),
            ("codes", "[\(codes)]"),
        ]
    }
}

/// The whole configuration as text.
package enum EffectiveSettings {
    /// Every key of every table, in the order of the manual; targets by name.
    package static func toml(_ settings: Settings) -> String {
        var text = lines(settings, KeyTable.root)
        text += section("listen", settings.listen, KeyTable.listen)
        text += section("store", settings.store, KeyTable.store)
        text += section("worker", settings.worker, KeyTable.worker)
        text += section("defaults", settings.defaults, KeyTable.defaults)
        for target in settings.targets {
            text += section("targets.\(tableName(target.name))", target, KeyTable.target)
        }
        text += section("access", settings.access, KeyTable.access)
        text += section("log", settings.log, KeyTable.log)
        return text
    }

    /// Every key with its default, as "table.key" and its TOML value; those of a target under
    /// "targets.NAME". For the test that holds the shipped configuration to the code.
    package static func defaults() -> [(key: String, value: String)] {
        let settings = Settings()
        return pairs("", settings, KeyTable.root)
            + pairs("listen.", settings.listen, KeyTable.listen)
            + pairs("store.", settings.store, KeyTable.store)
            + pairs("worker.", settings.worker, KeyTable.worker)
            + pairs("defaults.", settings.defaults, KeyTable.defaults)
            + pairs("targets.NAME.", Settings.Target(name: "NAME"), KeyTable.target)
            + pairs("access.", settings.access, KeyTable.access)
            + pairs("log.", settings.log, KeyTable.log)
    }

    private static func pairs<Owner>(
        _ prefix: String, _ owner: Owner, _ keys: [Key<Owner>]
    ) -> [(key: String, value: String)] {
        keys.map { (prefix + $0.name, TOMLText.value($0.value(in: owner), $0.kind)) }
    }

    private static func section<Owner>(
        _ name: String, _ owner: Owner, _ keys: [Key<Owner>]
    ) -> String {
        "\n[\(name)]\n" + lines(owner, keys)
    }

    private static func lines<Owner>(_ owner: Owner, _ keys: [Key<Owner>]) -> String {
        keys.map { "\($0.name) = \(TOMLText.value($0.value(in: owner), $0.kind))\n" }.joined()
    }

    /// A dot in a target's name must not become another table.
    private static func tableName(_ name: String) -> String {
        name.contains(".") ? TOMLText.string(name) : name
    }
}
