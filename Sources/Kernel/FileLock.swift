// A lock that belongs to an open file and with it to all processes that inherited it: it is gone
// when the last of them is (flock(2)).

internal import CLinux
import Glibc

package enum FileLock {
    /// Opens, or makes, the file that is to be locked; it is never deleted.
    package static func open(_ path: String) throws(SystemError) -> FileDescriptor {
        try FileDescriptor.open(path, O_RDWR | O_CREAT | O_NOFOLLOW)
    }

    /// Takes the lock if nobody has it.
    package static func tryLock(_ fd: CInt) throws(SystemError) -> Bool {
        do {
            try check("flock") { flock(fd, LOCK_EX | LOCK_NB) }
            return true
        } catch {
            if error.errno == EWOULDBLOCK { return false }
            throw error
        }
    }

    /// Writes the pid of the process that took the lock into the file, for people.
    package static func sign(_ fd: CInt) throws(SystemError) {
        let text = Array("\(getpid())\n".utf8)
        try check("ftruncate") { ftruncate(fd, 0) }
        try check("pwrite") { pwrite(fd, text, text.count, 0) }
    }

    /// Processes that have the file open, but for this one: those whose descriptors we may read.
    package static func holders(of path: String) -> [CInt] {
        var wanted = stat()
        guard stat(path, &wanted) == 0, let pids = try? ProcFiles.numbers(in: "/proc") else {
            return []
        }
        return pids.filter { $0 != getpid() && hasOpen($0, wanted) }
    }

    private static func hasOpen(_ pid: CInt, _ wanted: stat) -> Bool {
        guard let fds = try? ProcFiles.numbers(in: "/proc/\(pid)/fd") else { return false }
        return fds.contains { fd in
            var about = stat()
            guard stat("/proc/\(pid)/fd/\(fd)", &about) == 0 else { return false }
            return about.st_dev == wanted.st_dev && about.st_ino == wanted.st_ino
        }
    }
}
