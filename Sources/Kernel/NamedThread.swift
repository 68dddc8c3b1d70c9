// A bare POSIX thread with a name, for the one reader of a link that a child needs beside its
// loop: Swift's own threads would bring a pool. Never before a fork and never in the supervisor,
// which has one thread for life: Tests/TidyTests holds the callers to that.

import Glibc

package enum NamedThread {
    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void

        init(_ name: String, _ run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// The kernel cuts longer names (PR_SET_NAME, prctl(2)).
    package static let nameBytesMax = 15

    /// Starts a detached thread, which ends with `run` or with the process. Traps where the system
    /// gives none: a child without it is deaf, and its supervisor replaces it.
    package static func start(named name: String, _ run: @escaping @Sendable () -> Void) {
        let result = create(name, run)
        precondition(result == 0, "no thread could be started: errno \(result)")
    }

    /// As `start`, for work that can wait: false where the system gives no thread.
    package static func startIfPossible(
        named name: String, _ run: @escaping @Sendable () -> Void
    ) -> Bool {
        create(name, run) == 0
    }

    private static func create(_ name: String, _ run: @escaping @Sendable () -> Void) -> CInt {
        let body = Unmanaged.passRetained(Body(name, run))
        var thread = pthread_t()
        let result = pthread_create(&thread, nil, enter, body.toOpaque())
        if result == 0 { pthread_detach(thread) } else { body.release() }
        return result
    }

    private typealias Entry =
        @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?

    private static let enter: Entry = { pointer in
        guard let pointer else { return nil }
        let body = Unmanaged<Body>.fromOpaque(pointer).takeRetainedValue()
        setName(body.name)
        body.run()
        return nil
    }

    /// For ps(1) and the dump of a stuck child; Glibc's module lacks pthread_setname_np(3).
    private static func setName(_ name: String) {
        guard let file = try? FileDescriptor.open("/proc/thread-self/comm", O_WRONLY) else {
            return
        }
        try? file.writeAll(Array(name.utf8.prefix(nameBytesMax)))
    }
}
