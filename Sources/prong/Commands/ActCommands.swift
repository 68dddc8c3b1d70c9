// `prong cancel`, `retry`, `resolve`, `purge`: one act each, the same ways to name the jobs.
import ArgumentParser

struct CancelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "Cancel jobs.",
        discussion: """
              prong cancel 01J8ZC4N0V
              prong cancel --batch import --state queued

            A job whose call is under way is cancelled too; its error then says that the call may \
            have happened.
            """)

    @OptionGroup var socket: SocketOption
    @OptionGroup var selection: JobSelection

    func run() throws {
        try JobActing(act: .cancel, client: socket.client(), selection: selection).run()
    }
}

struct RetryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Queue jobs again that failed or ended unknown.",
        discussion: """
              prong retry 01J8ZC4N0V
              prong retry --state failed --target translate --since 1h

            The call of an unknown job may have happened: look before you repeat it.
            """)

    @OptionGroup var socket: SocketOption
    @OptionGroup var selection: JobSelection

    func run() throws {
        try JobActing(act: .retry, client: socket.client(), selection: selection).run()
    }
}

struct ResolveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve",
        abstract: "Say how jobs ended whose end is unknown.",
        discussion: """
              prong resolve 01J8ZC4N0V --as succeeded
              prong resolve --state unknown --batch import --as failed
            """)

    enum End: String, CaseIterable, ExpressibleByArgument { case succeeded, failed }

    @OptionGroup var socket: SocketOption
    @OptionGroup var selection: JobSelection

    @Option(name: .customLong("as"), help: "How they ended.")
    var end: End

    func run() throws {
        let act = JobAct.resolve(as: end.rawValue)
        try JobActing(act: act, client: socket.client(), selection: selection).run()
    }
}

struct PurgeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge",
        abstract: "Remove ended jobs for good.",
        discussion: """
              prong purge 01J8ZC4N0V
              prong purge --state succeeded --batch import --yes
            """)

    @OptionGroup var socket: SocketOption
    @OptionGroup var selection: JobSelection

    func run() throws {
        try JobActing(act: .purge, client: socket.client(), selection: selection).run()
    }
}
