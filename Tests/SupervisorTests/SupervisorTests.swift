// The real supervisor with pretended roles, seen from outside.

import Foundation
import Testing

@Suite(.serialized) struct SupervisorTests {
    @Test func `the supervisor has one thread and its children exactly the child table`() throws {
        let daemon = try Daemon()
        try daemon.startAndWait()
        let tasks = try FileManager.default.contentsOfDirectory(
            atPath: "/proc/\(daemon.pid)/task")
        #expect(tasks.count == 1)
        #expect(daemon.lines("queue.log")[0].hasSuffix(" fds 0 1 2 3 4 5 6 7"))
        #expect(daemon.lines("workers.log").count == 2)
        #expect(daemon.lines("workers.log").allSatisfy { $0.hasSuffix(" fds 0 1 2 3 4 5") })
        #expect(daemon.lines("loader.log")[0] == "fds 0 1 2 3")
        #expect(daemon.ask()?.hasPrefix("queue gen 1") == true)
        daemon.signal(SIGTERM)
        try daemon.expectExit(0)
        #expect(daemon.ask() == nil)
    }

    @Test func `a process with a second thread forks nobody and exits 70`() throws {
        let daemon = try Daemon()
        try daemon.start(extra: ["FAKE_THREAD": "1"])
        try daemon.expectExit(70)
        #expect(daemon.text("stderr.log").contains("has 2 threads"))
        #expect(daemon.lines("loader.log").isEmpty)
    }

    @Test func `a child has the names, titles and environment of its role`() throws {
        let daemon = try Daemon()
        try daemon.start(extra: ["NOTIFY_SOCKET": "@nobody", "WATCHDOG_USEC": "1000000"])
        try daemon.expect("ready") { daemon.text("stderr.log").contains("and the queue serve") }
        let pid = try #require(daemon.workerPid(2))
        let read = { (name: String) in
            (try? String(contentsOfFile: "/proc/\(pid)/\(name)", encoding: .utf8)) ?? ""
        }
        #expect(read("comm") == "prong-worker-2\n")
        #expect(read("cmdline").hasPrefix("prongd: worker 2 (gen 1)"))
        #expect(read("oom_score_adj") == "500\n")
        let mask = { (name: String) -> UInt64? in
            let line = read("status").split(separator: "\n").first { $0.hasPrefix(name) }
            return line.flatMap { UInt64($0.suffix(16), radix: 16) }
        }
        // Whatever the parent had blocked, nothing is in a child; 1…31 are the classic signals.
        #expect(mask("SigBlk") == 0)
        let ignored = [SIGHUP, SIGINT, SIGQUIT, SIGPIPE].reduce(UInt64(0)) { $0 | 1 << ($1 - 1) }
        #expect((mask("SigIgn") ?? 0) & 0x7FFF_FFFF == ignored)
    }

