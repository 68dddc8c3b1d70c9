// Who waits for an answer when prongd stops is told so in words, and does not find a closed
// connection. A loop, because what it looks for is a race.
import DaemonHarness
import Foundation
import Testing

@Suite(.keepsEvidence)
struct DrainTests {
    private static let callsAtOnce = 4

    private func callers(_ daemon: Daemon, _ key: String) -> [Background<HTTPResponse>] {
        (0..<Self.callsAtOnce).map { _ in
            Background {
                try daemon.call("Delay", ["milliseconds": 60_000, "key": .string(key)])
            }
        }
    }

    @Test(arguments: [(SIGTERM, 20), (SIGQUIT, 5)])
    func `the caller of a call that is cut off by the end reads why`(
        _ signal: Int32, _ rounds: Int
    ) throws {
        try withPool(change: { $0.worker = "drain_timeout = \"200ms\"" }) { daemon, server in
            for _ in 0..<rounds {
                let key = unique("cut")
                let calls = callers(daemon, key)
                try eventuallyTrue("the calls are at the target") {
                    server.calls(holding: key) == Self.callsAtOnce
                }
                let child = try #require(daemon.process)
                child.signal(signal)
                for call in calls {
                    expectRefusal(
                        try call.value(), 503, "unavailable", saying: "it may have happened")
                }
                #expect(try child.wait() == .exited(0))
                try daemon.start()
            }
        }
    }

    @Test func `who waits for a job's end is told that prongd stops, and the job lives on`() throws
    {
        try withPool { daemon, _ in
            let id = try daemon.submit("EchoSafe", [:], ["delay": "1h"])
            let waiting = Background { try daemon.request("GET", "/v1/jobs/\(id)?wait=10m") }
            let connection = try daemon.connect()
            try connection.sendRequest(
                "POST", "/\(ExampleServer.service)/EchoSafe",
                headers: [
                    ("Content-Type", "application/json"), ("Prong-Delay", "1h"),
                    ("Idempotency-Key", unique("durable")), ("Connect-Timeout-Ms", "600000"),
                ], body: Array("{}".utf8))
            try eventuallyTrue("both have come") {
                try daemon.get("/v1/jobs")["jobs"].array.count == 2
            }
            try daemon.expectDrained()
            expectRefusal(try waiting.value(), 503, "unavailable", saying: "stopping")
            expectRefusal(try connection.readResponse(), 503, "unavailable", saying: "stopping")
            try daemon.start()
            #expect(try daemon.job(id)["state"] == "scheduled")
        }
    }
}
