// How long an exchange may take, as a deadline that every wait on its socket is held to.

import Credentials
import Glibc
import Kernel

struct Patience {
    /// To one address, and there are at most `addressesMax` of them.
    static let connectMilliseconds: UInt64 = 3_000
    static let addressesMax = 4

    let deadline: UInt64
    let origin: String
    private let milliseconds: UInt64

    init(origin: String, milliseconds: UInt64) {
        self.milliseconds = milliseconds
        deadline = Clock.monotonicNanoseconds() + milliseconds * 1_000_000
        self.origin = origin
    }

    /// Until the socket is ready for `events`; false: the time is over.
    func wait(_ descriptor: CInt, _ events: CInt, until limit: UInt64? = nil) -> Bool {
        while true {
            let now = Clock.monotonicNanoseconds()
            let end = min(deadline, limit ?? deadline)
            guard now < end else { return false }
            var wait = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            let milliseconds = CInt(clamping: (end - now) / 1_000_000 + 1)
            if poll(&wait, 1, milliseconds) > 0 { return true }
        }
    }

    var isOver: Bool { Clock.monotonicNanoseconds() >= deadline }

    var failure: TokenFailure {
        let time = milliseconds < 1_000 ? "\(milliseconds) ms" : "\(milliseconds / 1_000) s"
        return TokenFailure("\(origin) did not answer within \(time)")
    }
}
