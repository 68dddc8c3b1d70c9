// A queue's event loop on a thread of its own, and how a test gets onto it and back.

import NIOCore
import NIOPosix

/// Lives as long as the test process: so do the threads of a store.
final class LoopThread: Sendable {
    let loop: any EventLoop

    init() {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        _ = Unmanaged.passRetained(group)
        loop = group.next()
    }

    /// Runs on the loop and waits for the answer, which may come in a later turn of it.
    func ask<Value: Sendable>(
        _ work: @escaping @Sendable (@escaping (Value) -> Void) -> Void
    ) throws -> Value {
        let promise = loop.makePromise(of: Value.self)
        loop.execute { work { promise.succeed($0) } }
        return try promise.futureResult.wait()
    }
}
