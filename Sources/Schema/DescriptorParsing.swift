// Reads google.protobuf.FileDescriptorSet (google/protobuf/descriptor.proto) into descriptions.
//
// The set comes from a file or a server and may be anything: every number is checked, what is
// declared is counted against a bound, and nested types are followed only to a depth.

/// Bounds on what one schema may declare.
package enum SchemaLimit {
    /// All bytes of all sets: the whole of Google's public APIs is under 30 MiB.
    package static let setBytesMaximum = 64 << 20
    /// Files, imports, messages, fields, enum values and methods together. A field costs about 300
    /// bytes while the schema is built, its full name apart: some 100 MiB in all.
    package static let declarationsMaximum = 300_000
    /// A package and any full name, in bytes. Every declaration has its full name, so that a long
    /// one would be there hundreds of thousands of times, and a package each of its prefixes. The
    /// longest of Google's public APIs has under 200.
    package static let fullNameBytesMaximum = 1024
    /// All full names together, and all prefixes of packages: several times what Google's public
    /// APIs need.
    package static let allNamesBytesMaximum = 64 << 20
    /// Fields of one message, and values of one enum: protobuf's own runtimes stop there too.
    package static let membersMaximum = 65_535
    /// Messages declared inside messages: protoc's own limit.
    package static let nestingMaximum = 32
}

struct DescriptorParser {
    let bytes: UnsafeRawBufferPointer
    /// What was declared so far, in all sets of the schema.
    var declarations: Int

    typealias FieldBody = (WireTag, inout WireReader) throws(WireFault) -> Void

    func forEachField(
        _ range: Range<Int>, _ body: (WireTag, inout WireReader) throws(WireFault) -> Void
    ) throws(WireFault) {
        var reader = WireReader(bytes, range: range)
        while !reader.isAtEnd {
            let tag = try reader.tag()
            try body(tag, &reader)
        }
    }

    /// As `forEachField`, for a body that changes the parser's own count.
    private mutating func forEachPart(
        _ range: Range<Int>,
        _ body: (inout Self, WireTag, inout WireReader) throws(WireFault) -> Void
    ) throws(WireFault) {
        var reader = WireReader(bytes, range: range)
        while !reader.isAtEnd {
            let tag = try reader.tag()
            try body(&self, tag, &reader)
        }
    }

    private mutating func count(at offset: Int) throws(WireFault) {
        declarations += 1
        guard declarations <= SchemaLimit.declarationsMaximum else {
            throw WireFault(
                offset: offset,
                message: "more than \(SchemaLimit.declarationsMaximum) declarations",
                exceedsLimit: true)
        }
    }

    private func checkMembers(_ count: Int, of name: String, _ offset: Int) throws(WireFault) {
        guard count < SchemaLimit.membersMaximum else {
            throw WireFault(
                offset: offset,
                message: "\(name) has more than \(SchemaLimit.membersMaximum) members",
                exceedsLimit: true)
        }
    }

    /// The places of the files in the set.
    func fileRanges() throws(WireFault) -> [Range<Int>] {
        var files: [Range<Int>] = []
        try forEachField(0..<bytes.count) { (tag, reader) throws(WireFault) in
            guard tag.number == 1, tag.type == .lengthDelimited else {
                return try reader.skip(tag)
            }
            files.append(try reader.payload())
        }
        return files
    }

    mutating func parseFile(_ range: Range<Int>) throws(WireFault) -> FileDescription {
        try count(at: range.lowerBound)
        var file = FileDescription()
        var syntax = ""
        try forEachPart(range) { (self, tag, reader) throws(WireFault) in
            guard tag.type == .lengthDelimited else { return try reader.skip(tag) }
            let payload = try reader.payload()
            switch tag.number {
            case 1: file.name = try reader.string(payload)
            case 2: file.package = try reader.string(payload)
            case 3:
                try self.count(at: payload.lowerBound)
                file.dependencies.append(try reader.string(payload))
            case 4: file.messages.append(try self.parseMessage(payload, depth: 1))
            case 5: file.enums.append(try self.parseEnum(payload))
            case 6: file.services.append(try self.parseService(payload))
            case 7: file.extensions.append(try self.parseField(payload))
            case 12: syntax = try reader.string(payload)
            default: break
            }
        }
        file.syntax = try self.syntax(syntax, of: file.name, at: range.lowerBound)
        return file
    }

