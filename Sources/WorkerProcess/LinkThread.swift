// The one thread that a worker starts beside C-core's: a bare POSIX thread, since Swift's own would
// start a pool. It ends with the process.

import Glibc
import Kernel

enum LinkThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    static func start(_ run: @escaping @Sendable () -> Void) {
        let body = Unmanaged.passRetained(Body(run)).toOpaque()
        var thread = pthread_t()
        let result = pthread_create(&thread, nil, enter, body)
        precondition(result == 0, "no thread could be started")
        pthread_detach(thread)
    }

    private typealias Entry =
        @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?

    private static let enter: Entry = { body in
        guard let body else { return nil }
        nameThread()
        Unmanaged<Body>.fromOpaque(body).takeRetainedValue().run()
        return nil
    }

    /// For ps(1) and the dump of a stuck worker; Glibc's module lacks pthread_setname_np(3).
    private static func nameThread() {
        guard let file = try? FileDescriptor.open("/proc/thread-self/comm", O_WRONLY) else {
            return
        }
        try? file.writeAll(Array("prong-link".utf8))
    }
}
