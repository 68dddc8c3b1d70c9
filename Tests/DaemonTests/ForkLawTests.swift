// The law of the fork, read off the live processes: the supervisor has one thread and no INET
// socket, every client is built after the fork, and no child holds what belongs to another.
import DaemonHarness
import Foundation
import Testing

@Suite(.keepsEvidence)
struct ForkLawTests {
    /// Enough calls at once that each of the workers makes some.
    private func load(_ daemon: Daemon, calls: Int = 24) throws {
        let ids = try (0..<calls).map { _ in
            try daemon.submit("DelaySafe", ["milliseconds": 20, "text": "x"])
        }
        for id in ids { try daemon.job(id, reaches: "succeeded") }
    }

    @Test func `the supervisor has one thread, also under load and after deaths`() throws {
        try withPool { daemon, _ in
            let supervisor = ProcessFacts(daemon.supervisor)
            #expect(supervisor.threads == 1)
            try load(daemon)
            #expect(supervisor.threads == 1)
            let victim = try #require(try daemon.workers().first)
            kill(victim.pid, SIGKILL)
            try daemon.expectReplaced(worker: victim)
            #expect(supervisor.threads == 1)
            let told = try daemon.status()["supervisor"]
            #expect(told["threads"].int == 1, "\(told)")
        }
    }

    @Test func `the supervisor has no INET socket and does not open the store`() throws {
        let port = try freePort()
        try withPool(change: { $0.listen = "http = \"127.0.0.1:\(port)\"" }) { daemon, _ in
            try load(daemon)
            let supervisor = ProcessFacts(daemon.supervisor)
            // Not even the listener of `listen.http`: the queue opens that.
            #expect(supervisor.internetSockets.isEmpty)
            let queue = try ProcessFacts(daemon.queuePid())
            #expect(queue.internetSockets.contains { $0.state == 10 })
            let files = supervisor.descriptors.values
            let store = files.filter { $0.hasPrefix(daemon.storePath) && $0 != daemon.lockPath }
            #expect(store.isEmpty)
        }
        try withPool { daemon, _ in
            try load(daemon)
            #expect(ProcessFacts(daemon.supervisor).internetSockets.isEmpty)
        }
    }

    /// SCHED_BATCH, by number (sched(7)); the supervisor must answer a death at once.
    @Test func `the queue and the workers run in batches, the supervisor does not`() throws {
        try withPool { daemon, _ in
            try load(daemon)
            let queue = try daemon.queuePid()
            for pid in [queue] + (try daemon.workers().map(\.pid)) {
                #expect(sched_getscheduler(pid) == 3)
            }
            #expect(sched_getscheduler(daemon.supervisor) == 0)
        }
    }

    @Test func `the supervisor needs at most 10 MiB`() throws {
        try withPool { daemon, _ in
            try load(daemon)
            let size = ProcessFacts(daemon.supervisor).proportionalKiB
            #expect(size > 0 && size <= 10 * 1024, "\(size) KiB PSS")
        }
    }

    @Test func `each worker has its own connection to the target`() throws {
        try withPool(change: { $0.workers = 4 }) { daemon, server in
            let pids = try daemon.workers().map(\.pid)
            #expect(Set(pids).count == 4)
            var seen: Set<Int> = []
            for pid in pids {
                let mine = try eventually("worker \(pid) is connected") {
                    let found = ProcessFacts(pid).internetSockets.filter {
                        $0.remotePort == server.port && $0.state == 1
                    }
                    return found.isEmpty ? nil : found.map(\.inode)
                }
                #expect(mine.count == 1)
                #expect(seen.isDisjoint(with: mine))
                seen.formUnion(mine)
            }
        }
    }

