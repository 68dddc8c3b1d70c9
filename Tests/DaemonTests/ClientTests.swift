// The client program against a real daemon: what it prints, and its exit codes.
import DaemonHarness
import Foundation
import Testing

private let method = "Example/Echo"

@Suite(.keepsEvidence)
struct ClientProgramTests {
    @Test func `call prints the response`() throws {
        try withPool { daemon, _ in
            let done = try daemon.prong("call", method, "{\"text\":\"hello\"}")
            #expect(done.code == 0, "\(done)")
            #expect(try JSON(parsing: done.output)["text"] == "hello")
            let full = try daemon.prong("call", "\(ExampleServer.service)/Echo", "{}")
            #expect(full.code == 0, "\(full)")
        }
    }

    @Test func `call reads standard input and files`() throws {
        try withPool { daemon, _ in
            let piped = try daemon.prong("call", method, input: "{\"text\":\"piped\"}")
            #expect(try JSON(parsing: piped.output)["text"] == "piped")
            let dash = try daemon.prong("call", method, "-", input: "{\"text\":\"dash\"}")
            #expect(try JSON(parsing: dash.output)["text"] == "dash")
            let file = try daemon.folder.write("{\"text\":\"file\"}", to: "request.json")
            let filed = try daemon.prong("call", method, "@\(file)")
            #expect(try JSON(parsing: filed.output)["text"] == "file")
            #expect(try daemon.prong("call", method, "@/nonexistent").code == 66)
        }
    }

    @Test func `a failed call is 1 with the error on standard error`() throws {
        try withPool { daemon, _ in
            let failed = try daemon.prong(
                "call", "Example/Fail", "{\"code\":9,\"message\":\"locked\"}")
            #expect(failed.code == 1)
            #expect(failed.output.isEmpty)
            #expect(failed.errorOutput.contains("failed_precondition"), "\(failed)")
            #expect(failed.errorOutput.contains("locked"))
        }
    }

    @Test func `the exit codes tell refusals apart`() throws {
        try withPool { daemon, _ throws in
            #expect(try daemon.prong("no-such-command").code == 64)
            #expect(try daemon.prong("call").code == 64)
            #expect(try daemon.prong("call", method, "{\"nonsense\":1}").code == 65)
            #expect(try daemon.prong("call", "Example/Nothing", "{}").code == 65)
        }
        let nobody = try run(
            Programs.prong, ["--socket", "/nonexistent/prong.sock", "status"])
        #expect(nobody.code == 69)
        #expect(nobody.errorOutput.contains("/nonexistent/prong.sock"))
    }

    @Test func `a queue that is full is 75`() throws {
        try withPool(change: { $0.store = "max_queued = 1" }) { daemon, _ in
            try daemon.submit("Echo", [:], ["delay": "1h"])
            let full = try daemon.prong("submit", method, "{}")
            #expect(full.code == 75, "\(full)")
            #expect(full.errorOutput.contains("resource_exhausted"), "\(full)")
        }
    }

    /// Whether a program of ours can be run as an ordinary user from where it was built.
    static let otherUserMayRun: Bool = {
        guard geteuid() == 0, let setpriv = Programs.installed("setpriv") else { return false }
        let tried = try? run(setpriv, asNobody + [Programs.prong, "--version"])
        return tried?.code == 0
    }()

    private static let asNobody = ["--reuid=65534", "--regid=65534", "--clear-groups"]

    @Test(.enabled(if: otherUserMayRun, "needs root, setpriv and a build that others may run"))
    func `what another user may not do is 77, and what they may see is not there`() throws {
        try withPool(change: { $0.listen = "mode = \"0666\"" }) { daemon, _ in
            chmod(daemon.folder.path, 0o711)
            func other(_ arguments: String...) throws -> Finished {
                try run(
                    try #require(Programs.installed("setpriv")),
                    Self.asNobody + [Programs.prong, "--socket", daemon.socketPath] + arguments)
            }
            #expect(try other("call", method, "{}").code == 0)
            for command in [["pause", "example"], ["scale", "1"]] {
                let refused = try other(command[0], command[1])
                #expect(refused.code == 77, "\(refused)")
                #expect(refused.errorOutput.contains("only root and the daemon's own user"))
            }
            let mine = try daemon.submit("Echo")
            #expect(try other("show", mine).code == 65, "as if it were not there")
            chmod(daemon.socketPath, 0o600)
            let closed = try other("status")
            #expect(closed.code == 77, "\(closed)")
            #expect(closed.errorOutput.contains(daemon.socketPath), "\(closed)")
        }
    }

