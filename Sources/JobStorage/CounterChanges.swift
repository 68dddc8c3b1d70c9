// What a transaction does to the counters, added up and written once at its end: sixty-four jobs of
// one lane cost one row.

import JobLogic

struct CounterChanges {
    struct LaneCounter: Equatable {
        var lane: Int64
        var state: Int64
    }

    struct BatchCounter: Hashable {
        var batch: String
        var uid: Int64
        var state: Int64
    }

    /// A transaction moves jobs between few lanes and states: looked through faster than hashed.
    private(set) var lanes: [(counter: LaneCounter, count: Int64)] = []
    private(set) var batches: [BatchCounter: Int64] = [:]

    mutating func add(_ count: Int64, lane: Int64, state: Int64, batch: String?, uid: Int64) {
        let counter = LaneCounter(lane: lane, state: state)
        if let place = lanes.firstIndex(where: { $0.counter == counter }) {
            lanes[place].count += count
        } else {
            lanes.append((counter, count))
        }
        if let batch {
            batches[BatchCounter(batch: batch, uid: uid, state: state), default: 0] += count
        }
    }

    mutating func removeAll() {
        lanes.removeAll(keepingCapacity: true)
        batches.removeAll(keepingCapacity: true)
    }
}

final class SQLiteCounters {
    private let addLane: SQLiteStatement
    private let addBatch: SQLiteStatement
    private let dropBatch: SQLiteStatement
    var changes = CounterChanges()

    init(_ connection: SQLiteConnection) throws(StoreError) {
        addLane = try SQLiteStatement(
            connection,
            """
            INSERT INTO counters VALUES(?, ?, ?)
            ON CONFLICT DO UPDATE SET count = count + excluded.count
            """)
        addBatch = try SQLiteStatement(
            connection,
            """
            INSERT INTO batches VALUES(?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET count = count + excluded.count
            """)
        // batch names are the users': without their jobs they go
        dropBatch = try SQLiteStatement(
            connection,
            "DELETE FROM batches WHERE batch = ? AND uid = ? AND state = ? AND count = 0")
    }

    func flush() throws(StoreError) {
        defer { changes.removeAll() }
        for (counter, count) in changes.lanes where count != 0 {
            addLane.bind(1, counter.lane)
            addLane.bind(2, counter.state)
            addLane.bind(3, count)
            try addLane.run()
        }
        for (counter, count) in changes.batches where count != 0 {
            for statement in count < 0 ? [addBatch, dropBatch] : [addBatch] {
                statement.bind(1, counter.batch)
                statement.bind(2, counter.uid)
                statement.bind(3, counter.state)
                if statement === addBatch { statement.bind(4, count) }
                try statement.run()
            }
        }
    }
}
