// A parsed configuration text, TOML or JSON, before anybody knows what it means: a tree of values,
// each with the place where it stands. Whoever parses bounds the depth.

/// One value and where it stands.
package struct ConfigurationNode: Equatable, Sendable {
    package enum Value: Equatable, Sendable {
        case table([Entry])
        case array([ConfigurationNode])
        case text(String)
        case integer(Int64)
        case real(Double)
        case boolean(Bool)
        /// A TOML date, time or both; no setting is one.
        case date
        /// JSON's null; TOML has none.
        case null
    }

    /// One key of a table; keys are unique in it.
    package struct Entry: Equatable, Sendable {
        package var key: String
        package var node: ConfigurationNode

        package init(key: String, node: ConfigurationNode) {
            self.key = key
            self.node = node
        }
    }

    /// Line and column of the key, or of the value in an array; from 1.
    package var place: TextPlace
    package var value: Value

    package init(place: TextPlace, value: Value) {
        self.place = place
        self.value = value
    }

    /// What a person calls a value of this kind.
    var kindName: String {
        switch value {
        case .table: "a table"
        case .array: "a list"
        case .text: "a text"
        case .integer: "an integer"
        case .real: "a number with a fraction"
        case .boolean: "true or false"
        case .date: "a date"
        case .null: "null"
        }
    }

    /// The value of a key, or nil where this is no table or has no such key.
    package subscript(key: String) -> ConfigurationNode? {
        guard case .table(let entries) = value else { return nil }
        return entries.first { $0.key == key }?.node
    }
}

/// A place in a text; line and column from 1, the column in characters.
package struct TextPlace: Equatable, Comparable, Sendable {
    package var line: Int
    package var column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    package static func < (one: TextPlace, other: TextPlace) -> Bool {
        (one.line, one.column) < (other.line, other.column)
    }
}
