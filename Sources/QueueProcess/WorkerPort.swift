// workers.sock: takes the connections of workers that the supervisor named, and of nobody else;
// turns frames into the logic's events and deliveries into frames. Never believes what a hello says
// about who it is without the kernel's word on the peer's pid.

import HTTPServer
import JobLogic
import Kernel
import NIOCore
import NIOPosix
import Ops
import WireFormat

/// What the supervisor and the workers say about one worker: for status and metrics.
struct WorkerView {
    var row: WorkerRow
    var stats: WorkerStats?
    var targets: [UInt32: TargetState] = [:]
    var inFlight = 0
}

final class WorkerPort {
    /// A worker has told of its connections.
    var onTargets: (() -> Void)?
    private let engine: Engine
    private let instance: UInt64
    private let log: Log
    private(set) var views: [UInt32: WorkerView] = [:]
    private var links: [WorkerIdentity: WorkerLink] = [:]
    /// Hellos that overtook their row in the supervisor's table.
    private var early: [Int32: (WorkerLink, Hello)] = [:]
    /// Connections that are no named worker's yet.
    private var strangers = 0
    private var listener: (any Channel)?
    private var knowsAll = false
    /// Dead by the supervisor's word, while what they sent is still being read.
    private var dying: Set<WorkerIdentity> = []
    private var isOrphaned = false
    private(set) var exits: [String: UInt64] = [:]

    /// More connections than this from processes that nobody named are refused.
    static let strangersMax = 64
    /// Who has not become a named worker by then is cut off, and may try again.
    static let helloPatience = TimeAmount.seconds(2)
    /// What a connection may send before it is a worker's: a hello names at most three times
    /// `in_flight` calls and outcomes (4096) of some 15 bytes each.
    static let helloBytesMax = 256 << 10
    /// NIO sets the backlog anew; all workers may come back at once.
    private static let backlog: Int32 = 1024

    init(engine: Engine, instance: UInt64, log: Log) {
        self.engine = engine
        self.instance = instance
        self.log = log
        engine.deliver = { [self] worker, delivery in deliver(delivery, to: worker) }
    }

