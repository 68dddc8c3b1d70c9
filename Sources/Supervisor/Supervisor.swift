// The supervisor: forks the loader, the queue and the workers, watches them, replaces them.
//
// Laws, and why:
//   - One thread for life. A process that ever had a gRPC client, a Dispatch queue or a Task cannot
//     fork children that work; so none of these is reachable from this module, and each fork
// checks.
//   - It parses nothing that a user wrote: the loader does that and hands back a sealed memory
// file,
//     of which only the fixed header is read here. So no configuration can take it down.
//   - It believes its own tables, not its children's reports, and never a pid without a generation.
//   - No job, no request and no answer ever passes through it.

package import Ops
import Kernel
import WireFormat

/// What each role is: its main, called in a process of its own, whose result is its exit code.
///
/// Only the program knows all roles; the supervisor sees closures.
package struct RoleTable {
    package typealias Main = (consuming ChildContext) -> Int32

    let loader: Main
    let queue: Main
    let worker: Main

    package init(loader: @escaping Main, queue: @escaping Main, worker: @escaping Main) {
        self.loader = loader
        self.queue = queue
        self.worker = worker
    }
}

package enum Supervisor {
    /// Runs prongd in the foreground until it is told to stop; returns its exit code (sysexits).
    ///
    /// The caller must be the only thread of its process and must not have started anything.
    package static func run(roles: RoleTable) -> Int32 {
        do {
            return try Start(roles: roles).run()
        } catch {
            error.log.error(error.sentence)
            return error.exitCode
        }
    }
}

/// Why prongd cannot start, for people and for systemd.
struct StartFailure: Error {
    let exitCode: Int32
    let sentence: String
    let log: Log
}

/// The exit codes of INTERFACE 1 that the supervisor itself uses (sysexits.h).
enum ExitCode {
    static let stopped: Int32 = 0
    static let unavailable: Int32 = 69
    static let bug: Int32 = 70
    static let system: Int32 = 71
    static let input: Int32 = 74
    static let noPermission: Int32 = 77
    static let configuration: Int32 = 78
}