    @Test func `a killed worker is replaced at once, without a back-off`() throws {
        let daemon = try Daemon()
        try daemon.startAndWait()
        let old = try #require(daemon.workerPid(1))
        kill(old, SIGKILL)
        let killed = Date()
        try daemon.expect("a ready successor") {
            !daemon.lines("rows.log", containing: "slot=1 gen=2").filter {
                $0.contains("state=ready")
            }.isEmpty
        }
        // Generous, for loaded machines; the measured time is a few milliseconds.
        #expect(Date().timeIntervalSince(killed) < 5)
        #expect(
            daemon.text("rows.log").contains("slot=1 gen=1 pid=\(old) state=dead exit=signalled"))
    }

    @Test func `a killed queue is replaced, refuses no connection, and is told who lives`() throws {
        let daemon = try Daemon()
        try daemon.startAndWait()
        let worker = try #require(daemon.workerPid(1))
        kill(try #require(daemon.queuePid), SIGKILL)
        #expect(daemon.ask() != nil)
        try daemon.expect("the second queue's table") {
            daemon.lines("rows.log", containing: "queue=2").count >= 2
        }
        #expect(daemon.text("rows.log").contains("queue=2 slot=1 gen=1 pid=\(worker) state=ready"))
        #expect(daemon.lives(worker))
        daemon.signal(SIGTERM)
        try daemon.expectExit(0)
    }

    @Test func `a worker that dies at birth costs few forks and the others live on`() throws {
        let daemon = try Daemon(workers: 3)
        try daemon.startAndWait()
        let others = [try #require(daemon.workerPid(1)), try #require(daemon.workerPid(3))]
        try daemon.write("worker-2.mode", "crash")
        kill(try #require(daemon.workerPid(2)), SIGKILL)
        try daemon.expect("several deaths") {
            daemon.lines("workers.log", containing: "slot=2 ").count >= 6
        }
        #expect(daemon.ask() != nil)
        #expect(others.allSatisfy(daemon.lives))
        try daemon.write("worker-2.mode", "")
        try daemon.expect("recovery") {
            !daemon.lines("rows.log", containing: "slot=2 ").filter {
                $0.contains("state=ready") && !$0.contains("gen=1 ")
            }.isEmpty
        }
    }

    @Test func `a stuck worker is aborted with a backtrace and replaced`() throws {
        let daemon = try Daemon(stuck: 600)
        try daemon.startAndWait()
        let old = try #require(daemon.workerPid(1))
        try daemon.write("worker-1.mode", "mute")
        try daemon.expect("the abort") {
            daemon.text("rows.log").contains("slot=1 gen=1 pid=\(old) state=dead exit=stuck")
        }
        try daemon.write("worker-1.mode", "")
        let log = daemon.text("stderr.log")
        #expect(log.contains("role=worker slot=1 gen=1 pid=\(old): backtrace at signal 6:"))
        #expect(log.contains("name=prong-worker-1 state=S (sleeping) wchan="))
        try daemon.expect("a successor") { daemon.workerPid(1) != old }
    }

    @Test func `a worker that cannot run is killed`() throws {
        let daemon = try Daemon(stuck: 600)
        try daemon.startAndWait()
        let old = try #require(daemon.workerPid(2))
        kill(old, SIGSTOP)
        try daemon.expect("the kill") {
            daemon.text("rows.log").contains("slot=2 gen=1 pid=\(old) state=dead exit=stuck")
        }
        #expect(daemon.text("stderr.log").contains("state=T (stopped)"))
        try daemon.expect("a successor") { daemon.workerPid(2) != old }
    }

    @Test func `a worker that is never ready is replaced after the spawn timeout`() throws {
        let daemon = try Daemon(spawn: 500)
        try daemon.write("worker-1.mode", "late")
        try daemon.start()
        try daemon.expect("the abort") {
            daemon.text("rows.log").contains("state=dead exit=spawn_timeout")
        }
        try daemon.write("worker-1.mode", "")
        try daemon.expect("ready") { daemon.text("stderr.log").contains("and the queue serve") }
    }

    @Test func `a low soft limit of descriptors bounds neither the pool nor its children`() throws {
        let daemon = try Daemon(workers: 60, spawn: 20_000)
        try daemon.start(limits: ["-Sn 100"])
        try daemon.expect("ready") { daemon.text("stderr.log").contains("and the queue serve") }
        let limit = { (pid: Int32) -> [Substring] in
            let text = (try? String(contentsOfFile: "/proc/\(pid)/limits", encoding: .utf8)) ?? ""
            let line = text.split(separator: "\n").first { $0.hasPrefix("Max open files") }
            return line?.split(separator: " ").dropFirst(3).prefix(2).map { $0 } ?? []
        }
        let own = limit(daemon.pid)
        #expect(own.first == own.last && own.first != "100", "\(own)")
        let child = limit(try #require(daemon.workerPid(60)))
        #expect(child == ["100", own.last ?? ""], "\(child)")
        daemon.signal(SIGTERM)
        try daemon.expectExit(0)
    }

    @Test func `too low a hard limit of descriptors is said, with what to do`() throws {
        let daemon = try Daemon(workers: 60)
        try daemon.start(limits: ["-n 100"])
        try daemon.expect("the warning") {
            daemon.text("stderr.log").contains(
                "60 workers need 152 descriptors and prongd may have")
        }
    }

    @Test(arguments: ["babble", "chatter"])
    func `a child that floods its link holds up nobody`(mode: String) throws {
        let daemon = try Daemon(drain: 500)
        try daemon.startAndWait()
        try daemon.write("worker-1.mode", mode)
        if mode == "babble" {
            try daemon.expect("its word") {
                daemon.text("stderr.log").contains("what is no report")
            }
        }
        kill(try #require(daemon.workerPid(2)), SIGKILL)
        try daemon.expect("the other's successor") {
            daemon.text("rows.log").contains("slot=2 gen=2")
        }
        daemon.signal(SIGUSR1)
        try daemon.expect("its state") {
            daemon.text("stderr.log").contains("state: queue (gen 1)")
        }
        // it is deaf, so its time to stop must be seen to be over
        daemon.signal(SIGTERM)
        try daemon.expectExit(0)
    }

    @Test func `a stopped supervisor blames nobody when it goes on`() throws {
        let daemon = try Daemon(stuck: 1500)
        try daemon.startAndWait()
        let workers = [try #require(daemon.workerPid(1)), try #require(daemon.workerPid(2))]
        daemon.signal(SIGSTOP)
        let start = Date()
        try daemon.expect("time to pass") { Date().timeIntervalSince(start) > 4 }
        daemon.signal(SIGCONT)
        try daemon.expect("its word") { daemon.text("stderr.log").contains("stood still for") }
        #expect(workers.allSatisfy(daemon.lives))
        #expect(daemon.lines("workers.log", containing: " fds ").count == 2)
    }

    @Test func `a queue that cannot start ends prongd with its exit code`() throws {
        let daemon = try Daemon()
        try daemon.write("queue.fatal", "74")
        try daemon.start()
        try daemon.expectExit(74)
        #expect(daemon.text("stderr.log").contains("the store is from a newer version"))
    }

    @Test func `a loader that refuses ends prongd with its exit code, nothing touched`() throws {
        let daemon = try Daemon()
        try daemon.write("loader.exit", "78")
        try daemon.start()
        try daemon.expectExit(78)
        #expect(daemon.text("store.lock").isEmpty)
        #expect(daemon.lines("queue.log").isEmpty)
    }

    @Test func `crashing queues end in safe mode and prongd stays`() throws {
        let daemon = try Daemon()
        try daemon.startAndWait()
        for generation in 1...3 {
            try daemon.expect("queue \(generation)") {
                daemon.text("queue.log").contains("role=queue gen=\(generation) ")
            }
            kill(try #require(daemon.queuePid), SIGKILL)
        }
        try daemon.expect("safe mode") { daemon.text("queue.log").contains("safe=true") }
        try daemon.expect("its answer") { daemon.ask()?.hasPrefix("queue gen 4") == true }
    }

    @Test func `USR1 writes every process's state`() throws {
        let daemon = try Daemon()
        try daemon.startAndWait()
        daemon.signal(SIGUSR1)
        try daemon.expect("dumps") {
            daemon.lines("workers.log", containing: "dump").count == 2
                && daemon.lines("queue.log", containing: "dump").count == 1
        }
        try daemon.expect("the supervisor's own state") {
            daemon.text("stderr.log").contains("state: queue (gen 1) pid=")
                && daemon.text("stderr.log").contains("threads=1")
        }
    }

    @Test func `TTIN and TTOU change the number of workers, HUP forks a loader`()
        throws
    {
        let daemon = try Daemon()
        try daemon.startAndWait()
        daemon.signal(SIGTTIN)
        try daemon.expect("a third worker") { daemon.workerPid(3) != nil }
        daemon.signal(SIGHUP)
        daemon.signal(SIGTTOU)
        try daemon.expect("its end") {
            daemon.text("rows.log").contains(
                "slot=3 gen=1 pid=\(daemon.workerPid(3) ?? 0) state=dead exit=drained")
        }
        #expect(daemon.text("stderr.log").contains("HUP: targets with reflection are asked"))
        try daemon.expect("the end of the loader that asks") {
            daemon.text("stderr.log").contains("loader (gen ")
        }
        #expect(daemon.process.isRunning)
    }

    @Test func `the queue can ask for more workers and for a replacement`() throws {
        let daemon = try Daemon()
        try daemon.startAndWait()
        try daemon.write("queue.ask", "scale 3")
        daemon.signal(SIGUSR1)
        try daemon.expect("a third worker") { daemon.workerPid(3) != nil }
        let old = try #require(daemon.workerPid(1))
        try daemon.write("queue.ask", "replace 1 1")
        daemon.signal(SIGUSR1)
        try daemon.expect("the replacement") {
            daemon.text("rows.log").contains("slot=1 gen=1 pid=\(old) state=dead exit=replaced")
        }
    }

    private func askForLoader(_ daemon: Daemon) throws {
        try daemon.write("queue.ask", "load")
        daemon.signal(SIGUSR1)
    }

    @Test func `a loader that the queue asks for gets the bundle in force, and all get its own`()
        throws
    {
        let daemon = try Daemon()
        try daemon.startAndWait()
        try askForLoader(daemon)
        try daemon.expect("the bundle at the queue") { daemon.lines("bundles.log").count == 1 }
        #expect(daemon.lines("loader.log") == ["fds 0 1 2 3", "fds 0 1 2 3 4"])
        let made = daemon.lines("bundles.log")[0]
        #expect(made.hasPrefix("queue=1 sealed=true by role=loader"), "\(made)")
        // a worker that is forked now still has the child table and nothing else
        kill(try #require(daemon.workerPid(1)), SIGKILL)
        let starts = { daemon.lines("workers.log", containing: " fds ") }
        try daemon.expect("a successor") { starts().count == 3 }
        #expect(starts().allSatisfy { $0.hasSuffix(" fds 0 1 2 3 4 5") })
        kill(try #require(daemon.queuePid), SIGKILL)
        try daemon.expect("another queue") {
            !daemon.lines("queue.log", containing: "gen=2").isEmpty
        }
        #expect(!daemon.text("stderr.log").contains("bug of prong"))
        daemon.signal(SIGTERM)
        try daemon.expectExit(0)
    }

    @Test(arguments: ["exit", "silent"])
    func `a loader that fails while prongd runs changes nothing`(how: String) throws {
        let daemon = try Daemon()
        try daemon.startAndWait()
        if how == "exit" {
            try daemon.write("loader.exit", "78")
        } else {
            try daemon.write("loader.mode", how)
        }
        try askForLoader(daemon)
        try daemon.expect("the supervisor's word") {
            daemon.text("stderr.log").contains("everything stays as it was")
        }
        #expect(daemon.lines("bundles.log").isEmpty)
        #expect(daemon.ask()?.hasPrefix("queue gen 1") == true)
        daemon.signal(SIGTERM)
        try daemon.expectExit(0)
    }

    @Test func `a loader that hangs does not hold up the stop`() throws {
        let daemon = try Daemon()
        try daemon.startAndWait()
        try daemon.write("loader.mode", "hang")
        try askForLoader(daemon)
        try daemon.expect("a loader") { daemon.lines("loader.log").count == 2 }
        daemon.signal(SIGTERM)
        try daemon.expectExit(0)
    }
}
