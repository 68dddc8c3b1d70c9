// The lines of a streamed answer, INTERFACE 2.2: a message each, and one last line that says how it
// ended. Text only.

import HTTPServer
import JobLogic
import Schema

enum StreamLines {
    static let contentType = "application/x-ndjson"

    /// `{"message":…}`
    static func message(_ json: [UInt8]) -> [UInt8] {
        var line = Array("{\"message\":".utf8)
        line.reserveCapacity(line.count + json.count + 2)
        line += json
        line += [UInt8(ascii: "}"), UInt8(ascii: "\n")]
        return line
    }

    /// `{"end":{"trailers":{…}}}`: what would be `Trailer-` headers of a unary answer. A name
    /// that came several times has its values behind each other, as HTTP joins them.
    static func end(trailers: [MetadataEntry]) -> [UInt8] {
        var names: [String] = []
        var values: [String: String] = [:]
        for field in ResponseMetadata.headers(trailers, trailers: []) {
            if let before = values[field.name] {
                values[field.name] = "\(before), \(field.value)"
            } else {
                names.append(field.name)
                values[field.name] = field.value
            }
        }
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("end")
        writer.beginObject()
        writer.key("trailers")
        writer.beginObject()
        for name in names { writer.field(name, values[name] ?? "") }
        writer.endObject()
        writer.endObject()
        writer.endObject()
        return writer.bytes + [UInt8(ascii: "\n")]
    }

    /// `{"error":{…}}`
    static func error(_ error: ConnectError) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("error")
        writer.error(error)
        writer.endObject()
        return writer.bytes + [UInt8(ascii: "\n")]
    }
}