    func listen(on descriptor: CInt, group: MultiThreadedEventLoopGroup) -> EventLoopFuture<Void> {
        let port = NIOLoopBound(self, eventLoop: engine.loop)
        return ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: WorkerPort.backlog)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(WorkerLink(port: port.value))
                }
            }
            .withBoundSocket(descriptor)
            .map { channel in port.value.listener = channel }
    }

    func close() {
        listener?.close(promise: nil)
        listener = nil
    }

    /// Workers cancel their direct calls, keep all else, and look for the next queue.
    func closeLinks() {
        for link in links.values { link.close() }
    }

    // MARK: the supervisor's table

    func note(_ row: WorkerRow) {
        let identity = identity(of: row)
        if row.state == .dead {
            exits[row.exit.label, default: 0] += 1
            if views[row.slot]?.row.generation == row.generation { views[row.slot] = nil }
            bury(identity)
            return
        }
        if let known = views[row.slot], known.row.generation == row.generation {
            views[row.slot]?.row = row
        } else {
            views[row.slot] = WorkerView(row: row)
        }
        if knowsAll {
            engine.handle(.workersKnown([KnownWorker(identity: identity, pid: row.pid)]))
        }
        if let (link, hello) = early.removeValue(forKey: row.pid) { greet(link, hello) }
    }

    /// What a dead worker had sent is still in the socket, and an outcome in it counts: the end of
    /// the stream comes behind it. A moment is the bound, should somebody hold the socket open.
    private func bury(_ identity: WorkerIdentity) {
        guard links[identity] != nil else { return engine.handle(.workerGone(identity)) }
        dying.insert(identity)
        engine.loop.assumeIsolated().scheduleTask(in: .milliseconds(100)) { [self] in
            finishBurial(identity)
        }
    }

    private func finishBurial(_ identity: WorkerIdentity) {
        guard dying.remove(identity) != nil else { return }
        links.removeValue(forKey: identity)?.close()
        engine.handle(.workerGone(identity))
    }

    /// Nobody will say any more who dies: a worker without a link counts as dead from now on.
    func supervisorIsGone() {
        isOrphaned = true
        if !knowsAll { noteComplete() }
        for worker in engine.logic.workers.workers where links[worker.identity] == nil {
            engine.handle(.workerGone(worker.identity))
        }
    }

    /// Every worker that lives has been named: recovery can begin.
    func noteComplete() {
        knowsAll = true
        engine.handle(
            .workersKnown(
                views.values.map {
                    KnownWorker(identity: identity(of: $0.row), pid: $0.row.pid)
                }))
        let waiting = early
        early = [:]
        for (link, hello) in waiting.values { greet(link, hello) }
    }

    private func identity(of row: WorkerRow) -> WorkerIdentity {
        WorkerIdentity(
            instance: instance, slot: Int32(bitPattern: row.slot),
            generation: Int32(bitPattern: row.generation))
    }

    // MARK: links

    /// A connection was made: counted until it is a named worker's, for its time to become one is
    /// bounded.
    func opened(_ link: WorkerLink) {
        strangers += 1
        let isNamed = knowsAll && views.values.contains { $0.row.pid == link.peerPid }
        guard isNamed || strangers <= WorkerPort.strangersMax else {
            log.warning(
                "a connection to workers.sock was refused (pid \(link.peerPid)): "
                    + "\(WorkerPort.strangersMax) others have not said who they are",
                cause: "strangers")
            return link.close()
        }
        link.patience = engine.loop.assumeIsolated().scheduleTask(in: WorkerPort.helloPatience) {
            link.close()
        }
    }

    /// It is a worker's now, or gone.
    private func noLongerStranger(_ link: WorkerLink) {
        link.patience?.cancel()
        link.patience = nil
        strangers -= 1
    }

    func greet(_ link: WorkerLink, _ hello: Hello) {
        guard hello.instance == instance, hello.version == LinkMessage.version else {
            log.warning(
                "a worker of another instance or version was refused (pid \(link.peerPid))",
                cause: "hello refused")
            return link.close()
        }
        guard
            let view = views[UInt32(bitPattern: hello.slot)],
            view.row.generation == UInt32(bitPattern: hello.generation),
            view.row.pid == link.peerPid, knowsAll
        else {
            early.updateValue((link, hello), forKey: link.peerPid)?.0.close()
            return
        }
        noLongerStranger(link)
        let identity = identity(of: view.row)
        links[identity]?.close()
        links[identity] = link
        link.identity = identity
        link.send(.welcome(Welcome()))
        engine.handle(
            .hello(
                identity, pid: link.peerPid, places: Int(hello.places),
                holding: hello.holding.map { Lease(number: $0.number, attempt: $0.attempt) }))
    }

    func lost(_ link: WorkerLink) {
        early = early.filter { $0.value.0 !== link }
        if link.identity == nil { noLongerStranger(link) }
        guard let identity = link.identity, links[identity] === link else { return }
        if dying.contains(identity) { return finishBurial(identity) }
        links[identity] = nil
        if isOrphaned { return engine.handle(.workerGone(identity)) }
        views[UInt32(bitPattern: identity.slot)]?.targets = [:]
        engine.handle(.linkLost(identity))
    }

    func receive(_ message: LinkMessage, from link: WorkerLink, _ worker: WorkerIdentity) {
        let slot = UInt32(bitPattern: worker.slot)
        switch message {
        case .places(let count): engine.handle(.places(worker, Int(count)))
        case .targets(let states):
            for state in states { views[slot]?.targets[state.target] = state }
            engine.handle(
                .targets(
                    worker,
                    states.map { (target: Int($0.target), isReady: $0.connectivity == .ready) }))
            onTargets?()
        case .outcomes(let outcomes):
            engine.handle(.outcomes(worker, outcomes.map(Outcome.init)))
        case .notStarted(let tickets):
            engine.handle(
                .notStarted(
                    worker, tickets.map { Lease(number: $0.number, attempt: $0.attempt) }))
        case .chunk(let chunk) where chunk.endsMessage || !chunk.headers.isEmpty:
            take(chunk, worker)
        case .stats(let stats): views[slot]?.stats = stats
        case .goodbye: engine.handle(.goodbye(worker))
        case .hello, .welcome, .jobs, .committed, .cancel, .chunk, .window, .checkpoint, .slow:
            log.warning(
                "a worker sent \(message.kind), which it never has to; its connection is closed",
                cause: "link")
            link.close()
        }
    }

    private func take(_ chunk: Chunk, _ worker: WorkerIdentity) {
        let lease = Lease(number: chunk.ticket.number, attempt: chunk.ticket.attempt)
        if !chunk.headers.isEmpty {
            let head = chunk.headers.map { MetadataEntry(name: $0.name, value: $0.value) }
            engine.handle(.streamed(worker, lease, .head(head)))
        }
        if chunk.endsMessage { engine.handle(.streamed(worker, lease, .message(chunk.data))) }
    }

    private func deliver(_ delivery: WorkerDelivery, to worker: WorkerIdentity) {
        guard let link = links[worker] else { return }
        switch delivery {
        case .jobs(let dispatches): link.sendJobs(dispatches)
        case .committed(let leases): link.send(.committed(leases.map(Ticket.init)))
        case .cancel(let leases): link.send(.cancel(leases.map(Ticket.init)))
        case .window(let lease, let bytes):
            link.send(.window(ticket: Ticket(lease), bytes: bytes))
        }
    }

    var linkedCount: Int { links.count }
}

