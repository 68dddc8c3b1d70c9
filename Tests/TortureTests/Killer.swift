// Kills processes of a daemon at random moments, or asks them to leave, and starts again what
// nobody else would.
import DaemonHarness
import Foundation
import SeededRandom

struct Killer {
    let daemon: Daemon
    let ledger: Ledger
    private var random: SeededRandom
    /// When this supervisor's queue was killed: the third time within a minute brings safe mode,
    /// which is right and would end the torture.
    private var queueDeaths: [Double] = []

    init(daemon: Daemon, ledger: Ledger, seed: UInt64) {
        self.daemon = daemon
        self.ledger = ledger
        random = SeededRandom(seed: seed)
    }

    mutating func run(for seconds: Double) throws {
        let end = monotonicSeconds() + seconds
        while monotonicSeconds() < end {
            usleep(UInt32.random(in: 30_000...600_000, using: &random))
            try strike()
        }
        try makeReady()
    }

    private mutating func strike() throws {
        switch Int.random(in: 0..<26, using: &random) {
        case 0..<12: killChild("worker")
        case 12..<16: killQueue()
        case 16..<18: try killEverything()
        case 18..<20: try killSupervisor()
        case 20..<21:
            killChild("worker")
            try killSupervisor()
        case 21..<24: terminateChild("queue")
        default: terminateChild("worker")
        }
    }

    private mutating func child(_ role: String) -> Int32? {
        ProcessFacts(daemon.supervisor).children.filter {
            ProcessFacts($0).commandLine.contains(role)
        }
        .sorted().randomElement(using: &random)
    }

    private mutating func killChild(_ role: String) {
        guard let victim = child(role) else { return }
        ledger.note(kill: role)
        kill(victim, SIGKILL)
    }

    /// It leaves orderly, and so it explains no call whose end is not known.
    private mutating func terminateChild(_ role: String) {
        guard let victim = child(role) else { return }
        kill(victim, SIGTERM)
    }

    private mutating func killQueue() {
        let now = monotonicSeconds()
        queueDeaths.removeAll { now - $0 > 70 }
        guard queueDeaths.count < 2 else { return killChild("worker") }
        queueDeaths.append(now)
        killChild("queue")
    }

    private mutating func killEverything() throws {
        ledger.note(kill: "all")
        try daemon.killAll()
        // The end of the killing is noted too: it is not one moment.
        ledger.note(kill: "all, done")
        try restart()
    }

    private mutating func killSupervisor() throws {
        ledger.note(kill: "supervisor")
        try daemon.killSupervisor()
        try restart()
        // What its children cut off while they left is theirs until the successor is ready.
        ledger.note(kill: "supervisor, replaced")
    }

    private mutating func restart() throws {
        queueDeaths.removeAll()
        try daemon.start(within: 90)
    }

    private func makeReady() throws {
        try eventuallyTrue("the daemon is ready after the last kill", within: 90) {
            try daemon.request("GET", "/readyz", within: 10).status == 200
        }
    }
}
