// Lists of jobs, and actions on all that a list's filters name. Both walk the store page by page
// and hold no more than one page.

import HTTPServer
import JobLogic
import JobStorage
import Schema
import Settings

extension JobHandler {
    static let listLimitMax = 1000
    static let listLimitDefault = 100

    func list(_ exchange: Exchange) {
        do throws(ConnectError) {
            let filter = try filter(exchange, isPaged: true)
            let limit = try JobHandler.limit(exchange)
            let before = try JobHandler.cursor(exchange)
            read(filter, before, limit, [], exchange)
        } catch {
            exchange.respond(error)
        }
    }

    /// A page that a read gave may be short: go on until it is full or nothing is left.
    private func read(
        _ filter: JobFilter, _ before: JobKey?, _ limit: Int, _ found: [Job], _ exchange: Exchange
    ) {
        service.listJobs(filter, before: before, limit: limit - found.count) { result in
            guard !exchange.isGone else { return }
            switch result {
            case .failure(let error): exchange.respond(error)
            case .success(let page):
                let jobs = found + page.jobs
                if jobs.count < limit, let next = page.continueBefore {
                    read(filter, next, limit, jobs, exchange)
                } else {
                    respond(jobs, page.continueBefore, exchange)
                }
            }
        }
    }

    private func respond(_ jobs: [Job], _ next: JobKey?, _ exchange: Exchange) {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("jobs")
        writer.beginArray()
        let json = JobJSON(service: service)
        for job in jobs {
            json.write(StoredJob(job: job, requests: [], responses: []), bodies: false, to: &writer)
        }
        writer.endArray()
        if let next { writer.field("nextCursor", String(next.rawValue, radix: 36)) }
        writer.endObject()
        exchange.respondJSON(writer.bytes)
    }

    // MARK: what the query says

    private static let filterNames: Set<String> = [
        "state", "target", "method", "batch", "since",
    ]

    /// - Parameter isPaged: `limit` and `cursor` belong to a list, and would bound no action.
    private func filter(
        _ exchange: Exchange, isPaged: Bool
    ) throws(ConnectError) -> JobFilter {
        var filter = JobFilter(uid: caller(exchange).visibleUid)
        var seen: Set<String> = []
        for (name, value) in try JobHandler.items(exchange) {
            guard seen.insert(name).inserted else {
                throw ConnectError(.invalidArgument, "\(shown(name)): stands twice")
            }
            switch name {
            case "state":
                guard let state = JobState(name: value) else {
                    throw ConnectError(
                        .invalidArgument,
                        "state: must be one of "
                            + JobState.allCases.map(\.name).joined(separator: ", "))
                }
                filter.state = state
            case "target": filter.target = value
            case "method": filter.method = value
            case "batch": filter.batch = value
            case "since": filter.sinceMilliseconds = try JobHandler.since(value)
            case "limit" where isPaged, "cursor" where isPaged: break
            case _:
                throw ConnectError(.invalidArgument, "\(name): is not a filter of a list")
            }
        }
        return filter
    }

    private static func items(
        _ exchange: Exchange
    ) throws(ConnectError) -> [(name: String, value: String)] {
        do throws(RequestFault) {
            return try exchange.head.queryItems()
        } catch {
            throw ConnectError(.invalidArgument, "the query is not percent-encoded rightly")
        }
    }

    private static func since(_ text: String) throws(ConnectError) -> Int64 {
        if let instant = InstantText.milliseconds(text) { return instant }
        if let ago = DurationText.milliseconds(text) {
            return Engine.moment().wallMilliseconds - ago
        }
        throw ConnectError(
            .invalidArgument,
            "since: must be a time such as 2026-01-31T12:00:00Z or a duration such as 1h")
    }

    private static func limit(_ exchange: Exchange) throws(ConnectError) -> Int {
        guard let text = exchange.head.query("limit") else { return listLimitDefault }
        guard let limit = Int(text), 1...listLimitMax ~= limit else {
            throw ConnectError(.invalidArgument, "limit: must be from 1 to \(listLimitMax)")
        }
        return limit
    }

    private static func cursor(_ exchange: Exchange) throws(ConnectError) -> JobKey? {
        guard let text = exchange.head.query("cursor") else { return nil }
        guard let number = UInt64(text, radix: 36) else {
            throw ConnectError(.invalidArgument, "cursor: is not one that a list gave")
        }
        return JobKey(rawValue: number)
    }

    // MARK: actions on many

