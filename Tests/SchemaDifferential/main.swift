// Answers, for differential.py, what prong's schema makes of messages: one question a line on
// standard input, one answer a line on standard output. Everything is in hexadecimal, so that any
// bytes can be asked about.
//
//   schema-differential SET...        each SET a file with a FileDescriptorSet
//   J MESSAGE HEX   JSON to protobuf          -> ok HEX    or error HEX (a sentence)
//   W MESSAGE HEX   protobuf to JSON          -> ok HEX    or error HEX
//   V MESSAGE HEX   is it such a message      -> ok        or error HEX
//   D NAME          described                 -> ok HEX    or error
//   E MESSAGE       an example in JSON        -> ok HEX    or error
//   T MESSAGE HEX N JSON to protobuf N times  -> ok NANOSECONDS (of the processor, each)
//   U MESSAGE HEX N protobuf to JSON N times  -> ok NANOSECONDS

import Glibc
import Schema

func readFile(_ path: String) -> [UInt8]? {
    guard let file = fopen(path, "r") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = fread(&chunk, 1, chunk.count, file)
        if count == 0 { return bytes }
        bytes.append(contentsOf: chunk[..<count])
    }
}

func stop(_ sentence: String, _ code: Int32) -> Never {
    let line = Array("\(sentence)\n".utf8)
    _ = write(STDERR_FILENO, line, line.count)
    exit(code)
}

func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count * 2)
    for byte in bytes {
        text.append(digits[Int(byte >> 4)])
        text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
}

func unhex(_ text: Substring) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count / 2)
    var high: UInt8?
    for letter in text.utf8 {
        let digit = letter <= UInt8(ascii: "9") ? letter - 48 : letter - 87
        if let first = high {
            bytes.append(first << 4 | digit)
            high = nil
        } else {
            high = digit
        }
    }
    return bytes
}

func nanoseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}

func measure(_ times: Int, _ body: () throws(TranscodeError) -> Void) throws(TranscodeError) -> Int
{
    let start = nanoseconds()
    for _ in 0..<times { try body() }
    return (nanoseconds() - start) / max(1, times)
}

func validate(
    _ bytes: [UInt8], _ message: MessageHandle, _ schema: Schema
) throws(TranscodeError) -> String {
    var failure: TranscodeError?
    bytes.withUnsafeBytes { raw in
        do throws(TranscodeError) {
            try schema.validate(wire: raw, as: message)
        } catch {
            failure = error
        }
    }
    if let failure { throw failure }
    return "ok"
}

func timeEncoding(
    _ bytes: [UInt8], _ message: MessageHandle, _ schema: Schema, _ times: Int
) throws(TranscodeError) -> String {
    var out: [UInt8] = []
    let spent = try measure(times) { () throws(TranscodeError) in
        out.removeAll(keepingCapacity: true)
        var failure: TranscodeError?
        bytes.withUnsafeBytes { raw in
            do throws(TranscodeError) {
                try schema.encode(json: raw, as: message, into: &out)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }
    return "ok \(spent)"
}

func timeDecoding(
    _ bytes: [UInt8], _ message: MessageHandle, _ schema: Schema, _ times: Int
) throws(TranscodeError) -> String {
    var json = JSONWriter()
    let spent = try measure(times) { () throws(TranscodeError) in
        json.removeAll()
        var failure: TranscodeError?
        bytes.withUnsafeBytes { raw in
            do throws(TranscodeError) {
                try schema.decode(wire: raw, as: message, into: &json)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }
    return "ok \(spent)"
}

func answer(_ line: String, _ schema: Schema) throws(TranscodeError) -> String {
    let words = line.split(separator: " ", omittingEmptySubsequences: false)
    guard words.count >= 2 else { return "error \(hex(Array("not a question".utf8)))" }
    if words[0] == "D" {
        guard let text = schema.describe(String(words[1])) else { return "error" }
        return "ok \(hex(Array(text.utf8)))"
    }
    if words[0] == "E" {
        guard let message = schema.message(named: String(words[1])) else { return "error" }
        return "ok \(hex(schema.example(of: message)))"
    }
    guard words.count >= 3, let message = schema.message(named: String(words[1])) else {
        return "error \(hex(Array("no such message".utf8)))"
    }
    let bytes = unhex(words[2])
    let times = words.count > 3 ? Int(words[3]) ?? 1 : 1
    switch words[0] {
    case "J": return "ok \(hex(try schema.encode(json: bytes, as: message)))"
    case "W": return "ok \(hex(try schema.decode(wire: bytes, as: message)))"
    case "V": return try validate(bytes, message, schema)
    case "T": return try timeEncoding(bytes, message, schema, times)
    case "U": return try timeDecoding(bytes, message, schema, times)
    default: return "error"
    }
}

func loadSchema() -> Schema {
    var sets: [(label: String, bytes: [UInt8])] = []
    for path in CommandLine.arguments.dropFirst() {
        guard let bytes = readFile(path) else {
            stop("cannot read \(path)", 66)
        }
        sets.append((label: path, bytes: bytes))
    }
    do throws(SchemaError) {
        return try Schema(sets: sets)
    } catch {
        stop("\(error)", 65)
    }
}

let schema = loadSchema()
while let line = readLine() {
    do throws(TranscodeError) {
        print(try answer(line, schema))
    } catch {
        print("error \(hex(Array(error.description.utf8)))")
    }
}
