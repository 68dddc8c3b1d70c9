// Writes requests and responses that are not small or not one beside a job, in chunks, and removes
// them. Small ones lie in the job's own rows: not here.

import JobLogic

final class SQLiteBodies {
    private let addChunk: SQLiteStatement
    private let deleteChunks: SQLiteStatement

    init(_ connection: SQLiteConnection) throws(StoreError) {
        addChunk = try SQLiteStatement(connection, "INSERT INTO chunks VALUES(?, ?, ?, ?, ?)")
        deleteChunks = try SQLiteStatement(
            connection, "DELETE FROM chunks WHERE key = ? AND kind BETWEEN ? AND ?")
    }

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

    func removeChunks(
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
    /// A part of the bytes, without a copy: they must stay where they are until the reset.
    func bind(_ place: Int32, _ range: Range<Int>?, of bytes: UnsafeRawBufferPointer) {
        if let range {
            bind(place, unowned: UnsafeRawBufferPointer(rebasing: bytes[range]))
        } else {
            bindNull(place)
        }
    }

    func run(blob: [UInt8], range: Range<Int>, place: Int32) throws(StoreError) {
        // typed errors do not pass through the closure: the result carries them
        let result: Result<Void, StoreError> = blob.withUnsafeBytes { bytes in
            bind(place, range, of: bytes)
            do throws(StoreError) {
                try run()
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }
}
