// `prong pause`, `resume`, `scale`: what an operator changes while the daemon runs.
import ArgumentParser

struct PauseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause",
        abstract: "Start no more calls to a target.",
        discussion: """
              prong pause translate

            Calls under way go on; jobs are still accepted and wait.
            """)

    @OptionGroup var socket: SocketOption

    @OptionGroup var chosen: TargetArgument

    func run() throws {
        try socket.client().tell(target: chosen.target, "pause", done: "paused")
    }
}

struct ResumeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Start calls to a paused target again.",
        discussion: "  prong resume translate")

    @OptionGroup var socket: SocketOption

    @OptionGroup var chosen: TargetArgument

    func run() throws {
        try socket.client().tell(target: chosen.target, "resume", done: "resumed")
    }
}

extension Client {
    fileprivate func tell(target: String, _ act: String, done: String) throws(Failure) {
        _ = try expect(.post("/v1/targets/\(percentEncoded(target))/\(act)"))
        try printLines(["\(printable(target)) \(done)"])
    }
}

struct ScaleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scale",
        abstract: "Change the number of workers.",
        discussion: """
              prong scale 8

            Until the daemon's next start, which takes the number from the configuration.
            """)

    @OptionGroup var socket: SocketOption

    @Argument(
        help: ArgumentHelp("How many workers there shall be.", valueName: "n"),
        transform: readPositive)
    var workers: Int

    func run() throws {
        _ = try socket.client().expect(.post("/v1/scale", json: "{\"workers\":\(workers)}"))
        try printLines(["scaled to \(counted(Int64(workers), "worker"))"])
    }
}
