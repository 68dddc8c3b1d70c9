// The help: every command that is built, with examples, and none that is not.
import Foundation
import Glibc
import Testing

@testable import prong

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
    func `a completion script is made, and the shell can read it`(shell: String) throws {
        let outcome = prong("--generate-completion-script", shell, socket: nil)
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("submit"))
        guard access("/usr/bin/\(shell)", X_OK) == 0 else { return }
        let script = makeTemporaryFolder() + "/completion"
        try outcome.output.write(toFile: script, atomically: true, encoding: .utf8)
        #expect(Self.run("/usr/bin/\(shell)", ["-n", script], socket: "").status == 0)
    }

    /// What bash offers when the last of the words is completed.
    private static func offered(_ words: String..., socket: String) throws -> [String] {
        let folder = makeTemporaryFolder()
        let script = prong("--generate-completion-script", "bash", socket: nil).output
        try script.write(toFile: folder + "/completion", atomically: true, encoding: .utf8)
        let program = """
            PATH=$1:$PATH; source "$2"; shift 2
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
            complete -p prong >/dev/null || exit 1
            _prong prong "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
            printf '%s\\n' "${COMPREPLY[@]}"
            """
        let programs = String(prongPath.dropLast("/prong".count))
        let arguments = ["-c", program, "bash", programs, folder + "/completion", "prong"] + words
        let outcome = run("/usr/bin/bash", arguments, socket: socket)
        #expect(outcome.status == 0)
        return outcome.output.split(separator: "\n").map(String.init)
    }

    private static func run(
        _ program: String, _ arguments: [String], socket: String
    ) -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.environment = ["PATH": "/usr/bin:/bin", "PRONG_SOCKET": socket]
        let stdout = Pipe()
        process.standardOutput = stdout
        do { try process.run() } catch { return (-1, "\(error)") }
        let output = Collected(stdout.fileHandleForReading)
        output.wait()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output.bytes, as: UTF8.self))
    }

    @Test func `bash completes commands, options, states, methods and targets`() throws {
        let daemon = FakeDaemon { request, connection in
            switch request.path {
            case "/v1/methods": connection.answer(200, methodsAnswer)
            case "/v1/targets":
                connection.answer(200, #"{"targets":[{"name":"etcd"},{"name":"mail"}]}"#)
            default: connection.answer(404, "{}")
            }
        }
        let socket = daemon.path
        #expect(try Self.offered("sta", socket: socket) == ["status"])
        #expect(Set(try Self.offered("", socket: socket)).isSuperset(of: Self.commands))
        #expect(try Self.offered("list", "--sta", socket: socket) == ["--state"])
        #expect(try Self.offered("list", "--state", "fa", socket: socket) == ["failed"])
        #expect(
            try Self.offered("resolve", "--as", "", socket: socket) == ["succeeded", "failed"])
        #expect(try Self.offered("pause", "", socket: socket) == ["etcd", "mail"])
        #expect(try Self.offered("pause", "e", socket: socket) == ["etcd"])
        #expect(try Self.offered("call", "Echo/Sh", socket: socket) == ["Echo/Shout"])
        #expect(
            try Self.offered("map", "example", socket: socket)
                == ["example.v1.Echo/Say", "example.v1.Echo/Shout"])
    }

    @Test func `a method is completed as people type it, in full where it must be`() {
        let methods = ["a.v1.Echo/Say", "a.v1.Echo/Shout", "b.Echo/Say", "Plain/Do"]
        #expect(methodCompletions("Echo/", among: methods) == ["Echo/Shout"])
        #expect(methodCompletions("a.v1", among: methods) == ["a.v1.Echo/Say", "a.v1.Echo/Shout"])
        #expect(
            methodCompletions("", among: methods)
                == ["Echo/Shout", "Plain/Do", "a.v1.Echo/Say", "b.Echo/Say"])
        #expect(methodCompletions("x", among: methods).isEmpty)
    }

    @Test func `a completion without a daemon offers nothing and says nothing`() throws {
        #expect(try Self.offered("pause", "", socket: "/nowhere.sock").isEmpty)
        #expect(try Self.offered("call", "E", socket: "/nowhere.sock").isEmpty)
    }
}
