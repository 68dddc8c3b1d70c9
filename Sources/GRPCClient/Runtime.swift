// The life of C-core in this process. Nothing of gRPC may exist before a fork: a child forked after
// a channel was made hangs for ever, even past its deadlines. So the process that starts C-core is
// remembered, and use from another one is a trap, not a hang.
//
// Block all signals before making one: C-core's threads inherit the mask, and the loop that waits
// on its queue never returns for a signal.

internal import CGRPC
import Glibc

/// C-core, started in this process. Owned by the process's one `CompletionQueue`.
package struct Runtime: ~Copyable {
    /// The process that may use it.
    private let pid: pid_t

    /// Starts C-core: three threads at once, more with the first channel (grpc_init).
    package init() {
        pid = getpid()
        grpc_init()
    }

    /// Traps in any process but the one that made it.
    package borrowing func checkProcess() {
        precondition(getpid() == pid, "a gRPC client crossed a fork; build it after the fork")
    }

    /// Ends C-core's threads. Everything made with it must be gone (grpc_shutdown).
    package consuming func shutDown() {
        checkProcess()
        grpc_shutdown()
    }

    /// C-core's own version, not that of the gRPC release it came with.
    package static var version: String { String(cString: grpc_version_string()) }
}
