// prongd: reads its arguments, then is the supervisor, or checks a configuration and ends. Must
// stay synchronous: a thread, a task or a gRPC call before the supervisor forks would break every
// child.

import Glibc
import Kernel
import LoaderProcess
import Ops
import Settings
import Supervisor

@main
enum Prongd {
    static func main() {
        ProcessTitle.prepare()
        do throws(UsageError) {
            let command = try CommandLine(
                parsing: Array(Swift.CommandLine.arguments.dropFirst()))
            let code = run(command)
            if command.action == .check { endWithThreads(code) }
            exit(code)
        } catch {
            report("prongd: \(error.sentence)")
            exit(CommandLine.usageExitCode)
        }
    }

    private static func run(_ command: CommandLine) -> Int32 {
        switch command.action {
        case .run:
            return Supervisor.run(roles: Roles.table(configPath: command.configPath))
        case .check:
            return check(command.configPath, asksTargets: true) { _ in
                print("the configuration is sound")
            }
        case .printConfiguration:
            return check(command.configPath, asksTargets: false) { settings in
                print(EffectiveSettings.toml(settings), terminator: "")
            }
        case .version:
            print("prongd \(Version.text)")
            return 0
        case .help:
            print(CommandLine.usage)
            return 0
        }
    }

    private static func check(
        _ configPath: String?, asksTargets: Bool, _ use: (Settings) -> Void
    ) -> Int32 {
        do throws(LoadFailure) {
            let loaded = try load(
                .here(
                    configPath: configPath, makesDirectories: false, asksTargets: asksTargets))
            for notice in loaded.notices where notice.isWarning { report(notice.text) }
            use(loaded.settings)
            return 0
        } catch {
            for line in error.lines { report(line) }
            return error.exitCode
        }
    }

    /// For where a thread that was given up may still be in the resolver or in OpenSSL: exit(3)
    /// would take apart under it what it uses.
    private static func endWithThreads(_ code: Int32) -> Never {
        fflush(nil)
        _exit(code)
    }

    private static func report(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        bytes.withUnsafeBytes { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
