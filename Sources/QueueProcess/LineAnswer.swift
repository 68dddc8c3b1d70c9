// One line of the answer to a body of many jobs: what became of one of them. Text only.

import HTTPServer
import JobLogic
import Schema

/// One line of an answer.
enum LineAnswer {
    static func accepted(_ number: Int, _ id: JobID, _ isReplay: Bool) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.field("line", number)
        writer.field("id", id.text)
        if isReplay {
            writer.key("replayed")
            writer.bool(true)
        }
        writer.endObject()
        return writer.bytes + [UInt8(ascii: "\n")]
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
