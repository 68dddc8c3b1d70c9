// The exit codes of `prong` and the one error that a command may end with.
// Commands throw `Failure`; only `Prong.main` prints it and exits. Nothing else calls `exit`.

/// What `prong` tells the shell. The numbers are a contract with scripts (sysexits.h).
enum ExitStatus: Int32, Equatable {
    case done = 0
    /// The call or job failed or ended `unknown`; `map`: some line failed; or what came of it
    /// could not be written.
    case failed = 1
    /// The command line is wrong.
    case usage = 64
    /// prong refused the request as wrong.
    case refused = 65
    /// A file that was named cannot be read.
    case noInput = 66
    /// No daemon at the socket, no answer begun in time, or none that can be understood.
    case unavailable = 69
    /// Not finished within the wait, or prong is full or draining.
    case temporary = 75
    /// Not allowed.
    case notAllowed = 77
}

/// Why a command ends without having done what was asked.
struct Failure: Error, Equatable {
    let status: ExitStatus
    /// A sentence for people, without the program's name and without a final line feed.
    let sentence: String
    /// The error's JSON, which goes to standard error as it came; empty if there is none.
    let json: [UInt8]

    init(_ status: ExitStatus, _ sentence: String, json: [UInt8] = []) {
        self.status = status
        self.sentence = sentence
        self.json = json
    }
}
