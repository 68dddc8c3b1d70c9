// Writes requests, responses and progress beside a job, and removes them. Small bodies go into the
// job's own rows, others into chunks.

import JobLogic

final class SQLiteBodies {
    private let addChunk: SQLiteStatement
    private let deleteChunks: SQLiteStatement
    private let putProgress: SQLiteStatement
    private let putEnd: SQLiteStatement
    private let deleteProgress: SQLiteStatement
    private let addMark: SQLiteStatement
    private let deleteMark: SQLiteStatement
    private var scratch = FieldEncoder()

    init(_ connection: SQLiteConnection) throws(StoreError) {
        addChunk = try SQLiteStatement(connection, "INSERT INTO chunks VALUES(?, ?, ?, ?, ?)")
        deleteChunks = try SQLiteStatement(
            connection, "DELETE FROM chunks WHERE key = ? AND kind BETWEEN ? AND ?")
        putProgress = try SQLiteStatement(connection, SQLiteBodies.upsert(response: false))
        putEnd = try SQLiteStatement(connection, SQLiteBodies.upsert(response: true))
        deleteProgress = try SQLiteStatement(connection, "DELETE FROM progress WHERE key = ?")
        addMark = try SQLiteStatement(connection, "INSERT INTO marks VALUES(?, ?, ?, ?, ?)")
        deleteMark = try SQLiteStatement(connection, "DELETE FROM marks WHERE key = ?")
    }

    private static func upsert(response: Bool) -> String {
        let columns = [
            "attemptCount", "crashes", "startedAt", "endedAt", "operationName", "checkpoint",
            "error", "attempts",
        ] + (response ? ["response"] : [])
        let places = Array(repeating: "?", count: columns.count + 1).joined(separator: ",")
        let sets = columns.map { "\($0) = excluded.\($0)" }.joined(separator: ", ")
        return "INSERT INTO progress(key, \(columns.joined(separator: ", "))) VALUES(\(places)) "
            + "ON CONFLICT(key) DO UPDATE SET \(sets)"
    }

    // MARK: Messages

    /// The one small message that lies in a row, or nothing: then they are chunks.
    static func inline(_ messages: [[UInt8]]) -> [UInt8]? {
        guard messages.count == 1, messages[0].count <= SQLiteSchema.inlineBytesMax else {
            return nil
        }
        return messages[0]
    }

    func addChunks(
        of messages: [[UInt8]], key: JobKey, kind: SQLiteRows.Kind
    ) throws(StoreError) {
        for (number, message) in messages.enumerated() {
            var start = 0
            var chunk: Int64 = 0
            // an empty message is one empty chunk
            repeat {
                let end = min(start + SQLiteSchema.chunkBytesMax, message.count)
                addChunk.bind(1, key.column)
                addChunk.bind(2, kind.rawValue)
                addChunk.bind(3, Int64(number))
                addChunk.bind(4, chunk)
                try addChunk.run(blob: message, range: start..<end, place: 5)
                start = end
                chunk += 1
            } while start < message.count
        }
    }

    // MARK: Progress

    /// - Parameter responses: replaces what was there when it is given.
    func put(
        _ progress: JobProgress, responses: [[UInt8]]?, key: JobKey
    ) throws(StoreError) {
        let statement = responses == nil ? putProgress : putEnd
        statement.bind(1, key.column)
        statement.bind(2, Int64(progress.attemptCount))
        statement.bind(3, Int64(progress.crashes))
        statement.bind(4, progress.startedAtMilliseconds)
        statement.bind(5, progress.endedAtMilliseconds)
        statement.bind(6, progress.operationName)
        scratch.removeAll()
        scratch.raw(progress.checkpoint)
        let checkpointEnd = scratch.count
        if let error = progress.error { scratch.error(error) }
        let errorEnd = scratch.count
        scratch.attempts(progress.attempts)
        let attemptsEnd = scratch.count
        let inline = responses.flatMap { SQLiteBodies.inline($0) }
        if let inline { scratch.raw(inline) }
        try statement.run(blobs: scratch.bytes) { statement, bytes in
            statement.bind(7, unowned: bytes[0..<checkpointEnd], emptyIsNull: true)
            statement.bind(
                8, unowned: bytes[checkpointEnd..<errorEnd], emptyIsNull: progress.error == nil)
            statement.bind(9, unowned: bytes[errorEnd..<attemptsEnd], emptyIsNull: true)
            if responses == nil { return }
            statement.bind(10, unowned: bytes[attemptsEnd...], emptyIsNull: inline == nil)
        }
        guard let responses else { return }
        if inline == nil {
            try removeChunks(of: key, kinds: .response ... .response)
            try addChunks(of: responses, key: key, kind: .response)
        }
    }

    func addMark(_ mark: DispatchMark?, key: JobKey) throws(StoreError) {
        addMark.bind(1, key.column)
        addMark.bind(2, mark.map { Int64($0.attempt) })
        addMark.bind(3, mark.map { Int64(bitPattern: $0.worker.instance) })
        addMark.bind(4, mark.map { Int64($0.worker.slot) })
        addMark.bind(5, mark.map { Int64($0.worker.generation) })
        try addMark.run()
    }

    func removeMark(_ key: JobKey) throws(StoreError) {
        deleteMark.bind(1, key.column)
        try deleteMark.run()
    }

    // MARK: Removing

    func removeAll(of key: JobKey) throws(StoreError) {
        deleteProgress.bind(1, key.column)
        try deleteProgress.run()
        try removeMark(key)
        try removeChunks(of: key, kinds: .request ... .response)
    }

    private func removeChunks(
        of key: JobKey, kinds: ClosedRange<SQLiteRows.Kind>
    ) throws(StoreError) {
        deleteChunks.bind(1, key.column)
        deleteChunks.bind(2, kinds.lowerBound.rawValue)
        deleteChunks.bind(3, kinds.upperBound.rawValue)
        try deleteChunks.run()
    }
}

extension SQLiteRows.Kind: Comparable {
    static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

extension SQLiteStatement {
    func bind(
        _ place: Int32, unowned bytes: Slice<UnsafeRawBufferPointer>, emptyIsNull: Bool
    ) {
        if bytes.isEmpty && emptyIsNull {
            bindNull(place)
        } else {
            bind(place, unowned: UnsafeRawBufferPointer(rebasing: bytes))
        }
    }

    /// Binds blobs without a copy and runs while they stay where they are.
    func run(
        blobs: [UInt8], _ bindBlobs: (SQLiteStatement, UnsafeRawBufferPointer) -> Void
    ) throws(StoreError) {
        // typed errors do not pass through the closure: the result carries them
        let result: Result<Void, StoreError> = blobs.withUnsafeBytes { bytes in
            bindBlobs(self, bytes)
            do throws(StoreError) {
                try run()
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    func run(blob: [UInt8], range: Range<Int>, place: Int32) throws(StoreError) {
        try run(blobs: blob) { statement, bytes in
            statement.bind(place, unowned: bytes[range], emptyIsNull: false)
        }
    }
}
