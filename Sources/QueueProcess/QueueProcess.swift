// The queue's recipe: settings and descriptors, store, loop, doors, ready, serve, drain, exit. Runs
// in a child of the supervisor, from its fork to its end. It never touches gRPC: calls are made by
// workers, which it knows only through workers.sock.

import Glibc
import HTTPServer
import JobLogic
import JobStorage
import Kernel
import NIOCore
import NIOPosix
package import Ops
import Schema
import Settings
import WireFormat

/// The role's main: returns the exit code.
package func runQueue(_ context: consuming ChildContext) -> Int32 {
    raiseDescriptorLimit()
    Scheduling.preferThroughput()
    let start: QueueStart
    do throws(StartFailure) {
        start = try QueueStart(context)
    } catch {
        context.log.error(error.message)
        context.link.send(.fatal(exitCode: error.exitCode, text: error.message))
        return Int32(error.exitCode)
    }
    return QueueProcess(start).run()
}

/// `max_connections` needs descriptors: the soft limit is only a habit (getrlimit(2)).
private func raiseDescriptorLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
}

/// Why the queue cannot start, and what prongd's exit code is then.
struct StartFailure: Error {
    let exitCode: UInt8
    let message: String

    static let cannotBind: UInt8 = 69
    static let bug: UInt8 = 70
    static let system: UInt8 = 71
    static let store: UInt8 = 74
    static let tryAgain: UInt8 = 75
    static let permission: UInt8 = 77
}

final class QueueProcess {
    private let start: QueueStart
    private let group: MultiThreadedEventLoopGroup
    private let loop: any EventLoop
    private let log: Log
    private var exitCode: Int32 = 0
    private var ended: EventLoopPromise<Void>
    private var service: Service?

    init(_ start: QueueStart) {
        self.start = start
        log = start.log
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        loop = group.next()
        ended = loop.makePromise()
    }

    func run() -> Int32 {
        let process = UnsafeTransfer(self)
        loop.execute { process.value.open() }
        try? ended.futureResult.wait()
        return exitCode
    }

    /// On the loop: everything is made here and lives here.
    private func open() {
        let service = Service(start: start, loop: loop, group: group)
        self.service = service
        service.onEnd = { [self] code in
            exitCode = code
            ended.succeed(())
        }
        service.open()
    }
}

/// Moves a value to the loop's thread once, before anybody else can use it.
private struct UnsafeTransfer<Value>: @unchecked Sendable {
    let value: Value

    init(_ value: Value) {
        self.value = value
    }
}
