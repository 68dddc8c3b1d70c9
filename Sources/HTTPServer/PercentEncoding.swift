// Percent-encoded text (RFC 3986, section 2.1), query parameters and list fields.
//
// Broken text is an answer (nil), never a trap. Nothing here decodes twice.

/// The value of a hexadecimal digit; nil for any other byte.
private func hexadecimalValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    default: nil
    }
}

/// The text with its escapes replaced; nil when an escape is broken or the bytes are not UTF-8.
///
/// - Parameter plusIsSpace: true in queries, where forms write a space as `+`; false in paths.
func percentDecoded(_ text: Substring, plusIsSpace: Bool) -> String? {
    let percent = UInt8(ascii: "%")
    let plus = UInt8(ascii: "+")
    let isPlain = !text.utf8.contains { $0 == percent || (plusIsSpace && $0 == plus) }
    if isPlain { return String(text) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    var rest = text.utf8.makeIterator()
    while let byte = rest.next() {
        if byte == percent {
            guard let high = rest.next().flatMap(hexadecimalValue),
                let low = rest.next().flatMap(hexadecimalValue)
            else { return nil }
            bytes.append(high << 4 | low)
        } else {
            bytes.append(plusIsSpace && byte == plus ? UInt8(ascii: " ") : byte)
        }
    }
    return String(validating: bytes, as: UTF8.self)
}

/// The parameters of a query in order, decoded one by one as they are asked for.
struct RawQueryItems: Sequence, IteratorProtocol {
    private var rest: Substring.UTF8View

    struct Item {
        let text: Substring
        /// Nil when its encoding is broken.
        let name: String?
        let value: String?
    }

    init(_ query: String) { rest = query[...].utf8 }

    mutating func next() -> Item? {
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: "&")) ?? rest.endIndex
            let text = Substring(rest[..<end])
            rest = end == rest.endIndex ? rest[end...] : rest[rest.index(after: end)...]
            if !text.isEmpty { return item(text) }
        }
        return nil
    }

    private func item(_ text: Substring) -> Item {
        let equals = text.utf8.firstIndex(of: UInt8(ascii: "="))
        let name = text[..<(equals ?? text.endIndex)]
        let value = equals.map { text[text.utf8.index(after: $0)...] } ?? ""
        return Item(
            text: text,
            name: percentDecoded(name, plusIsSpace: true),
            value: percentDecoded(value, plusIsSpace: true))
    }
}

/// The elements of list fields: split at commas outside quoted strings, trimmed, no empty ones.
func splitList(_ values: [String]) -> [String] {
    var elements: [String] = []
    for value in values {
        var element: [UInt8] = []
        var isQuoted = false
        var isEscaped = false
        for byte in value.utf8 {
            if byte == UInt8(ascii: ","), !isQuoted {
                appendTrimmed(element, to: &elements)
                element.removeAll(keepingCapacity: true)
                continue
            }
            if byte == UInt8(ascii: "\""), !isEscaped { isQuoted.toggle() }
            isEscaped = isQuoted && !isEscaped && byte == UInt8(ascii: "\\")
            element.append(byte)
        }
        appendTrimmed(element, to: &elements)
    }
    return elements
}

private func appendTrimmed(_ bytes: [UInt8], to elements: inout [String]) {
    func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
    guard let first = bytes.firstIndex(where: { !isSpace($0) }),
        let last = bytes.lastIndex(where: { !isSpace($0) })
    else { return }
    elements.append(String(decoding: bytes[first...last], as: UTF8.self))
}
