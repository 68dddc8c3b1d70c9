// A job as JSON, read in one pass: the envelope's own fields are taken, the request is only skipped
// over and its place remembered, for the method that says what it is may stand behind it. Refuses
// what it does not know, by name; never copies the request's text.

import HTTPServer
import JobLogic
import Schema

/// The envelope, with the places of the parts that need the method to be understood.
struct JobEnvelope {
    var method = ""
    /// Where in the text the value of `request` stands.
    var request: Range<Int>?
    var requestBase64: String?
    /// Where each element of `requests` stands.
    var requests: [Range<Int>]?
    var wantsAllPages = false
    var options = CallOptions()
}

/// Why a job's JSON is refused: a whole sentence with path, line and column.
struct EnvelopeFault: Error {
    var message: String
    /// It asks for something that this version does not have: 501.
    var isUnimplemented = false
}

struct JobEnvelopeReader {
    private var reader: JSONReader
    private var envelope = JobEnvelope()
    private var seen = SeenFields()
    private let now: Int64

    static func read(
        _ text: UnsafeRawBufferPointer, now: Int64
    ) throws(EnvelopeFault) -> JobEnvelope {
        var reader = JobEnvelopeReader(text, now: now)
        return try reader.read()
    }

    private init(_ text: UnsafeRawBufferPointer, now: Int64) {
        reader = JSONReader(text)
        self.now = now
    }

    private mutating func read() throws(EnvelopeFault) -> JobEnvelope {
        try json("") { (reader) throws(JSONError) in try reader.beginObject() }
        while let key = try json("", { (reader) throws(JSONError) in try reader.nextKey() }) {
            guard seen.insert(key) else { throw fault(key, "stands twice") }
            try readField(key)
        }
        try json("") { (reader) throws(JSONError) in try reader.expectEnd() }
        guard !envelope.method.isEmpty else { throw fault("method", "is missing") }
        try checkRequest()
        return envelope
    }

    /// Exactly one of the three.
    private func checkRequest() throws(EnvelopeFault) {
        if envelope.request != nil, envelope.requestBase64 != nil {
            throw fault("request", "stands beside `requestBase64`")
        }
        let hasOne = envelope.request != nil || envelope.requestBase64 != nil
        guard hasOne || envelope.requests != nil else { throw fault("request", "is missing") }
        if hasOne, envelope.requests != nil {
            throw fault("requests", "stands beside another request")
        }
    }

    private mutating func readField(_ key: String) throws(EnvelopeFault) {
        switch key {
        case "method": envelope.method = try text(key)
        case "request":
            envelope.request = try json(key) { (reader) throws(JSONError) in
                try reader.skipValue()
            }
        case "requestBase64": envelope.requestBase64 = try text(key)
        case "requests": try readRequests()
        case "pages": try readPages()
        case "cost": try readLater(key)
        case "waitOperation":
            envelope.options.awaitsOperation = try json(key) { (reader) throws(JSONError) in
                guard try reader.peek() != .null else {
                    try reader.readNull()
                    return false
                }
                return try reader.readBool()
            }
        case "metadata": try readMetadata()
        case "priority", "maxAttempts": try readNumber(key)
        case "target", "delay", "at", "expires", "timeout", "key", "batch": try readText(key)
        case _: throw fault(key, "is not a field of a job")
        }
    }

    /// Fields of features that this version does not have: fine at their defaults.
    private mutating func readLater(_ key: String) throws(EnvelopeFault) {
        let isDefault = try json(key) { (reader) throws(JSONError) -> Bool in
            switch (key, try reader.peek()) {
            case ("cost", .number): return try reader.readInt64() == 1
            case (_, .null):
                try reader.readNull()
                return true
            case (_, _):
                _ = try reader.skipValue()
                return false
            }
        }
        guard isDefault else {
            throw EnvelopeFault(
                message: "\(key): not available in this version of prong", isUnimplemented: true)
        }
    }

    /// Null stands for no list, as everywhere in protobuf's JSON.
    private mutating func readRequests() throws(EnvelopeFault) {
        envelope.requests = try json("requests") { (reader) throws(JSONError) in
            guard try reader.peek() != .null else {
                try reader.readNull()
                return nil
            }
            var ranges: [Range<Int>] = []
            try reader.beginArray()
            while try reader.nextElement() { ranges.append(try reader.skipValue()) }
            return ranges
        }
    }

