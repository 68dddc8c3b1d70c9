// INT and TERM while prong works: it ends at once and by the signal, says what is done and what
// goes on, and leaves no half line behind.
import Foundation
import Glibc
import Testing

@Suite struct InterruptTests {
    /// Answers the first two lines of a body and then nothing more.
    private static func stalling() -> FakeDaemon {
        MapTests.daemon { connection in
            connection.beginStream()
            var count = 0
            connection.eachBatch { batch in
                for line in batch {
                    count += 1
                    if count <= 2 { _ = connection.chunk(success(line)) }
                }
                return true
            }
        }
    }

    private static func interrupted(_ options: [String], by signal: Int32) throws -> Outcome {
        let daemon = stalling()
        let running = RunningProng(["map", "Shout"] + options, socket: daemon.path)
        try running.input.write(contentsOf: Data(MapTests.lines(0..<5).utf8))
        #expect(eventually { running.outputSoFar.split(separator: "\n").count == 2 })
        running.send(signal)
        let outcome = running.finish()
        try running.input.close()
        return outcome
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func `a map that is interrupted says what is done and what goes on`(signal: Int32) throws {
        let outcome = try Self.interrupted([], by: signal)
        #expect(outcome.status == -signal, "the shell sees the signal")
        #expect(outcome.output == MapTests.lines(0..<2))
        #expect(
            outcome.errors == """
                prong: interrupted: 2 of the 5 lines that were read have a result
                prong: lines 3-5 had been sent and may go on as jobs; they are seen by: prong list

                """)
    }

    @Test func `a map with a key says how to go on without a second call`() throws {
        let outcome = try Self.interrupted(["--key", "k"], by: SIGINT)
        #expect(outcome.errors.contains("the same map with the same --key gives all results"))
    }

    @Test func `a wait ends at once by the signal`() {
        let daemon = FakeDaemon { _, connection in _ = connection.readLine() }
        let running = RunningProng(["wait", "j1"], socket: daemon.path)
        #expect(eventually { !daemon.seen.isEmpty })
        running.send(SIGINT)
        #expect(running.finish().status == -SIGINT)
    }
}
