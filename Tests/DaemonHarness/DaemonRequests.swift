// What a test asks a daemon over its socket, and what it expects of the answer's processes.
import Foundation

package struct WorkerFacts: Sendable, Equatable {
    package let slot: Int
    package let generation: Int
    package let pid: Int32
    package let state: String
}

extension Daemon {
    package func connect() throws -> HTTPConnection { try HTTPConnection(socket: socketPath) }

    /// One request on a connection of its own.
    package func request(
        _ method: String, _ path: String, headers: [(String, String)] = [],
        body: [UInt8]? = nil, within seconds: Double = 60
    ) throws -> HTTPResponse {
        let connection = try connect()
        defer { connection.close() }
        return try connection.request(
            method, path, headers: headers + [("Connection", "close")], body: body,
            within: seconds)
    }

    package func get(_ path: String, within seconds: Double = 60) throws -> JSON {
        let answer = try request("GET", path, within: seconds)
        guard answer.status == 200 else { throw HarnessFailure("GET \(path): \(answer)") }
        return try answer.json()
    }

    package func post(
        _ path: String, _ body: JSON = [:], headers: [(String, String)] = [],
        within seconds: Double = 60
    ) throws -> HTTPResponse {
        try request(
            "POST", path, headers: [("Content-Type", "application/json")] + headers,
            body: Array(body.text.utf8), within: seconds)
    }

    /// A Connect unary call of the example service.
    package func call(
        _ method: String, _ body: JSON = [:], headers: [(String, String)] = [],
        within seconds: Double = 60
    ) throws -> HTTPResponse {
        try post(
            "/\(ExampleServer.service)/\(method)", body, headers: headers, within: seconds)
    }

    /// Submits one job of the example service; gives back its id.
    @discardableResult
    package func submit(
        _ method: String, _ request: JSON = [:], _ options: [String: JSON] = [:]
    ) throws -> String {
        var job = options
        job["method"] = .string("\(ExampleServer.service)/\(method)")
        job["request"] = request
        let answer = try post("/v1/jobs", .object(job))
        guard answer.status == 202, let id = try answer.json()["id"].string else {
            throw HarnessFailure("submit \(method): \(answer)")
        }
        return id
    }

    package func job(_ id: String, wait: String? = nil) throws -> JSON {
        try get("/v1/jobs/\(id)" + (wait.map { "?wait=\($0)" } ?? ""), within: 120)
    }

    /// The job once it has one of `states`.
    @discardableResult
    package func job(
        _ id: String, reaches states: String..., within seconds: Double = 60
    ) throws -> JSON {
        try eventually("job \(id) is \(states.joined(separator: " or "))", within: seconds) {
            let job = try self.job(id)
            guard let state = job["state"].string, states.contains(state) else {
                throw HarnessFailure("it is \(job.text)")
            }
            return job
        }
    }

    package func status() throws -> JSON { try get("/v1/status") }

    package func workers() throws -> [WorkerFacts] {
        try status()["workers"].array.compactMap { worker in
            guard let slot = worker["slot"].int, let generation = worker["generation"].int,
                let pid = worker["pid"].int, let state = worker["state"].string
            else { return nil }
            return WorkerFacts(
                slot: slot, generation: generation, pid: Int32(pid), state: state)
        }
    }

    package func queuePid() throws -> Int32 {
        guard let pid = try status()["queue"]["pid"].int else {
            throw HarnessFailure("status names no queue pid")
        }
        return Int32(pid)
    }

    /// Waits until another process is ready in the worker's slot.
    @discardableResult
    package func expectReplaced(
        worker old: WorkerFacts, within seconds: Double = 30
    ) throws -> WorkerFacts {
        try eventually("the worker of slot \(old.slot) is replaced", within: seconds) {
            try workers().first {
                $0.slot == old.slot && $0.pid != old.pid && $0.state == "ready"
            }
        }
    }

    /// Waits until another queue process answers; gives back its pid.
    @discardableResult
    package func expectQueueReplaced(
        _ old: Int32, within seconds: Double = 30
    ) throws -> Int32 {
        try eventually("the queue is replaced", within: seconds) {
            let pid = try queuePid()
            return pid != old && ProcessFacts(pid).isAlive ? pid : nil
        }
    }

    /// The worker that runs the job now.
    package func worker(running id: String) throws -> Int32 {
        try eventually("a worker runs \(id)") {
            let job = try self.job(id)
            guard job["state"].string == "running" else { return nil }
            return job["attempts"].array.last?["worker"]["pid"].int.map(Int32.init)
        }
    }

    /// The client program against this daemon.
    package func prong(
        _ arguments: String..., input: String? = nil, within seconds: Double = 120
    ) throws -> Finished {
        try run(
            Programs.prong, ["--socket", socketPath] + arguments, input: input,
            within: seconds)
    }
}
