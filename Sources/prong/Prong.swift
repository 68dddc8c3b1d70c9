// The client: talks to prongd over its Unix socket and to nothing else. Every command is
// synchronous; this file alone prints failures and exits.
import ArgumentParser
import Glibc

/// Raised with every release, together with the daemon's.
let clientVersion = "0.1.0"

@main
struct Prong: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prong",
        abstract: "Makes gRPC calls and durable jobs through the prong daemon.",
        discussion: """
            An application that forks must not hold gRPC clients. prong holds them: a call goes \
            over a Unix socket to the daemon, and one of its workers makes it.

              prong methods                          what can be called
              prong call Echo/Say '{"text":"hi"}'    call and print the response
              prong submit Echo/Say '{"text":"hi"}'  queue a durable job, print its id
              prong map Echo/Say requests.ndjson     a call a line, a result a line
              prong status                           is it well, and why not

            METHOD is package.Service/Method or any shorter tail of it that is unique.

            Exit codes: 0 done; 1 the call or job failed, or ended unknown; 64 usage; 65 refused \
            as wrong; 66 a file cannot be read; 69 no daemon, or no answer; 75 not finished within \
            the wait, or prong is full or draining; 77 not allowed. (health: 0 to 3.)

            Shell completion (bash, zsh or fish), which also completes methods and targets:

              prong --generate-completion-script bash > ~/.prong-completion.bash
              echo 'source ~/.prong-completion.bash' >> ~/.bashrc
            """,
        version: clientVersion,
        groupedSubcommands: [
            CommandGroup(
                name: "Call",
                subcommands: [CallCommand.self, SubmitCommand.self, MapCommand.self]),
            CommandGroup(
                name: "Job",
                subcommands: [
                    WaitCommand.self, ShowCommand.self, ListCommand.self, CancelCommand.self,
                    RetryCommand.self, ResolveCommand.self, PurgeCommand.self,
                ]),
            CommandGroup(
                name: "Method",
                subcommands: [MethodsCommand.self, DescribeCommand.self]),
            CommandGroup(
                name: "Operator",
                subcommands: [
                    StatusCommand.self, WorkersCommand.self, TargetsCommand.self,
                    PauseCommand.self, ResumeCommand.self, ScaleCommand.self, HealthCommand.self,
                ]),
        ])

    @OptionGroup var socket: SocketOption

    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let failure as Failure {
            report(failure)
            Glibc.exit(failure.status.rawValue)
        } catch let state as HealthState {
            Glibc.exit(state.rawValue)
        } catch let interrupted as Interrupted {
            interrupted.end()
        } catch {
            exitForUsage(error)
        }
    }

    private static func report(_ failure: Failure) {
        if !failure.json.isEmpty { try? printJSON(failure.json, to: STDERR_FILENO) }
        if !failure.sentence.isEmpty { complain(failure.sentence) }
    }

    /// Help and version exit 0; a wrong command line 64, but `health` promises to stay in 0 to 3.
    private static func exitForUsage(_ error: any Error) -> Never {
        let isHealth = namesHealth(Array(CommandLine.arguments.dropFirst()))
        guard isHealth, exitCode(for: error) != .success else { exit(withError: error) }
        complain(message(for: error))
        Glibc.exit(HealthState.unknown.rawValue)
    }
}

/// Whether the command, the first word that is no option of the program, is `health`.
func namesHealth(_ arguments: [String]) -> Bool {
    var rest = arguments[...]
    while let first = rest.popFirst(), first.hasPrefix("-") {
        if first == "--socket" { _ = rest.popFirst() }
        if rest.first?.hasPrefix("-") == false { return rest.first == "health" }
    }
    return arguments.first == "health"
}

/// `--socket`, before the command or after it.
struct SocketOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The daemon's socket.",
            discussion: """
                Default: $PRONG_SOCKET, else /run/prong/prong.sock, else (for an ordinary user \
                without it) $XDG_RUNTIME_DIR/prong/prong.sock.
                """,
            valueName: "path"),
        completion: .file())
    var socket: String?

    func client(overall: Deadline = .never) -> Client {
        Client(SocketPlace.find(option: socket), overall: overall)
    }
}
