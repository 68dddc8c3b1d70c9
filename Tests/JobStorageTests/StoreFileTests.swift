// Files that are not a store of ours, not of this version, or not sound: the right error, and not a
// byte of them changed. And what a new store's file is like.

import CSQLite
import Foundation
import JobLogic
import JobStorage
import Testing

@Suite struct StoreFileTests {
    private let folder = ScratchFolder()
    private var path: String { folder.file("store.db") }

    private func run(_ sql: String, on path: String) {
        var database: OpaquePointer?
        sqlite3_open(path, &database)
        #expect(sqlite3_exec(database, sql, nil, nil, nil) == SQLITE_OK)
        sqlite3_close(database)
    }

    private func bytes(_ path: String) -> Data {
        FileManager.default.contents(atPath: path) ?? Data()
    }

    /// Opening fails with such an error and leaves every byte, and no file beside it.
    private func expectUntouched(_ isRight: (StoreError) -> Bool) throws {
        let before = bytes(path)
        do {
            _ = try SQLiteJobStore(path: path)
            Issue.record("it was opened")
        } catch {
            #expect(isRight(error), "\(error)")
        }
        #expect(bytes(path) == before)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["store.db"])
    }

    private func isForeign(_ error: StoreError) -> Bool {
        if case .foreign = error { true } else { false }
    }

    private func isCorrupt(_ error: StoreError) -> Bool {
        if case .corrupt = error { true } else { false }
    }

    private func makeStore(jobs: ClosedRange<UInt64> = 1...50) throws {
        let store = try SQLiteJobStore(path: path)
        _ = try store.commit(
            jobs.map { .insert(NewJob(job: Sample.job($0), requests: [[1, 2, 3]])) })
        try store.checkpoint(truncate: true)
    }

    @Test func `a text file is not a store`() throws {
        try Data("hello, this is no database at all".utf8).write(to: URL(fileURLWithPath: path))
        try expectUntouched(isForeign)
    }

    @Test func `a file shorter than a header is not a store`() throws {
        try Data("SQLite format 3\0".utf8).write(to: URL(fileURLWithPath: path))
        try expectUntouched(isForeign)
    }

    @Test func `another program's database is not a store`() throws {
        run("CREATE TABLE jobs(a); INSERT INTO jobs VALUES(1)", on: path)
        try expectUntouched(isForeign)
    }

    @Test func `a newer store is left to the newer prong`() throws {
        try makeStore()
        run("PRAGMA user_version = 2", on: path)
        try expectUntouched { error in
            isForeign(error) && error.message.contains("version 2")
        }
    }

    @Test func `a newer version that is in the log only is seen too`() throws {
        try makeStore()
        var database: OpaquePointer?
        sqlite3_open(path, &database)
        sqlite3_exec(database, "PRAGMA user_version = 2", nil, nil, nil)
        let before = bytes(path)
        #expect(before[60..<64].elementsEqual([0, 0, 0, 1]))
        let log = bytes(path + "-wal")
        #expect(throws: StoreError.self) { try SQLiteJobStore(path: path) }
        #expect(bytes(path) == before && bytes(path + "-wal") == log)
        sqlite3_close(database)
    }