    @Test func `submit, wait, show and list see one job`() throws {
        try withPool { daemon, _ in
            let submitted = try daemon.prong("submit", method, "{\"text\":\"later\"}")
            #expect(submitted.code == 0, "\(submitted)")
            let id = submitted.output.trimmingCharacters(in: .whitespacesAndNewlines)
            #expect(id.wholeMatch(of: /[A-Za-z0-9_-]{1,64}/) != nil, "\(submitted)")
            let waited = try daemon.prong("wait", id)
            #expect(waited.code == 0, "\(waited)")
            let shown = try daemon.prong("show", id, "--json")
            #expect(try JSON(parsing: shown.output)["response"]["text"] == "later")
            let listed = try daemon.prong("list", "--state", "succeeded")
            #expect(listed.output.contains(id), "\(listed)")
            let none = try daemon.prong("list", "--state", "failed")
            #expect(!none.output.contains(id))
        }
    }

    @Test func `wait tells a failure by 1 and an unfinished job by 75`() throws {
        try withPool { daemon, _ in
            let failed = try daemon.submit("Fail", ["code": 3])
            #expect(try daemon.prong("wait", failed).code == 1)
            let late = try daemon.submit("Echo", [:], ["delay": "1h"])
            #expect(try daemon.prong("wait", late, "--timeout", "200ms").code == 75)
            _ = try daemon.prong("cancel", late)
            #expect(try daemon.prong("wait", late).code == 1)
        }
    }

    @Test func `map gives one result a line in input order`() throws {
        try withPool { daemon, _ in
            let input = (0..<200).map { "{\"text\":\"\($0)\"}" }.joined(separator: "\n") + "\n"
            let mapped = try daemon.prong("map", "Example/EchoSafe", input: input)
            #expect(mapped.code == 0, "\(mapped.errorOutput)")
            let texts = try mapped.output.split(separator: "\n").map {
                try JSON(parsing: String($0))["text"].int
            }
            #expect(texts == Array(0..<200))
            #expect(!mapped.errorOutput.contains("\r"), "no progress bar in a pipe")
        }
    }

    @Test func `map unordered gives all results, and a failed line is 1`() throws {
        try withPool { daemon, _ in
            let file = try daemon.folder.write(
                "{\"milliseconds\":400,\"text\":\"slow\"}\n{\"text\":\"quick\"}\n", to: "in")
            let mapped = try daemon.prong("map", "--unordered", "Example/DelaySafe", file)
            #expect(mapped.code == 0, "\(mapped.errorOutput)")
            let texts = try mapped.output.split(separator: "\n").map {
                try JSON(parsing: String($0))["text"].string
            }
            #expect(texts == ["quick", "slow"])
            let failing = try daemon.prong(
                "map", "Example/FailSafe", input: "{}\n{\"code\":3,\"message\":\"bad\"}\n{}\n")
            #expect(failing.code == 1)
            #expect(failing.output.split(separator: "\n").count == 3, "\(failing)")
        }
    }

