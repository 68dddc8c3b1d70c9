// Who a process is, made in one place for logs, process titles, metric labels and dumps.

import Glibc

/// The four things that a process of prongd can be.
package enum Role: String, Sendable, CaseIterable {
    case supervisor, loader, queue, worker
}

/// One process of this prongd.
package struct Identity: Equatable, Sendable, CustomStringConvertible {
    package let role: Role
    /// 1…N for workers; 0 for all others.
    package let slot: UInt32
    /// Counts the processes that had this place: 1 is the first.
    package let generation: UInt32
    package let pid: Int32

    package init(role: Role, slot: UInt32, generation: UInt32, pid: Int32) {
        self.role = role
        self.slot = slot
        self.generation = generation
        self.pid = pid
    }

    /// "role=worker slot=3 gen=7 pid=812"; slot and gen only where they say something.
    package var description: String { "\(place) pid=\(pid)" }

    /// "role=worker slot=3 gen=7": what is known before the process is there.
    package var place: String {
        switch role {
        case .supervisor, .loader: "role=\(role.rawValue)"
        case .queue: "role=queue gen=\(generation)"
        case .worker: "role=worker slot=\(slot) gen=\(generation)"
        }
    }

    /// As ps(1) shows it: "prongd: worker 3 (gen 7)".
    package var title: String {
        switch role {
        case .supervisor, .loader: "prongd: \(role.rawValue)"
        case .queue: "prongd: queue (gen \(generation))"
        case .worker: "prongd: worker \(slot) (gen \(generation))"
        }
    }

    /// For PR_SET_NAME, which keeps 15 bytes: "prong-worker-3".
    package var threadName: String {
        switch role {
        case .supervisor: "prongd"
        case .loader, .queue: "prong-\(role.rawValue)"
        case .worker: "prong-worker-\(slot)"
        }
    }
}
