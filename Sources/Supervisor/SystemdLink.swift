// What the service manager is told (sd_notify(3)). Without one every call does nothing. Only the
// supervisor speaks (NotifyAccess=main).

internal import CSystemd

enum SystemdLink {
    static func ready() { sd_notify(0, "READY=1") }
    static func stopping() { sd_notify(0, "STOPPING=1") }
    static func watchdog() { sd_notify(0, "WATCHDOG=1") }

    /// The line of `systemctl status`.
    static func status(_ text: String) { sd_notify(0, "STATUS=\(text)") }

    /// Asks for so much more time from now, starting or stopping.
    static func extendTimeout(milliseconds: UInt64) {
        sd_notify(0, "EXTEND_TIMEOUT_USEC=\(milliseconds * 1000)")
    }

    /// So many feedings fit into WatchdogSec=.
    static let watchdogShare: UInt64 = 3

    /// How often `watchdog` is due: a third of WatchdogSec=; nil if none is wanted.
    static func watchdogMilliseconds() -> UInt64? {
        var microseconds: UInt64 = 0
        guard sd_watchdog_enabled(0, &microseconds) > 0 else { return nil }
        return max(1, microseconds / 1000 / watchdogShare)
    }
}