    @Test func `a file cut short is corrupt`() throws {
        try makeStore(jobs: 1...500)
        let whole = bytes(path)
        try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: path))
        for suffix in ["-wal", "-shm"] {
            try? FileManager.default.removeItem(atPath: path + suffix)
        }
        let before = bytes(path)
        do {
            let store = try SQLiteJobStore(path: path)
            _ = try store.commit([.insert(NewJob(job: Sample.job(501), requests: []))])
            Issue.record("it was used")
        } catch {
            #expect(isCorrupt(error), "\(error)")
        }
        #expect(bytes(path) == before)
    }

    @Test func `a page of noise is corrupt, and a commit that meets it changes nothing`() throws {
        try makeStore(jobs: 1...500)
        var data = bytes(path)
        for index in 4096..<data.count { data[index] = UInt8(truncatingIfNeeded: index &* 7) }
        try data.write(to: URL(fileURLWithPath: path))
        do {
            let store = try SQLiteJobStore(path: path)
            _ = try store.commit([.insert(NewJob(job: Sample.job(501), requests: []))])
            Issue.record("it was used")
        } catch {
            #expect(isCorrupt(error), "\(error)")
        }
        #expect(bytes(path) == data)
    }

    @Test func `a row that makes no sense is an error, not a trap`() throws {
        try makeStore()
        run("UPDATE jobs SET rest = x'FFFFFFFFFFFFFFFFFFFFFFFF' WHERE key = 3", on: path)
        run("UPDATE jobs SET state = 9 WHERE key = 4", on: path)
        run("UPDATE jobs SET target = 99 WHERE key = 5", on: path)
        run("UPDATE jobs SET priority = 9223372036854775807 WHERE key = 6", on: path)
        let store = try SQLiteJobStore(path: path)
        for key in 3...6 as ClosedRange<UInt64> {
            #expect(throws: StoreError.self) { try store.job(JobKey(rawValue: key)) }
        }
        #expect(try store.job(JobKey(rawValue: 7)) == Sample.job(7))
    }

    @Test func `a folder that is not there is an error`() throws {
        #expect(throws: StoreError.self) { try SQLiteJobStore(path: folder.file("no/store.db")) }
        #expect(throws: StoreError.self) { try SQLiteJobReader(path: folder.file("no/store.db")) }
    }

    @Test func `a link in the store's place is not followed when a store is made`() throws {
        try FileManager.default.createSymbolicLink(
            atPath: path, withDestinationPath: folder.file("elsewhere.db"))
        #expect(throws: StoreError.self) { try SQLiteJobStore(path: path) }
        #expect(!FileManager.default.fileExists(atPath: folder.file("elsewhere.db")))
    }

    @Test func `a log whose store is missing is not played into a new one`() throws {
        let store = try SQLiteJobStore(path: path)
        _ = try store.commit([.insert(NewJob(job: Sample.job(1), requests: [[1]]))])
        let files = FileManager.default
        try files.copyItem(atPath: path + "-wal", toPath: folder.file("kept"))
        let other = ScratchFolder()
        try files.moveItem(atPath: folder.file("kept"), toPath: other.file("store.db-wal"))
        #expect(throws: StoreError.self) { try SQLiteJobStore(path: other.file("store.db")) }
        #expect(try files.contentsOfDirectory(atPath: other.path) == ["store.db-wal"])
    }

    @Test func `an empty file becomes a store`() throws {
        try Data().write(to: URL(fileURLWithPath: path))
        try makeStore()
        #expect(integrity(ofFileAt: path) == ["ok"])
    }

    @Test func `the file and what lies beside it are the owner's alone`() throws {
        let store = try SQLiteJobStore(path: path)
        _ = try store.commit([.probe])
        for suffix in ["", "-wal", "-shm"] {
            let facts = try FileManager.default.attributesOfItem(atPath: path + suffix)
            #expect(facts[.posixPermissions] as? Int == 0o600)
        }
    }

    @Test func `a new store vacuums step by step and carries prong's number`() throws {
        try makeStore()
        let header = bytes(path)
        #expect(header[52..<56].contains { $0 != 0 }, "auto_vacuum")
        #expect(header[64..<68].elementsEqual([0, 0, 0, 1]), "incremental")
        #expect(header[68..<72].elementsEqual(Array("PRNG".utf8)))
        #expect(header[60..<64].elementsEqual([0, 0, 0, 1]), "version")
    }

    @Test func `pages of deleted jobs go back to the file system`() throws {
        let store = try SQLiteJobStore(path: path)
        let body = Array(repeating: UInt8(7), count: 100_000)
        _ = try store.commit((1...50).map {
            .insert(NewJob(job: Sample.job($0), requests: [body]))
        })
        try store.checkpoint(truncate: true)
        let full = bytes(path).count
        let used = try store.size().usedBytes
        _ = try store.commit((1...50).map { .delete(JobKey(rawValue: $0)) })
        try store.releaseFreePages(limit: 10_000)
        try store.checkpoint(truncate: true)
        #expect(bytes(path).count < full / 4)
        #expect(try store.size().usedBytes < used / 4)
    }

    @Test func `the log is emptied by a checkpoint and is used again after one`() throws {
        let store = try SQLiteJobStore(path: path)
        let reader = try SQLiteJobReader(path: path)
        var largest: Int64 = 0
        for key in 1...300 as ClosedRange<UInt64> {
            _ = try store.commit([.insert(NewJob(job: Sample.job(key), requests: [[1]]))])
            _ = try reader.job(JobKey(rawValue: key))
            if key % 20 == 0 { try store.checkpoint(truncate: false) }
            largest = max(largest, store.logBytes)
        }
        #expect(largest < 2_000_000)
        try store.checkpoint(truncate: true)
        #expect(store.logBytes == 0)
    }

    @Test func `a reader sees what is committed and holds up no checkpoint`() throws {
        let store = try SQLiteJobStore(path: path)
        let reader = try SQLiteJobReader(path: path)
        _ = try store.commit([.insert(NewJob(job: Sample.job(1), requests: [[1]]))])
        #expect(try reader.list(JobFilter(), before: nil, limit: 1).jobs == [Sample.job(1)])
        try store.checkpoint(truncate: true)
        _ = try store.commit([.insert(NewJob(job: Sample.job(2), requests: [[1]]))])
        #expect(try reader.job(JobKey(rawValue: 2)) == Sample.job(2))
    }
}
