// A JSON text as a tree, for answers whose fields are shown in tables. Order of members and text
// of numbers are kept. Pure.

enum JSONValue: Equatable {
    struct Member: Equatable {
        let name: String
        let value: JSONValue
    }

    case null
    case bool(Bool)
    /// As written: a 64-bit number must not pass through a Double.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([Member])

    init(parsing bytes: [UInt8]) throws(JSONFault) {
        try JSONScanner.checkOneValue(bytes)
        var scanner = JSONScanner(bytes)
        self = try Self.value(&scanner, depth: 0)
    }

    private static func value(
        _ scanner: inout JSONScanner, depth: Int
    ) throws(JSONFault) -> JSONValue {
        scanner.skipSpace()
        switch scanner.current {
        case UInt8(ascii: "{"): return try object(&scanner, depth: depth)
        case UInt8(ascii: "["): return try array(&scanner, depth: depth)
        default: break
        }
        let range = try scanner.skipValue(depth: depth)
        let bytes = scanner.bytes[range]
        switch scanner.bytes[range.lowerBound] {
        case UInt8(ascii: "\""): return .string(unquote(bytes))
        case UInt8(ascii: "t"): return .bool(true)
        case UInt8(ascii: "f"): return .bool(false)
        case UInt8(ascii: "n"): return .null
        default: return .number(String(decoding: bytes, as: UTF8.self))
        }
    }

    private static func object(
        _ scanner: inout JSONScanner, depth: Int
    ) throws(JSONFault) -> JSONValue {
        let bytes = scanner.bytes
        var members: [Member] = []
        try scanner.eachMember(depth: depth) { (name, range) throws(JSONFault) in
            var inner = JSONScanner(bytes, at: range.lowerBound)
            members.append(
                Member(
                    name: unquote(bytes[name]),
                    value: try Self.value(&inner, depth: depth + 1)))
        }
        return .object(members)
    }

    private static func array(
        _ scanner: inout JSONScanner, depth: Int
    ) throws(JSONFault) -> JSONValue {
        let bytes = scanner.bytes
        var elements: [JSONValue] = []
        try scanner.eachElement(depth: depth) { range throws(JSONFault) in
            var inner = JSONScanner(bytes, at: range.lowerBound)
            elements.append(try Self.value(&inner, depth: depth + 1))
        }
        return .array(elements)
    }
}

extension JSONValue {
    /// The member of that name, nil if there is none or this is no object.
    subscript(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.last { $0.name == name }?.value
    }

    var elements: [JSONValue] {
        if case .array(let elements) = self { elements } else { [] }
    }

    var members: [Member] {
        if case .object(let members) = self { members } else { [] }
    }

    /// A string's text, a number as written, `yes` or `no`; nil for null, lists and objects.
    var text: String? {
        switch self {
        case .string(let text), .number(let text): text
        case .bool(let flag): flag ? "yes" : "no"
        case .null, .array, .object: nil
        }
    }

    /// A whole number, from a number or (as canonical protobuf JSON writes 64 bits) a string.
    var integer: Int64? {
        switch self {
        case .number(let text), .string(let text): Int64(text) ?? Double(text).flatMap(whole)
        case .null, .bool, .array, .object: nil
        }
    }

    var real: Double? {
        switch self {
        case .number(let text), .string(let text): Double(text)
        case .null, .bool, .array, .object: nil
        }
    }
}

private func whole(_ value: Double) -> Int64? {
    Int64(exactly: value.rounded(.towardZero))
}

/// The text of a string literal, quotes included in `literal`; a lone surrogate becomes U+FFFD.
func unquote(_ literal: ArraySlice<UInt8>) -> String {
    let body = literal.dropFirst().dropLast()
    guard body.contains(UInt8(ascii: "\\")) else { return String(decoding: body, as: UTF8.self) }
    var units: [UInt16] = []
    var plain = body.startIndex
    var index = body.startIndex
    while index < body.endIndex {
        guard body[index] == UInt8(ascii: "\\"), index + 1 < body.endIndex else {
            index += 1
            continue
        }
        units += Array(String(decoding: body[plain..<index], as: UTF8.self).utf16)
        index = unescape(body, at: index + 1, into: &units)
        plain = index
    }
    units += Array(String(decoding: body[plain..<body.endIndex], as: UTF8.self).utf16)
    return String(decoding: units, as: UTF16.self)
}

/// Reads what stands after a backslash and returns the index behind it.
private func unescape(
    _ body: ArraySlice<UInt8>, at index: Int, into units: inout [UInt16]
) -> Int {
    switch body[index] {
    case UInt8(ascii: "n"): units.append(0x0a)
    case UInt8(ascii: "t"): units.append(0x09)
    case UInt8(ascii: "r"): units.append(0x0d)
    case UInt8(ascii: "b"): units.append(0x08)
    case UInt8(ascii: "f"): units.append(0x0c)
    case UInt8(ascii: "u"):
        let end = min(index + 5, body.endIndex)
        let digits = String(decoding: body[index + 1..<end], as: UTF8.self)
        units.append(UInt16(digits, radix: 16) ?? 0xfffd)
        return end
    default: units.append(UInt16(body[index]))
    }
    return index + 1
}

/// A string literal with its quotes.
func quote(_ text: String) -> String {
    var literal = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": literal += "\\\""
        case "\\": literal += "\\\\"
        case "\n": literal += "\\n"
        case "\r": literal += "\\r"
        case "\t": literal += "\\t"
        case _ where scalar.value < 0x20 || scalar.value == 0x7f:
            let hex = String(scalar.value, radix: 16)
            literal += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        default: literal.unicodeScalars.append(scalar)
        }
    }
    return literal + "\""
}

extension JSONValue {
    /// The value as compact JSON.
    var jsonBytes: [UInt8] { Array(jsonText.utf8) }

    private var jsonText: String {
        switch self {
        case .null: "null"
        case .bool(let flag): flag ? "true" : "false"
        case .number(let text): text
        case .string(let text): quote(text)
        case .array(let elements): "[" + elements.map(\.jsonText).joined(separator: ",") + "]"
        case .object(let members):
            "{"
                + members.map { "\(quote($0.name)):\($0.value.jsonText)" }
                .joined(separator: ",") + "}"
        }
    }
}