    @Test func `map loses no line when a worker dies`() throws {
        try withPool { daemon, _ in
            let input = (0..<300).map { "{\"milliseconds\":10,\"text\":\"\($0)\"}" }
                .joined(separator: "\n")
            let mapping = Background {
                try daemon.prong("map", "Example/DelaySafe", input: input)
            }
            let victim = try eventually("a worker is busy") {
                try daemon.status()["workers"].array.first { $0["inFlight"].int ?? 0 > 0 }
            }
            kill(Int32(try #require(victim["pid"].int)), SIGKILL)
            let mapped = try mapping.value(within: 120)
            #expect(mapped.code == 0, "\(mapped.errorOutput)")
            #expect(mapped.output.split(separator: "\n").count == 300)
        }
    }

    @Test(arguments: [["status"], ["workers"], ["targets"], ["methods"], ["list"]])
    func `a listing prints a table, and JSON when asked`(_ command: [String]) throws {
        try withPool { daemon, _ in
            let table = try run(Programs.prong, ["--socket", daemon.socketPath] + command)
            #expect(table.code == 0, "\(table)")
            let json = try run(
                Programs.prong, ["--socket", daemon.socketPath] + command + ["--json"])
            #expect(json.code == 0, "\(json)")
            #expect((try? JSON(parsing: table.output)) == nil, "\(table)")
            // The whole is one value: `status` by itself, a list as its only member.
            let parsed = try JSON(parsing: json.output)
            let list = parsed[command[0] == "list" ? "jobs" : command[0]]
            #expect(
                command[0] == "status" ? parsed["version"].string != nil : list != .null,
                "\(json)")
        }
    }

    @Test func `the place of a fault is the user's own, in a submit and in a map`() throws {
        try withPool { daemon, _ in
            let submitted = try daemon.prong("submit", method, "{\"txet\":1}")
            #expect(submitted.code == 65)
            #expect(submitted.errorOutput.contains("(line 1, column 2)"), "\(submitted)")
            let nothing = try daemon.prong("submit", method, "null")
            #expect(nothing.errorOutput.contains("(line 1, column 1)"), "\(nothing)")
            let second = try daemon.prong("submit", method, "{\n \"txet\":1}")
            #expect(second.errorOutput.contains("(line 2, column 2)"), "\(second)")
            let mapped = try daemon.prong("map", method, input: "{}\nnull\n\n{\"txet\":1}\n")
            #expect(mapped.code == 1)
            let lines = mapped.output.split(separator: "\n").map(String.init)
            try #require(lines.count == 3, "\(mapped)")
            #expect(lines[1].contains("\"line 2: request: ") && lines[1].contains("(column 1)"))
            #expect(lines[2].contains("\"line 4: request.txet: "), "\(lines[2])")
            #expect(lines[2].contains("(column 2)"), "\(lines[2])")
        }
    }

    @Test func `methods and describe show the service`() throws {
        try withPool { daemon, _ in
            let methods = try daemon.prong("methods", "*Echo*")
            #expect(methods.output.contains("\(ExampleServer.service)/EchoSafe"))
            #expect(!methods.output.contains("/Delay"))
            let described = try daemon.prong("describe", "Example/Echo")
            #expect(described.code == 0, "\(described)")
            #expect(described.output.contains("EchoRequest"))
        }
    }

    @Test func `pause, resume and scale operate`() throws {
        try withPool { daemon, _ in
            #expect(try daemon.prong("pause", "example").code == 0)
            #expect(try daemon.get("/v1/targets")["targets"][0]["state"] == "paused")
            #expect(try daemon.prong("resume", "example").code == 0)
            #expect(try daemon.prong("scale", "3").code == 0)
            try eventuallyTrue("three workers") {
                try daemon.workers().count { $0.state == "ready" } == 3
            }
        }
    }

    @Test func `cancel, retry, resolve and purge act on ids and on filters`() throws {
        try withPool { daemon, _ in
            let ids = try (0..<3).map { _ in try daemon.submit("Echo", [:], ["delay": "1h"]) }
            #expect(try daemon.prong("cancel", ids[0]).code == 0)
            let many = try daemon.prong("cancel", "--state", "scheduled", "--yes")
            #expect(many.code == 0, "\(many)")
            #expect((many.output + many.errorOutput).contains("2"), "says how many")
            #expect(try daemon.prong("retry", ids[0]).code == 0)
            try daemon.job(ids[0], reaches: "succeeded")
            let unknown = try daemon.submit("Cut")
            try daemon.job(unknown, reaches: "unknown")
            #expect(try daemon.prong("resolve", "--as", "failed", unknown).code == 0)
            #expect(try daemon.job(unknown)["state"] == "failed")
            #expect(try daemon.prong("purge", unknown).code == 0)
            #expect(try daemon.request("GET", "/v1/jobs/\(unknown)").status == 404)
        }
    }

    @Test func `health follows the convention of monitoring plugins`() throws {
        try withPool { daemon, _ in
            try eventuallyTrue("all is well") { try daemon.prong("health").code == 0 }
            let good = try daemon.prong("health")
            #expect(good.output.split(separator: "\n").count == 1)
            #expect(good.output.contains("OK") && good.output.contains("|"), "\(good)")
            let id = try daemon.submit("Cut")
            try daemon.job(id, reaches: "unknown")
            let warned = try daemon.prong("health")
            #expect(warned.code == 1 && warned.output.contains("WARNING"), "\(warned)")
        }
        let nobody = try run(Programs.prong, ["--socket", "/nonexistent/p.sock", "health"])
        #expect(nobody.code == 2 && nobody.output.contains("CRITICAL"), "\(nobody)")
    }

    @Test func `the help names every command that is built, and no other`() throws {
        let help = try run(Programs.prong, ["--help"])
        #expect(help.code == 0)
        let built = [
            "call", "submit", "map", "wait", "show", "list", "cancel", "retry", "resolve", "purge",
            "methods", "describe", "status", "workers", "targets", "pause", "resume", "scale",
            "health",
        ]
        for command in built {
            #expect(help.output.contains("  \(command)"), "\(command)")
            #expect(try run(Programs.prong, [command, "--help"]).code == 0, "\(command)")
        }
        for later in ["top", "doctor", "events", "backup", "reload"] {
            #expect(!help.output.contains("  \(later) "), "\(later)")
        }
    }
}
