// Every path that the queue answers, in one table; and who may take it. What a path does stands in
// the handler's file. On TCP only what reads, and never a job.

import HTTPServer
import JobLogic
import NIOCore

/// Who asks, and what that makes of the answer.
struct Caller {
    let submitter: Submitter
    /// Root and the daemon's own user see and do everything.
    let isOperator: Bool

    init(_ exchange: Exchange, ownUid: UInt32) {
        let credentials = exchange.peer.credentials
        submitter = Submitter(
            uid: credentials?.uid ?? .max, gid: credentials?.gid ?? .max,
            pid: credentials?.pid ?? 0)
        isOperator = credentials.map { $0.uid == 0 || $0.uid == ownUid } ?? false
    }

    /// Nothing: everybody's jobs.
    var visibleUid: UInt32? { isOperator ? nil : submitter.uid }

    func maySee(_ job: Job) -> Bool {
        isOperator || job.order.submitter.uid == submitter.uid
    }
}

struct Routes {
    let service: Service
    private let calls: CallHandler
    private let jobs: JobHandler
    private let operations: OperationHandler
    private let health: HealthHandler

    init(service: Service) {
        self.service = service
        calls = CallHandler(service)
        jobs = JobHandler(service)
        operations = OperationHandler(service)
        health = HealthHandler(service)
    }

    func local() -> Router {
        var router = Router()
        addReading(to: &router)
        addJobs(to: &router)
        addOperations(to: &router)
        let calls = calls
        let health = health
        router.onCall { exchange in
            let name = "\(exchange.route["service"])/\(exchange.route["method"])"
            if name == HealthHandler.checkMethod, exchange.head.headers["Prong-Target"] == nil {
                health.check(exchange)
            } else {
                calls.handle(exchange, method: name)
            }
        }
        return router
    }

    /// For TCP: health, metrics and status.
    func readOnly() -> Router {
        var router = Router()
        addReading(to: &router)
        return router
    }

    private func addReading(to router: inout Router) {
        let health = health
        let operations = operations
        router.on(.get, "/healthz", reserved: true) { health.live($0) }
        router.on(.get, "/readyz", reserved: true) { health.ready($0) }
        router.on(.get, "/metrics", reserved: true) { operations.metrics($0) }
        router.on(.get, "/v1/status", reserved: true) { operations.status($0) }
    }

    private func addJobs(to router: inout Router) {
        let jobs = jobs
        router.on(.post, "/v1/jobs") { jobs.submit($0) }
        router.on(.get, "/v1/jobs") { jobs.list($0) }
        router.on(.get, "/v1/jobs/{id}") { jobs.show($0) }
        router.on(.get, "/v1/jobs/{id}/response") { jobs.response($0) }
        router.on(.delete, "/v1/jobs/{id}") { jobs.act(.cancel, $0) }
        router.on(.post, "/v1/jobs/{id}/retry") { jobs.act(.retry, $0) }
        router.on(.post, "/v1/jobs/{id}/resolve") { jobs.resolve($0) }
        router.on(.post, "/v1/jobs/{id}/purge") { jobs.purge($0) }
        router.on(.post, "/v1/jobs:retry") { jobs.actOnMany(.retry, $0) }
        router.on(.post, "/v1/jobs:cancel") { jobs.actOnMany(.cancel, $0) }
        router.on(.post, "/v1/jobs:purge") { jobs.actOnMany(.purge, $0) }
        router.on(.get, "/v1/batches/{name}") { jobs.batch($0) }
    }

    private func addOperations(to router: inout Router) {
        let operations = operations
        router.on(.get, "/v1/workers") { operations.workers($0) }
        router.on(.get, "/v1/targets") { operations.targets($0) }
        router.on(.get, "/v1/methods") { operations.methods($0) }
        router.on(.get, "/v1/describe/{name...}") { operations.describe($0) }
        router.on(.post, "/v1/targets/{name}/pause") { operations.setPaused(true, $0) }
        router.on(.post, "/v1/targets/{name}/resume") { operations.setPaused(false, $0) }
        router.on(.post, "/v1/scale") { operations.scale($0) }
        for path in ["/v1/reload", "/v1/backup"] {
            router.on(.post, path) { operations.notYet($0) }
        }
        router.on(.get, "/v1/events") { operations.notYet($0) }
    }
}
