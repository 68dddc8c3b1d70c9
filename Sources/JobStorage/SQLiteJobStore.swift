// The store in one SQLite file: write-ahead log, synchronous=FULL, one writer. What is committed
// survives a crash of the process and of the machine, as far as the disk keeps its promise. Must
// never go on after a failed fsync: what is on disk is then not known.

package import JobLogic

package final class SQLiteJobStore: JobStore {
    let connection: SQLiteConnection
    let rows: SQLiteRows
    private let inserts: SQLiteInsert
    private let bodies: SQLiteBodies
    let progress: SQLiteProgress
    let standing: SQLiteStanding
    let counters: SQLiteCounters
    let agenda: SQLiteAgenda
    let control: SQLiteControl
    let reads: SQLiteWriterReads
    let log: SQLiteLog
    var broken: StoreError?
    /// The largest key that a delete of the running transaction took away.
    private var deletedKey: Int64 = 0

    /// Opens the store, and makes it when the file is absent or empty. Its folder must be there.
    /// - Parameter vfs: a registered SQLite VFS; nothing: the system's own.
    package init(path: String, vfs: String? = nil) throws(StoreError) {
        connection = try SQLiteConnection.openWriter(path: path, vfs: vfs)
        rows = try SQLiteRows(connection)
        inserts = try SQLiteInsert(rows)
        bodies = try SQLiteBodies(connection)
        progress = try SQLiteProgress(connection)
        standing = try SQLiteStanding(connection)
        counters = try SQLiteCounters(connection)
        agenda = try SQLiteAgenda(connection)
        control = try SQLiteControl(connection)
        reads = try SQLiteWriterReads(rows)
        log = SQLiteLog(connection, path: path, pageBytes: reads.pageBytes)
    }

    // MARK: Committing

    package func commit(_ changes: [Change]) throws(StoreError) -> [ChangeOutcome] {
        if changes.isEmpty { return [] }
        return try transaction { () throws(StoreError) in
            var outcomes: [ChangeOutcome] = []
            outcomes.reserveCapacity(changes.count)
            for change in changes { outcomes.append(try apply(change)) }
            try inserts.flush()
            try progress.flush()
            try standing.flush()
            return outcomes
        }
    }

    func transaction<Value>(
        _ body: () throws(StoreError) -> Value
    ) throws(StoreError) -> Value {
        try refuseBroken()
        do throws(StoreError) {
            try control.begin.run()
            let value = try body()
            try counters.flush()
            try noteDeletedKey()
            try control.commit.run()
            inserts.committed()
            return value
        } catch {
            rollBack(after: error)
            throw broken ?? error
        }
    }

    /// SQLite rolls some errors back itself; what it did not, is rolled back here.
    func rollBack(after error: StoreError) {
        inserts.rolledBack()
        progress.rolledBack()
        standing.rolledBack()
        counters.changes.removeAll()
        deletedKey = 0
        if case .syncFailed = error { broken = error }
        if connection.isAutocommit { return }
        do throws(StoreError) {
            try control.rollback.run()
        } catch {
            // a store that cannot go back must not go on either
            if !connection.isAutocommit { broken = .syncFailed("rolling back: \(error.message)") }
        }
    }

    func refuseBroken() throws(StoreError) {
        if let broken { throw broken }
    }

    private func apply(_ change: Change) throws(StoreError) -> ChangeOutcome {
        switch change {
        case .insert(let new): return try insert(new)
        case .update(let update): return try self.update(update)
        case .delete(let key): return try delete(key)
        case .addLane(let lane, let name):
            control.addLane.bind(1, Int64(lane.rawValue))
            control.addLane.bind(2, name)
            try control.addLane.run()
        case .setPaused(let target, let paused):
            let statement = paused ? control.pause : control.resume
            statement.bind(1, target)
            try statement.run()
        case .probe:
            try control.probe.run()
        }
        return .done
    }

    // MARK: Jobs

    private func insert(_ new: NewJob) throws(StoreError) -> ChangeOutcome {
        let order = new.job.order
        if let taken = try claimKey(of: new) { return taken }
        let inline = SQLiteBodies.inline(new.requests)
        try inserts.add(new.job, request: inline)
        if inline == nil {
            try bodies.addChunks(of: new.requests, key: order.id.key, kind: .request)
        }
        let progress = new.job.progress
        if progress.state == .queued { try standing.enqueue(SQLiteStanding.QueuedRow(order)) }
        if progress.state == .running || progress.hasHistory {
            try put(progress, responses: nil, key: order.id.key)
        }
        let place = SQLiteAgenda.Place(
            progress, lane: Int64(order.lane.rawValue), expiresAt: order.expiresAtMilliseconds)
        try agenda.move(order.id.key, from: nil, to: place)
        counters.changes.add(
            1, lane: Int64(order.lane.rawValue), state: Int64(progress.state.rawValue),
            batch: order.batch, uid: Int64(order.submitter.uid))
        return .done
    }

    /// Takes the job's idempotency key, if it has one; the outcome when somebody has it already.
    private func claimKey(of new: NewJob) throws(StoreError) -> ChangeOutcome? {
        guard let key = new.job.order.idempotencyKey else { return nil }
        let uid = Int64(new.job.order.submitter.uid)
        if new.isReplayOnly {
            try inserts.flush()
            return try owner(ofKey: key, uid: uid, fingerprint: new.fingerprint) ?? .noRoom
        }
        control.addKey.bind(1, uid)
        control.addKey.bind(2, key)
        control.addKey.bind(3, new.fingerprint.map { Int64(bitPattern: $0.high) })
        control.addKey.bind(4, new.fingerprint.map { Int64(bitPattern: $0.low) })
        control.addKey.bind(5, new.job.order.id.key.column)
        control.addKey.bind(6, Int64(bitPattern: new.job.order.id.salt))
        try control.addKey.run()
        if connection.changedRows == 1 { return nil }
        // the one who has it may have come in this very transaction
        try inserts.flush()
        guard let taken = try owner(ofKey: key, uid: uid, fingerprint: new.fingerprint) else {
            throw .bug("a taken key has no owner")
        }
        return taken
    }

    private func owner(
        ofKey key: String, uid: Int64, fingerprint: CallFingerprint?
    ) throws(StoreError) -> ChangeOutcome? {
        let row = control.keyOwner
        row.bind(1, uid)
        row.bind(2, key)
        guard try row.step() else { return nil }
        defer { row.reset() }
        var known: CallFingerprint?
        if !row.isNull(0) {
            known = CallFingerprint(
                high: UInt64(bitPattern: row.integer(0)), low: UInt64(bitPattern: row.integer(1)))
        }
        let id = JobID(
            key: JobKey(column: row.integer(2)), salt: UInt64(bitPattern: row.integer(3)))
        return .keyTaken(id: row.integer(4) == 0 ? nil : id, sameCall: known == fingerprint)
    }

    private func update(_ update: JobUpdate) throws(StoreError) -> ChangeOutcome {
        let progress = update.progress
        try inserts.flush(update.key)
        guard let head = try leave(update) else { return .conflict }
        if progress.state == .queued { try standing.enqueue(head.standing(update.key)) }
        try put(progress, responses: update.responses, key: update.key)
        var expiry = head.place.expiresAt
        // without the order nothing says whereto
        if progress.isExpiryMoved, let order = update.order { expiry = order.expiresAtMilliseconds }
        if expiry != head.place.expiresAt {
            control.moveExpiry.bind(1, expiry)
            control.moveExpiry.bind(2, update.key.column)
            try control.moveExpiry.run()
        }
        try move(
            update.key, head,
            to: SQLiteAgenda.Place(
                progress, lane: head.lane, expiresAt: expiry))
        return .done
    }

    /// Takes the job out of where it stands. Nothing, and nothing is changed: it is not in the
    /// state that the change starts from.
    private func leave(_ update: JobUpdate) throws(StoreError) -> Head? {
        switch update.from {
        case .queued, .running:
            // what the queue knows of the job need not be read: a tenth of an end's cost
            var head = update.order.map { Head($0, state: update.from) }
            if head == nil { head = try self.head(of: update.key) }
            guard let head else { return nil }
            return try leave(update.from, head.standing(update.key)) ? head : nil
        case .scheduled, .waiting, .unknown, .succeeded, .failed, .cancelled, .expired:
            guard let head = try head(of: update.key), head.state == update.from else { return nil }
            return head
        }
    }

    private func leave(
        _ state: JobState, _ row: SQLiteStanding.QueuedRow
    ) throws(StoreError) -> Bool {
        state == .queued ? try standing.dequeue(row) : try standing.unmark(row.key)
    }

    /// Writes the whole of a progress over what was there.
    private func put(
        _ progress: JobProgress, responses: [[UInt8]]?, key: JobKey
    ) throws(StoreError) {
        if progress.state == .running {
            let isWhole = progress.fitsMark && responses == nil
            try standing.mark(key, progress, isWhole: isWhole)
            if isWhole { return }
        }
        let inline = responses.flatMap { SQLiteBodies.inline($0) }
        try self.progress.put(progress, response: inline, key: key)
        guard let responses, inline == nil else { return }
        try self.progress.dropResponse(key)
        try bodies.removeChunks(of: key, kinds: .response ... .response)
        try bodies.addChunks(of: responses, key: key, kind: .response)
    }

    private func delete(_ key: JobKey) throws(StoreError) -> ChangeOutcome {
        try inserts.flush(key)
        guard let head = try head(of: key) else { return .conflict }
        if let job = try rows.job(key), let name = job.order.idempotencyKey {
            control.endKey.bind(1, job.progress.endedAtMilliseconds)
            control.endKey.bind(2, Int64(job.order.submitter.uid))
            control.endKey.bind(3, name)
            control.endKey.bind(4, key.column)
            try control.endKey.run()
        }
        control.delete.bind(1, key.column)
        try control.delete.run()
        if head.state == .queued { _ = try standing.dequeue(head.standing(key)) }
        if head.state == .running { _ = try standing.unmark(key) }
        try progress.remove(key)
        try bodies.removeChunks(of: key, kinds: .request ... .response)
        deletedKey = max(deletedKey, key.column)
        try move(key, head, to: nil)
        return .done
    }

    /// Keys must only grow, also when the newest job was deleted before a restart.
    private func noteDeletedKey() throws(StoreError) {
        if deletedKey == 0 { return }
        control.noteDeleted.bind(1, deletedKey)
        try control.noteDeleted.run()
        deletedKey = 0
    }
}

extension SQLiteAgenda.Place {
    init(_ progress: JobProgress, lane: Int64, expiresAt: Int64?) {
        self.init(
            state: progress.state, lane: lane, notBefore: progress.notBeforeMilliseconds,
            expiresAt: expiresAt,
            began: progress.state == .waiting ? progress.operationStartMilliseconds : nil)
    }
}

extension JobProgress {
    /// Anything that the job's own row does not hold: every field but the state and its time. Asked
    /// of each new job, so not by comparing with an empty one, which cost 4 % of an insert.
    var hasHistory: Bool {
        attemptCount != 0 || crashes != 0 || forgivenAttempts != 0 || isExpiryMoved
            || startedAtMilliseconds != nil || endedAtMilliseconds != nil || mark != nil
            || !attempts.isEmpty || error != nil || operationName != nil || !checkpoint.isEmpty
    }
}
