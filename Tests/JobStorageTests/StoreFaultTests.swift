// The disk fails at the first, the second, the n-th call, until a run passes without a fault: after
// each the store is as it was before the commit or after it, and nothing acknowledged is lost.

import CFaultDisk
import CSQLite
import Foundation
import JobLogic
import JobStorage
import Testing

/// One way in which a disk fails.
struct DiskFault: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var operations: fault_disk_operation.RawValue
    var code: Int32
    var stays = false
    var torn = false

    static let all: [DiskFault] = [
        DiskFault(
            testDescription: "one write finds the disk full",
            operations: FAULT_DISK_WRITE.rawValue, code: SQLITE_FULL),
        DiskFault(
            testDescription: "the disk is full and stays so",
            operations: FAULT_DISK_WRITE.rawValue, code: SQLITE_FULL, stays: true),
        DiskFault(
            testDescription: "a write fails half way",
            operations: FAULT_DISK_WRITE.rawValue, code: SQLITE_IOERR | (3 << 8), torn: true),
        DiskFault(
            testDescription: "a sync fails",
            operations: FAULT_DISK_SYNC.rawValue, code: SQLITE_IOERR | (4 << 8)),
        DiskFault(
            testDescription: "the sync of a folder fails",
            operations: FAULT_DISK_SYNC.rawValue, code: SQLITE_IOERR | (5 << 8)),
        DiskFault(
            testDescription: "a read fails",
            operations: FAULT_DISK_READ.rawValue, code: SQLITE_IOERR | (1 << 8)),
        DiskFault(
            testDescription: "a truncation fails",
            operations: FAULT_DISK_TRUNCATE.rawValue, code: SQLITE_IOERR | (6 << 8)),
    ]

    func arm(nth: Int) {
        fault_disk_plan(Int32(operations), Int32(nth), code, stays ? 1 : 0, torn ? 1 : 0)
    }

    func allows(_ error: StoreError) -> Bool {
        switch (error, code) {
        case (.full, SQLITE_FULL): true
        case (.syncFailed, SQLITE_IOERR | (4 << 8)), (.syncFailed, SQLITE_IOERR | (5 << 8)): true
        case (.inputOutput, SQLITE_IOERR | (1 << 8)), (.inputOutput, SQLITE_IOERR | (3 << 8)),
            (.inputOutput, SQLITE_IOERR | (6 << 8)):
            true
        default: false
        }
    }
}

/// Serial: the failing disk has one plan.
@Suite(.serialized) struct StoreFaultTests {
    private let keys: ClosedRange<UInt64> = 1...60

    /// A store with some history, and its twin in memory.
    private struct Scene {
        let folder = ScratchFolder()
        let model = MemoryJobStore()
        var walk: StoreWalk
        var path: String { folder.file("store.db") }

        init(seed: UInt64) throws {
            walk = StoreWalk(seed: seed)
            let store = try SQLiteJobStore(path: path, vfs: String(cString: fault_disk_name()))
            for _ in 0..<3 {
                let changes = walk.commit(upTo: 6)
                _ = try store.commit(changes)
                _ = try model.commit(changes)
            }
        }

        func open() throws -> SQLiteJobStore {
            try SQLiteJobStore(path: path, vfs: String(cString: fault_disk_name()))
        }

        mutating func steps() -> [[Change]] {
            (0..<4).map { _ in walk.commit(upTo: 6) }
        }
    }

