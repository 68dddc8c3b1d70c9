// What of a job a change of its state needs to know, read or known already, and the small tables
// that follow the change.

import JobLogic

extension SQLiteJobStore {
    struct Head {
        var place: SQLiteAgenda.Place
        var state: JobState { place.state }
        var lane: Int64
        var orderKey: Int64
        var uid: Int64
        var batch: String?

        func standing(_ key: JobKey) -> SQLiteStanding.QueuedRow {
            SQLiteStanding.QueuedRow(lane: lane, orderKey: orderKey, key: key)
        }
    }

    /// Flushes what changes before this one left waiting.
    func head(of key: JobKey) throws(StoreError) -> Head? {
        try progress.flush()
        try standing.flush()
        let row = control.head
        row.bind(1, key.column)
        guard try row.step() else { return nil }
        defer { row.reset() }
        guard let state = JobState(rawValue: UInt8(clamping: row.integer(0))) else {
            throw .corrupt("job \(key.rawValue) is in a state that is none")
        }
        let place = SQLiteAgenda.Place(
            state: state, lane: row.integer(1), notBefore: row.optionalInteger(5),
            expiresAt: row.optionalInteger(6),
            began: state == .waiting ? try operationStart(from: row, key) : nil)
        return Head(
            place: place, lane: row.integer(1), orderKey: row.integer(2), uid: row.integer(3),
            batch: row.optionalText(4))
    }

    private func operationStart(
        from row: SQLiteStatement, _ key: JobKey
    ) throws(StoreError) -> Int64 {
        var progress = JobProgress(
            state: .waiting, startedAtMilliseconds: row.optionalInteger(7))
        do throws(FieldError) {
            progress.attempts = try AttemptRecord.list(row.blob(8))
        } catch {
            throw .corrupt("the attempts of job \(key.rawValue) cannot be read")
        }
        return progress.operationStartMilliseconds
    }

    /// The counters and the agenda after a change of state, or a delete.
    func move(
        _ key: JobKey, _ head: Head, to place: SQLiteAgenda.Place?
    ) throws(StoreError) {
        try agenda.move(key, from: head.place, to: place)
        counters.changes.add(
            -1, lane: head.lane, state: Int64(head.state.rawValue), batch: head.batch,
            uid: head.uid)
        guard let place else { return }
        counters.changes.add(
            1, lane: head.lane, state: Int64(place.state.rawValue), batch: head.batch, uid: head.uid
        )
    }
}

extension SQLiteJobStore.Head {
    /// Of a job that the queue has at hand, in a state without a time of its own.
    init(_ order: JobOrder, state: JobState) {
        self.init(
            place: SQLiteAgenda.Place(
                state: state, lane: Int64(order.lane.rawValue),
                expiresAt: order.expiresAtMilliseconds),
            lane: Int64(order.lane.rawValue), orderKey: order.position.orderKey,
            uid: Int64(order.submitter.uid), batch: order.batch)
    }
}
