// What /proc says about a process: the harness looks from outside and takes the daemon's word
// for nothing.
import Foundation

package struct ProcessFacts: Sendable {
    package let pid: Int32

    package init(_ pid: Int32) { self.pid = pid }

    private func field(_ name: String, in file: String) -> String? {
        textOfFile("/proc/\(pid)/\(file)").split(separator: "\n")
            .first { $0.hasPrefix("\(name):") }?
            .dropFirst(name.count + 1).trimmingCharacters(in: .whitespaces)
    }

    /// The state letter: R, S, D, T, Z…; nil when there is no such process.
    package var state: Character? { field("State", in: "status")?.first }

    /// Lives, and is not a zombie.
    package var isAlive: Bool { state.map { $0 != "Z" && $0 != "X" } ?? false }

    package var parent: Int32? { field("PPid", in: "status").flatMap { Int32($0) } }

    package var threads: Int { entries("task").count }

    package var commandLine: String {
        textOfFile("/proc/\(pid)/cmdline").replacingOccurrences(of: "\0", with: " ")
            .trimmingCharacters(in: .whitespaces)
    }

    /// What each descriptor points to, by number.
    package var descriptors: [Int: String] {
        var found: [Int: String] = [:]
        for name in entries("fd") {
            let path = "/proc/\(pid)/fd/\(name)"
            if let number = Int(name),
                let target = try? FileManager.default.destinationOfSymbolicLink(atPath: path)
            {
                found[number] = target
            }
        }
        return found
    }

    /// Inodes of its sockets.
    package var socketInodes: Set<Int> {
        Set(
            descriptors.values.compactMap { target in
                guard target.hasPrefix("socket:[") else { return nil }
                return Int(target.dropFirst(8).dropLast())
            })
    }

    /// Its INET sockets, both families, connected or listening.
    package var internetSockets: [InternetSocket] {
        let mine = socketInodes
        return InternetSocket.all().filter { mine.contains($0.inode) }
    }

    /// Proportional set size in KiB; 0 where it cannot be read.
    package var proportionalKiB: Int {
        field("Pss", in: "smaps_rollup").flatMap { Int($0.prefix { $0.isNumber }) } ?? 0
    }

    package var residentKiB: Int {
        field("VmRSS", in: "status").flatMap { Int($0.prefix { $0.isNumber }) } ?? 0
    }

    /// Living children, zombies left out.
    package var children: [Int32] {
        Self.all().filter { ProcessFacts($0).parent == pid && ProcessFacts($0).isAlive }
    }

    /// The children of a process with one thread, zombies included, in one small read: for who
    /// looks so often that walking through /proc would be felt.
    package var listedChildren: [Int32] {
        textOfFile("/proc/\(pid)/task/\(pid)/children").split(separator: " ")
            .compactMap { Int32($0) }
    }

    private func entries(_ name: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/\(name)")) ?? []
    }

    package static func all() -> [Int32] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [])
            .compactMap { Int32($0) }
    }

    /// Living processes that have `path` open, whoever their parent is now.
    package static func holding(_ path: String) -> [Int32] {
        all().filter { ProcessFacts($0).descriptors.values.contains(path) }
    }
}

/// A row of /proc/net/tcp or tcp6.
package struct InternetSocket: Sendable, Equatable {
    package let inode: Int
    package let localPort: Int
    package let remotePort: Int
    /// The kernel's number: 1 established, 10 listening.
    package let state: Int

    package static func all() -> [InternetSocket] {
        ["/proc/net/tcp", "/proc/net/tcp6"].flatMap { path in
            textOfFile(path).split(separator: "\n").dropFirst().compactMap(parse)
        }
    }

    private static func parse(_ line: Substring) -> InternetSocket? {
        let columns = line.split(separator: " ")
        guard columns.count > 9, let inode = Int(columns[9]),
            let state = Int(columns[3], radix: 16),
            let local = columns[1].split(separator: ":").last.flatMap({ Int($0, radix: 16) }),
            let remote = columns[2].split(separator: ":").last.flatMap({ Int($0, radix: 16) })
        else { return nil }
        return InternetSocket(inode: inode, localPort: local, remotePort: remote, state: state)
    }
}
