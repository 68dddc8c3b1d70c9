// The queue's end of its link to the supervisor: a thread that reads orders and hands them to the
// loop, and a heartbeat that the loop itself sends, so that a stuck loop falls silent.

import Glibc
import JobLogic
import NIOCore
import Ops
import WireFormat

final class SupervisorPort {
    private let link: SupervisorLink
    private let loop: any EventLoop
    private(set) var figures: SupervisorFigures?
    /// When the last figures came, monotonic: the supervisor's heartbeat.
    private(set) var figuresAt: NIODeadline = .now()

    var onOrder: (SupervisorOrder) -> Void = { _ in }
    var onClosed: () -> Void = {}
    /// What the heartbeat tells.
    var heartbeat: () -> Heartbeat = { Heartbeat() }

    init(link: SupervisorLink, loop: any EventLoop) {
        self.link = link
        self.loop = loop
    }

    /// Whether the supervisor lives although its orders have ended.
    var isThere: Bool { link.supervisorLives }

    func send(_ report: ChildReport) {
        link.send(report)
    }

    func start() {
        let port = NIOLoopBound(self, eventLoop: loop)
        let link = link
        let loop = loop
        startThread(named: "orders") {
            while true {
                let input = link.receive()
                loop.execute { port.value.receive(input) }
                if input == .closed { return }
            }
        }
        loop.scheduleRepeatedTask(initialDelay: .zero, delay: .seconds(1)) { _ in
            let port = port.value
            port.link.send(.heartbeat(port.heartbeat()))
        }
    }

    private func receive(_ input: LinkInput) {
        switch input {
        case .order(.figures(let figures)):
            self.figures = figures
            figuresAt = .now()
        case .order(let order): onOrder(order)
        case .closed: onClosed()
        case .nothing: break
        }
    }
}

/// A detached thread with a name of at most 15 bytes. Only ever after the fork, in the child.
private func startThread(named name: String, _ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
        let name: String
        let body: @Sendable () -> Void
        init(_ name: String, _ body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }
    let box = Unmanaged.passRetained(Box(name, body))
    var thread = pthread_t()
    let failure = pthread_create(
        &thread, nil,
        { argument in
            guard let argument else { return nil }
            let box = Unmanaged<Box>.fromOpaque(argument).takeRetainedValue()
            box.body()
            return nil
        }, box.toOpaque())
    precondition(failure == 0, "the queue cannot start the thread that hears its supervisor")
    pthread_detach(thread)
}
