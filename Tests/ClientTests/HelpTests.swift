// The help: every command that is built, with examples, and none that is not.
import Testing

@Suite struct HelpTests {
    static let commands = [
        "call", "submit", "map", "wait", "show", "list", "cancel", "retry", "resolve", "purge",
        "methods", "describe", "status", "workers", "targets", "pause", "resume", "scale", "health",
    ]

    @Test func `the help names every command that is built and none that is not`() {
        let help = prong("--help", socket: nil)
        #expect(help.status == 0)
        let named = help.output.split(separator: "\n").filter { $0.hasPrefix("  ") }
            .compactMap { $0.split(separator: " ").first.map(String.init) }
        for command in Self.commands { #expect(named.contains(command)) }
        for command in ["top", "reload", "backup", "events", "doctor"] {
            #expect(!named.contains(command))
            #expect(prong(command, socket: nil).status == 64)
        }
        #expect(!prong("map", "--help", socket: nil).output.contains("--resume"))
        #expect(help.output.contains("--generate-completion-script"))
    }

    @Test(arguments: commands)
    func `each command teaches with an example`(command: String) {
        let help = prong(command, "--help", socket: nil)
        #expect(help.status == 0)
        #expect(help.output.contains("\n  prong \(command)"))
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func `a completion script is made`(shell: String) {
        let outcome = prong("--generate-completion-script", shell, socket: nil)
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("submit"))
    }
}
