// A worker's main on a thread of the test, between a queue and a supervisor that the test plays and
// a gRPC server of the test's own. Nothing is forked: a test process has threads.

import Foundation
import GRPCClient
import Kernel
import Ops
import Settings
import Synchronization
import Testing
import WireFormat

@testable import WorkerProcess

final class WorkerHarness {
    /// No test waits longer for anything; far more than any machine needs.
    static let patienceSeconds = 20.0

    let folder: String
    let settings: Settings
    let target: TargetServer
    private let listener: CInt
    private let supervisor: CInt
    private let exitCode: ExitCode
    private var connection: CInt = -1
    private var frames = FrameStream()
    private var received: [LinkMessage] = []
    private var reports: [ChildReport] = []

    final class ExitCode: Sendable {
        let value = Atomic<Int64>(-1)
    }

    init(drainMilliseconds: Int64 = 2_000, servesTarget: Bool = true) throws {
        folder = Self.makeFolder()
        target = TargetServer(address: "unix:\(folder)/target")
        if servesTarget { try target.start() }
        var settings = Settings(
            places: DefaultPlaces(
                socketPath: "\(folder)/prong.sock", storePath: "\(folder)/prong.db"))
        var one = Settings.Target(name: "one")
        one.address = "unix:\(folder)/target"
        one.credentials = .insecure
        one.metadata = [Settings.MetadataEntry(name: "x-team", value: "web")]
        settings.targets = [one]
        settings.worker.inFlight = 8
        settings.worker.drainTimeoutMilliseconds = drainMilliseconds
        self.settings = settings
        listener = try UnixSocket.listen(
            path: "\(folder)/workers.sock", mode: 0o600, group: nil
        ).release()
        let pair = try UnixSocket.packetPair()
        let theirs = pair.theirs.number
        let bundle = try MemoryFile.sealed(name: "bundle", bytes: Self.bundle(settings)).release()
        var numbers: [CInt] = []
        exitCode = ExitCode()
        // Both ends live as long as the test process: the worker's link thread reads one for ever.
        numbers = [dup(pair.ours.number), dup(theirs)]
        supervisor = numbers[0]
        try Descriptors.setNonblocking(supervisor, true)
        Self.startWorker(link: numbers[1], bundle: bundle, exitCode)
    }

    private static func startWorker(link: CInt, bundle: CInt, _ exitCode: ExitCode) {
        Thread.detachNewThread {
            let identity = Identity(role: .worker, slot: 1, generation: 2, pid: getpid())
            let context = ChildContext(
                identity: identity, instance: 77,
                link: SupervisorLink(descriptor: link, generation: 2), bundle: bundle,
                listeners: nil, safeMode: false, heartbeatMilliseconds: 50,
                log: Log(identity: identity, level: .error, format: .text))
            exitCode.value.store(Int64(runWorker(context)), ordering: .releasing)
        }
    }

    private static func bundle(_ settings: Settings) throws -> [UInt8] {
        let header = BundleHeader(
            workers: 1, spawnMilliseconds: 1000, stuckMilliseconds: 1000, drainMilliseconds: 1000,
            logLevel: 3, logFormat: 1, clientSocketPath: settings.listen.socketPath,
            clientSocketMode: 0o600, clientSocketGroup: nil,
            workerSocketPath: "/workers.sock", lockPath: "/lock")
        return Bundle.encode(
            header: try header.encoded(), settings: settings, sources: [], uses: [[]])
    }

    private static func makeFolder() -> String {
        var template = Array((NSTemporaryDirectory() + "/worker-XXXXXX").utf8CString)
        return template.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress, mkdtemp(start) != nil else { return "" }
            return String(cString: start)
        }
    }

    // MARK: the queue's part

    /// Takes the worker's connection and welcomes it.
    func welcome() throws -> Hello {
        let hello = try accept()
        say(.welcome(Welcome()))
        return hello
    }

    func accept() throws -> Hello {
        connection = try wait("a connection") {
            let accepted = Glibc.accept(self.listener, nil, nil)
            return accepted >= 0 ? accepted : nil
        }
        try Descriptors.setNonblocking(connection, true)
        frames = FrameStream()
        return try next("a hello") { if case .hello(let hello) = $0 { hello } else { nil } }
    }

    func say(_ message: LinkMessage) {
        var bytes: [UInt8] = []
        message.append(to: &bytes)
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(connection, $0.baseAddress, $0.count) }
            if count > 0 { rest = rest.dropFirst(count) } else if errno != EAGAIN { return }
        }
    }

    func hangUp() {
        close(connection)
        connection = -1
        received = []
    }

    /// The next message that `pick` takes; others are dropped on the way.
    @discardableResult
    func next<Value>(_ what: String, _ pick: (LinkMessage) -> Value?) throws -> Value {
        try wait(what) {
            self.read()
            while !self.received.isEmpty {
                if let found = pick(self.received.removeFirst()) { return found }
            }
            return nil
        }
    }

    func outcome() throws -> CallOutcome {
        try next("an outcome") { if case .outcomes(let all) = $0 { all.first } else { nil } }
    }

    func waitForReadyTarget() throws {
        try next("a ready target") { message in
            guard case .targets(let states) = message else { return Bool?.none }
            return states.contains { $0.connectivity == .ready } ? true : nil
        }
    }

    private func read() {
        var room = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(connection, &room, room.count)
            guard count > 0 else { return }
            frames.append(room[..<count])
            while let frame = try? frames.next() {
                if let message = try? LinkMessage(frame) { received.append(message) }
            }
        }
    }

    // MARK: the supervisor's part

    func order(_ order: SupervisorOrder) {
        let frame = SupervisorLinkFrame.encode(order, generation: 2)
        _ = send(supervisor, frame, frame.count, 0)
    }

    func report(_ what: String, _ pick: (ChildReport) -> Bool) throws {
        _ = try wait(what) {
            var room = [UInt8](repeating: 0, count: SupervisorLinkFrame.bytesPerFrame)
            while recv(self.supervisor, &room, room.count, 0) > 0 {
                guard let found = try? SupervisorLinkFrame.decodeReport(room) else { continue }
                if pick(found.report) { return true }
            }
            return Bool?.none
        }
    }

    func goAway() {
        shutdown(supervisor, CInt(SHUT_WR))
    }

    func waitForExit() throws -> Int32 {
        try wait("the worker's end") {
            let code = self.exitCode.value.load(ordering: .acquiring)
            return code >= 0 ? Int32(code) : nil
        }
    }

    // MARK: waiting

    func wait<Value>(_ what: String, _ value: () -> Value?) throws -> Value {
        let limit = Date().addingTimeInterval(Self.patienceSeconds)
        while Date() < limit {
            if let found = value() { return found }
            usleep(1_000)
        }
        return try #require(value(), "\(what) never came")
    }

    /// Ends the worker if the test has not, and the server.
    func end() {
        order(.stopNow)
        _ = try? waitForExit()
        target.stop()
        if connection >= 0 { close(connection) }
        close(listener)
        try? FileManager.default.removeItem(atPath: folder)
    }
}

