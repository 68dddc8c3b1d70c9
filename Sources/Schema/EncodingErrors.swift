// The errors of encoding that need a look at the schema, and the way to the field of an error.

extension Encoder {
    @inline(never)
    func unknownField(_ key: JSONToken, _ index: Int32, repeated: Bool) -> JSONError {
        if repeated, reader.matches(key, "@type") {
            return fail("@type stands here a second time", at: key.start - 1)
        }
        return fail(
            "\(schema.messageNames[Int(index)]) has no field of this name", at: key.start - 1)
    }

    @inline(never)
    func givenTwice(_ key: JSONToken, _ field: FieldEntry) -> JSONError {
        fail("the field \(tables.string(field.name)) stands here a second time", at: key.start - 1)
    }

    @inline(never)
    func secondOfOneof(_ key: JSONToken, _ index: Int32, _ field: FieldEntry) -> JSONError {
        let names = schema.oneofNames[index] ?? []
        let oneof = Int(field.oneof) < names.count ? names[Int(field.oneof)] : ""
        return fail("only one field of the oneof \(oneof) can be given", at: key.start - 1)
    }

    @inline(never)
    func missingRequired(_ message: MessageEntry, _ seen: SmallSet, at offset: Int) -> JSONError {
        var names: [String] = []
        for place in 0..<Int(message.fieldCount) {
            let field = tables.fields[Int(message.fieldStart) + place]
            if field.flags.contains(.required), !seen.contains(place) {
                names.append(tables.string(field.name))
            }
        }
        return fail(
            names.isEmpty
                ? "a required field is null"
                : "missing what is required: \(names.joined(separator: ", "))", at: offset)
    }

    @inline(never)
    func refuseMessageSet(_ index: Int32) -> JSONError {
        fail(
            "\(schema.messageNames[Int(index)]) is a message set, which prong does not write",
            at: reader.offset)
    }
}

/// The way from a value to the byte at `offset`: `prefix.contents[1].mimeType`. One pass over the
/// text up to there.
func jsonPath(
    to offset: Int, in text: UnsafeRawBufferPointer, range: Range<Int>?, prefix: String
) -> String {
    var walk = PathWalk(
        reader: JSONReader(text, range: range, depthLimit: Schema.depthLimit), target: offset)
    _ = walk.reaches()
    return walk.path(after: prefix)
}

private struct PathWalk {
    enum Step {
        case key(JSONToken)
        case element(Int)
    }

    var reader: JSONReader
    let target: Int
    var steps: [Step] = []

    /// Walks one value; true when the target is in it, with `steps` leading there.
    mutating func reaches() -> Bool {
        do throws(JSONError) {
            return try walk()
        } catch {
            return true
        }
    }

    private mutating func walk() throws(JSONError) -> Bool {
        let kind = try reader.peek()
        if target <= reader.offset { return true }
        switch kind {
        case .object:
            try reader.beginObject()
            while let key = try reader.nextKeyToken() {
                steps.append(.key(key))
                if target <= key.end { return true }
                if try walk() { return true }
                steps.removeLast()
            }
        case .array:
            try reader.beginArray()
            var index = 0
            while try reader.nextElement() {
                steps.append(.element(index))
                if try walk() { return true }
                steps.removeLast()
                index += 1
            }
        case .string, .number, .bool, .null:
            try reader.skipValue()
            return target < reader.offset
        }
        return false
    }

    func path(after prefix: String) -> String {
        var path = prefix
        for step in steps {
            switch step {
            case .element(let index): path += "[\(index)]"
            case .key(let token):
                let name = reader.string(token)
                if isPlain(name) {
                    path += path.isEmpty ? name : ".\(name)"
                } else {
                    path += "[\"\(shortened(name))\"]"
                }
            }
        }
        return path
    }

    /// Names as protobuf has them stand bare; a map's key may be anything and stands in quotes.
    private func isPlain(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy {
                isDigit($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "@")
                    || $0 | 0x20 >= UInt8(ascii: "a") && $0 | 0x20 <= UInt8(ascii: "z")
            } && name.utf8.count <= Self.nameMaximum
    }

    /// Characters of a key that an error shows, at most.
    private static let nameMaximum = 64

    private func shortened(_ name: String) -> String {
        let isLong = name.unicodeScalars.count > Self.nameMaximum
        var result = ""
        for scalar in name.unicodeScalars.prefix(Self.nameMaximum) {
            result += scalar.value < 0x20 ? "?" : String(scalar)
        }
        return isLong ? "\(result)…" : result
    }
}
