// Why a configuration cannot be used: prongd's exit code and the lines for the operator.

internal import Kernel
internal import Settings
import Glibc

/// A refused configuration.
package struct LoadFailure: Error, Equatable, Sendable {
    /// sysexits(3), as in prongd's manual.
    package var exitCode: Int32
    /// One fault a line, without line ends.
    package var lines: [String]

    package init(exitCode: Int32, lines: [String]) {
        self.exitCode = exitCode
        self.lines = lines
    }
}

/// The exit codes that the loader uses (sysexits(3)).
enum LoadExit {
    /// EX_UNAVAILABLE: the socket cannot be bound where it should be.
    static let unavailable: Int32 = 69
    /// EX_SOFTWARE: a bug of prong.
    static let bug: Int32 = 70
    /// EX_OSERR: the system refused.
    static let system: Int32 = 71
    /// EX_IOERR: the store cannot be read or written.
    static let store: Int32 = 74
    /// EX_NOPERM.
    static let permission: Int32 = 77
    /// EX_CONFIG.
    static let configuration: Int32 = 78
}

/// Faults as they are found. What is wrong with the configuration counts more than what is wrong
/// with the machine, for it must be changed first.
struct Faults {
    private var configuration: [String] = []
    private var machine: [(exitCode: Int32, line: String)] = []

    mutating func add(_ complaint: Complaint) {
        configuration.append(complaint.description)
    }

    mutating func add(_ complaints: [Complaint], in file: String) {
        for complaint in complaints {
            var complaint = complaint
            complaint.file = file
            add(complaint)
        }
    }

    /// A fault of the machine: a place that is missing or closed to this user.
    mutating func add(_ line: String, exitCode: Int32) {
        machine.append((exitCode, line))
    }

    /// - Throws: everything that was found.
    func check() throws(LoadFailure) {
        let lines = configuration + machine.map(\.line)
        if !configuration.isEmpty {
            throw LoadFailure(exitCode: LoadExit.configuration, lines: lines)
        }
        if let first = machine.first {
            throw LoadFailure(exitCode: first.exitCode, lines: lines)
        }
    }
}
