// What /proc says about processes: threads, descriptors, states. Small files, read whole; a process
// that goes away while it is read simply says less.

import Glibc

package enum ProcFiles {
    /// No file of /proc that prong reads is longer.
    static let bytesMax = 65536

    /// A small file's text, or nil if it cannot be read.
    package static func text(_ path: String) -> String? {
        guard let file = try? FileDescriptor.open(path, O_RDONLY) else { return nil }
        var bytes: [UInt8] = []
        var room = [UInt8](repeating: 0, count: 4096)
        while bytes.count < bytesMax {
            let count = read(file.number, &room, room.count)
            guard count > 0 else { break }
            bytes += room.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The numbers that are names in a directory: tasks, processes.
    package static func numbers(in path: String) throws(SystemError) -> [CInt] {
        try numbers(in: path, leavingOutOwn: false)
    }

    /// This process's open descriptors, without the one by which they are read.
    package static func openDescriptors() throws(SystemError) -> [CInt] {
        try numbers(in: "/proc/self/fd", leavingOutOwn: true)
    }

    private static func numbers(
        in path: String, leavingOutOwn: Bool
    ) throws(SystemError) -> [CInt] {
        guard let directory = opendir(path) else {
            throw SystemError("opendir \(path)", errno: errno)
        }
        defer { closedir(directory) }
        let own = leavingOutOwn ? dirfd(directory) : -1
        var numbers: [CInt] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let number = CInt(name), number != own { numbers.append(number) }
        }
        return numbers.sorted()
    }

    /// Threads of this process.
    package static func threadCount() throws(SystemError) -> Int {
        try numbers(in: "/proc/self/task").count
    }

    /// "Name:\tvalue" of a status file.
    package static func field(_ name: String, of status: String) -> String? {
        for line in status.split(separator: "\n") where line.hasPrefix(name + ":") {
            let value = line.dropFirst(name.utf8.count + 1)
            return String(value.drop { $0 == " " || $0 == "\t" })
        }
        return nil
    }

    /// What an open descriptor of this process is: a path, "socket:[123]", or
    /// "anon_inode:[eventpoll]".
    package static func descriptorTarget(_ fd: CInt) -> String? {
        var room = [CChar](repeating: 0, count: 512)
        let count = readlink("/proc/self/fd/\(fd)", &room, room.count)
        guard count >= 0 else { return nil }
        return String(decoding: room.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// One line per thread of a process: its name, state and wait channel. Empty if it is gone.
    package static func threads(of pid: CInt) -> [ThreadState] {
        guard let tasks = try? numbers(in: "/proc/\(pid)/task") else { return [] }
        return tasks.map { task in
            let folder = "/proc/\(pid)/task/\(task)"
            let status = text("\(folder)/status") ?? ""
            return ThreadState(
                id: task, name: field("Name", of: status) ?? "?",
                state: field("State", of: status) ?? "?",
                waitChannel: text("\(folder)/wchan") ?? "?")
        }
    }

    /// One thread of a process, as the kernel sees it.
    package struct ThreadState: Equatable, Sendable, CustomStringConvertible {
        package let id: CInt
        package let name: String
        /// "S (sleeping)".
        package let state: String
        /// The kernel function that it waits in; "0" while it runs.
        package let waitChannel: String

        package var description: String {
            "tid=\(id) name=\(name) state=\(state) wchan=\(waitChannel)"
        }
    }
}