/// One worker's connection.
final class WorkerLink: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let port: WorkerPort
    private var context: ChannelHandlerContext?
    private var frames = FrameStream()
    private(set) var peerPid: Int32 = 0
    var identity: WorkerIdentity?
    /// Runs while this may still become a worker's connection.
    var patience: Scheduled<Void>?
    private var hasGreeted = false
    private var isFlushPlanned = false

    init(port: WorkerPort) {
        self.port = port
    }

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        peerPid = peerPid(of: context)
        port.opened(self)
    }

    /// As the kernel tells it; nothing that the other side sends can change it.
    private func peerPid(of context: ChannelHandlerContext) -> Int32 {
        let peer = try? context.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { Peer(descriptor: $0) }
        return peer?.credentials?.pid ?? 0
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        port.lost(self)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        frames.append(unwrapInboundIn(data).readableBytesView)
        do {
            while let frame = try frames.next() { receive(try LinkMessage(frame)) }
            if identity == nil, frames.pendingBytes > WorkerPort.helloBytesMax { close() }
        } catch {
            // a worker of ours that speaks wrongly is broken: without its link it drains
            context.close(promise: nil)
        }
    }

    private func receive(_ message: LinkMessage) {
        if let identity {
            port.receive(message, from: self, identity)
        } else if case .hello(let hello) = message, !hasGreeted {
            hasGreeted = true
            port.greet(self, hello)
        } else {
            close()
        }
    }

    func close() {
        context?.close(promise: nil)
    }

    func send(_ message: LinkMessage) {
        var bytes: [UInt8] = []
        message.append(to: &bytes)
        write(bytes)
    }

    /// Several jobs a message, but none of them waits behind many bytes of others.
    func sendJobs(_ dispatches: [Dispatch]) {
        var orders: [CallOrder] = []
        var size = 0
        for dispatch in dispatches {
            orders.append(CallOrder(dispatch))
            for request in dispatch.requests { size += request.count }
            if size >= Frame.fillTargetBytes {
                send(.jobs(orders))
                orders = []
                size = 0
            }
        }
        if !orders.isEmpty { send(.jobs(orders)) }
    }

    /// What is written in one turn of the loop leaves in one system call.
    private func write(_ bytes: [UInt8]) {
        guard let context else { return }
        context.write(wrapOutboundOut(context.channel.allocator.buffer(bytes: bytes)), promise: nil)
        guard !isFlushPlanned else { return }
        isFlushPlanned = true
        context.eventLoop.assumeIsolated().execute { [self] in
            isFlushPlanned = false
            self.context?.flush()
            FaultPoint.reach(.queueAfterSend)
        }
    }
}
