// Small pieces that scripts of the fake daemon share.
import Foundation
import Glibc
import Synchronization

/// Counts from 1, over all threads.
final class Counter: Sendable {
    private let count = Mutex(0)

    func next() -> Int {
        count.withLock { count in
            count += 1
            return count
        }
    }
}

/// Answers 413 as soon as it has the head, reads nothing more and closes.
final class RefusingServer: Sendable {
    let path: String

    init() {
        path = makeTemporaryFolder() + "/s.sock"
        let listener = listen(at: path)
        Thread.detachNewThread {
            while true {
                let fd = accept(listener, nil, nil)
                guard fd >= 0 else { return }
                let connection = FakeConnection(fd: fd)
                _ = connection.readHead()
                connection.answer(
                    413, #"{"code":"resource_exhausted","message":"too large"}"#,
                    headers: ["Prong-Origin": "prong", "Connection": "close"])
                close(fd)
            }
        }
    }
}

/// Reads a descriptor to its end or error (a terminal ends with one) on a thread of its own.
final class Collecting: Sendable {
    private let held = Mutex<[UInt8]>([])
    private let ended = DispatchSemaphore(value: 0)

    init(_ fd: Int32) {
        Thread.detachNewThread { [self] in
            var bytes = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = read(fd, &bytes, bytes.count)
                if count <= 0 { break }
                let part = bytes[..<count]
                held.withLock { $0 += part }
            }
            ended.signal()
        }
    }

    var text: String { String(decoding: held.withLock { $0 }, as: UTF8.self) }

    func wait() {
        ended.wait()
        ended.signal()
    }
}
