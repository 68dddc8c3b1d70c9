// What a key of the configuration is: its name, the kind of value with its bounds, and where in the
// settings the value lives. Reading, printing and encoding all go through this one description, so
// that they cannot disagree.

/// A value of any kind, checked.
enum SettingValue: Equatable, Sendable {
    /// Integers, sizes in bytes, durations in milliseconds, permission bits.
    case integer(Int64)
    case real(Double)
    case boolean(Bool)
    case text(String)
    case texts([String])
    case pairs([Settings.MetadataEntry])
    case retry(RetrySettings)
}

/// The kind of a key's value; bounds are inclusive.
enum KeyKind: Sendable {
    case integer(ClosedRange<Int64>)
    /// Bytes.
    case size(ClosedRange<Int64>)
    /// Milliseconds.
    case duration(ClosedRange<Int64>)
    case real(ClosedRange<Double>)
    case boolean
    case mode
    case text(TextRule)
    case texts(TextRule)
    /// One of some words. `later` words are known and refused; one that ends in
    /// ":" is a prefix.
    case choice([String], later: [String])
    /// A table of gRPC metadata.
    case metadata
    /// A table of rates by method pattern.
    case rates
    case retry
}

/// A key of a table whose settings are an `Owner`.
struct Key<Owner>: Sendable {
    enum Place: Sendable {
        case stored(
            read: @Sendable (Owner) -> SettingValue,
            write: @Sendable (inout Owner, SettingValue) -> Void)
        /// A feature of a later version: its default is accepted and nothing else.
        case later(SettingValue)
    }

    let name: String
    let kind: KeyKind
    let place: Place

    /// The value that the settings have for this key.
    func value(in owner: Owner) -> SettingValue {
        switch place {
        case .stored(let read, _): read(owner)
        case .later(let value): value
        }
    }

    static func later(_ name: String, _ kind: KeyKind, _ value: SettingValue) -> Key {
        Key(name: name, kind: kind, place: .later(value))
    }

    static func integer(
        _ name: String, _ range: ClosedRange<Int64>,
        _ path: any WritableKeyPath<Owner, Int> & Sendable
    ) -> Key {
        number(name, .integer(range), path)
    }

    static func size(
        _ name: String, _ range: ClosedRange<Int64>,
        _ path: any WritableKeyPath<Owner, Int> & Sendable
    ) -> Key {
        number(name, .size(range), path)
    }

    private static func number(
        _ name: String, _ kind: KeyKind, _ path: any WritableKeyPath<Owner, Int> & Sendable
    ) -> Key {
        Key(
            name: name, kind: kind,
            place: .stored(
                read: { .integer(Int64($0[keyPath: path])) },
                write: { if case .integer(let n) = $1 { $0[keyPath: path] = Int(clamping: n) } }))
    }

    static func duration(
        _ name: String, _ range: ClosedRange<Int64>,
        _ path: any WritableKeyPath<Owner, Int64> & Sendable
    ) -> Key {
        Key(
            name: name, kind: .duration(range),
            place: .stored(
                read: { .integer($0[keyPath: path]) },
                write: { if case .integer(let n) = $1 { $0[keyPath: path] = n } }))
    }

    /// A duration where 0 stands for "not given".
    static func optionalDuration(
        _ name: String, _ range: ClosedRange<Int64>,
        _ path: any WritableKeyPath<Owner, Int64?> & Sendable
    ) -> Key {
        Key(
            name: name, kind: .duration(range),
            place: .stored(
                read: { .integer($0[keyPath: path] ?? 0) },
                write: { if case .integer(let n) = $1 { $0[keyPath: path] = n == 0 ? nil : n } }))
    }

    static func mode(_ name: String, _ path: any WritableKeyPath<Owner, UInt32> & Sendable) -> Key {
        Key(
            name: name, kind: .mode,
            place: .stored(
                read: { .integer(Int64($0[keyPath: path])) },
                write: { if case .integer(let n) = $1 { $0[keyPath: path] = UInt32(clamping: n) } }
            ))
    }

    static func flag(
        _ name: String, _ path: any WritableKeyPath<Owner, Bool> & Sendable
    ) -> Key {
        Key(
            name: name, kind: .boolean,
            place: .stored(
                read: { .boolean($0[keyPath: path]) },
                write: { if case .boolean(let flag) = $1 { $0[keyPath: path] = flag } }))
    }

    static func text(
        _ name: String, _ rule: TextRule, _ path: any WritableKeyPath<Owner, String> & Sendable
    ) -> Key {
        Key(
            name: name, kind: .text(rule),
            place: .stored(
                read: { .text($0[keyPath: path]) },
                write: { if case .text(let text) = $1 { $0[keyPath: path] = text } }))
    }

    static func texts(
        _ name: String, _ rule: TextRule, _ path: any WritableKeyPath<Owner, [String]> & Sendable
    ) -> Key {
        Key(
            name: name, kind: .texts(rule),
            place: .stored(
                read: { .texts($0[keyPath: path]) },
                write: { if case .texts(let list) = $1 { $0[keyPath: path] = list } }))
    }

    static func metadata(
        _ name: String, _ path: any WritableKeyPath<Owner, [Settings.MetadataEntry]> & Sendable
    ) -> Key {
        Key(
            name: name, kind: .metadata,
            place: .stored(
                read: { .pairs($0[keyPath: path]) },
                write: { if case .pairs(let pairs) = $1 { $0[keyPath: path] = pairs } }))
    }

    static func retry(
        _ name: String, _ path: any WritableKeyPath<Owner, RetrySettings> & Sendable
    ) -> Key {
        Key(
            name: name, kind: .retry,
            place: .stored(
                read: { .retry($0[keyPath: path]) },
                write: { if case .retry(let retry) = $1 { $0[keyPath: path] = retry } }))
    }

    /// `words` in the order of the cases.
    static func choice<Choice: CaseIterable & Equatable & Sendable>(
        _ name: String, _ words: [(String, Choice)], later: [String] = [],
        _ path: any WritableKeyPath<Owner, Choice> & Sendable
    ) -> Key {
        Key(
            name: name, kind: .choice(words.map(\.0), later: later),
            place: .stored(
                read: { owner in
                    .text(words.first { $0.1 == owner[keyPath: path] }?.0 ?? "")
                },
                write: { owner, value in
                    guard case .text(let word) = value,
                        let choice = words.first(where: { $0.0 == word })?.1
                    else { return }
                    owner[keyPath: path] = choice
                }))
    }
}
