// JSON to protobuf: google.protobuf.Any, whose `@type` says how to read the members beside it,
// and may stand after them.

/// Where the `@type` of objects stands, for objects that had to be looked through for it. One look
/// covers the Anys inside as well, so no byte is looked through twice however deep they nest.
struct AnyTypes {
    var range = 0..<0
    var tokens: [Int: JSONToken] = [:]
}

extension Encoder {
    mutating func encodeAny() throws(JSONError) {
        guard try reader.peek() == .object else { throw reader.wrongKind("an object") }
        let start = reader.offset
        guard let token = try typeToken() else {
            // An empty object is an empty Any.
            try reader.beginObject()
            guard try reader.nextKeyToken() != nil else { return }
            throw fail("@type is missing, which says what this is", at: start)
        }
        let url = reader.string(token)
        let name =
            url.utf8.lastIndex(of: UInt8(ascii: "/"))
            .map { String(url[url.utf8.index(after: $0)...]) } ?? url
        guard let index = schema.messagesByName[name] else {
            throw fail("no message of this type is in the descriptors", at: token.start - 1)
        }
        out.put(byte: 1 << 3 | 2)
        putText(token)
        out.put(byte: 2 << 3 | 2)
        let mark = out.beginLength()
        let message = tables.messages[Int(index)]
        if message.wellKnown == .none {
            try encodeFields(index, message, inAny: true)
        } else {
            try encodeOnlyValue(index, start)
        }
        out.endLength(mark)
    }

    /// A type with a JSON form of its own stands in the member `value`.
    private mutating func encodeOnlyValue(_ index: Int32, _ start: Int) throws(JSONError) {
        var typeSeen = false
        var valueSeen = false
        try reader.beginObject()
        while let key = try reader.nextKeyToken() {
            if !typeSeen, reader.matches(key, "@type") {
                typeSeen = true
                _ = try reader.readStringToken()
            } else if !valueSeen, reader.matches(key, "value") {
                valueSeen = true
                _ = try reader.peek()
                try encodeMessage(index)
            } else {
                throw fail(
                    "an Any of \(schema.messageNames[Int(index)]) has only @type and value, once",
                    at: key.start - 1)
            }
        }
        guard valueSeen else {
            throw fail(
                "an Any of \(schema.messageNames[Int(index)]) needs a member value", at: start)
        }
    }

    /// The `@type` of the object that stands next, without reading on; nil if it has none.
    private mutating func typeToken() throws(JSONError) -> JSONToken? {
        let start = reader.offset
        var ahead = reader
        try ahead.beginObject()
        guard let first = try ahead.nextKeyToken() else { return nil }
        if reader.matches(first, "@type") { return try ahead.readStringToken() }
        if !types.range.contains(start) {
            types = AnyTypes()
            var whole = reader
            try types.look(through: &whole)
            types.range = start..<whole.offset
        }
        return types.tokens[start]
    }
}

extension AnyTypes {
    /// Notes the first `@type` of each object in the value that stands next.
    mutating func look(through reader: inout JSONReader) throws(JSONError) {
        switch try reader.peek() {
        case .string, .number, .bool, .null: try reader.skipValue()
        case .array:
            try reader.beginArray()
            while try reader.nextElement() { try look(through: &reader) }
        case .object:
            let start = reader.offset
            try reader.beginObject()
            while let key = try reader.nextKeyToken() {
                if try reader.peek() == .string, reader.matches(key, "@type"),
                    tokens[start] == nil
                {
                    tokens[start] = try reader.readStringToken()
                } else {
                    try look(through: &reader)
                }
            }
        }
    }
}
