// Lays JSON out anew, indented or on one line, token by token: order, escapes and the text of
// numbers stay as they came. A text that is no JSON is left as it is. Pure.

enum JSONLayout {
    static func lay(_ json: [UInt8], indented: Bool) -> [UInt8] {
        guard (try? JSONScanner.checkOneValue(json)) != nil else { return trimmed(json) }
        var layout = Layout(indented: indented)
        var index = 0
        while index < json.count {
            index = layout.token(json, at: index)
        }
        return layout.output
    }

    private static func trimmed(_ text: [UInt8]) -> [UInt8] {
        var end = text.count
        while end > 0, text[end - 1] == 0x0a || text[end - 1] == 0x0d { end -= 1 }
        return Array(text[..<end])
    }
}

private struct Layout {
    let indented: Bool
    private(set) var output: [UInt8] = []
    private var depth = 0
    /// An opening bracket was just written: its line feed waits, for `{}` stays on one line.
    private var opened = false

    init(indented: Bool) {
        self.indented = indented
    }

    /// Writes the token that begins at `index` and returns the index behind it.
    mutating func token(_ json: [UInt8], at index: Int) -> Int {
        let byte = json[index]
        switch byte {
        case 0x20, 0x09, 0x0a, 0x0d: return index + 1
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            breakAfterOpening()
            output.append(byte)
            depth += 1
            opened = true
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            depth -= 1
            if !opened { breakLine() }
            opened = false
            output.append(byte)
        case UInt8(ascii: ","):
            output.append(byte)
            breakLine()
        case UInt8(ascii: ":"):
            output.append(byte)
            if indented { output.append(0x20) }
        default: return scalar(json, at: index)
        }
        return index + 1
    }

    /// A string, number or word: copied as it is.
    private mutating func scalar(_ json: [UInt8], at index: Int) -> Int {
        breakAfterOpening()
        var scanner = JSONScanner(json, at: index)
        guard let range = try? scanner.skipValue() else { return json.count }
        output += json[range]
        return range.upperBound
    }

    private mutating func breakAfterOpening() {
        if opened { breakLine() }
        opened = false
    }

    private mutating func breakLine() {
        guard indented else { return }
        output.append(0x0a)
        output += [UInt8](repeating: 0x20, count: depth * 2)
    }
}