    @Test func `every client was built after its worker's fork`() throws {
        try withPool(change: { $0.workers = 3 }) { daemon, _ in
            let victim = try #require(try daemon.workers().first)
            kill(victim.pid, SIGKILL)
            try daemon.expectReplaced(worker: victim)
            for worker in try daemon.status()["workers"].array {
                let forked = try #require(worker["forkedAt"].string)
                let clients = worker["clients"].array
                #expect(clients.map { $0["target"].string } == ["example"])
                for client in clients {
                    let built = try #require(client["builtAt"].string)
                    // RFC 3339 in UTC with milliseconds sorts as text.
                    #expect(forked <= built)
                }
            }
        }
    }

    @Test func `no child holds a listener, store or connection that is not its own`() throws {
        try withPool(change: { $0.workers = 2 }) { daemon, server in
            try load(daemon)
            let listeners = UnixSocket.listening(under: daemon.folder.path)
            #expect(!listeners.isEmpty)
            let queue = try daemon.queuePid()
            #expect(ProcessFacts(queue).internetSockets.isEmpty)
            #expect(!ProcessFacts(queue).socketInodes.isDisjoint(with: listeners))
            for worker in try daemon.workers() {
                let facts = ProcessFacts(worker.pid)
                #expect(facts.socketInodes.isDisjoint(with: listeners))
                let store = facts.descriptors.values.filter {
                    $0.hasPrefix(daemon.storePath) && $0 != daemon.lockPath
                }
                #expect(store.isEmpty)
                let strange = facts.internetSockets.filter { $0.remotePort != server.port }
                #expect(strange.isEmpty)
            }
        }
    }

    @Test func `no socket is shared by two workers or by a worker and the supervisor`() throws {
        try withPool(change: { $0.workers = 4 }) { daemon, _ in
            // A death and its replacement: the successor must not inherit the others' links.
            let victim = try #require(try daemon.workers().last)
            kill(victim.pid, SIGKILL)
            try daemon.expectReplaced(worker: victim)
            // A link is a pair of sockets: each end has an inode of its own.
            let log = ProcessFacts(daemon.supervisor).descriptors[2]
            var owners: [Int: Int32] = [:]
            let pids = try daemon.workers().map(\.pid) + [daemon.supervisor]
            for pid in pids {
                for (number, target) in ProcessFacts(pid).descriptors
                where target.hasPrefix("socket:[") && target != log {
                    let inode = try #require(Int(target.dropFirst(8).dropLast()))
                    let other = owners[inode]
                    #expect(other == nil, "descriptor \(number) of \(pid) is also in \(other ?? 0)")
                    owners[inode] = pid
                }
            }
        }
    }

    @Test func `the store's lock is held by every process of the daemon`() throws {
        try withPool { daemon, _ in
            let holders = Set(ProcessFacts.holding(daemon.lockPath))
            let all = try [daemon.supervisor, daemon.queuePid()] + daemon.workers().map(\.pid)
            #expect(holders.isSuperset(of: all))
        }
    }

    @Test func `a worker's descriptors are few and stay as many`() throws {
        try withPool { daemon, _ in
            let worker = try #require(try daemon.workers().first)
            let before = ProcessFacts(worker.pid).descriptors
            #expect(before.count <= 24, "\(before)")
            try load(daemon, calls: 100)
            try eventuallyTrue("no descriptor was left open") {
                ProcessFacts(worker.pid).descriptors.count <= before.count + 1
            }
        }
    }
}

/// Rows of /proc/net/unix.
enum UnixSocket {
    /// Inodes of the listening sockets whose path is under `folder`.
    static func listening(under folder: String) -> Set<Int> {
        var found: Set<Int> = []
        for line in textOfFile("/proc/net/unix").split(separator: "\n").dropFirst() {
            let columns = line.split(separator: " ")
            // Num RefCount Protocol Flags Type St Inode Path; flag 0x10000: listening.
            guard columns.count == 8, columns[3] == "00010000",
                columns[7].hasPrefix(folder), let inode = Int(columns[6])
            else { continue }
            found.insert(inode)
        }
        return found
    }
}
