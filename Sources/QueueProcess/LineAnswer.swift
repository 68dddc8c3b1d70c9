// One line of the answer to a body of many jobs: what became of one of them. Text only.

import HTTPServer
import JobLogic
import Schema

/// One line of an answer.
enum LineAnswer {
    /// `{"line":1,"id":"…"}`, with `"replayed":true` for a key that was used before. Nothing in it
    /// needs escaping.
    static func append(
        accepted id: JobID, _ number: Int, _ isReplay: Bool, to bytes: inout [UInt8]
    ) {
        append("{\"line\":", to: &bytes)
        bytes.append(contentsOf: String(number).utf8)
        append(",\"id\":\"", to: &bytes)
        id.appendText(to: &bytes)
        append(isReplay ? "\",\"replayed\":true}\n" : "\"}\n", to: &bytes)
    }

    private static func append(_ text: StaticString, to bytes: inout [UInt8]) {
        bytes.append(
            contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    static func error(_ number: Int, _ error: ConnectError) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.field("line", number)
        writer.key("error")
        writer.error(error)
        writer.endObject()
        return writer.bytes + [UInt8(ascii: "\n")]
    }
}
