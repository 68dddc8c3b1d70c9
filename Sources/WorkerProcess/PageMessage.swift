// One page on protobuf's wire, without a descriptor: its token is taken out, all else stays as it
// is. Pages one behind the other are one message with all their items, since in protobuf lists grow
// and of single values the last one counts; so a token appended to a request replaces the one that
// it has. Bytes come from servers: what cannot be read is no page, and nothing traps.

import WireFormat

struct PageMessage: Equatable {
    /// The page without its token.
    private(set) var content: [UInt8]
    /// Empty: it is the last page.
    private(set) var token: [UInt8] = []

    /// Nothing: the bytes are no message.
    init?(_ message: [UInt8], tokenField: UInt32) {
        content = []
        var reader = FieldReader(message)
        var copied = 0
        var start = 0
        do throws(FieldError) {
            while let field = try reader.nextForeign() {
                if field.number == tokenField, case .data(let value) = field.value {
                    content += message[copied..<start]
                    copied = reader.position
                    token = Array(message[value])
                }
                start = reader.position
            }
        } catch {
            return nil
        }
        content += message[copied...]
    }

    /// The request with the token behind all that it has.
    static func request(_ request: [UInt8], _ token: [UInt8], field: UInt32) -> [UInt8] {
        var writer = FieldWriter(appendingTo: request)
        writer.data(field, token)
        return writer.bytes
    }

    /// A token as part of a message to people.
    static func shown(_ token: [UInt8]) -> String {
        let charactersMax = 80
        let text = String(decoding: token, as: UTF8.self)
        return text.count <= charactersMax ? text : text.prefix(charactersMax) + "…"
    }
}
