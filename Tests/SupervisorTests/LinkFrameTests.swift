// The bytes between the supervisor and its children: all messages come back as they went, and
// nothing that comes from the other side can be a trap.

import Testing
import WireFormat

@Suite struct LinkFrameTests {
    static let reports: [ChildReport] = [
        .bundle, .ready, .heartbeat(Heartbeat(inFlight: 64, jobsDone: 1 << 40)),
        .fatal(exitCode: 74, text: "the store is from a newer version"), .draining, .goodbye,
        .askReplace(slot: 3, generation: 7), .scale(workers: .max), .askLoad(target: .max),
    ]

    static let exits: [ExitReason] = [
        .alive, .drained, .exited(code: 70), .signalled(signal: 9), .stuck, .spawnTimeout,
        .replaced, .cut,
    ]

    static func row(_ exit: ExitReason) -> WorkerRow {
        WorkerRow(
            slot: 4, generation: 9, pid: 4711, state: exit == .alive ? .ready : .dead,
            forkedAtMilliseconds: 1_763_700_000_123, readyAtMilliseconds: 1_763_700_000_456,
            exit: exit)
    }

    static let orders: [SupervisorOrder] =
        [
            .stop(drainMilliseconds: 30_000), .stopNow, .dump, .workersComplete, .newBundle,
            .figures(
                SupervisorFigures(
                    pid: 99, threads: 1, forks: 12, startedAtMilliseconds: 1_763_700_000_000,
                    workersWanted: 4, draining: true)),
        ] + exits.map { .worker(row($0)) }

    @Test(arguments: reports)
    func `a report comes back as it went`(report: ChildReport) throws {
        let frame = SupervisorLinkFrame.encode(report, generation: 7)
        #expect(frame.count == SupervisorLinkFrame.bytesPerFrame)
        let decoded = try SupervisorLinkFrame.decodeReport(frame)
        #expect(decoded.report == report)
        #expect(decoded.generation == 7)
    }

    @Test(arguments: orders)
    func `an order comes back as it went`(order: SupervisorOrder) throws {
        let frame = SupervisorLinkFrame.encode(order, generation: .max)
        #expect(frame.count == SupervisorLinkFrame.bytesPerFrame)
        let decoded = try SupervisorLinkFrame.decodeOrder(frame)
        #expect(decoded.order == order)
        #expect(decoded.generation == .max)
    }

    @Test func `a long text is cut at a character`() throws {
        let text = String(repeating: "ä", count: 500)
        let frame = SupervisorLinkFrame.encode(.fatal(exitCode: 1, text: text), generation: 1)
        guard case .fatal(1, let cut) = try SupervisorLinkFrame.decodeReport(frame).report else {
            Issue.record("another report came back")
            return
        }
        #expect(cut.count > 100 && cut.allSatisfy { $0 == "ä" })
    }

    @Test func `a frame of another length, version or kind is refused`() {
        var frame = SupervisorLinkFrame.encode(.ready, generation: 1)
        #expect(throws: SupervisorLinkError.wrongLength(255)) {
            try SupervisorLinkFrame.decodeReport(Array(frame.dropLast()))
        }
        #expect(throws: SupervisorLinkError.unknownKind(2)) {
            try SupervisorLinkFrame.decodeOrder(frame)
        }
        frame[2] = 9
        #expect(throws: SupervisorLinkError.wrongVersion(9)) {
            try SupervisorLinkFrame.decodeReport(frame)
        }
        frame[0] = 0
        #expect(throws: SupervisorLinkError.wrongMagic) {
            try SupervisorLinkFrame.decodeReport(frame)
        }
    }

    @Test func `whatever the bytes, reading them is no trap`() {
        var random = SystemRandomNumberGenerator()
        for _ in 1...20_000 {
            var frame = SupervisorLinkFrame.encode(
                Self.reports.randomElement(using: &random) ?? .ready, generation: 1)
            for _ in 0...Int.random(in: 0...8, using: &random) {
                let at = Int.random(in: 3..<frame.count, using: &random)
                frame[at] = UInt8.random(in: 0...255, using: &random)
            }
            _ = try? SupervisorLinkFrame.decodeReport(frame)
            _ = try? SupervisorLinkFrame.decodeOrder(frame)
        }
    }
}
