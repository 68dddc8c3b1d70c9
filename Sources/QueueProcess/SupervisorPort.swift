// The queue's end of its link to the supervisor: a thread that reads orders and hands them to the
// loop, and a heartbeat that the loop itself sends, so that a stuck loop falls silent.

import Kernel
import NIOCore
import Ops
import WireFormat

final class SupervisorPort {
    private let link: SupervisorLink
    private let loop: any EventLoop
    private let heartbeatInterval: TimeAmount
    private(set) var figures: SupervisorFigures?
    /// When the last figures came, monotonic: the supervisor's heartbeat.
    private(set) var figuresAt: NIODeadline = .now()

    var onOrder: (SupervisorOrder) -> Void = { _ in }
    var onBundle: (PassedFile) -> Void = { _ in }
    var onClosed: () -> Void = {}
    /// What the heartbeat tells.
    var heartbeat: () -> Heartbeat = { Heartbeat() }

    /// - Parameter heartbeatMilliseconds: as the supervisor wants it: several fit into the time
    ///   after which it takes a silent child for stuck.
    init(link: SupervisorLink, loop: any EventLoop, heartbeatMilliseconds: UInt64) {
        self.link = link
        self.loop = loop
        heartbeatInterval = .milliseconds(Int64(clamping: heartbeatMilliseconds))
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
        NamedThread.start(named: "prong-orders") {
            while true {
                let input = link.receive()
                loop.execute { port.value.receive(input) }
                if input == .closed { return }
            }
        }
        loop.scheduleRepeatedTask(initialDelay: .zero, delay: heartbeatInterval) { _ in
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
        case .bundle(let file): onBundle(file)
        case .closed: onClosed()
        case .nothing: break
        }
    }
}
