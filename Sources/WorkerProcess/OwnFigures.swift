// What /proc says about this process.

import Glibc
import Kernel

enum OwnFigures {
    static func threads() -> UInt32 {
        UInt32(clamping: (try? ProcFiles.threadCount()) ?? 0)
    }

    /// Resident memory, shared pages included (proc(5), statm).
    static func residentBytes() -> UInt64 {
        let fields = (ProcFiles.text("/proc/self/statm") ?? "").split(separator: " ")
        guard fields.count > 1, let pages = UInt64(fields[1]) else { return 0 }
        return pages * UInt64(max(0, sysconf(CInt(_SC_PAGESIZE))))
    }
}