    private mutating func readPages() throws(EnvelopeFault) {
        let text = try json("pages") { (reader) throws(JSONError) -> String? in
            guard try reader.peek() == .null else { return try reader.readString() }
            try reader.readNull()
            return nil
        }
        guard text == nil || text == "all" else { throw fault("pages", "must be \"all\"") }
        envelope.wantsAllPages = text != nil
    }

    private mutating func readText(_ key: String) throws(EnvelopeFault) {
        let text = try text(key)
        let now = now
        try set(key) { (options) throws(OptionFault) in
            switch key {
            case "target": options.target = text
            case "delay": try options.setDelay(text, now: now)
            case "at": try options.setAt(text)
            case "expires": try options.setExpires(text, now: now)
            case "timeout": try options.setTimeout(text)
            case "key": try options.setKey(text)
            case _: try options.setBatch(text)
            }
        }
    }

    private mutating func readNumber(_ key: String) throws(EnvelopeFault) {
        let number = try json(key) { (reader) throws(JSONError) in try reader.readInt64() }
        try set(key) { (options) throws(OptionFault) in
            if key == "priority" {
                try options.setPriority(number)
            } else {
                try options.setMaxAttempts(number)
            }
        }
    }

    private mutating func readMetadata() throws(EnvelopeFault) {
        try json("metadata") { (reader) throws(JSONError) in try reader.beginObject() }
        var names: Set<String> = []
        while let name = try json(
            "metadata", { (reader) throws(JSONError) in try reader.nextKey() })
        {
            guard names.insert(name.lowercased()).inserted else {
                throw fault("metadata.\(name)", "stands twice")
            }
            let value = try text("metadata.\(name)")
            try set("metadata") { (options) throws(OptionFault) in
                guard !CallMetadata.isSecret(name) else {
                    throw OptionFault(
                        "`\(name)` may hold a secret, and jobs lie on disk; let the target's"
                            + " credentials send it")
                }
                guard name.lowercased().hasSuffix("-bin") else {
                    return try options.addMetadata(name, Array(value.utf8))
                }
                guard let bytes = Base64Text.decode(value) else {
                    throw OptionFault("the value of `\(name)` is not base64")
                }
                try options.addMetadata(name, bytes)
            }
        }
    }

    // MARK: reading, with the field's name in what goes wrong

    private mutating func text(_ path: String) throws(EnvelopeFault) -> String {
        try json(path) { (reader) throws(JSONError) in try reader.readString() }
    }

    private mutating func json<Value>(
        _ path: String, _ read: (inout JSONReader) throws(JSONError) -> Value
    ) throws(EnvelopeFault) -> Value {
        do throws(JSONError) {
            return try read(&reader)
        } catch {
            let place = textPosition(of: error.offset, in: reader.text)
            let prefix = path.isEmpty ? "" : "\(shown(path)): "
            throw EnvelopeFault(
                message: "\(prefix)\(error.message) (line \(place.line), column \(place.column))")
        }
    }

    private mutating func set(
        _ key: String, _ body: (inout CallOptions) throws(OptionFault) -> Void
    ) throws(EnvelopeFault) {
        do throws(OptionFault) {
            try body(&envelope.options)
        } catch {
            throw fault(key, error.message)
        }
    }

    private func fault(_ path: String, _ message: String) -> EnvelopeFault {
        let place = textPosition(of: reader.offset, in: reader.text)
        return EnvelopeFault(
            message: "\(shown(path)) \(message) (line \(place.line), column \(place.column))")
    }
}

/// Which of the envelope's fields have been read: a bit each, for a set of names cost a twentieth
/// of a job's acceptance.
private struct SeenFields {
    private var bits: UInt32 = 0

    private static let names = [
        "method", "request", "requestBase64", "requests", "waitOperation", "pages", "cost",
        "metadata", "priority", "maxAttempts", "target", "delay", "at", "expires", "timeout", "key",
        "batch",
    ]

    /// False: the field was there before. One that is no field is refused by who reads it.
    mutating func insert(_ name: String) -> Bool {
        guard let place = SeenFields.names.firstIndex(of: name) else { return true }
        defer { bits |= 1 << UInt32(place) }
        return bits & 1 << UInt32(place) == 0
    }
}

/// Bytes as headers and JSON carry them: base64 in both alphabets, padded or not (RFC 4648).
enum Base64Text {
    static func decode(_ text: String) -> [UInt8]? {
        Array(text.utf8).withUnsafeBytes { decodedBase64($0) }
    }

    /// Without padding, the standard alphabet: Connect's form.
    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        bytes.withUnsafeBytes { appendBase64($0, padded: false, to: &text) }
        return String(decoding: text, as: UTF8.self)
    }
}
