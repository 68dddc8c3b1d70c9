// prong-example-server: a gRPC server on C-core for demonstrations, tests and measurements. One
// thread serves; another waits for TERM; one for each Unix socket accepts connections.

import GRPCClient
import Glibc
import Synchronization

@main
enum ExampleServer {
    /// What still runs when TERM comes has this long.
    private static let graceNanoseconds: UInt64 = 500_000_000

    static func main() {
        do throws(Failure) {
            try run(CommandLine.arguments.dropFirst())
        } catch {
            Files.writeAll(Array("prong-example-server: \(error.text)\n".utf8), to: STDERR_FILENO)
            exit(error.exitCode)
        }
    }

    private static func run(_ arguments: ArraySlice<String>) throws(Failure) {
        if arguments.contains("--help") {
            Files.writeAll(Array(Options.usage.utf8), to: STDOUT_FILENO)
            return
        }
        guard arguments.first != "bench" else { return try Bench.run(arguments.dropFirst()) }
        let options = try Options(arguments)
        if let path = options.descriptors {
            try Files.write(Descriptors.fileDescriptorSet(), to: path)
        }
        guard !options.listen.isEmpty else { return }
        try serve(options)
    }

    private static func serve(_ options: Options) throws(Failure) {
        let ledger = try Ledger(path: options.ledger)
        let signals = blockStopSignals()
        CoreLog.install(prefix: "prong-example-server: ")
        let queue = CompletionQueue(runtime: Runtime())
        let server = Server(queue: queue)
        let service = ExampleService(server: server, ledger: ledger)
        let sockets = try listen(options, server)
        let stop = StopFlag()
        let waker = queue.waker
        Thread.start {
            var (set, signal) = (signals, Int32(0))
            sigwait(&set, &signal)
            stop.isRaised.store(true, ordering: .releasing)
            waker.wake()
        }
        while !stop.isRaised.load(ordering: .acquiring) {
            _ = queue.next(untilNanoseconds: service.nextTimerNanoseconds)
            if let due = service.nextTimerNanoseconds {
                let now = CompletionQueue.now()
                if due <= now { service.runTimers(now: now) }
            }
        }
        server.shutDown(graceNanoseconds: graceNanoseconds)
        queue.shutDown(withinNanoseconds: graceNanoseconds)
        for path in sockets { UnixListener.removeSocket(path) }
        exit(0)
    }

    /// Returns the paths of Unix sockets.
    private static func listen(_ options: Options, _ server: Server) throws(Failure) -> [String] {
        let credentials = try makeCredentials(options)
        var lines: [String] = []
        var sockets: [(path: String, descriptor: Int32)] = []
        for address in options.listen {
            if address.hasPrefix("unix:") {
                let path = String(address.dropFirst(5))
                sockets.append((path, try UnixListener.open(path: path)))
                lines.append("listening on \(address)\n")
            } else {
                lines.append(try listenTCP(address, credentials, server))
            }
        }
        server.start()
        for socket in sockets { UnixListener.serve(socket.descriptor, server: server) }
        for line in lines { Files.writeAll(Array(line.utf8), to: STDOUT_FILENO) }
        return sockets.map(\.path)
    }

    private static func listenTCP(
        _ address: String, _ credentials: ServerCredentials, _ server: Server
    ) throws(Failure) -> String {
        do throws(ServerError) {
            let port = try server.listen(on: address, credentials: credentials)
            let host = address.prefix(upTo: address.lastIndex(of: ":") ?? address.endIndex)
            return "listening on \(host):\(port)\n"
        } catch {
            throw Failure("cannot listen on \(address); is it in use?", exitCode: 69)
        }
    }

    private static func makeCredentials(_ options: Options) throws(Failure) -> ServerCredentials {
        guard let certificate = options.certificate, let key = options.key else {
            return .insecure
        }
        let identity = TLSIdentity(
            certificateChain: try Files.read(certificate), privateKey: try Files.read(key))
        guard let clientCA = options.clientCA else { return .tls(identity, clientRoots: nil) }
        return .tls(identity, clientRoots: try Files.read(clientCA))
    }

    /// TERM and INT, blocked for this thread and all that it starts.
    private static func blockStopSignals() -> sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        signal(SIGPIPE, SIG_IGN)
        return signals
    }
}

private final class StopFlag: Sendable {
    let isRaised = Atomic<Bool>(false)
}
