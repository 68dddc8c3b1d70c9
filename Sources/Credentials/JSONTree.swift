// A small JSON text as a tree: key files and the answers of token endpoints, which are a few
// kilobytes. Strict: a key that is given twice is an error. Messages must never carry a value.

import Schema

indirect enum JSONTree: Equatable, Sendable {
    case object([String: JSONTree])
    case array([JSONTree])
    case string(String)
    case number(Double)
    case bool(Bool)
    case null

    /// Deeper ones are no key files.
    static let depthMax = 16

    /// - Throws: where the text is not JSON, in words that hold nothing of it.
    init(parsing bytes: [UInt8]) throws(JSONFault) {
        var result: Result<JSONTree, JSONFault>?
        bytes.withUnsafeBytes { text in
            do throws(JSONError) {
                var reader = JSONReader(text, depthLimit: Self.depthMax)
                let tree = try Self.value(&reader)
                try reader.expectEnd()
                result = .success(tree)
            } catch {
                let place = textPosition(of: error.offset, in: text)
                result = .failure(JSONFault(line: place.line, column: place.column))
            }
        }
        guard let result else { throw JSONFault(line: 1, column: 1) }
        self = try result.get()
    }

    private static func value(_ reader: inout JSONReader) throws(JSONError) -> JSONTree {
        switch try reader.peek() {
        case .object: return try object(&reader)
        case .array:
            var elements: [JSONTree] = []
            try reader.beginArray()
            while try reader.nextElement() { elements.append(try value(&reader)) }
            return .array(elements)
        case .string: return .string(try reader.readString())
        case .number: return .number(try reader.readDouble())
        case .bool: return .bool(try reader.readBool())
        case .null:
            try reader.readNull()
            return .null
        }
    }

    private static func object(_ reader: inout JSONReader) throws(JSONError) -> JSONTree {
        var members: [String: JSONTree] = [:]
        try reader.beginObject()
        while let key = try reader.nextKey() {
            let offset = reader.offset
            let member = try value(&reader)
            guard members.updateValue(member, forKey: key) == nil else {
                throw JSONError(offset: offset, message: "a key is there twice")
            }
        }
        return .object(members)
    }

    subscript(key: String) -> JSONTree? {
        if case .object(let members) = self { members[key] } else { nil }
    }

    var text: String? {
        if case .string(let text) = self { text } else { nil }
    }

    var number: Double? {
        if case .number(let number) = self { number } else { nil }
    }
}

/// A text that is not JSON, and where it stops being so.
struct JSONFault: Error, Equatable {
    let line: Int
    let column: Int
}
