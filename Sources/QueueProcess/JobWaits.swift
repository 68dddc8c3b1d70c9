// `?wait=`: holds an answer until a job or a batch has ended, the wait is over, or the caller is
// gone. The job itself never notices.

import HTTPServer
import JobLogic
import JobStorage
import NIOCore
import Schema

final class JobWait {
    private let service: Service
    private let exchange: Exchange
    private let id: JobID
    private let caller: Caller
    private var token: Token?
    private var timer: Scheduled<Void>?
    private var answer: ((Result<StoredJob, ConnectError>) -> Void)?

    init(service: Service, exchange: Exchange, id: JobID, caller: Caller) {
        self.service = service
        self.exchange = exchange
        self.id = id
        self.caller = caller
    }

    /// Answers once, unless the caller goes first. A job that it may not see does not exist.
    func begin(
        milliseconds: Int64, _ answer: @escaping (Result<StoredJob, ConnectError>) -> Void
    ) {
        guard !exchange.isEnded else { return }
        self.answer = answer
        guard milliseconds > 0 else { return readAgain() }
        token = service.engine.watch(id.key) { [self] settled in
            service.readSettled(settled) { [self] in finish($0) }
        }
        exchange.onGone = { [self] in stop() }
        timer = service.loop.assumeIsolated().scheduleTask(in: .milliseconds(milliseconds)) {
            [self] in readAgain()
        }
        service.readJob(id) { [self] result in
            guard case .success(let stored) = result, caller.maySee(stored.job) else {
                return finish(result)
            }
            let state = stored.job.progress.state
            if state.hasEnded || state == .unknown { finish(result) }
        }
    }

    private func readAgain() {
        service.readJob(id) { [self] in finish($0) }
    }

    private func finish(_ result: Result<StoredJob, ConnectError>) {
        guard let answer else { return }
        stop()
        if case .success(let stored) = result, !caller.maySee(stored.job) {
            return answer(.failure(ConnectError(.notFound, "there is no such job")))
        }
        answer(result)
    }

    private func stop() {
        timer?.cancel()
        timer = nil
        if let token { service.engine.unwatch(id.key, token) }
        token = nil
        answer = nil
        exchange.onGone = nil
    }
}

/// Counts of a batch by state; with a wait, once none of its jobs is under way any more.
final class BatchWait {
    private let service: Service
    private let exchange: Exchange
    private let name: String
    private let uid: UInt32?
    private var deadline: NIODeadline = .now()

    /// How often a waited-for batch is counted again.
    private static let pause = TimeAmount.milliseconds(250)

    init(service: Service, exchange: Exchange, name: String, uid: UInt32?) {
        self.service = service
        self.exchange = exchange
        self.name = name
        self.uid = uid
    }

    func begin(milliseconds: Int64) {
        deadline = .now() + .milliseconds(milliseconds)
        count()
    }

    private func count() {
        guard !exchange.isGone else { return }
        let (name, uid) = (name, uid)
        service.engine.store.read({ reader throws(StoreError) in
            try reader.batchCounts(name, uid: uid)
        }) { [self] result in
            switch result {
            case .failure(let error): exchange.respond(ConnectError(error))
            case .success(let counts): look(counts)
            }
        }
    }

    private func look(_ counts: [(JobState, Int64)]) {
        guard counts.contains(where: { $0.1 > 0 }) else {
            return exchange.respond(ConnectError(.notFound, "there is no batch `\(name)`"))
        }
        let isUnderWay = counts.contains { state, count in
            count > 0 && !state.hasEnded && state != .unknown
        }
        if isUnderWay, NIODeadline.now() < deadline {
            service.loop.assumeIsolated().scheduleTask(in: BatchWait.pause) { [self] in count() }
            return
        }
        var writer = JSONWriter()
        writer.beginObject()
        writer.field("batch", name)
        var total = 0
        for (state, count) in counts where count > 0 {
            writer.field(state.name, Int(count))
            total += Int(count)
        }
        writer.field("total", total)
        writer.endObject()
        exchange.respondJSON(writer.bytes)
    }
}
