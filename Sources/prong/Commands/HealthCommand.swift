// `prong health`: a check for a monitoring system. It always ends within its time, always says
// one line on standard output, and never exits with anything but 0 to 3.
import ArgumentParser

struct HealthCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Check the daemon for a monitoring system: one line, exit code 0 to 3.",
        discussion: """
              prong health
              prong health && prong call Echo/Say '{}'

            Exit codes as monitoring plugins have them: 0 OK, 1 WARNING, 2 CRITICAL (also: no \
            daemon, or no answer within 5 s), 3 UNKNOWN.
            """)

    /// All together, in seconds.
    static let overallSeconds = 5.0

    @OptionGroup var socket: SocketOption

    func run() throws {
        let line = check()
        try? printLines([line.text])
        guard line.state == .ok else { throw line.state }
    }

    private func check() -> HealthLine {
        let client = socket.client(overall: .after(seconds: Self.overallSeconds))
        do {
            let reports = [
                JSONValue(lenient: try client.exchange(.get("/healthz"))),
                JSONValue(lenient: try client.exchange(.get("/readyz"))),
            ]
            // The figures are a present: without them the check is still a check.
            let status = try? client.expectJSON(.get("/v1/status"))
            return HealthLine(reports: reports, status: status)
        } catch {
            let state: HealthState = error.status == .unavailable ? .critical : .unknown
            return HealthLine(state: state, reasons: [error.sentence])
        }
    }
}
