// The one thread that writes the store, so that a slow disk delays answers and not the loop; and a
// second one for what users ask to see. Work is done in the order in which it was given; results
// come back on the event loop in that order. Nothing else ever touches a store.

import JobLogic
package import JobStorage
package import NIOCore
import NIOPosix

/// A store that is used on one thread only, which the compiler cannot see.
private struct Confined<Value>: @unchecked Sendable {
    let value: Value
}

package final class StoreThread {
    private let writer: Confined<any JobStore>
    private let reader: Confined<any JobReader>
    private let writerThread: NIOThreadPool
    private let readerThread: NIOThreadPool
    private let loop: any EventLoop

    package init(store: any JobStore, reader: any JobReader, loop: any EventLoop) {
        writer = Confined(value: store)
        self.reader = Confined(value: reader)
        self.loop = loop
        writerThread = NIOThreadPool(numberOfThreads: 1)
        readerThread = NIOThreadPool(numberOfThreads: 1)
        writerThread.start()
        readerThread.start()
    }

    /// Runs on the writer's thread, after everything given before.
    package func write<Value: Sendable>(
        _ work: @escaping @Sendable (any JobStore) throws(StoreError) -> Value,
        then: @escaping (Result<Value, StoreError>) -> Void
    ) {
        let store = writer
        let done = NIOLoopBound(then, eventLoop: loop)
        let loop = loop
        writerThread.submit { _ in
            let result = StoreThread.attempt { () throws(StoreError) in try work(store.value) }
            loop.execute { done.value(result) }
        }
    }

    /// Runs on the reader's thread: sees what was committed, keeps no writer waiting.
    package func read<Value: Sendable>(
        _ work: @escaping @Sendable (any JobReader) throws(StoreError) -> Value,
        then: @escaping (Result<Value, StoreError>) -> Void
    ) {
        let store = reader
        let done = NIOLoopBound(then, eventLoop: loop)
        let loop = loop
        readerThread.submit { _ in
            let result = StoreThread.attempt { () throws(StoreError) in try work(store.value) }
            loop.execute { done.value(result) }
        }
    }

    private static func attempt<Value>(
        _ work: () throws(StoreError) -> Value
    ) -> Result<Value, StoreError> {
        do throws(StoreError) {
            return .success(try work())
        } catch {
            return .failure(error)
        }
    }
}
