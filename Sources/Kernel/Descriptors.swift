// Descriptors by number, where ownership is the process's as a whole.

internal import CLinux
import Glibc

package enum Descriptors {
    /// Opens /dev/null in place of standard descriptors that are closed, so that no later
    /// descriptor becomes one of them.
    package static func fillStandard() throws(SystemError) {
        while true {
            let file = try FileDescriptor.open("/dev/null", O_RDWR)
            if file.number > 2 { return }
            _ = file.release()
        }
    }

    /// Whether the descriptor is the device and inode that the text names: "8:12345", as in
    /// JOURNAL_STREAM (systemd.exec(5)).
    package static func isStream(_ fd: CInt, _ deviceAndInode: String) -> Bool {
        CLinux_is_stream(fd, deviceAndInode) == 1
    }

    /// How many this process may have open: `soft` is what counts, and may be raised up to `hard`
    /// (getrlimit(2)).
    package struct Limit: Equatable, Sendable {
        package var soft: UInt64
        package let hard: UInt64

        package static func current() throws(SystemError) -> Limit {
            var limit = rlimit()
            try check("getrlimit") { getrlimit(Self.resource, &limit) }
            return Limit(soft: UInt64(limit.rlim_cur), hard: UInt64(limit.rlim_max))
        }

        package func set() throws(SystemError) {
            var limit = rlimit(rlim_cur: rlim_t(soft), rlim_max: rlim_t(hard))
            try check("setrlimit") { setrlimit(Self.resource, &limit) }
        }

        private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    }

    package static func setNonblocking(_ fd: CInt, _ on: Bool) throws(SystemError) {
        try check("fcntl F_SETFL") { CLinux_set_nonblocking(fd, on ? 1 : 0) }
    }

    package static func setCloseOnExec(_ fd: CInt, _ on: Bool) throws(SystemError) {
        try check("fcntl F_SETFD") { CLinux_set_close_on_exec(fd, on ? 1 : 0) }
    }
}
