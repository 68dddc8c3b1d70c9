// The descriptors that the supervisor may have. Before each fork what is open is held against it:
// an unknown one would be inherited by every child, and a sibling that holds the end of a link
// would hide its end of file for ever.

import Glibc
import Kernel

struct DescriptorTable {
    /// Those known by number: links, listeners, lock, bundle.
    private var purposes: [CInt: String] = [0: "input", 1: "output", 2: "error"]
    /// What sd-event keeps for itself, known by kind only, and how many of each there may be.
    private var eventDescriptorsMax: [String: Int] = [:]

    mutating func add(_ fd: CInt, _ purpose: String) {
        precondition(purposes[fd] == nil, "descriptor \(fd) is in the table as \(purpose)")
        purposes[fd] = purpose
    }

    /// For one that may have come with the process and so is in the table already.
    mutating func addOnce(_ fd: CInt, _ purpose: String) { purposes[fd] = purpose }

    mutating func remove(_ fd: CInt) {
        precondition(purposes[fd] != nil, "descriptor \(fd) is not in the table")
        purposes[fd] = nil
    }

    /// Allows an event loop with so many children watched by pidfd. It has one epoll descriptor,
    /// a signalfd for each priority that has signals, and a timerfd for each clock.
    mutating func allowEventLoop(children: Int) {
        eventDescriptorsMax = ["eventpoll": 1, "signalfd": 4, "timerfd": 4, "pidfd": children]
    }

    /// The open descriptors that are not in the table, in words.
    func strangers() throws(SystemError) -> [String] {
        var left = eventDescriptorsMax
        var strangers: [String] = []
        for fd in try ProcFiles.openDescriptors() where purposes[fd] == nil {
            let target = ProcFiles.descriptorTarget(fd) ?? "?"
            let kind = Self.kind(of: target)
            if let kind, let count = left[kind], count > 0 {
                left[kind] = count - 1
            } else {
                strangers.append("\(fd) (\(target))")
            }
        }
        return strangers
    }

    /// "eventpoll" of "anon_inode:[eventpoll]"; newer kernels name a pidfd "pidfd:[123]".
    private static func kind(of target: String) -> String? {
        if target.hasPrefix("pidfd:") { return "pidfd" }
        let prefix = "anon_inode:["
        guard target.hasPrefix(prefix), target.hasSuffix("]") else { return nil }
        return String(target.dropFirst(prefix.count).dropLast())
    }
}
