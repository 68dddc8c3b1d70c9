// How a process appears to ps(1): its thread's name and its arguments.

internal import CLinux
import Glibc

package enum ProcessTitle {
    /// Makes room for titles; once, first thing in main, while environ is still the kernel's.
    package static func prepare() {
        CLinux_title_prepare(CommandLine.argc, CommandLine.unsafeArgv)
    }

    /// Shows this text instead of the arguments.
    package static func set(_ title: String) { CLinux_title_set(title) }
}
