// Finds where the values of a JSON text begin and end, in one pass and without building
// anything: `map` moves millions of values that it never needs to understand.
// It checks that brackets, strings and literals are well formed, so that a text which passes may
// stand inside another; it leaves UTF-8 and the meaning of numbers to the daemon. Pure.

struct JSONFault: Error, Equatable {
    /// Where, in bytes from the start of the text.
    let offset: Int
    let problem: String
}

struct JSONScanner {
    /// Deeper texts are refused: nothing that prong sends is, and recursion must be bounded.
    static let depthMax = 256

    let bytes: [UInt8]
    private(set) var position: Int

    init(_ bytes: [UInt8], at position: Int = 0) {
        self.bytes = bytes
        self.position = position
    }

    /// The byte at the position, or 0 at the end (0 itself is never valid in JSON).
    var current: UInt8 { position < bytes.count ? bytes[position] : 0 }

    var isAtEnd: Bool { position >= bytes.count }

    mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0a, 0x0d: position += 1
            default: return
            }
        }
    }

    /// Passes over one value and returns where it stood.
    mutating func skipValue(depth: Int = 0) throws(JSONFault) -> Range<Int> {
        skipSpace()
        let start = position
        switch current {
        case UInt8(ascii: "{"):
            try eachMember(depth: depth) { (_, _) throws(JSONFault) in }
        case UInt8(ascii: "["):
            try eachElement(depth: depth) { _ throws(JSONFault) in }
        case UInt8(ascii: "\""): try skipString()
        case UInt8(ascii: "t"): try skipLiteral("true")
        case UInt8(ascii: "f"): try skipLiteral("false")
        case UInt8(ascii: "n"): try skipLiteral("null")
        case UInt8(ascii: "-"), 0x30...0x39: skipNumber()
        default: throw fault(isAtEnd ? "the text ends where a value should be" : "no value")
        }
        return start..<position
    }

    /// Passes over an object and tells of each member: where its name (with quotes) and value are.
    mutating func eachMember(
        depth: Int = 0,
        _ body: (_ name: Range<Int>, _ value: Range<Int>) throws(JSONFault) -> Void
    ) throws(JSONFault) {
        try open(UInt8(ascii: "{"), depth)
        if closes(UInt8(ascii: "}")) { return }
        while true {
            skipSpace()
            let name = position
            try skipString()
            let nameEnd = position
            skipSpace()
            guard current == UInt8(ascii: ":") else { throw fault("a colon is missing") }
            position += 1
            let value = try skipValue(depth: depth + 1)
            try body(name..<nameEnd, value)
            if closes(UInt8(ascii: "}")) { return }
            try comma("an object")
        }
    }

    /// Passes over an array and tells where each element is.
    mutating func eachElement(
        depth: Int = 0,
        _ body: (Range<Int>) throws(JSONFault) -> Void
    ) throws(JSONFault) {
        try open(UInt8(ascii: "["), depth)
        if closes(UInt8(ascii: "]")) { return }
        while true {
            try body(try skipValue(depth: depth + 1))
            if closes(UInt8(ascii: "]")) { return }
            try comma("a list")
        }
    }

    /// Throws unless the whole text is exactly one value.
    static func checkOneValue(_ bytes: [UInt8]) throws(JSONFault) {
        var scanner = JSONScanner(bytes)
        _ = try scanner.skipValue()
        scanner.skipSpace()
        guard scanner.isAtEnd else { throw scanner.fault("more text after the value") }
    }

    func fault(_ problem: String) -> JSONFault {
        JSONFault(offset: position, problem: problem)
    }

    private mutating func open(_ bracket: UInt8, _ depth: Int) throws(JSONFault) {
        skipSpace()
        guard current == bracket else {
            throw fault("no \"\(Character(Unicode.Scalar(bracket)))\"")
        }
        guard depth < Self.depthMax else { throw fault("nested too deep") }
        position += 1
    }

    private mutating func closes(_ bracket: UInt8) -> Bool {
        skipSpace()
        guard current == bracket else { return false }
        position += 1
        return true
    }

    private mutating func comma(_ within: String) throws(JSONFault) {
        guard current == UInt8(ascii: ",") else {
            throw fault(isAtEnd ? "the text ends inside \(within)" : "a comma is missing")
        }
        position += 1
    }

    private mutating func skipString() throws(JSONFault) {
        guard current == UInt8(ascii: "\"") else { throw fault("a string is missing") }
        position += 1
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position += 1
                return
            case UInt8(ascii: "\\"): position += 2
            case 0..<0x20: throw fault("a control character in a string")
            default: position += 1
            }
        }
        position = bytes.count
        throw fault("the text ends inside a string")
    }

    private mutating func skipLiteral(_ literal: StaticString) throws(JSONFault) {
        for index in 0..<literal.utf8CodeUnitCount {
            guard current == literal.utf8Start[index] else { throw fault("an unknown word") }
            position += 1
        }
    }

    private mutating func skipNumber() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x30...0x39, UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
                UInt8(ascii: "e"), UInt8(ascii: "E"):
                position += 1
            default: return
            }
        }
    }
}