    private func syntax(
        _ word: String, of file: String, at offset: Int
    ) throws(WireFault) -> FileSyntax {
        switch word {
        case "", "proto2": return .proto2
        case "proto3": return .proto3
        case "editions":
            throw WireFault(
                offset: offset,
                message: "\(file) is written in an edition of protobuf; "
                    + "only proto2 and proto3 are understood")
        default:
            throw WireFault(offset: offset, message: "\(file) has the unknown syntax \"\(word)\"")
        }
    }

    private mutating func parseMessage(
        _ range: Range<Int>, depth: Int
    ) throws(WireFault) -> MessageDescription {
        guard depth <= SchemaLimit.nestingMaximum else {
            throw WireFault(
                offset: range.lowerBound,
                message: "messages declared deeper than \(SchemaLimit.nestingMaximum) levels",
                exceedsLimit: true)
        }
        try count(at: range.lowerBound)
        var message = MessageDescription()
        try forEachPart(range) { (self, tag, reader) throws(WireFault) in
            guard tag.type == .lengthDelimited else { return try reader.skip(tag) }
            let payload = try reader.payload()
            try self.parsePart(tag.number, payload, reader, into: &message, depth: depth)
        }
        return message
    }

    private mutating func parsePart(
        _ number: UInt32, _ payload: Range<Int>, _ reader: WireReader,
        into message: inout MessageDescription, depth: Int
    ) throws(WireFault) {
        switch number {
        case 1: message.name = try reader.string(payload)
        case 2:
            try checkMembers(message.fields.count, of: message.name, payload.lowerBound)
            message.fields.append(try parseField(payload))
        case 3: message.messages.append(try parseMessage(payload, depth: depth + 1))
        case 4: message.enums.append(try parseEnum(payload))
        case 6: message.extensions.append(try parseField(payload))
        case 7: try parseMessageOptions(payload, into: &message)
        case 8:
            try count(at: payload.lowerBound)
            message.oneofs.append(try parseName(payload))
        default: break
        }
    }

    private func parseMessageOptions(
        _ range: Range<Int>, into message: inout MessageDescription
    ) throws(WireFault) {
        try forEachField(range) { (tag, reader) throws(WireFault) in
            switch (tag.number, tag.type) {
            case (1, .varint): message.isMessageSet = try reader.varint() != 0
            case (7, .varint): message.isMapEntry = try reader.varint() != 0
            default: try reader.skip(tag)
            }
        }
    }

    private func parseName(_ range: Range<Int>) throws(WireFault) -> String {
        var name = ""
        try forEachField(range) { (tag, reader) throws(WireFault) in
            guard tag.number == 1, tag.type == .lengthDelimited else {
                return try reader.skip(tag)
            }
            name = try reader.string(try reader.payload())
        }
        return name
    }

    private mutating func parseField(_ range: Range<Int>) throws(WireFault) -> FieldDescription {
        try count(at: range.lowerBound)
        var field = FieldDescription()
        try forEachField(range) { (tag, reader) throws(WireFault) in
            if tag.type == .varint {
                let value = try reader.varint()
                try readNumber(tag.number, value, range.lowerBound, into: &field)
            } else if tag.type == .lengthDelimited {
                let payload = try reader.payload()
                try readText(tag.number, payload, reader, into: &field)
            } else {
                try reader.skip(tag)
            }
        }
        return field
    }

