// A process that a test started: by posix_spawn, with no descriptor inherited beyond the three
// standard ones and a clean signal state, because the daemon checks both. It must never outlive
// its test: whoever makes one, ends it.
package import Foundation

package enum Ending: Equatable, Sendable, CustomStringConvertible {
    case exited(Int32)
    case killed(Int32)

    package var description: String {
        switch self {
        case .exited(let code): "exit code \(code)"
        case .killed(let signal): "killed by signal \(signal)"
        }
    }
}

package final class ChildProcess: @unchecked Sendable {
    package let pid: pid_t
    package let name: String
    private let lock = NSLock()
    private var ending: Ending?

    /// Starts `program`; output files are appended to, input is a file (default /dev/null).
    package init(
        _ program: String, _ arguments: [String] = [], environment: [String: String] = [:],
        input: String = "/dev/null", output: String,
        errorOutput: String? = nil
    ) throws {
        var spawner = Spawner()
        defer { spawner.release() }
        spawner.redirect(input: input, output: output, errorOutput: errorOutput ?? output)
        pid = try spawner.spawn(program, arguments, environment: environment)
        name = program.split(separator: "/").last.map(String.init) ?? program
    }

    deinit { end() }

    package func signal(_ number: Int32) {
        lock.lock()
        defer { lock.unlock() }
        if ending == nil { _ = Glibc.kill(pid, number) }
    }

    /// How it ended, or nil while it lives.
    package func poll() -> Ending? {
        lock.lock()
        defer { lock.unlock() }
        if let ending { return ending }
        var status: Int32 = 0
        guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
        let signal = status & 0x7f
        ending = signal == 0 ? .exited((status >> 8) & 0xff) : .killed(signal)
        return ending
    }

    package var isAlive: Bool { poll() == nil }

    package func wait(within seconds: Double = 60) throws -> Ending {
        try eventually("\(name) (pid \(pid)) ends", within: seconds, every: 0.002) { poll() }
    }

    /// Ends it whatever it does.
    package func end() {
        guard isAlive else { return }
        signal(SIGKILL)
        _ = try? wait(within: 10)
    }
}

/// What posix_spawn needs, kept together so that it is released together.
private struct Spawner {
    var actions = posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()

    init() {
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        // A group of its own: a Ctrl-C on the test run must not reach the daemon as a signal.
        let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP
        posix_spawnattr_setflags(&attributes, Int16(flags))
    }

    mutating func redirect(input: String, output: String, errorOutput: String) {
        let writing = O_WRONLY | O_CREAT | O_APPEND
        posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, writing, 0o600)
        if errorOutput == output {
            posix_spawn_file_actions_adddup2(&actions, 1, 2)
        } else {
            posix_spawn_file_actions_addopen(&actions, 2, errorOutput, writing, 0o600)
        }
        closeRestOnExec()
    }

    /// Marks every other descriptor of the test process: prongd takes inherited ones for a fault.
    private func closeRestOnExec() {
        let names = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")
        for number in (names ?? []).compactMap({ Int32($0) }) where number > 2 {
            _ = fcntl(number, F_SETFD, FD_CLOEXEC)
        }
    }

    mutating func spawn(
        _ program: String, _ arguments: [String], environment: [String: String]
    ) throws -> pid_t {
        var values = ProcessInfo.processInfo.environment
        values["NOTIFY_SOCKET"] = nil
        values["LISTEN_FDS"] = nil
        values.merge(environment) { _, given in given }
        let argv = ([program] + arguments).map { strdup($0) } + [nil]
        let envp = values.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for pointer in argv + envp { free(pointer) } }
        var pid: pid_t = 0
        let code = posix_spawn(&pid, program, &actions, &attributes, argv, envp)
        guard code == 0 else {
            throw HarnessFailure("cannot start \(program): \(String(cString: strerror(code)))")
        }
        return pid
    }

    mutating func release() {
        posix_spawn_file_actions_destroy(&actions)
        posix_spawnattr_destroy(&attributes)
    }
}

/// A program that ran to its end.
package struct Finished: Sendable {
    package let ending: Ending
    package let output: String
    package let errorOutput: String

    package var code: Int32 {
        switch ending {
        case .exited(let code): code
        case .killed(let signal): 128 + signal
        }
    }
}

/// Runs a program to its end and gives back what it wrote.
package func run(
    _ program: String, _ arguments: [String] = [], input: String? = nil,
    environment: [String: String] = [:], within seconds: Double = 120
) throws -> Finished {
    let scratch = try ScratchFolder("prong-run")
    defer { scratch.remove() }
    let inputPath = try input.map { try scratch.write($0, to: "in") } ?? "/dev/null"
    let child = try ChildProcess(
        program, arguments, environment: environment, input: inputPath,
        output: scratch.file("out"), errorOutput: scratch.file("err"))
    defer { child.end() }
    let ending = try child.wait(within: seconds)
    return Finished(
        ending: ending, output: scratch.read("out"), errorOutput: scratch.read("err"))
}
