// A pull reader for JSON (RFC 8259) over bytes that stay where they are.
//
// It reads a whole text or one value inside it; every offset counts from the start of the WHOLE
// text, so that an error inside a nested value points at the place the user sees. It is strict:
// no trailing comma, no NaN, no leading zero, no lone surrogate, no byte that is not UTF-8.
// It must never trap on any input, never recurse deeper than its limit, and never keep the bytes:
// the buffer handed in must outlive the reader.

/// What is wrong with a JSON text, and at which byte of the whole text.
package struct JSONError: Error, Equatable, Sendable {
    /// Byte offset from the start of the whole text, from 0; see `textPosition(of:in:)`.
    package let offset: Int
    /// A phrase in lower case without position, such as "a string is not closed".
    package let message: String

    package init(offset: Int, message: String) {
        self.offset = offset
        self.message = message
    }
}

/// Turns a byte offset into line and column, both from 1. A line ends at a line feed; the column
/// counts Unicode scalars ("characters"), not bytes. An offset past the end is taken as the end.
package func textPosition(
    of offset: Int, in text: UnsafeRawBufferPointer
) -> (line: Int, column: Int) {
    var line = 1
    var column = 1
    for byte in text.prefix(max(0, offset)) {
        if byte == 0x0A {
            line += 1
            column = 1
        } else if byte & 0xC0 != 0x80 {
            column += 1
        }
    }
    return (line, column)
}

/// The kind of the value that stands next.
package enum JSONKind: Sendable {
    case object, array, string, number, bool, null
}

/// A string of the text that was read and checked: the bytes between its quotes, still escaped.
package struct JSONToken: Sendable {
    package let start: Int
    package let end: Int
    /// False: the bytes are the string's UTF-8 itself.
    package let hasEscapes: Bool
}

