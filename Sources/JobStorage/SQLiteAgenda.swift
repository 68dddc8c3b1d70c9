// The small tables that follow a job's state: what time will do to it, and whether people will look
// for it. Only jobs that belong there cost a write.

import JobLogic

final class SQLiteAgenda {
    enum Kind {
        case start
        case expiry
        case poll(lane: Int64)
        case operation(lane: Int64)

        /// On disk.
        var column: Int64 {
            switch self {
            case .start: 0
            case .expiry: 1
            case .poll(let lane): 2 + lane << 8
            case .operation(let lane): 3 + lane << 8
            }
        }
    }

    private let add: SQLiteStatement
    private let remove: SQLiteStatement
    private let addTrouble: SQLiteStatement
    private let removeTrouble: SQLiteStatement

    init(_ connection: SQLiteConnection) throws(StoreError) {
        add = try SQLiteStatement(connection, "INSERT INTO agenda VALUES(?, ?, ?)")
        remove = try SQLiteStatement(
            connection, "DELETE FROM agenda WHERE kind = ? AND time = ? AND key = ?")
        addTrouble = try SQLiteStatement(connection, "INSERT INTO troubled VALUES(?, ?)")
        removeTrouble = try SQLiteStatement(
            connection, "DELETE FROM troubled WHERE state = ? AND key = ?")
    }

    /// States that a list finds without looking at the others.
    static func isTroubled(_ state: JobState) -> Bool {
        switch state {
        case .unknown, .failed, .cancelled, .expired: true
        case .queued, .scheduled, .running, .waiting, .succeeded: false
        }
    }

    /// What of a job decides where it stands.
    struct Place {
        var state: JobState
        var lane: Int64
        var notBefore: Int64?
        var expiresAt: Int64?
        /// When the operation began that a `waiting` job follows.
        var began: Int64?

        var start: Int64? { state == .scheduled ? notBefore : nil }
        /// Of a cancelled job: when its operation is told next, if it still is to be.
        var poll: Int64? { state == .waiting || state == .cancelled ? notBefore : nil }
        var operation: Int64? { state == .waiting ? began : nil }
        var expiry: Int64? { state == .queued || state == .scheduled ? expiresAt : nil }
        var trouble: Int64? { SQLiteAgenda.isTroubled(state) ? Int64(state.rawValue) : nil }
    }

    /// - Parameters:
    ///   - old: where it stood; nothing for a new job.
    ///   - new: where it stands; nothing for one that is deleted.
    func move(_ key: JobKey, from old: Place?, to new: Place?) throws(StoreError) {
        if old?.start != new?.start {
            try change(key, .start, from: old?.start, to: new?.start)
        }
        if old?.expiry != new?.expiry {
            try change(key, .expiry, from: old?.expiry, to: new?.expiry)
        }
        if let lane = (old ?? new)?.lane { try moveOperation(key, lane, from: old, to: new) }
        if old?.trouble == new?.trouble { return }
        if let state = old?.trouble { try run(removeTrouble, state, key.column) }
        if let state = new?.trouble { try run(addTrouble, state, key.column) }
    }

    /// A job's lane is its own for ever.
    private func moveOperation(
        _ key: JobKey, _ lane: Int64, from old: Place?, to new: Place?
    ) throws(StoreError) {
        if old?.poll != new?.poll {
            try change(key, .poll(lane: lane), from: old?.poll, to: new?.poll)
        }
        if old?.operation != new?.operation {
            try change(key, .operation(lane: lane), from: old?.operation, to: new?.operation)
        }
    }

    private func change(
        _ key: JobKey, _ kind: Kind, from old: Int64?, to new: Int64?
    ) throws(StoreError) {
        for (statement, time) in [(remove, old), (add, new)] {
            guard let time else { continue }
            statement.bind(3, key.column)
            try run(statement, kind.column, time)
        }
    }

    private func run(
        _ statement: SQLiteStatement, _ first: Int64, _ second: Int64
    ) throws(StoreError) {
        statement.bind(1, first)
        statement.bind(2, second)
        try statement.run()
    }
}
