// Breaks the law of the fork on purpose: a thread beside the one that forks.

import Glibc

enum SecondThread {
    static func startIfAsked() {
        guard getenv("FAKE_THREAD") != nil else { return }
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { _ in
                poll(nil, 0, -1)
                return nil
            }, nil)
    }
}