/// Reads values in order. Use: `beginObject()`, then `while let key = try nextKey()` read exactly
/// one value each time (`skipValue()` if it does not matter); `beginArray()`, then
/// `while try nextElement()` likewise; `expectEnd()` last.
package struct JSONReader {
    /// Objects and arrays inside each other, at most, unless another limit is given. It leaves a
    /// message its `Schema.depthLimit` and an envelope around it some levels of its own.
    package static let depthLimitDefault = 110

    package let text: UnsafeRawBufferPointer
    /// The next byte to read.
    package internal(set) var offset: Int
    let end: Int
    var depth = 0
    let depthLimit: Int
    /// True between an opening bracket and the first thing after it: no comma is due.
    var atStart = false

    /// Reads `text`, or only the value in `range` of it (as `skipValue()` returned it).
    package init(
        _ text: UnsafeRawBufferPointer, range: Range<Int>? = nil,
        depthLimit: Int = JSONReader.depthLimitDefault
    ) {
        self.text = text
        offset = min(max(0, range?.lowerBound ?? 0), text.count)
        end = min(max(offset, range?.upperBound ?? text.count), text.count)
        self.depthLimit = depthLimit
    }

    func fail(_ message: String, at place: Int) -> JSONError {
        JSONError(offset: place, message: message)
    }

    @inline(__always)
    mutating func skipSpace() {
        while offset < end {
            let byte = text[offset]
            if byte > 0x20 { return }
            if byte != 0x20 && byte != 0x0A && byte != 0x0D && byte != 0x09 { return }
            offset += 1
        }
    }

    // MARK: structure

    /// The kind of the next value; reads only the white space before it.
    @inline(__always)
    package mutating func peek() throws(JSONError) -> JSONKind {
        skipSpace()
        guard offset < end else { throw missingValue() }
        switch text[offset] {
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): return .number
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        default: throw missingValue()
        }
    }

    @inline(never)
    func missingValue() -> JSONError {
        guard offset < end else {
            return fail("the text ends where a value should stand", at: offset)
        }
        return fail("a value should stand here, not \(shown(at: offset))", at: offset)
    }

    @inline(__always)
    package mutating func beginObject() throws(JSONError) {
        try open(UInt8(ascii: "{"), "an object")
    }

    @inline(__always)
    package mutating func beginArray() throws(JSONError) {
        try open(UInt8(ascii: "["), "an array")
    }

    @inline(__always)
    private mutating func open(_ bracket: UInt8, _ name: StaticString) throws(JSONError) {
        skipSpace()
        guard offset < end, text[offset] == bracket else {
            throw wrongKind("\(name)")
        }
        guard depth < depthLimit else {
            throw fail("nested deeper than \(depthLimit) levels", at: offset)
        }
        depth += 1
        offset += 1
        atStart = true
    }

    @inline(never)
    mutating func wrongKind(_ wanted: String) -> JSONError {
        do throws(JSONError) {
            return fail("\(wanted) should stand here, not \(try peek().phrase)", at: offset)
        } catch {
            return error
        }
    }

    /// The next key of the object, its colon read too; nil when the object ends here. The reader
    /// does not look for a key given twice: who reads an object does.
    package mutating func nextKey() throws(JSONError) -> String? {
        guard let token = try nextKeyToken() else { return nil }
        return string(token)
    }

    /// As `nextKey()`, without making a String.
    @inline(__always)
    package mutating func nextKeyToken() throws(JSONError) -> JSONToken? {
        guard try advance(to: UInt8(ascii: "}"), "an object") else { return nil }
        guard offset < end, text[offset] == UInt8(ascii: "\"") else { throw missingKey() }
        let token = try readToken()
        skipSpace()
        guard offset < end, text[offset] == UInt8(ascii: ":") else {
            throw fail("a colon should follow the key", at: offset)
        }
        offset += 1
        return token
    }

    @inline(never)
    private func missingKey() -> JSONError {
        guard offset < end else { return fail("an object is not closed", at: offset) }
        return fail("a key in quotes should stand here, not \(shown(at: offset))", at: offset)
    }

    /// True: one more element stands here. False: the array has ended.
    @inline(__always)
    package mutating func nextElement() throws(JSONError) -> Bool {
        try advance(to: UInt8(ascii: "]"), "an array")
    }

    /// Steps over the comma before the next member, or over the closing bracket (false).
    @inline(__always)
    private mutating func advance(to close: UInt8, _ name: StaticString) throws(JSONError) -> Bool {
        skipSpace()
        guard offset < end else { throw fail("\(name) is not closed", at: offset) }
        if text[offset] == close {
            offset += 1
            depth -= 1
            atStart = false
            return false
        }
        if atStart {
            atStart = false
            return true
        }
        guard text[offset] == UInt8(ascii: ",") else {
            throw fail("a comma or the end of \(name) should stand here", at: offset)
        }
        offset += 1
        skipSpace()
        if offset < end, text[offset] == close {
            throw fail("a comma with nothing after it", at: offset)
        }
        return true
    }

    /// Steps over one value of any kind, checking it wholly, and returns where it stands.
    @discardableResult
    package mutating func skipValue() throws(JSONError) -> Range<Int> {
        let kind = try peek()
        let start = offset
        switch kind {
        case .string: _ = try readToken()
        case .number: _ = try readNumber()
        case .bool: _ = try readBool()
        case .null: try readNull()
        case .object:
            try beginObject()
            while try nextKeyToken() != nil { try skipValue() }
        case .array:
            try beginArray()
            while try nextElement() { try skipValue() }
        }
        return start..<offset
    }

    /// Nothing but white space may follow.
    package mutating func expectEnd() throws(JSONError) {
        skipSpace()
        guard offset == end else {
            throw fail(
                "the text should end here, but goes on with \(shown(at: offset))", at: offset)
        }
    }

    // MARK: values

    package mutating func readNull() throws(JSONError) {
        try readWord("null", wanted: "null")
    }

    package mutating func readBool() throws(JSONError) -> Bool {
        skipSpace()
        if offset < end, text[offset] == UInt8(ascii: "t") {
            try readWord("true", wanted: "true or false")
            return true
        }
        try readWord("false", wanted: "true or false")
        return false
    }

    private mutating func readWord(
        _ word: StaticString, wanted: StaticString
    ) throws(JSONError) {
        skipSpace()
        let count = word.utf8CodeUnitCount
        guard end - offset >= count else { throw wrongKind("\(wanted)") }
        for index in 0..<count where text[offset + index] != word.utf8Start[index] {
            throw wrongKind("\(wanted)")
        }
        offset += count
    }

    /// A string, with its escapes resolved.
    package mutating func readString() throws(JSONError) -> String {
        string(try readStringToken())
    }

    /// A string, checked but left where it is.
    @inline(__always)
    package mutating func readStringToken() throws(JSONError) -> JSONToken {
        skipSpace()
        guard offset < end, text[offset] == UInt8(ascii: "\"") else {
            throw wrongKind("a string")
        }
        return try readToken()
    }
}

extension JSONKind {
    /// The kind as it stands in a sentence.
    package var phrase: String {
        switch self {
        case .object: "an object"
        case .array: "an array"
        case .string: "a string"
        case .number: "a number"
        case .bool: "true or false"
        case .null: "null"
        }
    }
}
