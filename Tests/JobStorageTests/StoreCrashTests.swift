// A process that writes to the store is killed at random moments: whatever it had acknowledged is
// there afterwards.

import Foundation
import JobLogic
import JobStorage
import Testing

@Suite struct StoreCrashTests {
    /// What a killed writer had said.
    private struct Ledger {
        var inserted: Set<UInt64> = []
        var ended: Set<UInt64> = []

        mutating func note(_ line: Substring) {
            let keys = line.dropFirst().split(separator: " ").compactMap { UInt64($0) }
            if line.first == "+" { inserted.formUnion(keys) } else { ended.formUnion(keys) }
        }
    }

    private func body(_ key: UInt64) -> [UInt8] {
        Array(repeating: UInt8(truncatingIfNeeded: key), count: Int(key % 7) * 300)
    }

    /// Programs are built beside the tests.
    private var program: URL {
        let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        var folder = tests.deletingLastPathComponent()
        let name = "job-storage-crash"
        for argument in CommandLine.arguments where argument.hasSuffix(".xctest") {
            folder = URL(fileURLWithPath: argument).deletingLastPathComponent()
        }
        return folder.appendingPathComponent(name)
    }

    /// Lets it write until it has said so many lines, then kills it; whole lines only are counted.
    private func runAndKill(_ path: String, seed: Int, lines: Int, _ ledger: inout Ledger) throws {
        let process = Process()
        let output = Pipe()
        process.executableURL = program
        process.arguments = [path, String(seed)]
        process.standardOutput = output
        try process.run()
        var text = ""
        var seen = 0
        while seen < lines {
            let data = output.fileHandleForReading.availableData
            if data.isEmpty { break }
            text += String(decoding: data, as: UTF8.self)
            seen = text.count { $0 == "\n" }
        }
        kill(process.processIdentifier, SIGKILL)
        text += String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationReason == .uncaughtSignal)
        let whole = text.prefix { _ in true }.lastIndex(of: "\n") ?? text.startIndex
        for line in text[..<whole].split(separator: "\n") { ledger.note(line) }
    }

    @Test func `a killed writer loses nothing that it acknowledged`() throws {
        let folder = ScratchFolder()
        let path = folder.file("store.db")
        var ledger = Ledger()
        for round in 1...12 {
            try runAndKill(path, seed: round, lines: [1, 2, 7, 30, 55, 90][round % 6], &ledger)
            try expectWhole(path, ledger)
        }
        #expect(ledger.inserted.count > 100)
    }

    private func expectWhole(_ path: String, _ ledger: Ledger) throws {
        do {
            let store = try SQLiteJobStore(path: path)
            let reader = try SQLiteJobReader(path: path)
            for key in ledger.inserted {
                let state = try store.job(JobKey(rawValue: key))?.progress.state
                #expect(state == .queued || state == .succeeded, "job \(key)")
                #expect(try store.requests(of: JobKey(rawValue: key)) == [body(key)])
            }
            for key in ledger.ended {
                #expect(try store.job(JobKey(rawValue: key))?.progress.state == .succeeded)
                #expect(try reader.responses(of: JobKey(rawValue: key)) == [body(key + 1)])
            }
            try expectTrueCounters(store, reader)
        }
        #expect(integrity(ofFileAt: path) == ["ok"])
    }

    private func expectTrueCounters(_ store: SQLiteJobStore, _ reader: SQLiteJobReader) throws {
        var counted: [JobState: Int64] = [:]
        var before: JobKey?
        repeat {
            let page = try reader.list(JobFilter(), before: before, limit: 1000)
            for job in page.jobs { counted[job.progress.state, default: 0] += 1 }
            before = page.continueBefore
        } while before != nil
        var kept: [JobState: Int64] = [:]
        for count in try store.contents().counts { kept[count.state, default: 0] += count.count }
        #expect(counted == kept)
    }
}
