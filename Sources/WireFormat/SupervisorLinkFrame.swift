// The bytes of the supervisor link: fixed-size frames, versioned, little-endian. Pure.
//
//    0        2        3        4                8                                256
//    +--------+--------+--------+----------------+---------------- - - -------------+
//    | "PS"   | version| kind   | generation     | payload, zero-filled             |
//    +--------+--------+--------+----------------+---------------- - - -------------+
//
// `generation` is the child's: a report of a former child that is still in a buffer cannot be
// taken for its successor's. A frame of another version or length is refused whole; a trap on
// bytes from the other side is a bug of this file.

/// Why bytes are not a frame of this link.
package enum SupervisorLinkError: Error, Equatable, Sendable {
    case wrongLength(Int)
    case wrongMagic
    case wrongVersion(UInt8)
    case unknownKind(UInt8)
    case badField(String)
}

package enum SupervisorLinkFrame {
    package static let bytesPerFrame = 256
    package static let version: UInt8 = 1
    static let magic: [UInt8] = [0x50, 0x53]
    static let headerBytes = 8
    /// The longest text of `fatal`; a longer one is cut at a character.
    package static let textBytesMax = bytesPerFrame - headerBytes - 3

    /// A report as one frame.
    package static func encode(_ report: ChildReport, generation: UInt32) -> [UInt8] {
        var frame = FrameWriter(kind: report.kind, generation: generation)
        switch report {
        case .bundle, .ready, .draining, .goodbye:
            break
        case .askLoad(let target):
            frame.put32(target)
        case .heartbeat(let beat):
            frame.put32(beat.inFlight)
            frame.put64(beat.jobsDone)
        case .fatal(let exitCode, let text):
            frame.put8(exitCode)
            frame.putText(text)
        case .askReplace(let slot, let generation):
            frame.put32(slot)
            frame.put32(generation)
        case .scale(let workers):
            frame.put32(workers)
        }
        return frame.finished()
    }

    /// An order as one frame.
    package static func encode(_ order: SupervisorOrder, generation: UInt32) -> [UInt8] {
        var frame = FrameWriter(kind: order.kind, generation: generation)
        switch order {
        case .stop(let drainMilliseconds):
            frame.put32(drainMilliseconds)
        case .stopNow, .dump, .workersComplete, .newBundle:
            break
        case .worker(let row):
            frame.put(row)
        case .figures(let figures):
            frame.put(figures)
        }
        return frame.finished()
    }

    /// The report in a packet, with the generation of the child that sent it.
    package static func decodeReport(
        _ bytes: [UInt8]
    ) throws(SupervisorLinkError) -> (report: ChildReport, generation: UInt32) {
        var frame = try FrameReader(bytes)
        let report: ChildReport
        switch frame.kind {
        case 1: report = .bundle
        case 2: report = .ready
        case 3: report = .heartbeat(Heartbeat(inFlight: frame.take32(), jobsDone: frame.take64()))
        case 4: report = .fatal(exitCode: frame.take8(), text: try frame.takeText())
        case 5: report = .draining
        case 6: report = .goodbye
        case 7: report = .askReplace(slot: frame.take32(), generation: frame.take32())
        case 8: report = .scale(workers: frame.take32())
        case 9: report = .askLoad(target: frame.take32())
        default: throw .unknownKind(frame.kind)
        }
        return (report, frame.generation)
    }

    /// The order in a packet, with the generation of the child that it is meant for.
    package static func decodeOrder(
        _ bytes: [UInt8]
    ) throws(SupervisorLinkError) -> (order: SupervisorOrder, generation: UInt32) {
        var frame = try FrameReader(bytes)
        let order: SupervisorOrder
        switch frame.kind {
        case 129: order = .stop(drainMilliseconds: frame.take32())
        case 130: order = .stopNow
        case 131: order = .dump
        case 132: order = .worker(try frame.takeRow())
        case 133: order = .workersComplete
        case 134: order = .figures(frame.takeFigures())
        case 135: order = .newBundle
        default: throw .unknownKind(frame.kind)
        }
        return (order, frame.generation)
    }
}

extension ChildReport {
    fileprivate var kind: UInt8 {
        switch self {
        case .bundle: 1
        case .ready: 2
        case .heartbeat: 3
        case .fatal: 4
        case .draining: 5
        case .goodbye: 6
        case .askReplace: 7
        case .scale: 8
        case .askLoad: 9
        }
    }
}

extension SupervisorOrder {
    fileprivate var kind: UInt8 {
        switch self {
        case .stop: 129
        case .stopNow: 130
        case .dump: 131
        case .worker: 132
        case .workersComplete: 133
        case .figures: 134
        case .newBundle: 135
        }
    }
}

extension ExitReason {
    fileprivate var pair: (kind: UInt8, detail: UInt8) {
        switch self {
        case .alive: (0, 0)
        case .drained: (1, 0)
        case .exited(let code): (2, code)
        case .signalled(let signal): (3, signal)
        case .stuck: (4, 0)
        case .spawnTimeout: (5, 0)
        case .replaced: (6, 0)
        case .cut: (7, 0)
        }
    }