    private func readNumber(
        _ number: UInt32, _ value: UInt64, _ offset: Int, into field: inout FieldDescription
    ) throws(WireFault) {
        switch number {
        case 3: field.number = Int64(bitPattern: value)
        case 4:
            switch value {
            case 1: field.label = .optional
            case 2: field.label = .required
            case 3: field.label = .repeated
            default: throw WireFault(offset: offset, message: "a field with an unknown label")
            }
        case 5:
            guard value <= 18, let type = FieldType(rawValue: UInt8(value)) else {
                throw WireFault(offset: offset, message: "a field of an unknown type (\(value))")
            }
            field.type = type
        case 9:
            guard value < UInt64(SchemaLimit.membersMaximum) else {
                throw WireFault(offset: offset, message: "a field of a oneof that does not exist")
            }
            field.oneof = Int(value)
        case 17: field.isProto3Optional = value != 0
        default: break
        }
    }

    private func readText(
        _ number: UInt32, _ payload: Range<Int>, _ reader: WireReader,
        into field: inout FieldDescription
    ) throws(WireFault) {
        switch number {
        case 1: field.name = try reader.string(payload)
        case 2: field.extendee = try reader.string(payload)
        case 6: field.typeName = try reader.string(payload)
        case 7: field.defaultValue = try reader.string(payload)
        case 8:
            try forEachField(payload) { (tag, reader) throws(WireFault) in
                switch (tag.number, tag.type) {
                case (2, .varint): field.packed = try reader.varint() != 0
                case (3, .varint): field.isDeprecated = try reader.varint() != 0
                default: try reader.skip(tag)
                }
            }
        case 10: field.jsonName = try reader.string(payload)
        default: break
        }
    }

    private mutating func parseEnum(_ range: Range<Int>) throws(WireFault) -> EnumDescription {
        try count(at: range.lowerBound)
        var result = EnumDescription()
        try forEachPart(range) { (self, tag, reader) throws(WireFault) in
            guard tag.type == .lengthDelimited else { return try reader.skip(tag) }
            let payload = try reader.payload()
            if tag.number == 1 { result.name = try reader.string(payload) }
            if tag.number == 2 {
                try self.count(at: payload.lowerBound)
                try self.checkMembers(result.values.count, of: result.name, payload.lowerBound)
                result.values.append(try self.parseEnumValue(payload))
            }
        }
        return result
    }

    private func parseEnumValue(_ range: Range<Int>) throws(WireFault) -> EnumValueDescription {
        var value = EnumValueDescription()
        try forEachField(range) { (tag, reader) throws(WireFault) in
            switch (tag.number, tag.type) {
            case (1, .lengthDelimited): value.name = try reader.string(try reader.payload())
            case (2, .varint): value.number = Int32(truncatingIfNeeded: try reader.varint())
            default: try reader.skip(tag)
            }
        }
        return value
    }

    private mutating func parseService(
        _ range: Range<Int>
    ) throws(WireFault) -> ServiceDescription {
        try count(at: range.lowerBound)
        var service = ServiceDescription()
        try forEachPart(range) { (self, tag, reader) throws(WireFault) in
            guard tag.type == .lengthDelimited else { return try reader.skip(tag) }
            let payload = try reader.payload()
            switch tag.number {
            case 1: service.name = try reader.string(payload)
            case 2: service.methods.append(try self.parseMethod(payload))
            case 3: try self.parseServiceOptions(payload, into: &service)
            default: break
            }
        }
        return service
    }

    private mutating func parseMethod(_ range: Range<Int>) throws(WireFault) -> MethodDescription {
        try count(at: range.lowerBound)
        var method = MethodDescription()
        try forEachField(range) { (tag, reader) throws(WireFault) in
            switch (tag.number, tag.type) {
            case (1, .lengthDelimited): method.name = try reader.string(try reader.payload())
            case (2, .lengthDelimited): method.input = try reader.string(try reader.payload())
            case (3, .lengthDelimited): method.output = try reader.string(try reader.payload())
            case (4, .lengthDelimited):
                try parseMethodOptions(try reader.payload(), into: &method.options)
            case (5, .varint): method.isClientStreaming = try reader.varint() != 0
            case (6, .varint): method.isServerStreaming = try reader.varint() != 0
            default: try reader.skip(tag)
            }
        }
        return method
    }
}
