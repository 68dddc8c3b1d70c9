// Deaths at named points of a job's way, each with the ends that the manual's table allows. Needs
// a prongd that was built with the trait FaultPoints.
import DaemonHarness
import Foundation
import Testing

/// A point, and the ends that a job may have when a process dies there.
struct Point: Sendable, CustomTestStringConvertible {
    let name: String
    let unsafeEnds: Set<String>

    var testDescription: String { name }

    init(_ name: String, _ unsafeEnds: String...) {
        self.name = name
        self.unsafeEnds = Set(unsafeEnds)
    }

    static let all = [
        Point("queue-before-commit", "succeeded"),
        Point("queue-after-commit", "succeeded"),
        // Marked, but no living worker names it: it never arrived.
        Point("queue-before-send", "succeeded"),
        Point("queue-after-send", "succeeded"),
        Point("queue-before-acknowledge", "succeeded"),
        Point("worker-after-take", "unknown"),
        Point("worker-after-start", "unknown"),
        Point("worker-before-outcome", "unknown"),
        Point("worker-after-outcome", "unknown", "succeeded"),
    ]
}

@Suite(.enabled(if: Programs.haveFaultPoints, "prongd was built without the trait FaultPoints"))
struct FaultPointTests {
    private func withFaults(
        _ body: (Daemon, ExampleServer, ScratchFolder) throws -> Void
    ) throws {
        let faults = try ScratchFolder("prong-faults")
        defer { faults.remove() }
        let server = try ExampleServer()
        var settings = DaemonSettings(try server.target())
        settings.environment["PRONG_FAULTS"] = faults.path
        settings.worker = "drain_timeout = \"5s\""
        try withDaemon(settings, failed: { false }) { try body($0, server, faults) }
    }

    /// Submits with a key until an id is told: what a careful client does.
    private func submit(_ daemon: Daemon, _ method: String, _ mark: String) throws -> String {
        try eventually("\(mark) is accepted") {
            try daemon.submit(
                method, ["milliseconds": 20, "key": .string(mark)], ["key": .string(mark)])
        }
    }

    @Test(arguments: Point.all)
    func `a death at the point loses nothing and repeats nothing unsafe`(_ point: Point) throws {
        try withFaults { daemon, server, faults in
            try faults.write("", to: point.name)
            let unsafe = try submit(daemon, "Delay", "unsafe")
            let unsafeJob = try daemon.job(unsafe, reaches: "succeeded", "unknown", "failed")
            let state = try #require(unsafeJob["state"].string)
            #expect(point.unsafeEnds.contains(state), "\(unsafeJob)")
            #expect(server.calls(holding: "unsafe") <= 1)
            if state == "succeeded" { #expect(server.calls(holding: "unsafe") == 1) }
            try expectTaken(point, faults)
            try faults.write("", to: point.name)
            let safe = try submit(daemon, "DelaySafe", "another")
            try daemon.job(safe, reaches: "succeeded")
            #expect(server.calls(holding: "another") >= 1)
            try expectTaken(point, faults)
        }
    }

    private func expectTaken(_ point: Point, _ faults: ScratchFolder) throws {
        try eventuallyTrue("a process died at \(point.name)") {
            access(faults.file(point.name), F_OK) != 0
        }
    }

    @Test func `a worker that dies at its goodbye spoils no drain`() throws {
        try withFaults { daemon, server, faults in
            let id = try submit(daemon, "Delay", "last")
            try daemon.job(id, reaches: "succeeded")
            try faults.write("", to: "worker-before-goodbye")
            try daemon.expectDrained()
            try daemon.start()
            #expect(try daemon.job(id)["state"] == "succeeded")
            #expect(server.calls(holding: "last") == 1)
        }
    }
}