    fileprivate init?(kind: UInt8, detail: UInt8) {
        switch kind {
        case 0: self = .alive
        case 1: self = .drained
        case 2: self = .exited(code: detail)
        case 3: self = .signalled(signal: detail)
        case 4: self = .stuck
        case 5: self = .spawnTimeout
        case 6: self = .replaced
        case 7: self = .cut
        default: return nil
        }
    }
}

/// Fills one frame from the front; what would not fit is a bug of this file.
private struct FrameWriter {
    private var bytes: [UInt8] = []

    init(kind: UInt8, generation: UInt32) {
        bytes.reserveCapacity(SupervisorLinkFrame.bytesPerFrame)
        bytes += SupervisorLinkFrame.magic
        put8(SupervisorLinkFrame.version)
        put8(kind)
        put32(generation)
    }

    mutating func put8(_ value: UInt8) { bytes.append(value) }

    mutating func put32(_ value: UInt32) {
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    mutating func put64(_ value: UInt64) {
        put32(UInt32(truncatingIfNeeded: value))
        put32(UInt32(truncatingIfNeeded: value >> 32))
    }

    mutating func putText(_ text: String) {
        var cut = text
        while cut.utf8.count > SupervisorLinkFrame.textBytesMax { cut.removeLast() }
        put8(UInt8(cut.utf8.count))
        bytes += Array(cut.utf8)
    }

    mutating func put(_ row: WorkerRow) {
        put32(row.slot)
        put32(row.generation)
        put32(UInt32(bitPattern: row.pid))
        put8(row.state.rawValue)
        put8(row.exit.pair.kind)
        put8(row.exit.pair.detail)
        put64(row.forkedAtMilliseconds)
        put64(row.readyAtMilliseconds)
    }

    mutating func put(_ figures: SupervisorFigures) {
        put32(UInt32(bitPattern: figures.pid))
        put32(figures.threads)
        put64(figures.forks)
        put64(figures.startedAtMilliseconds)
        put32(figures.workersWanted)
        put8(figures.draining ? 1 : 0)
    }

    consuming func finished() -> [UInt8] {
        var frame = bytes
        let missing = SupervisorLinkFrame.bytesPerFrame - frame.count
        precondition(missing >= 0, "a message outgrew the frame of the supervisor link")
        frame += [UInt8](repeating: 0, count: missing)
        return frame
    }
}

/// Reads one frame whose length was checked once, so that every fixed field is there.
private struct FrameReader {
    private let bytes: [UInt8]
    private var at = 0
    let kind: UInt8
    let generation: UInt32

    init(_ bytes: [UInt8]) throws(SupervisorLinkError) {
        guard bytes.count == SupervisorLinkFrame.bytesPerFrame else {
            throw .wrongLength(bytes.count)
        }
        guard Array(bytes[0..<2]) == SupervisorLinkFrame.magic else { throw .wrongMagic }
        guard bytes[2] == SupervisorLinkFrame.version else { throw .wrongVersion(bytes[2]) }
        self.bytes = bytes
        kind = bytes[3]
        generation = (4..<8).reversed().reduce(0) { $0 << 8 | UInt32(bytes[$1]) }
        at = SupervisorLinkFrame.headerBytes
    }

    mutating func take8() -> UInt8 {
        defer { at += 1 }
        return bytes[at]
    }

    mutating func take32() -> UInt32 {
        defer { at += 4 }
        return (at..<at + 4).reversed().reduce(0) { $0 << 8 | UInt32(bytes[$1]) }
    }

    mutating func take64() -> UInt64 {
        let low = take32()
        return UInt64(take32()) << 32 | UInt64(low)
    }

    mutating func takeText() throws(SupervisorLinkError) -> String {
        let count = Int(take8())
        guard count <= bytes.count - at else { throw .badField("text length") }
        guard let text = String(validating: bytes[at..<at + count], as: UTF8.self) else {
            throw .badField("text")
        }
        return text
    }

    mutating func takeRow() throws(SupervisorLinkError) -> WorkerRow {
        let slot = take32()
        let generation = take32()
        let pid = Int32(bitPattern: take32())
        guard let state = WorkerRow.State(rawValue: take8()) else { throw .badField("state") }
        guard let exit = ExitReason(kind: take8(), detail: take8()) else {
            throw .badField("exit")
        }
        return WorkerRow(
            slot: slot, generation: generation, pid: pid, state: state,
            forkedAtMilliseconds: take64(), readyAtMilliseconds: take64(), exit: exit)
    }

    mutating func takeFigures() -> SupervisorFigures {
        SupervisorFigures(
            pid: Int32(bitPattern: take32()), threads: take32(), forks: take64(),
            startedAtMilliseconds: take64(), workersWanted: take32(), draining: take8() != 0)
    }
}
