// The store in one SQLite file: write-ahead log, synchronous=FULL, one writer. What is committed
// survives a crash of the process and of the machine, as far as the disk keeps its promise. Must
// never go on after a failed fsync: what is on disk is then not known.

package import JobLogic

package final class SQLiteJobStore: JobStore {
    let connection: SQLiteConnection
    let rows: SQLiteRows
    private let inserts: SQLiteInsert
    private let bodies: SQLiteBodies
    private let counters: SQLiteCounters
    private let agenda: SQLiteAgenda
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
        if case .insert(let new) = change { return try insert(new) }
        try inserts.flush()
        switch change {
        case .insert: return .done
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
        if progress.hasHistory { try bodies.put(progress, responses: nil, key: order.id.key) }
        if progress.state == .running { try bodies.addMark(progress.mark, key: order.id.key) }
        let place = SQLiteAgenda.Place(
            state: progress.state, notBefore: progress.notBeforeMilliseconds,
            expiresAt: order.expiresAtMilliseconds)
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
        return try owner(ofKey: key, uid: uid, fingerprint: new.fingerprint)
    }

    private func owner(
        ofKey key: String, uid: Int64, fingerprint: CallFingerprint?
    ) throws(StoreError) -> ChangeOutcome {
        let row = control.keyOwner
        row.bind(1, uid)
        row.bind(2, key)
        guard try row.step() else { throw .bug("a taken key has no owner") }
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
        guard let head = try setState(update) else { return .conflict }
        if head.state == .running { try bodies.removeMark(update.key) }
        if progress.state == .running { try bodies.addMark(progress.mark, key: update.key) }
        try bodies.put(progress, responses: update.responses, key: update.key)
        let lifts = progress.isExpiryLifted && head.place.expiresAt != nil
        if lifts {
            control.liftExpiry.bind(1, update.key.column)
            try control.liftExpiry.run()
        }
        try move(
            update.key, head, to: progress.state, notBefore: progress.notBeforeMilliseconds,
            liftsExpiry: lifts)
        return .done
    }

    /// Nothing: the job is not in the state that the change starts from.
    private func setState(_ update: JobUpdate) throws(StoreError) -> Head? {
        guard let order = update.order, update.from != .scheduled else {
            guard let head = try head(of: update.key), head.state == update.from else { return nil }
            control.setState.bind(1, Int64(update.progress.state.rawValue))
            control.setState.bind(2, update.progress.notBeforeMilliseconds)
            control.setState.bind(3, update.key.column)
            try control.setState.run()
            return head
        }
        // what the queue knows of the job need not be read: a tenth of an end's cost
        control.moveState.bind(1, Int64(update.progress.state.rawValue))
        control.moveState.bind(2, update.progress.notBeforeMilliseconds)
        control.moveState.bind(3, update.key.column)
        control.moveState.bind(4, Int64(update.from.rawValue))
        try control.moveState.run()
        guard connection.changedRows == 1 else { return nil }
        return Head(
            place: SQLiteAgenda.Place(
                state: update.from, notBefore: nil, expiresAt: order.expiresAtMilliseconds),
            lane: Int64(order.lane.rawValue), uid: Int64(order.submitter.uid), batch: order.batch)
    }

    private func delete(_ key: JobKey) throws(StoreError) -> ChangeOutcome {
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
        try bodies.removeAll(of: key)
        deletedKey = max(deletedKey, key.column)
        try move(key, head, to: nil)
        return .done
    }

    struct Head {
        var place: SQLiteAgenda.Place
        var state: JobState { place.state }
        var lane: Int64
        var uid: Int64
        var batch: String?
    }

    func head(of key: JobKey) throws(StoreError) -> Head? {
        let row = control.head
        row.bind(1, key.column)
        guard try row.step() else { return nil }
        defer { row.reset() }
        guard let state = JobState(rawValue: UInt8(clamping: row.integer(0))) else {
            throw .corrupt("job \(key.rawValue) is in a state that is none")
        }
        let place = SQLiteAgenda.Place(
            state: state, notBefore: row.optionalInteger(4), expiresAt: row.optionalInteger(5))
        return Head(
            place: place, lane: row.integer(1), uid: row.integer(2), batch: row.optionalText(3))
    }

    /// The counters and the agenda after a change of state, or a delete.
    func move(
        _ key: JobKey, _ head: Head, to state: JobState?, notBefore: Int64? = nil,
        liftsExpiry: Bool = false
    ) throws(StoreError) {
        let place = state.map {
            SQLiteAgenda.Place(
                state: $0, notBefore: notBefore,
                expiresAt: liftsExpiry ? nil : head.place.expiresAt)
        }
        try agenda.move(key, from: head.place, to: place)
        counters.changes.add(
            -1, lane: head.lane, state: Int64(head.state.rawValue), batch: head.batch,
            uid: head.uid)
        guard let state else { return }
        counters.changes.add(
            1, lane: head.lane, state: Int64(state.rawValue), batch: head.batch, uid: head.uid)
    }

    /// Keys must only grow, also when the newest job was deleted before a restart.
    private func noteDeletedKey() throws(StoreError) {
        if deletedKey == 0 { return }
        control.noteDeleted.bind(1, deletedKey)
        try control.noteDeleted.run()
        deletedKey = 0
    }
}

extension JobProgress {
    /// Anything that the job's own row does not hold.
    var hasHistory: Bool {
        self != JobProgress(state: state, notBeforeMilliseconds: notBeforeMilliseconds)
    }
}
