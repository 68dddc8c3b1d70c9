// prongd's own arguments as a value. By hand: an argument parser would bring Foundation into the
// process that forks. Pure; prints nothing and ends nothing.

/// What prongd was asked to do.
struct CommandLine: Equatable, Sendable {
    enum Action: Equatable, Sendable {
        case run
        /// Validate the configuration and everything it names, then exit.
        case check
        case printConfiguration
        case version
        case help
    }

    var action = Action.run
    /// `--config`; nil where it was not given.
    var configPath: String?

    /// Exit code of a wrong command line (sysexits(3), EX_USAGE).
    static let usageExitCode: Int32 = 64

    static let usage = """
        usage: prongd [--config FILE] [--check | --print-config | --version | --help]

          --config FILE    read this configuration; else $PRONG_CONFIG, else
                           /etc/prong/prong.toml if it exists, else built-in defaults
          --check          validate the configuration and everything it names, then exit
          --print-config   print the configuration in force, then exit
          --version        print the version, then exit
          --help           print this, then exit

        Without an action prongd runs in the foreground until it is told to stop (TERM).
        """

    /// Reads the arguments without the program's name.
    ///
    /// - Throws: a sentence; the exit code is `usageExitCode`.
    init(parsing arguments: [String]) throws(UsageError) {
        var actions: [(name: String, action: Action)] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            if argument == "--config" {
                guard let path = rest.popFirst() else {
                    throw UsageError(sentence: "--config needs a file; write --config FILE")
                }
                try take(path)
            } else if argument.hasPrefix("--config=") {
                try take(String(argument.dropFirst("--config=".count)))
            } else if let action = CommandLine.action(named: argument) {
                actions.append((argument, action))
            } else {
                throw UsageError(
                    sentence: "\(argument) is not an option of prongd; see prongd --help")
            }
        }
        if let help = actions.first(where: { $0.action == .help }) { actions = [help] }
        if let first = actions.first {
            if let other = actions.first(where: { $0.action != first.action }) {
                throw UsageError(
                    sentence: "\(first.name) and \(other.name) do not go together; choose one")
            }
            action = first.action
        }
    }

    private mutating func take(_ path: String) throws(UsageError) {
        if path.isEmpty { throw UsageError(sentence: "--config names no file") }
        if configPath != nil { throw UsageError(sentence: "--config is given twice; choose one") }
        configPath = path
    }

    private static func action(named name: String) -> Action? {
        switch name {
        case "--check": .check
        case "--print-config": .printConfiguration
        case "--version": .version
        case "--help", "-h": .help
        case _: nil
        }
    }
}

/// A command line that cannot be understood.
struct UsageError: Error, Equatable {
    let sentence: String
}