/// A gRPC server on a thread of its own: Echo answers, Wait never does, Fail is out of range.
final class TargetServer: @unchecked Sendable {
    // Unchecked: what the two threads share is atomic.
    private let address: String
    private let isStopped = Atomic<Bool>(false)
    private let hasEnded = Atomic<Bool>(true)
    let waiting = Atomic<Int>(0)
    let cancelled = Atomic<Int>(0)
    /// Messages of streams that gRPC has taken.
    let sent = Atomic<Int>(0)
    let flakyPages = Atomic<Int>(0)

    init(address: String) {
        self.address = address
    }

    func start() throws {
        hasEnded.store(false, ordering: .releasing)
        Thread.detachNewThread { [self] in
            let queue = CompletionQueue(runtime: Runtime())
            let server = Server(queue: queue)
            handle(server)
            _ = try? server.listen(on: address)
            server.start(waitingCalls: 16)
            while !isStopped.load(ordering: .acquiring) {
                _ = queue.next(untilNanoseconds: CompletionQueue.now() + 5_000_000)
            }
            server.shutDown(graceNanoseconds: 0)
            queue.shutDown()
            hasEnded.store(true, ordering: .releasing)
        }
    }

    private func handle(_ server: Server) {
        server.handleUnary("/test.Service/Echo") { call, message in
            call.headers = call.metadata.filter { $0.name == "x-team" || $0.name == "x-own" }
            call.finish(.ok, response: message)
        }
        server.handleUnary("/test.Service/Wait") { [self] call, _ in
            waiting.add(1, ordering: .relaxed)
            call.watchCancel { [self] call in
                cancelled.add(1, ordering: .relaxed)
                call.finish(.cancelled)
            }
        }
        server.handle("/test.Service/Flood") { [self] call in
            call.headers = call.metadata.filter { $0.name == "x-flood" }
            call.receive { [self] call, message in flood(call, message ?? []) }
        }
        server.handleUnary("/test.Service/Pages") { call, message in
            // each page's token is one byte longer than the request's; field 2 in both
            let length = message.count < 2 ? 0 : Int(message[message.count - 1] & 0xf)
            let isLast = length == 3
            let token: [UInt8] = isLast ? [] : [0x12, 1, UInt8(length + 1)]
            call.headers = call.metadata.filter { $0.name == "x-page" }
            call.finish(.ok, response: [0x08, UInt8(length)] + token)
        }
        // as Pages, but every second request fails; "x-details" asks for a status with details
        server.handleUnary("/test.Service/FlakyPages") { [self] call, message in
            let length = message.count < 2 ? 0 : Int(message[message.count - 1] & 0xf)
            guard flakyPages.add(1, ordering: .relaxed).oldValue % 2 == 0 else {
                let details = call.metadata.first { $0.name == "x-details" }
                return call.finish(
                    .unavailable, "not now",
                    trailers: details.map {
                        [MetadataField(name: "grpc-status-details-bin", value: $0.value)]
                    } ?? [])
            }
            let token: [UInt8] = length == 3 ? [] : [0x12, 1, UInt8(length + 1)]
            call.finish(.ok, response: [0x08, UInt8(length)] + token)
        }
        server.handleUnary("/test.Service/Fail") { call, _ in
            call.finish(
                .outOfRange, "too far",
                trailers: [
                    MetadataField("grpc-retry-pushback-ms", "30"),
                    MetadataField(name: "grpc-status-details-bin", value: [8, 11]),
                ])
        }
    }

    /// The message again and again, for as long as it is taken.
    private func flood(_ call: ServerCall, _ message: [UInt8]) {
        call.send(message) { [self] call, isSent in
            guard isSent else {
                cancelled.add(1, ordering: .relaxed)
                return call.finish(.cancelled)
            }
            sent.add(1, ordering: .relaxed)
            flood(call, message)
        }
    }

    func stop() {
        isStopped.store(true, ordering: .releasing)
        while !hasEnded.load(ordering: .acquiring) { usleep(1_000) }
    }
}
