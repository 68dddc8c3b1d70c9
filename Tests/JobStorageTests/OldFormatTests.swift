// Every layout of the store that was ever released can still be read: its dump, made by the sqlite3
// shell, becomes a file, and the file becomes a store.

import CSQLite
import Foundation
import JobLogic
import JobStorage
import Testing

@Suite struct OldFormatTests {
    private func store(fromDump name: String, in folder: ScratchFolder) throws -> String {
        let dump = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Fixtures/\(name)")
        let path = folder.file("store.db")
        var database: OpaquePointer?
        sqlite3_open(path, &database)
        defer { sqlite3_close(database) }
        let sql = try String(contentsOf: dump, encoding: .utf8)
        #expect(sqlite3_exec(database, sql, nil, nil, nil) == SQLITE_OK)
        return path
    }

    @Test func `a store of version 1 is read and goes on`() throws {
        let folder = ScratchFolder()
        let path = try store(fromDump: "store-v1.sql", in: folder)
        let store = try SQLiteJobStore(path: path)
        let reader = try SQLiteJobReader(path: path)
        try expectScene(store, reader)
        let outcomes = try store.commit([
            .insert(NewJob(job: Sample.job(9, lane: 2), requests: [[1]])),
            .update(
                JobUpdate(
                    key: OldFormatScene.running.order.id.key, from: .running,
                    progress: JobProgress(state: .succeeded), responses: [[4]])),
        ])
        #expect(outcomes == [.done, .done])
        #expect(try store.marked(after: nil, limit: 9).isEmpty)
    }

    /// A new store in which the same was done is the same: the scene and the dump belong together.
    @Test func `the scene of the dumps is what a store makes of it today`() throws {
        let fixture = try StoreFixture(.sqlite)
        try OldFormatScene.fill(fixture.store)
        try expectScene(fixture.store, fixture.reader)
    }

    private func expectScene(_ store: any JobStore, _ reader: any JobReader) throws {
        let scene = OldFormatScene.self
        for job in [scene.queued, scene.scheduled, scene.running, scene.failed] {
            #expect(try store.job(job.order.id.key) == job)
        }
        #expect(try store.job(scene.deleted.order.id.key) == nil)
        #expect(try store.requests(of: scene.queued.order.id.key) == [[7, 7]])
        #expect(try store.requests(of: scene.scheduled.order.id.key) == [scene.largeRequest])
        #expect(try reader.responses(of: scene.failed.order.id.key) == scene.response)
        #expect(try store.marked(after: nil, limit: 9) == [scene.running])
        #expect(try store.nextDueMilliseconds() == scene.start + 30_000)
        #expect(try store.nextExpiryMilliseconds() == scene.start + 60_000)
        let failed = try reader.list(JobFilter(state: .failed), before: nil, limit: 9)
        #expect(failed.jobs == [scene.failed])
        let contents = try store.contents()
        #expect(contents.lanes.map(\.name) == ["echo"] && contents.pausedTargets == ["echo"])
        #expect(contents.counts.map(\.count) == [1, 1, 1, 1] && contents.largestKey == 5)
        #expect(try reader.batchCounts("nightly", uid: 1000).map(\.1) == [1, 1, 1, 1])
        var again = scene.deleted
        again.order = again.order.with(id: JobID(key: JobKey(rawValue: 6), salt: 6))
        let outcome = try store.commit([
            .insert(NewJob(job: again, requests: [], fingerprint: scene.fingerprint))
        ])
        #expect(outcome == [.keyTaken(id: nil, sameCall: true)])
    }
}