    /// Commits each step to both, as long as the disk lets it. The step that was under way when an
    /// fsync failed, if one did.
    private func run(
        _ steps: [[Change]], on store: SQLiteJobStore, _ scene: Scene, _ fault: DiskFault?
    ) throws -> [Change]? {
        for (index, step) in steps.enumerated() {
            do {
                _ = try store.commit(step)
                _ = try scene.model.commit(step)
            } catch {
                if let fault { #expect(fault.allows(error), "\(error)") }
                if case .syncFailed = error { return step }
                fault_disk_heal()
                #expect(try dump(store, keys: keys) == dump(scene.model, keys: keys))
            }
            do {
                if index % 2 == 1 { try store.checkpoint(truncate: index == 3) }
            } catch {
                if let fault { #expect(fault.allows(error), "\(error)") }
                if case .syncFailed = error { return [] }
            }
        }
        return nil
    }

    @Test(arguments: DiskFault.all)
    func `a fault at any call leaves the store before or after, never between`(
        fault: DiskFault
    ) throws {
        defer { fault_disk_heal() }
        var fired = 0
        for nth in 1...400 {
            fault_disk_heal()
            var scene = try Scene(seed: 11)
            let steps = scene.steps()
            let unknown: [Change]?
            do {
                let store = try scene.open()
                fault.arm(nth: nth)
                unknown = try run(steps, on: store, scene, fault)
                if let unknown, !unknown.isEmpty {
                    #expect(throws: StoreError.self) { try store.commit([.probe]) }
                }
            }
            let hasFired = fault_disk_fired() != 0
            if hasFired { fired += 1 }
            fault_disk_heal()
            try expectWhole(scene, unknown: unknown, "fault \(nth)")
            if !hasFired && unknown == nil && nth > fired { break }
        }
        #expect(fired > 0)
    }

    /// Reopened, the file is sound and holds what was acknowledged; of a commit whose fsync failed
    /// it holds all or nothing.
    private func expectWhole(
        _ scene: Scene, unknown: [Change]?, _ note: String
    ) throws {
        do {
            let store = try scene.open()
            try store.checkpoint(truncate: true)
            let found = try dump(store, keys: keys)
            if found != (try dump(scene.model, keys: keys)) {
                _ = try scene.model.commit(unknown ?? [])
                #expect(try found == dump(scene.model, keys: keys), "\(note)")
            }
            _ = try store.commit([.probe])
        }
        #expect(integrity(ofFileAt: scene.path) == ["ok"], "\(note)")
    }

    @Test(arguments: [true, false])
    func `the power may go at any write or sync`(losesUnsynced: Bool) throws {
        defer {
            fault_disk_heal()
            fault_disk_track_syncs(0)
        }
        for nth in 1...400 {
            fault_disk_heal()
            fault_disk_track_syncs(1)
            var scene = try Scene(seed: 12)
            let steps = scene.steps()
            var unknown: [Change]?
            do {
                let store = try scene.open()
                try store.checkpoint(truncate: true)
                let kinds = FAULT_DISK_WRITE.rawValue | FAULT_DISK_SYNC.rawValue
                fault_disk_plan_death(Int32(kinds), Int32(nth))
                unknown = try runUntilDeath(steps, on: store, scene)
            }
            let hasDied = fault_disk_fired() != 0
            fault_disk_heal()
            fault_disk_track_syncs(0)
            if losesUnsynced && hasDied { try loseUnsynced(scene) }
            try expectWhole(scene, unknown: unknown, "death \(nth)")
            if !hasDied { return }
        }
        Issue.record("no run passed without a death")
    }

    private func runUntilDeath(
        _ steps: [[Change]], on store: SQLiteJobStore, _ scene: Scene
    ) throws -> [Change]? {
        for (index, step) in steps.enumerated() {
            do {
                _ = try store.commit(step)
                _ = try scene.model.commit(step)
                if index == 1 { try store.checkpoint(truncate: false) }
                if index == 2 { try store.releaseFreePages(limit: 100) }
            } catch {
                return fault_disk_fired() != 0 ? step : nil
            }
        }
        return nil
    }

    /// Puts each file back to what it was at its last sync; the log's index is memory.
    private func loseUnsynced(_ scene: Scene) throws {
        let files = FileManager.default
        for suffix in ["", "-wal"] {
            let path = scene.path + suffix
            try? files.removeItem(atPath: path)
            if files.fileExists(atPath: path + ".synced") {
                try files.moveItem(atPath: path + ".synced", toPath: path)
            }
        }
        try? files.removeItem(atPath: scene.path + "-shm")
    }

    @Test
    func `a store whose making is cut short is made by the next opening`() throws {
        defer { fault_disk_heal() }
        for nth in 1...400 {
            let folder = ScratchFolder()
            let path = folder.file("store.db")
            let name = String(cString: fault_disk_name())
            let kinds = FAULT_DISK_WRITE.rawValue | FAULT_DISK_SYNC.rawValue
            fault_disk_plan_death(Int32(kinds), Int32(nth))
            _ = try? SQLiteJobStore(path: path, vfs: name)
            let hasDied = fault_disk_fired() != 0
            fault_disk_heal()
            do {
                let store = try SQLiteJobStore(path: path, vfs: name)
                _ = try store.commit([.insert(NewJob(job: Sample.job(1), requests: [[1]]))])
                #expect(try store.job(JobKey(rawValue: 1)) == Sample.job(1))
            }
            #expect(integrity(ofFileAt: path) == ["ok"], "death \(nth)")
            if !hasDied { return }
        }
        Issue.record("no opening passed without a death")
    }
}
