// Writes a response's head (RFC 9112, section 4) into a buffer.
//
// The framing fields are ours alone: a handler's `Content-Length`, `Transfer-Encoding`,
// `Connection`, `Keep-Alive`, `Upgrade`, `Trailer` or `Date` is dropped, and so is any field that
// would break the head's lines. Nothing that a target sent can so become another response.

import NIOCore
import NIOHTTP1

/// How a client finds the end of a response's body.
enum ResponseFraming: Equatable {
    case length(Int)
    case chunked
    case untilClose
    /// The status or the method has no body, and no length is told.
    case none
}

extension ByteBuffer {
    mutating func writeResponseHead(
        status: Int, fields: HeaderFields, framing: ResponseFraming, date: String,
        connection: ConnectionOption
    ) {
        writeStaticString("HTTP/1.1 ")
        writeString(statusLine(status))
        writeStaticString("\r\nDate: ")
        writeString(date)
        for field in fields where mayBeSent(name: field.name, value: field.value) {
            writeStaticString("\r\n")
            writeString(field.name)
            writeStaticString(": ")
            writeString(field.value)
        }
        switch framing {
        case .length(let count):
            writeStaticString("\r\nContent-Length: ")
            writeString(String(count))
        case .chunked: writeStaticString("\r\nTransfer-Encoding: chunked")
        case .untilClose, .none: break
        }
        switch connection {
        case .implied: break
        case .keepAlive: writeStaticString("\r\nConnection: keep-alive")
        case .close: writeStaticString("\r\nConnection: close")
        }
        writeStaticString("\r\n\r\n")
    }

    /// One chunk (RFC 9112, section 7.1); `bytes` must not be empty, since that would end the body.
    mutating func writeChunk(_ bytes: inout ByteBuffer) {
        writeString(String(bytes.readableBytes, radix: 16))
        writeStaticString("\r\n")
        writeBuffer(&bytes)
        writeStaticString("\r\n")
    }
}

/// What the response says about the connection's future.
enum ConnectionOption { case implied, keepAlive, close }

private func statusLine(_ status: Int) -> String {
    switch status {
    case 200: "200 OK"
    case 202: "202 Accepted"
    case 499: "499 Client Closed Request"
    default: "\(status) \(HTTPResponseStatus(statusCode: status).reasonPhrase)"
    }
}

private func mayBeSent(name: String, value: String) -> Bool {
    if isFramingField(name) { return false }
    let isToken = !name.isEmpty && name.utf8.allSatisfy(isTokenByte)
    return isToken && value.utf8.allSatisfy { ($0 >= 0x20 && $0 != 0x7f) || $0 == 0x09 }
}

private func isFramingField(_ name: String) -> Bool {
    switch name.utf8.count {
    case 4: equalsIgnoringCase(name, "date")
    case 7: equalsIgnoringCase(name, "upgrade") || equalsIgnoringCase(name, "trailer")
    case 10: equalsIgnoringCase(name, "connection") || equalsIgnoringCase(name, "keep-alive")
    case 14: equalsIgnoringCase(name, "content-length")
    case 17: equalsIgnoringCase(name, "transfer-encoding")
    default: false
    }
}

/// RFC 9110, section 5.6.2.
private func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
    case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"),
        UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"),
        UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "_"),
        UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
        true
    default:
        false
    }
}
