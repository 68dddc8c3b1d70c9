// Asks servers for their descriptors: each by a session of its own (ServerReflection), all at once
// on one completion queue, none for longer than the patience. C-core is started and ended in here,
// in the loader's own process or in a `prongd --check`, never in the supervisor.

internal import Credentials
internal import GRPCClient
internal import Kernel
internal import Ops
internal import ServerReflection
internal import Settings
internal import TargetChannel
import Glibc

enum ReflectionFetch {
    /// From the first byte to the last answer, for all servers together: a start waits for it.
    static let patienceMilliseconds = 5_000
    /// One answer: what comes at once for a service of hundreds of files is under this.
    private static let messageBytesMax: Int32 = 16 << 20
    /// What all servers together may make the loader hold, as long as each may have `bytesFloor`.
    private static let allBytesMax = 512 << 20
    private static let bytesFloor = 4 << 20
    /// A call's deadline behind the patience.
    private static let graceNanoseconds: UInt64 = 1_000_000_000
    /// C-core's own end; the process may leave it undone.
    private static let endNanoseconds: UInt64 = 500_000_000

    typealias Answer = Result<ReflectedFiles, ReflectionFault>

    /// What each target told, in the order of the targets.
    ///
    /// - Parameter environment: what credentials are looked for in.
    static func fetch(
        _ targets: [Settings.Target], environment: (String) -> String?
    ) -> [Answer] {
        guard !targets.isEmpty else { return [] }
        // The reasons are in the answers.
        CoreLog.install(sink: { _, _ in })
        let queue = CompletionQueue(runtime: Runtime())
        let deadline = CompletionQueue.now() + UInt64(patienceMilliseconds) * 1_000_000
        var limits = ReflectionLimits()
        limits.bytesMax = max(bytesFloor, min(limits.bytesMax, allBytesMax / targets.count))
        let conversations = targets.map {
            // its own end comes first, and says more
            Conversation(
                target: $0, limits: limits, deadlineNanoseconds: deadline + graceNanoseconds)
        }
        let tokens = ReflectionTokens(waker: queue.waker, deadlineNanoseconds: deadline)
        for (place, conversation) in conversations.enumerated() {
            conversation.connect(on: queue)
            guard conversation.answer == nil else { continue }
            let token = tokens.answer(targets[place], place: place, environment: environment)
            if let token { conversation.begin(with: token) }
        }
        while conversations.contains(where: { $0.answer == nil }) {
            if queue.next(untilNanoseconds: deadline) == .timedOut { break }
            for (place, token) in tokens.take() { conversations[place].begin(with: token) }
        }
        tokens.close()
        for conversation in conversations { conversation.giveUp() }
        queue.shutDown(withinNanoseconds: endNanoseconds)
        return conversations.map { $0.answer ?? .failure(.nonsense("it was not asked")) }
    }

    static func options(of target: Settings.Target) throws(FileFault) -> ChannelOptions {
        var options = try ChannelOptions(of: target, userAgent: Version.userAgent)
        options.receiveBytesMax = messageBytesMax
        return options
    }
}

/// One server's session and its call: carries the session's effects out.
private final class Conversation {
    private let target: Settings.Target
    private let deadlineNanoseconds: UInt64
    private var session: ReflectionSession
    private var channel: Channel?
    private var call: StreamingCall?
    private var outbox: [[UInt8]] = []
    private var isSending = false
    /// What the target's token adds; nil: it has not come.
    private var tokenFields: [MetadataField]?
    private(set) var answer: ReflectionFetch.Answer?

    init(target: Settings.Target, limits: ReflectionLimits, deadlineNanoseconds: UInt64) {
        self.target = target
        self.deadlineNanoseconds = deadlineNanoseconds
        session = ReflectionSession(services: target.services, limits: limits)
    }

    func connect(on queue: CompletionQueue) {
        do {
            channel = try Channel(
                target: target.address, options: try ReflectionFetch.options(of: target),
                queue: queue)
        } catch let fault as FileFault {
            return fail(fault.what)
        } catch {
            return fail("gRPC takes neither its address nor its options")
        }
    }

    func begin(with token: ReflectionTokens.Answer) {
        guard answer == nil else { return }
        switch token {
        case .success(let fields):
            tokenFields = fields
            handle(.begin)
        case .failure(let failure): answer = .failure(.noToken(failure.reason))
        }
    }

    /// As of every call to the target.
    private var metadata: [MetadataField] {
        var fields: [MetadataField] = []
        let token = target.credentials.hasToken ? tokenFields : nil
        fields.join(target: target.metadataFields, token: token)
        return fields
    }

    private func fail(_ why: String) { answer = .failure(.noClient(why)) }

    func handle(_ event: ReflectionSession.Event) {
        guard answer == nil else { return }
        for effect in session.handle(event) {
            switch effect {
            case .open(let version): open(version)
            case .send(let bytes):
                outbox.append(bytes)
                pump()
            case .finished(let result): answer = result
            }
        }
    }

    private func open(_ version: ReflectionVersion) {
        guard let channel else { return }
        outbox = []
        isSending = false
        do throws(CallError) {
            let opened = try StreamingCall(
                channel: channel, path: version.path, metadata: metadata,
                deadlineNanoseconds: deadlineNanoseconds
            ) { [self] end in
                call = nil
                handle(.ended(code: end.status.rawValue, message: end.message))
            }
            call = opened
            receive(opened)
        } catch {
            fail("\(error)")
        }
    }

    private func receive(_ call: StreamingCall) {
        call.receive { [self] message in
            // without one the call is over, and says so by itself
            guard let message else { return }
            handle(.message(message))
            if answer == nil { receive(call) } else { call.cancel() }
        }
    }

    private func pump() {
        guard !isSending, !outbox.isEmpty, let call else { return }
        isSending = true
        call.send(outbox.removeFirst()) { [self] isSent in
            guard self.call === call else { return }
            isSending = false
            if isSent { pump() }
        }
    }

    /// What is under way ends; its callbacks change nothing any more.
    func giveUp() {
        let milliseconds = ReflectionFetch.patienceMilliseconds
        if answer == nil, tokenFields == nil {
            answer = .failure(.noToken("none came within \(milliseconds) ms"))
        }
        handle(.timedOut(milliseconds: milliseconds))
        call?.cancel()
        channel?.close()
    }
}
