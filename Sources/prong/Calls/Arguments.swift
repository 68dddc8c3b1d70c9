// The arguments that several commands have in common: a method, a request, a target.
import ArgumentParser

struct MethodArgument: ParsableArguments {
    @Argument(
        help: ArgumentHelp("package.Service/Method, or a unique tail of it.", valueName: "method"),
        completion: .custom { _, _, typed in completeMethods(typed) })
    var method: String
}

struct RequestArgument: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "The request: JSON, @FILE, or - for standard input, which is the default.",
            valueName: "json"))
    var request: String?
}

struct TargetArgument: ParsableArguments {
    @Argument(
        help: ArgumentHelp("The target's name.", valueName: "target"),
        completion: .custom { _, _, _ in completeTargets() })
    var target: String
}
