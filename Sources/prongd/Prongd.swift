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
            exit(run(try CommandLine(parsing: Array(Swift.CommandLine.arguments.dropFirst()))))
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

    private static func report(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        bytes.withUnsafeBytes { _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