    func actOnMany(_ action: JobAction, _ exchange: Exchange) {
        do throws(ConnectError) {
            let filter = try filter(exchange, isPaged: false)
            exchange.collectBody(limit: JobHandler.orderBytes) { _ in
                ActionOnMany(service: service, exchange: exchange, action: action, filter: filter)
                    .begin()
            }
        } catch {
            exchange.respond(error)
        }
    }
}

extension Service {
    /// A page of a list with what only the logic knows: a safe call runs while the store says
    /// `queued`.
    func listJobs(
        _ filter: JobFilter, before: JobKey?, limit: Int,
        _ answer: @escaping (Result<JobPage, ConnectError>) -> Void
    ) {
        engine.store.read({ reader throws(StoreError) in
            try reader.list(filter, before: before, limit: limit)
        }) { [self] result in
            switch result {
            case .failure(let error): answer(.failure(ConnectError(error)))
            case .success(var page):
                for index in page.jobs.indices { overlay(&page.jobs[index]) }
                if let state = filter.state {
                    page.jobs.removeAll { $0.progress.state != state }
                }
                if filter.state == .running { addUnmarked(to: &page, filter, before, limit) }
                answer(.success(page))
            }
        }
    }

    private func addUnmarked(
        to page: inout JobPage, _ filter: JobFilter, _ before: JobKey?, _ limit: Int
    ) {
        let end = page.continueBefore
        page.jobs += engine.logic.jobsRunningUnmarked().filter { job in
            let key = job.order.id.key
            return filter.matches(job) && before.map { key < $0 } ?? true
                && end.map { key >= $0 } ?? true
        }
        page.jobs.sort { $1.order.id.key < $0.order.id.key }
        if page.jobs.count > limit {
            page.jobs.removeLast(page.jobs.count - limit)
            page.continueBefore = page.jobs.last?.order.id.key
        }
    }
}

/// Walks a list and acts on each job of it for which the action is possible.
final class ActionOnMany {
    private let service: Service
    private let exchange: Exchange
    private let action: JobAction
    private let filter: JobFilter
    private var matched = 0
    /// Of the page: those that nothing was done to yet, and how many are under way.
    private var waiting: ArraySlice<Job> = []
    private var outstanding = 0
    private var next: JobKey?
    private var failure: Refusal?

    private static let pageSize = 256
    /// Each is read with its request, which may be of the largest size.
    private static let atOnce = 16

    init(service: Service, exchange: Exchange, action: JobAction, filter: JobFilter) {
        self.service = service
        self.exchange = exchange
        self.action = action
        self.filter = filter
    }

    func begin() {
        readPage(before: nil)
    }

    private func readPage(before: JobKey?) {
        service.listJobs(filter, before: before, limit: ActionOnMany.pageSize) { [self] result in
            switch result {
            case .failure(let error): exchange.respond(error)
            case .success(let page):
                next = page.continueBefore
                act(on: page.jobs.filter(isPossible))
            }
        }
    }

    private func act(on jobs: [Job]) {
        waiting = jobs[...]
        outstanding = min(ActionOnMany.atOnce, jobs.count)
        guard outstanding > 0 else { return finishPage() }
        for _ in 0..<outstanding { actOnNext() }
    }

    private func actOnNext() {
        guard let job = waiting.popFirst() else {
            outstanding -= 1
            if outstanding == 0 { finishPage() }
            return
        }
        service.engine.act(action, on: job.order.id) { [self] result in
            switch result {
            case .success: matched += 1
            case .failure(let refusal) where refusal.kind == .storeFailing: failure = refusal
            case .failure: break
            }
            actOnNext()
        }
    }

    /// A filter without a state names jobs in all states: those that the action cannot fit are not
    /// meant. A running call is left alone by a cancel of many only if it cannot be cancelled.
    private func isPossible(_ job: Job) -> Bool {
        let state = job.progress.state
        return switch action {
        case .cancel: [.queued, .scheduled, .running, .waiting].contains(state)
        case .retry: [.failed, .cancelled, .expired, .unknown].contains(state)
        case .purge: state.hasEnded || state == .unknown
        case .resolve: state == .unknown
        }
    }

    private func finishPage() {
        if let failure { return exchange.respond(ConnectError(failure)) }
        if let next { return readPage(before: next) }
        var writer = JSONWriter()
        writer.beginObject()
        writer.field("matched", matched)
        writer.endObject()
        exchange.respondJSON(writer.bytes)
    }
}
