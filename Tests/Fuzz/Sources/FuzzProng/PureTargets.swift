// What is fuzzed without any IO: link frames, descriptor sets, job envelopes, TOML, and JSON and
// wire bytes of one message type that has a field of every kind.
import Glibc
import LoaderProcess
import Schema
import WireFormat

/// The stream between queue and worker, in two pieces, messages of others as the worker steps
/// through them, and the supervisor's packets.
func fuzzLink(_ bytes: [UInt8]) {
    var stream = FrameStream()
    let half = bytes.count / 2
    for piece in [bytes[..<half], bytes[half...]] {
        stream.append(piece)
        while let frame = try? stream.next() { _ = try? LinkMessage(frame) }
    }
    var foreign = FieldReader(bytes)
    while let field = try? foreign.nextForeign() { precondition(field.number > 0) }
    _ = try? SupervisorLinkFrame.decodeReport(bytes)
    _ = try? SupervisorLinkFrame.decodeOrder(bytes)
    // Fixed-size packets are rarely hit by chance: what the bytes make when they are filled up.
    var packet = Array("PS".utf8) + [SupervisorLinkFrame.version] + bytes
    packet = Array(packet.prefix(SupervisorLinkFrame.bytesPerFrame))
    packet += [UInt8](
        repeating: 0, count: SupervisorLinkFrame.bytesPerFrame - packet.count)
    _ = try? SupervisorLinkFrame.decodeReport(packet)
    _ = try? SupervisorLinkFrame.decodeOrder(packet)
}

/// A descriptor set, and a message of each type that it defines, from few bytes.
func fuzzDescriptors(_ bytes: [UInt8]) {
    guard let schema = try? Schema(sets: [(label: "fuzz", bytes: bytes)]) else { return }
    for service in schema.services {
        _ = schema.describe(service.fullName)
        for method in service.methods {
            _ = schema.describe(method.fullName)
            let example = schema.example(of: method)
            _ = try? schema.encode(json: example, as: method.input)
            _ = try? schema.decode(wire: bytes, as: method.output)
        }
    }
}

func fuzzEnvelope(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { text in
        guard let envelope = try? JobEnvelopeReader.read(text, now: 1_700_000_000_000) else {
            return
        }
        if let range = envelope.request {
            precondition(range.lowerBound >= 0 && range.upperBound <= text.count)
        }
    }
}

func fuzzTOML(_ bytes: [UInt8]) { fuzzConfiguration(bytes) }

/// JSON to wire and back with the message `fuzz.Everything` of PRONG_FUZZ_TYPES.
final class TranscodeFuzzing: Sendable {
    static let shared = TranscodeFuzzing()
    private let schema: Schema
    private let message: MessageHandle

    private init() {
        let path = getenv("PRONG_FUZZ_TYPES").map { String(cString: $0) } ?? ""
        guard let schema = try? Schema(sets: [(label: path, bytes: Self.read(path))]),
            let message = schema.message(named: "fuzz.Everything")
        else {
            stop("PRONG_FUZZ_TYPES must name a descriptor set with fuzz.Everything")
        }
        self.schema = schema
        self.message = message
    }

    private static func read(_ path: String) -> [UInt8] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var room = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&room, 1, room.count, file)
        return Array(room.prefix(count))
    }

    /// What JSON says can be written as a message, and that message can be read.
    func takeJSON(_ bytes: [UInt8]) {
        guard let wire = try? schema.encode(json: bytes, as: message) else { return }
        let isValid = wire.withUnsafeBytes { wire in
            (try? schema.validate(wire: wire, as: message)) != nil
        }
        precondition(isValid, "what was written is no message")
        guard let json = try? schema.decode(wire: wire, as: message) else {
            preconditionFailure("what was written cannot be read")
        }
        precondition((try? schema.encode(json: json, as: message)) != nil, "nor read twice")
    }

    /// What is read as JSON is JSON that can be taken again.
    func takeWire(_ bytes: [UInt8]) {
        let isValid = bytes.withUnsafeBytes { wire in
            (try? schema.validate(wire: wire, as: message)) != nil
        }
        guard let json = try? schema.decode(wire: bytes, as: message) else { return }
        precondition(isValid, "it was read, and is no message")
        _ = try? schema.encode(json: json, as: message)
    }
}
